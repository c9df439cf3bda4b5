//! The control group of what is supervised: not the controller's, so that whoever stops or limits
//! the controller does not stop or limit what it started.
//!
//! Where control groups of version 2 can be written (root, or a user's own part of the tree), the
//! shim makes one beside the controller's and moves there. Elsewhere it stays, and says so where it
//! matters: without one there is no limit of memory. `RLIMIT_AS` is not one: it bounds addresses,
//! of which many programs reserve far more than they use.

use std::fs;
use std::io;
use std::path::PathBuf;

/// Where version 2 is mounted: alone, or beside version 1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// Moves this process to a group of its own. `memory` is the most bytes that it and its children
/// may use. The error says what is not so, and why.
pub fn leave(name: &str, memory: Option<u64>) -> Result<(), String> {
    let moved = move_away(name);
    match (moved, memory) {
        (Ok(group), Some(bytes)) => {
            limit(&group, bytes).map_err(|error| format!("limits.memory is not enforced: {error}"))
        }
        (Err(error), Some(_)) => Err(format!("limits.memory is not enforced: {error}")),
        (_, None) => Ok(()),
    }
}

fn move_away(name: &str) -> Result<PathBuf, String> {
    let own = own_group().ok_or("control groups of version 2 are not in use here")?;
    let parent = own.parent().filter(|_| own.components().count() > 4);
    // The root group has no parent; there, the new one stands in it.
    let group = parent.unwrap_or(&own).join(name);
    let join = || -> io::Result<()> {
        if !group.is_dir() {
            fs::create_dir(&group)?;
        }
        fs::write(group.join("cgroup.procs"), std::process::id().to_string())
    };
    join().map_err(|error| {
        format!("the control group {} cannot be used: {error}", group.display())
    })?;
    Ok(group)
}

fn own_group() -> Option<PathBuf> {
    let mount =
        MOUNTS.iter().map(PathBuf::from).find(|mount| mount.join("cgroup.procs").exists())?;
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(mount.join(path.trim_start_matches('/')))
}

fn limit(group: &std::path::Path, bytes: u64) -> Result<(), String> {
    fs::write(group.join("memory.max"), bytes.to_string())
        .map_err(|error| format!("the memory controller is not available here: {error}"))
}

/// Removes the group when nothing is left in it.
pub fn remove(name: &str) {
    if let Some(own) = own_group().filter(|own| own.ends_with(name)) {
        // A group that has a process, this one, cannot be removed: it goes to the parent first.
        if let Some(parent) = own.parent() {
            let _ = fs::write(parent.join("cgroup.procs"), std::process::id().to_string());
        }
        let _ = fs::remove_dir(own);
    }
}

/// A Kubernetes quantity in bytes: `256Mi`, `1G`, `1073741824`.
pub fn bytes(quantity: &str) -> Option<u64> {
    let digits = quantity.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(quantity.len());
    let (number, unit) = quantity.split_at_checked(digits)?;
    let factor: u64 = match unit {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    match number.split_once('.') {
        None => number.parse::<u64>().ok()?.checked_mul(factor),
        Some((whole, part)) => {
            let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
            let scale = 10u64.checked_pow(u32::try_from(part.len()).ok()?)?;
            let part = part.parse::<u64>().ok()?.checked_mul(factor)?.checked_div(scale)?;
            whole.checked_add(part)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        for (text, expected) in [
            ("256Mi", Some(268_435_456)),
            ("1.5Gi", Some(1_610_612_736)),
            ("1k", Some(1000)),
            ("12", Some(12)),
            ("", None),
            ("5X", None),
            ("Mi", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
