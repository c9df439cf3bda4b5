//! Short commands that must end before something else goes on: validations and values.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::error::{Doing, HostError};

/// How long a validation or a value may take.
pub const BRIEFLY: Duration = Duration::from_secs(30);

/// The most that is read of what a command prints.
const MOST_OUTPUT: usize = 1024 * 1024;

/// What a command printed, and whether it succeeded.
#[derive(Debug)]
pub struct Output {
    /// Whether it exited with 0.
    pub success: bool,
    /// How it ended, in words.
    pub ending: String,
    /// What it printed, at most 1 MiB.
    pub stdout: Vec<u8>,
    /// What it said about itself, at most 1 MiB.
    pub stderr: Vec<u8>,
}

impl Output {
    /// The last line it printed that is not empty.
    pub fn last_line(&self) -> String {
        let of = |text: &[u8]| {
            let text = String::from_utf8_lossy(text).into_owned();
            text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
        };
        of(&self.stderr).or_else(|| of(&self.stdout)).unwrap_or_default()
    }
}

/// Runs a command to its end, at most `timeout` long; its whole process group ends with it.
pub fn run(
    command: &[String],
    folder: &Path,
    environment: &[(String, String)],
    timeout: Duration,
) -> Result<Output, HostError> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(HostError::Refused("a command needs at least the program's name".to_owned()));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .doing(|| format!("run `{program}` in {}", folder.display()))?;
    let readers = (child.stdout.take().map(collect), child.stderr.take().map(collect));
    let in_time = ends_before(child.id(), Instant::now() + timeout);
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // Also what it left behind, which would hold the pipes open.
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
    let status = child.wait().doing(|| format!("wait for `{program}`"))?;
    let joined = |reader: Option<std::thread::JoinHandle<Vec<u8>>>| {
        reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
    };
    let (stdout, stderr) = (joined(readers.0), joined(readers.1));
    if !in_time {
        return Err(HostError::Failed(format!(
            "`{program}` was stopped: it took longer than {} s",
            timeout.as_secs()
        )));
    }
    Ok(Output { success: status.success(), ending: status.to_string(), stdout, stderr })
}

fn collect(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut buffer = [0; 8192];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            if kept.len() < MOST_OUTPUT {
                kept.extend_from_slice(&buffer[..n]);
            }
        }
        kept
    })
}

/// Waits until the process has ended or it is too late.
fn ends_before(pid: u32, deadline: Instant) -> bool {
    let pidfd = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .and_then(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok());
    let Some(pidfd) = pidfd else { return false };
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(left) = Timespec::try_from(left) else { return false };
        match rustix::event::poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&left)) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, timeout: Duration) -> Result<Output, HostError> {
        let command = ["/bin/sh", "-c", script].map(str::to_owned);
        run(&command, Path::new("/"), &[("A".to_owned(), "b".to_owned())], timeout)
    }

    #[test]
    fn output_and_end_are_told() {
        let output = sh("echo $A; echo why >&2; exit 3", BRIEFLY).unwrap();
        assert_eq!((output.success, output.stdout.as_slice()), (false, b"b\n".as_slice()));
        assert_eq!(
            (output.last_line().as_str(), output.ending.as_str()),
            ("why", "exit status: 3")
        );
    }

    #[test]
    fn what_takes_too_long_is_ended_with_its_children() {
        let error = sh("sleep 1000 & sleep 1000", Duration::from_millis(50)).unwrap_err();
        assert!(error.sentence().contains("longer"), "{error}");
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let error = run(&["/no/such".to_owned()], Path::new("/"), &[], BRIEFLY).unwrap_err();
        assert!(error.sentence().contains("/no/such"), "{}", error.sentence());
    }
}
