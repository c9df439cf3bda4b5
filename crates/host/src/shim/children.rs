//! Starting processes, learning how they ended, and ending them with all they left behind.
//!
//! The shim is the reaper of its descendants (`PR_SET_CHILD_SUBREAPER`): a process that forks away
//! into the background becomes its child, is noticed, and does not outlive its resource.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, PipeReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use super::exec;
use super::protocol::{Exit, ProcessRef, RunAs};
use crate::identity::ProcessStat;

/// What is started again and again: everything but which command.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Environment, complete.
    pub environment: Vec<(String, String)>,
    /// Folder it runs in.
    pub folder: PathBuf,
    /// User and groups.
    pub user: Option<RunAs>,
    /// The most files it may hold open.
    pub open_files: Option<u64>,
}

/// A process that was started: the leader of its own group.
#[derive(Debug)]
pub struct Started {
    /// Which.
    pub process: ProcessRef,
    /// What it prints.
    pub output: PipeReader,
}

/// Starts a command. The error is a sentence.
pub fn start(command: &[String], around: &Surroundings) -> Result<Started, String> {
    let (program, arguments) = command.split_first().ok_or("the command is empty")?;
    let (output, writer) = io::pipe().map_err(|error| format!("cannot make a pipe: {error}"))?;
    let copy = writer.try_clone().map_err(|error| format!("cannot make a pipe: {error}"))?;
    let mut builder = match exec::needed(around) {
        Some(stage) => stage.command(program, arguments),
        None => plain(program, arguments),
    };
    let child = builder
        .current_dir(&around.folder)
        .env_clear()
        .envs(around.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(copy)
        .process_group(0)
        .spawn()
        .map_err(|error| why_not(program, &around.folder, &error))?;
    let pid = i32::try_from(child.id()).map_err(|_| "its number is too large".to_owned())?;
    // One that ended already is still there to be reaped, so its number is its own.
    let start = ProcessStat::read(pid).map_or(0, |stat| stat.start_time);
    let process = ProcessRef { pid, start, boot: crate::identity::boot_id() };
    Ok(Started { process, output })
}

fn plain(program: &str, arguments: &[String]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// The system says "no such file" for a program, its interpreter and its folder alike.
fn why_not(program: &str, folder: &Path, error: &io::Error) -> String {
    if !folder.is_dir() {
        return format!("cannot start `{program}`: its folder {} does not exist", folder.display());
    }
    let shown = match error.kind() {
        io::ErrorKind::NotFound if program.contains('/') => {
            let path = folder.join(program);
            match path.exists() {
                true => format!("the interpreter that {} names does not exist", path.display()),
                false => format!("{} does not exist", path.display()),
            }
        }
        io::ErrorKind::NotFound => "there is no such program in PATH".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "it may not be executed (is its executable bit set in Git?)".to_owned()
        }
        _ => error.to_string(),
    };
    format!("cannot start `{program}`: {shown}")
}

/// Whether this process is the reaper of all its descendants: all its children are then its own to
/// end.
static REAPER: AtomicBool = AtomicBool::new(false);

/// Becomes the reaper of all descendants. Where that cannot be, a process that forks away is lost
/// sight of; it still runs.
pub fn adopt_descendants() {
    let done = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    REAPER.store(done.is_ok(), Ordering::Relaxed);
}

/// How a child of this number ended; `None` while it runs.
pub fn ended(pid: i32) -> Option<Exit> {
    let pid = Pid::from_raw(pid)?;
    let (_, status) = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG).ok()??;
    exit_of(status)
}

/// Ended descendants that nobody waits for.
#[derive(Debug, Default)]
pub struct Orphans {
    seen: BTreeSet<i32>,
}

impl Orphans {
    /// Reaps those that were there the last time already: whoever waits for a child of its own has
    /// done so by then.
    pub fn reap(&mut self) {
        let me = rustix::process::getpid().as_raw_nonzero().get();
        let all = processes();
        let dead = all.into_iter().filter(|(_, stat)| stat.parent == me && stat.state == 'Z');
        let dead: BTreeSet<i32> = dead.map(|(pid, _)| pid).collect();
        for pid in dead.intersection(&self.seen) {
            ended(*pid);
        }
        self.seen = dead;
    }
}

fn exit_of(status: WaitStatus) -> Option<Exit> {
    if let Some(code) = status.exit_status() {
        return Some(Exit::Code { code });
    }
    let signal = status.terminating_signal()?;
    Some(Exit::Signal { signal: signal_name(signal) })
}

/// Sends a signal to a process group. That there is none is fine.
pub fn signal_group(group: i32, signal: Signal) {
    if let Some(group) = Pid::from_raw(group) {
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

/// Children that run, but those that are `spared`: when a process has ended, what it left behind.
pub fn left_behind(spared: &[i32]) -> Vec<(i32, ProcessStat)> {
    if !REAPER.load(Ordering::Relaxed) {
        return Vec::new();
    }
    let me = rustix::process::getpid().as_raw_nonzero().get();
    let ours = |pid: &i32, stat: &ProcessStat| {
        stat.parent == me && stat.state != 'Z' && !spared.contains(pid)
    };
    processes().into_iter().filter(|(pid, stat)| ours(pid, stat)).collect()
}

/// Kills processes with their groups. Their own children become ours, and are found the next time.
pub fn kill_all(processes: &[(i32, ProcessStat)]) {
    let own = rustix::process::getpgrp().as_raw_nonzero().get();
    for (pid, stat) in processes {
        // One that was just forked has our group for a moment.
        if stat.group != own {
            signal_group(stat.group, Signal::KILL);
        }
        if let Some(pid) = Pid::from_raw(*pid) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

/// All processes of this machine.
pub fn processes() -> BTreeMap<i32, ProcessStat> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    numbers
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, ProcessStat::read(pid)?)))
        .collect()
}

const SIGNALS: [(&str, Signal); 16] = [
    ("HUP", Signal::HUP),
    ("INT", Signal::INT),
    ("QUIT", Signal::QUIT),
    ("ILL", Signal::ILL),
    ("ABRT", Signal::ABORT),
    ("BUS", Signal::BUS),
    ("FPE", Signal::FPE),
    ("KILL", Signal::KILL),
    ("USR1", Signal::USR1),
    ("SEGV", Signal::SEGV),
    ("USR2", Signal::USR2),
    ("PIPE", Signal::PIPE),
    ("ALRM", Signal::ALARM),
    ("TERM", Signal::TERM),
    ("SYS", Signal::SYS),
    ("WINCH", Signal::WINCH),
];

/// The signal of this name, with or without `SIG`.
pub fn signal(name: &str) -> Option<Signal> {
    let name = name.strip_prefix("SIG").unwrap_or(name);
    SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, signal)| *signal)
}

fn signal_name(number: i32) -> String {
    let found = SIGNALS.iter().find(|(_, signal)| signal.as_raw() == number);
    found.map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned())
}
