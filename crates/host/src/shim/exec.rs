//! The stage between the shim and a process that has another user or limits of its own: the same
//! binary once more, which sets them for itself and then becomes the program. What is set so holds
//! for the process from its first instruction, and not for the shim.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::{Resource, Rlimit};
use rustix::thread::{Gid, Uid};

use super::children::Surroundings;
use super::protocol::RunAs;

/// What the stage sets.
#[derive(Debug, PartialEq, Eq)]
pub struct Stage {
    user: Option<RunAs>,
    open_files: Option<u64>,
}

/// The stage, where there is anything to set.
pub fn needed(around: &Surroundings) -> Option<Stage> {
    let stage = Stage { user: around.user.clone(), open_files: around.open_files };
    (stage.user.is_some() || stage.open_files.is_some()).then_some(stage)
}

impl Stage {
    /// The command that goes through the stage.
    pub fn command(&self, program: &str, arguments: &[String]) -> Command {
        // The running binary, even when its file has been replaced meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.args(["shim", "exec", &self.user_text(), &self.open_files_text(), program]);
        command.args(arguments);
        command
    }

    fn user_text(&self) -> String {
        let Some(user) = &self.user else { return "-".to_owned() };
        let groups: Vec<String> = user.groups.iter().map(u32::to_string).collect();
        format!("{}:{}:{}", user.uid, user.gid, groups.join(","))
    }

    fn open_files_text(&self) -> String {
        self.open_files.map_or_else(|| "-".to_owned(), |n| n.to_string())
    }

    fn parse(user: &str, open_files: &str) -> Option<Self> {
        let open_files = if open_files == "-" { None } else { Some(open_files.parse().ok()?) };
        if user == "-" {
            return Some(Self { user: None, open_files });
        }
        let mut fields = user.split(':');
        let uid = fields.next()?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        let groups = fields.next()?.split(',').filter(|group| !group.is_empty());
        let groups = groups.map(|group| group.parse().ok()).collect::<Option<Vec<u32>>>()?;
        Some(Self { user: Some(RunAs { uid, gid, groups }), open_files })
    }

    fn set(&self) -> rustix::io::Result<()> {
        if let Some(most) = self.open_files {
            let limit = Rlimit { current: Some(most), maximum: Some(most) };
            rustix::process::setrlimit(Resource::Nofile, limit)?;
        }
        if let Some(user) = &self.user {
            let groups: Vec<Gid> = user.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
            let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
            // This process has one thread, so what is set for it is set for the program.
            rustix::thread::set_thread_groups(&groups)?;
            rustix::thread::set_thread_res_gid(gid, gid, gid)?;
            rustix::thread::set_thread_res_uid(uid, uid, uid)?;
        }
        Ok(())
    }
}

/// The exit codes of shells for a program that cannot be run.
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

/// The stage itself: `exec USER OPEN-FILES PROGRAM ARGUMENTS`. What it says goes to the process's
/// log.
pub fn main(arguments: &[String]) -> ExitCode {
    let [user, open_files, program, rest @ ..] = arguments else { return CANNOT_RUN.into() };
    let Some(stage) = Stage::parse(user, open_files) else { return CANNOT_RUN.into() };
    if let Err(error) = stage.set() {
        tell(&format!("cannot set user and limits: {error}"));
        return CANNOT_RUN.into();
    }
    let error = Command::new(program).args(rest).exec();
    tell(&format!("cannot start `{program}`: {error}"));
    match error.kind() {
        std::io::ErrorKind::NotFound => NOT_FOUND.into(),
        _ => CANNOT_RUN.into(),
    }
}

fn tell(message: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "trueup: {message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let user = RunAs { uid: 33, gid: 34, groups: vec![34, 4] };
        for stage in [
            Stage { user: Some(user.clone()), open_files: Some(64) },
            Stage { user: Some(RunAs { groups: Vec::new(), ..user }), open_files: None },
            Stage { user: None, open_files: Some(1) },
        ] {
            assert_eq!(Stage::parse(&stage.user_text(), &stage.open_files_text()), Some(stage));
        }
        assert_eq!(Stage::parse("x", "-"), None);
    }
}
