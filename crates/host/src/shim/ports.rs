//! Whose a listening port is: a probe that is answered by another process proves nothing.

use std::collections::BTreeSet;
use std::fs;

use super::children::processes;
use crate::identity::ProcessStat;

/// Whether a process of this group, or a descendant of it, listens on the port. The error names who
/// does instead, as far as that can be seen.
pub fn belongs_to(port: u16, group: i32) -> Result<(), String> {
    let sockets = listening(port, group);
    if sockets.is_empty() {
        // It is behind a namespace or a forwarder that /proc does not show: the answer counts.
        return Ok(());
    }
    let all = processes();
    let ours = all.iter().filter(|(pid, stat)| is_of_group(**pid, stat, group, &all));
    if ours.into_iter().any(|(pid, _)| holds(*pid, &sockets)) {
        return Ok(());
    }
    let holder = all.keys().find(|pid| holds(**pid, &sockets));
    let whose = holder.map_or_else(
        || "another process".to_owned(),
        |pid| match fs::read_to_string(format!("/proc/{pid}/comm")) {
            Ok(name) => format!("process {pid} ({})", name.trim()),
            Err(_) => format!("process {pid}"),
        },
    );
    Err(format!("port {port} belongs to {whose}"))
}

fn is_of_group(
    pid: i32,
    stat: &ProcessStat,
    group: i32,
    all: &std::collections::BTreeMap<i32, ProcessStat>,
) -> bool {
    let mut next = (pid, *stat);
    // No chain of parents is longer than there are processes.
    for _ in 0..all.len() {
        if next.0 == group || next.1.group == group {
            return true;
        }
        match all.get(&next.1.parent) {
            Some(parent) => next = (next.1.parent, *parent),
            None => return false,
        }
    }
    false
}

/// Inodes of the sockets that listen on the port, as the process's own network namespace has them.
fn listening(port: u16, pid: i32) -> BTreeSet<u64> {
    let tables = ["tcp", "tcp6"];
    let text = tables
        .iter()
        .filter_map(|table| fs::read_to_string(format!("/proc/{pid}/net/{table}")).ok());
    text.flat_map(|table| parse(&table, port)).collect()
}

/// The state `LISTEN` in `/proc/net/tcp`.
const LISTEN: &str = "0A";

fn parse(table: &str, port: u16) -> Vec<u64> {
    let line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (_, local) = fields.get(1)?.rsplit_once(':')?;
        let same = u16::from_str_radix(local, 16) == Ok(port) && *fields.get(3)? == LISTEN;
        same.then(|| fields.get(9)?.parse().ok()).flatten()
    };
    table.lines().skip(1).filter_map(line).collect()
}

fn holds(pid: i32, sockets: &BTreeSet<u64>) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    targets.into_iter().any(|target| {
        let target = target.to_string_lossy();
        let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        inode.and_then(|inode| inode.parse().ok()).is_some_and(|inode| sockets.contains(&inode))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_sockets_are_found_in_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \x20  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1\n\
            \x20  1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1\n";
        assert_eq!(parse(table, 8080), [4711]);
        assert!(parse(table, 80).is_empty());
    }

    #[test]
    fn a_port_of_ours_is_not_another_groups() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let me = i32::try_from(std::process::id()).unwrap();
        assert_eq!(belongs_to(port, me), Ok(()));
        let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let error = belongs_to(port, i32::try_from(other.id()).unwrap()).unwrap_err();
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(error.contains(&format!("process {me}")), "{error}");
    }
}
