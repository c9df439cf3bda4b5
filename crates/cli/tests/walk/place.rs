//! A folder with a repository and a state of its own; whatever was started in it ends with it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a test waits for a line before it counts as missing.
const PATIENCE: Duration = Duration::from_secs(90);

/// One person's place: a repository, and TrueUp's state.
pub struct Place {
    folder: tempfile::TempDir,
}

/// What a command came to.
pub struct Said {
    /// How it ended.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Place {
    /// A new one, or `None`, having said so, where there is no git.
    pub fn new() -> Option<Self> {
        if Command::new("git").arg("--version").output().is_err() {
            eprintln!("not tested: git is not installed");
            return None;
        }
        let place = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        std::fs::create_dir(place.repo()).expect("a folder for the repository");
        place.git(&["init", "--quiet", "--initial-branch=main"]);
        Some(place)
    }

    /// The folder that all of it is in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file beside the repository.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder().join(name), text).expect("a file");
    }

    pub fn repo(&self) -> PathBuf {
        self.folder.path().join("shop")
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The folder of the app, in which relative paths lie.
    pub fn app(&self) -> PathBuf {
        self.state().join("apps/shop")
    }

    /// The commit that is checked out.
    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Test", "-c", "user.email=test@example.com"])
            .args(arguments)
            .current_dir(self.repo())
            .output()
            .expect("git runs");
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Writes files and commits them.
    pub fn commit(&self, subject: &str, files: &[(&str, &str)]) {
        for (path, content) in files {
            let path = self.repo().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, content).expect("a file");
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", subject]);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trueup"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("TRUEUP_STATE", self.state())
            .env("XDG_CONFIG_HOME", self.folder().join("config"))
            .env_remove("TRUEUP_CONFIG")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn trueup(&self, arguments: &[&str]) -> Said {
        let output: Output = self.command(arguments).output().expect("trueup runs");
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a command that must end well.
    pub fn done(&self, arguments: &[&str]) -> String {
        let said = self.trueup(arguments);
        assert_eq!(said.code, 0, "trueup {arguments:?}\n{}{}", said.out, said.err);
        said.out
    }

    /// What a command prints as JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["-o", "json"]);
        let said = self.trueup(&all);
        serde_json::from_str(&said.out)
            .unwrap_or_else(|error| panic!("trueup {all:?}: {error}\n{}{}", said.out, said.err))
    }

    /// Starts `trueup run` and leaves it running.
    pub fn keep(&self) -> Kept {
        self.keep_with(&[])
    }

    /// The same, with more arguments.
    pub fn keep_with(&self, arguments: &[&str]) -> Kept {
        let mut child = self
            .command(&[&["run", "shop"], arguments].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("trueup runs");
        let stderr = child.stderr.take().expect("a pipe");
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Kept { child, lines, heard: Vec::new() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What runs would outlive the test otherwise; where nothing was started this says so.
        let _ = self.command(&["stop"]).output();
    }
}

/// A running controller.
pub struct Kept {
    child: Child,
    lines: mpsc::Receiver<String>,
    heard: Vec<String>,
}

impl Kept {
    /// Waits until it says something with `words` in it.
    pub fn hear(&mut self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => self.heard.push(line),
                Err(_) => panic!("it did not say “{words}”; it said:\n{}", self.heard.join("\n")),
            }
        }
    }

    /// Waits until it ends by itself.
    pub fn end(&mut self) -> std::process::ExitStatus {
        self.child.wait().expect("it runs")
    }

    /// Ends it, as a service manager would, and gives all it said that was not waited for.
    pub fn stop(&mut self) -> Vec<String> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        let ended = self.child.wait().expect("it ends");
        assert!(ended.success(), "{ended}");
        self.heard.extend(self.lines.iter());
        std::mem::take(&mut self.heard)
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The content of a file, or nothing.
pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
