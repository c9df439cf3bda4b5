//! Output of what is supervised: to a file that is rotated, and never in the way.
//!
//! The shim always reads what the process prints, so the process is never blocked by its log. Where
//! the disk is full, output is dropped and counted, and the count is written when there is room
//! again.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use crate::place::make_private_folder;

/// A log is rotated at so many bytes,
const ROTATE_AT: u64 = 10 * 1024 * 1024;
/// and so many older ones are kept.
const KEPT: u32 = 4;
/// The longest last line that is told.
const LONGEST_LINE: usize = 500;
/// So many last lines are told of a failure.
const LAST_LINES: usize = 10;

/// The log of one resource.
#[derive(Clone, Debug)]
pub struct Output {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    file: Option<File>,
    size: u64,
    rotate_at: u64,
    dropped: u64,
    lines: VecDeque<String>,
    /// What was printed since the last end of line.
    partial: Vec<u8>,
}

impl Output {
    /// Output to this file.
    pub fn to(path: PathBuf) -> Self {
        Self::rotating(path, ROTATE_AT)
    }

    fn rotating(path: PathBuf, rotate_at: u64) -> Self {
        let inner = Inner {
            path,
            file: None,
            size: 0,
            rotate_at,
            dropped: 0,
            lines: VecDeque::new(),
            partial: Vec::new(),
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Takes over all that comes through a pipe, until nobody holds its other end. Ends when it
    /// does.
    pub async fn follow(self, pipe: PipeReader) {
        let Ok(mut pipe) = Receiver::from_owned_fd(OwnedFd::from(pipe)) else { return };
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = pipe.read(&mut buffer).await {
            self.write(buffer.get(..n).unwrap_or_default());
        }
    }

    /// Writes what was printed.
    pub fn write(&self, text: &[u8]) {
        self.inner().write(text);
    }

    /// The last line that is not empty.
    pub fn last_line(&self) -> String {
        self.inner().last_lines().pop().unwrap_or_default()
    }

    /// The last lines, for a message.
    pub fn last_lines(&self) -> Vec<String> {
        self.inner().last_lines()
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn write(&mut self, text: &[u8]) {
        self.remember(text);
        if self.size >= self.rotate_at {
            self.file = None;
            rotate(&self.path);
        }
        let written = self.catch_up().and_then(|()| self.append(text));
        if written.is_err() {
            self.dropped = self.dropped.saturating_add(text.len() as u64);
            self.file = None;
        }
    }

    /// Says how much was dropped, when there is room again.
    fn catch_up(&mut self) -> io::Result<()> {
        if self.dropped == 0 {
            return Ok(());
        }
        let note = format!(
            "trueup: {} bytes of output are missing here: the log could not be written\n",
            self.dropped
        );
        self.append(note.as_bytes())?;
        self.dropped = 0;
        Ok(())
    }

    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let file = open(&self.path)?;
                self.size = file.metadata()?.len();
                none.insert(file)
            }
        };
        file.write_all(text)?;
        self.size = self.size.saturating_add(text.len() as u64);
        Ok(())
    }

    fn remember(&mut self, text: &[u8]) {
        for part in text.split_inclusive(|byte| *byte == b'\n') {
            let room = LONGEST_LINE.saturating_sub(self.partial.len());
            self.partial.extend_from_slice(part.get(..part.len().min(room)).unwrap_or_default());
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.partial);
                self.keep_line(&line);
            }
        }
    }

    fn keep_line(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).trim().to_owned();
        if !line.is_empty() {
            self.lines.push_back(line);
            if self.lines.len() > LAST_LINES {
                self.lines.pop_front();
            }
        }
    }

    fn last_lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.lines.iter().cloned().collect();
        let partial = String::from_utf8_lossy(&self.partial).trim().to_owned();
        if !partial.is_empty() {
            lines.push(partial);
        }
        lines
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        make_private_folder(folder)?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// `x.log` becomes `x.log.1`, and so on; the oldest goes. A step that fails leaves a log that is too
/// long, which is better than none.
fn rotate(path: &Path) {
    for n in (1..KEPT).rev() {
        let _ = std::fs::rename(older(path, n), older(path, n + 1));
    }
    let _ = std::fs::rename(path, older(path, 1));
}

/// The path of the nth older log.
pub fn older(path: &Path, n: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_rotated_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/x.log");
        let output = Output::rotating(path.clone(), 10);
        for n in 0..20 {
            output.write(format!("line number {n}\n").as_bytes());
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "line number 19\n");
        assert_eq!(std::fs::read_to_string(older(&path, 4)).unwrap(), "line number 15\n");
        assert_eq!(std::fs::read_dir(folder.path().join("logs")).unwrap().count(), 5);
        assert_eq!(output.last_line(), "line number 19");
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs");
        std::fs::write(&path, "a file where the folder should be").unwrap();
        let output = Output::to(path.join("x.log"));
        output.write(b"lost\n");
        assert_eq!(output.last_line(), "lost");
        std::fs::remove_file(&path).unwrap();
        output.write(b"kept\n");
        let text = std::fs::read_to_string(path.join("x.log")).unwrap();
        assert!(text.starts_with("trueup: 5 bytes") && text.ends_with("\nkept\n"), "{text}");
    }

    #[test]
    fn a_last_line_may_lack_its_end_and_be_long() {
        let folder = tempfile::tempdir().unwrap();
        let output = Output::to(folder.path().join("x.log"));
        output.write(b"one\n\nno end");
        assert_eq!(output.last_line(), "no end");
        output.write(&[b'x'; 10_000]);
        assert!(output.last_line().len() <= LONGEST_LINE);
    }
}
