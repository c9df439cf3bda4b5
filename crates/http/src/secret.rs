//! Secrets that are read where the machine keeps them, each time they are needed.

use std::io::{self, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// So much of a secret is read; more is none.
const LARGEST: u64 = 1 << 20;
/// How long a program may take to print one.
const WITHIN: Duration = Duration::from_secs(30);

/// Where a secret is read when it is needed. None of it is ever shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFrom {
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// What a program prints, given with its arguments.
    Command(Vec<String>),
}

impl SecretFrom {
    /// The place, for people.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => format!("the file {}", path.display()),
            Self::Environment(name) => format!("the environment variable {name}"),
            Self::Command(command) => {
                format!("the output of `{}`", command.first().map_or("", String::as_str))
            }
        }
    }

    /// The secret. The error says why it cannot be had.
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", self.name());
        match self {
            Self::File(path) => {
                std::fs::File::open(path).and_then(bounded).map_err(|error| failed(&error))
            }
            Self::Environment(name) => std::env::var_os(name)
                .map(std::os::unix::ffi::OsStringExt::into_vec)
                .ok_or_else(|| failed(&"it is not set")),
            Self::Command(command) => printed_by(command).map_err(|error| failed(&error)),
        }
    }

    /// The secret as text.
    pub fn text(&self) -> Result<String, String> {
        String::from_utf8(self.bytes()?).map_err(|_| format!("{}: it is not UTF-8", self.name()))
    }
}

fn bounded(from: impl io::Read) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut all)?;
    if all.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it is longer than {LARGEST} bytes")));
    }
    Ok(all)
}

fn printed_by(command: &[String]) -> io::Result<Vec<u8>> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::Error::other("no command is given"));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = child.stdout.take().map(|output| std::thread::spawn(move || bounded(output)));
    let ended = wait(&mut child)?;
    if !ended.success() {
        return Err(io::Error::other(ended.to_string()));
    }
    let read = output.map(std::thread::JoinHandle::join);
    read.unwrap_or_else(|| Ok(Ok(Vec::new())))
        .unwrap_or_else(|_| Err(io::Error::other("its output could not be read")))
}

fn wait(child: &mut Child) -> io::Result<std::process::ExitStatus> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if begun.elapsed() > WITHIN {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other(format!("it did not end within {} s", WITHIN.as_secs())));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_where_they_are() {
        let says = |command: &[&str]| {
            SecretFrom::Command(command.iter().map(ToString::to_string).collect()).text()
        };
        assert_eq!(says(&["echo", "token"]), Ok("token\n".to_owned()));
        assert!(says(&[]).unwrap_err().contains("no command"));
        assert!(says(&["false"]).unwrap_err().contains("`false`: exit status: 1"));
        assert!(says(&["no-such-program"]).unwrap_err().contains("No such file"));
        let missing = SecretFrom::Environment("TRUEUP_NOT_SET".to_owned());
        assert!(missing.text().unwrap_err().contains("TRUEUP_NOT_SET: it is not set"));
        let endless = SecretFrom::File("/dev/zero".into());
        assert!(endless.bytes().unwrap_err().contains("longer than"));
    }
}
