//! Which machine this is, and which boot of it.
//!
//! Inventories, plans and processes are of one machine and one state folder. A state folder that is
//! copied to another machine would make TrueUp believe in files and processes that are not there,
//! so what was written into it at first start is compared at each later one.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use trueup_model::{Digest, TargetId};

use crate::error::{Doing, HostError};
use crate::layout::Layout;

/// Newest layout of the state folder that this version knows.
const LAYOUT_VERSION: u32 = 1;

/// Which machine and state folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of the layout.
    pub layout: u32,
    /// Digest of the machine-id, which itself is not to be shown around (machine-id(5)).
    pub machine: String,
    /// The state folder.
    pub folder: PathBuf,
}

impl Identity {
    /// Of this machine and this folder.
    pub fn here(folder: &Path) -> Self {
        let id = Digest::of_parts([b"trueup host".as_slice(), machine_id().as_bytes()]);
        Self { layout: LAYOUT_VERSION, machine: id.short(), folder: folder.to_owned() }
    }

    /// As plans and inventories hold it.
    pub fn target_id(&self) -> TargetId {
        let identity = format!("machine {} folder {}", self.machine, self.folder.display());
        TargetId { kind: "host".to_owned(), identity }
    }
}

/// Reads or writes the identity of the state folder; an error if it is another one's.
pub fn claim(layout: &Layout, accept: bool) -> Result<Identity, HostError> {
    let here = Identity::here(layout.state());
    let path = layout.identity();
    match fs::read(&path) {
        Ok(text) => {
            let found: Identity = serde_json::from_slice(&text).map_err(|error| {
                HostError::Refused(format!(
                    "{} cannot be read as JSON: {error}; put it back from a backup",
                    path.display()
                ))
            })?;
            check(&found, &here)
                .or_else(|error| if accept { write(&path, &here) } else { Err(error) })?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => write(&path, &here)?,
        Err(error) => return Err(HostError::io(format!("read {}", path.display()), error)),
    }
    Ok(here)
}

fn check(found: &Identity, here: &Identity) -> Result<(), HostError> {
    let folder = here.folder.display();
    if found.layout > here.layout {
        return Err(HostError::Refused(format!(
            "the state folder {folder} was written by a newer TrueUp (layout {}, this one knows {}); \
             use that version",
            found.layout, here.layout
        )));
    }
    if found.machine != here.machine || found.folder != here.folder {
        return Err(HostError::Refused(format!(
            "the state folder {folder} belongs to machine {} and folder {}, and this is machine {} \
             and folder {folder}: it was copied or moved; use a state folder of this machine's own, \
             or say `trueup accept` if this one is to take its place",
            found.machine,
            found.folder.display(),
            here.machine,
        )));
    }
    Ok(())
}

fn write(path: &Path, identity: &Identity) -> Result<(), HostError> {
    let text = serde_json::to_vec(identity).expect("an identity is plain JSON");
    crate::place::write_durably(path, &text).doing(|| format!("write {}", path.display()))
}

/// The machine's id; machines without one (containers) are all alike and told apart by the folder.
fn machine_id() -> String {
    ["/etc/machine-id", "/var/lib/dbus/machine-id"]
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())
        .map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty())
        .unwrap_or_else(|| "none".to_owned())
}

/// The id of this boot: process ids and start times mean nothing in another.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// When a process started, in clock ticks since the boot: with the boot id it makes a process id
/// unique. `None` if there is no such process, or only its remains.
pub fn start_time(pid: i32) -> Option<u64> {
    let stat = ProcessStat::read(pid)?;
    (stat.state != 'Z' && stat.state != 'X').then_some(stat.start_time)
}

/// What `/proc/PID/stat` says of a process, as far as it is needed (proc(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessStat {
    /// `R`, `S`, `Z` …
    pub state: char,
    /// Its parent.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its start, in clock ticks since the boot.
    pub start_time: u64,
}

impl ProcessStat {
    /// Of this process.
    pub fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name stands in parentheses and may itself hold any character: what follows the last
    /// closing one is parsed.
    fn parse(line: &str) -> Option<Self> {
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            start_time: fields.get(19)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_processes_may_hold_anything() {
        let line = "42 (a) b (c) S 1 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 777 1 1";
        let stat = ProcessStat { state: 'S', parent: 1, group: 42, start_time: 777 };
        assert_eq!(ProcessStat::parse(line), Some(stat));
        assert_eq!(ProcessStat::parse("42 (a"), None);
    }

    #[test]
    fn another_machine_is_named() {
        let here = Identity::here(Path::new("/state"));
        assert!(check(&here, &here).is_ok());
        let other = Identity { machine: "abc".to_owned(), ..here.clone() };
        assert!(check(&other, &here).unwrap_err().to_string().contains("machine abc"));
        let newer = Identity { layout: LAYOUT_VERSION + 1, ..here.clone() };
        assert!(check(&newer, &here).unwrap_err().to_string().contains("newer"));
    }
}
