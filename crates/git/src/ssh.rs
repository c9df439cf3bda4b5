//! Git over SSH, through the system's `ssh`: it knows the user's agents, jump hosts and hardware
//! keys. It never asks: a host that is not known and a key that is not accepted are errors.

use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gix_transport::client::git::ConnectMode;
use gix_transport::client::git::blocking_io::Connection;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use trueup_http::SecretFrom;

use crate::GitError;
use crate::access::{Readable, SshAccess};

/// So much of what `ssh` says is kept.
const LONGEST_COMPLAINT: u64 = 8 << 10;

/// A connection: an `ssh` that runs a program of Git's on the other side. It ends when this is
/// dropped, or at the deadline.
pub(crate) struct SshConnection {
    child: Arc<Mutex<Child>>,
    deadline: JoinHandle<bool>,
    within: Duration,
    /// SSH opens them when it gets to it.
    _secrets: [Option<Readable>; 2],
}

/// What SSH is told of whom to trust and who we are.
struct Shown<'a> {
    key: Option<&'a Path>,
    known_hosts: Option<&'a Path>,
    trust_new_hosts: bool,
}

/// What gix talks through.
pub(crate) type SshTransport = Connection<ChildStdout, ChildStdin>;

impl SshConnection {
    /// Starts `ssh` for a fetch.
    pub(crate) fn open(
        url: &gix::Url,
        repo: &str,
        access: &SshAccess,
        within: Duration,
        runtime: &Handle,
    ) -> Result<(Self, SshTransport), GitError> {
        let (connection, out, into) =
            Self::start(url, repo, access, within, runtime, "git-upload-pack")?;
        let transport = Connection::new(
            out,
            into,
            gix_transport::Protocol::V2,
            url.path.clone(),
            None::<(&str, Option<u16>)>,
            ConnectMode::Process,
            false,
        )
        .custom_url(Some(url.to_bstring()));
        Ok((connection, transport))
    }

    /// Starts `ssh` with a program of Git's on the other side.
    pub(crate) fn start(
        url: &gix::Url,
        repo: &str,
        access: &SshAccess,
        within: Duration,
        runtime: &Handle,
        program: &str,
    ) -> Result<(Self, ChildStdout, ChildStdin), GitError> {
        let failed = |why: String| GitError::Failed { repo: repo.to_owned(), what: "reached", why };
        let secret = |from: &Option<SecretFrom>| {
            from.as_ref()
                .map(Readable::of)
                .transpose()
                .map_err(|why| GitError::Credential { repo: repo.to_owned(), why })
        };
        let (key, known_hosts) = (secret(&access.key)?, secret(&access.known_hosts)?);
        let shown = Shown {
            key: key.as_ref().map(Readable::path),
            known_hosts: known_hosts.as_ref().map(Readable::path),
            trust_new_hosts: access.trust_new_hosts,
        };
        let mut child = command(url, &shown, within, program).spawn().map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                failed("there is no `ssh` on this machine; install an SSH client".to_owned())
            } else {
                failed(error.to_string())
            }
        })?;
        let (Some(out), Some(into)) = (child.stdout.take(), child.stdin.take()) else {
            return Err(failed("ssh has no input or output".to_owned()));
        };
        let child = Arc::new(Mutex::new(child));
        let ended = child.clone();
        let deadline = runtime.spawn(async move {
            tokio::time::sleep(within).await;
            hold(&ended).kill().is_ok()
        });
        Ok((Self { child, deadline, within, _secrets: [key, known_hosts] }, out, into))
    }

    /// Why talking through it failed, from what `ssh` said; `fallback` where it said nothing.
    pub(crate) fn explain(&self, repo: &str, fallback: String) -> GitError {
        if self.deadline.is_finished() {
            return GitError::Deadline { repo: repo.to_owned(), seconds: self.within.as_secs() };
        }
        let complaint = self.complaint();
        let complaint = if complaint.is_empty() { fallback } else { complaint };
        explain(repo, &complaint)
    }

    fn complaint(&self) -> String {
        let mut child = hold(&self.child);
        // It said what it had to say before it closed the connection.
        let _ = child.kill();
        let mut text = Vec::new();
        if let Some(stderr) = child.stderr.take() {
            let _ = stderr.take(LONGEST_COMPLAINT).read_to_end(&mut text);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join("; ")
    }
}

impl Drop for SshConnection {
    fn drop(&mut self) {
        self.deadline.abort();
        let mut child = hold(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn command(url: &gix::Url, shown: &Shown<'_>, within: Duration, program: &str) -> Command {
    let mut command = Command::new("ssh");
    let checking = if shown.trust_new_hosts { "accept-new" } else { "yes" };
    command.args(["-o", "BatchMode=yes", "-o", "SendEnv=GIT_PROTOCOL"]);
    command.arg("-o").arg(format!("StrictHostKeyChecking={checking}"));
    command.arg("-o").arg(format!("ConnectTimeout={}", within.as_secs().clamp(1, 30)));
    if let Some(known_hosts) = shown.known_hosts {
        command.arg("-o").arg(format!("UserKnownHostsFile={}", quoted(known_hosts)));
        command.args(["-o", "GlobalKnownHostsFile=/dev/null"]);
    }
    if let Some(key) = shown.key {
        command.args(["-o", "IdentitiesOnly=yes"]).arg("-i").arg(key);
    }
    if let Some(port) = url.port {
        command.arg("-p").arg(port.to_string());
    }
    if let Some(user) = url.user() {
        command.arg("-l").arg(user);
    }
    let path = gix::url::expand_path::for_shell(url.path.clone());
    command.arg("--").arg(url.host().unwrap_or_default());
    command.arg(format!("{program} {}", shell_quoted(&path.to_string())));
    if program == "git-upload-pack" {
        command.env("GIT_PROTOCOL", "version=2");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A path as a value in SSH's configuration.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

/// A word for the shell on the other side.
fn shell_quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn explain(repo: &str, complaint: &str) -> GitError {
    let repo = repo.to_owned();
    let why = complaint.to_owned();
    let says = |text: &str| complaint.contains(text);
    if says("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        let why = "the key of the host is not the one that is known".to_owned();
        let remedy = "if the change is right, put the new key into the known hosts".to_owned();
        return GitError::Untrusted { repo, why, remedy };
    }
    if says("Host key verification failed") {
        let why = "the key of the host is not known".to_owned();
        let remedy = "check it and add it to the known hosts (`ssh-keyscan HOST`)".to_owned();
        return GitError::Untrusted { repo, why, remedy };
    }
    if says("Permission denied") {
        let remedy = "configure a key for it that the server accepts".to_owned();
        return GitError::Denied { repo, why, remedy };
    }
    if says("does not appear to be a git repository") || says("epository not found") {
        return GitError::NotARepository { path: repo, hint: format!(" ({why})") };
    }
    GitError::Unreachable { repo, why }
}

fn hold<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_for_the_other_side() {
        assert_eq!(shell_quoted("/srv/it's; rm -rf /"), r"'/srv/it'\''s; rm -rf /'");
    }

    #[test]
    fn complaints_are_told_apart() {
        let check = |complaint: &str, expected: &str| {
            let said = explain("ssh://h/x", complaint).to_string();
            assert!(said.contains(expected), "{said}");
        };
        check("No ED25519 host key is known; Host key verification failed.", "is not known");
        check("git@h: Permission denied (publickey).", "configure a key for it");
        check("fatal: '/x' does not appear to be a git repository", "is not a Git repository");
        check("ssh: connect to host h port 22: Connection refused", "cannot be reached");
    }
}
