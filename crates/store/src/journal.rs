//! The second, plain file: every app's record and the head of its chain, as lines of JSON.
//!
//! A commit appends a line an app; the last line of an app counts. Once most of the file is lines
//! that no longer count, it is written anew beside itself and renamed. Each line begins with 16
//! hexadecimal digits of its SHA-256, so that a torn or rotten line is known for one. The first line
//! names the format and the installation.
//!
//! Room for what is to come is reserved before it is needed, so that the disk does not turn out full
//! after the database has committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use trueup_model::{AppName, Digest};

use crate::StoreError;

/// The version of the format.
const VERSION: u32 = 3;
/// The file is not rewritten while it is smaller than this.
const SMALL: u64 = 1 << 20;
/// How often what counts must fit into the file before it is rewritten.
const SLACK: u64 = 4;
/// Room is reserved in steps of this.
const RESERVE: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(rename = "trueup-records")]
    version: u32,
    installation: String,
}

/// Where an app's chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    pub(crate) hash: Digest,
}

impl Head {
    /// The head of a chain without entries.
    pub(crate) fn none() -> Self {
        Self { seq: 0, hash: Digest::from_bytes([0; 32]) }
    }
}

/// A line: what is known of an app as of a commit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// The number of the commit, counted over all apps.
    pub(crate) commit: u64,
    pub(crate) app: AppName,
    pub(crate) head: Head,
    /// The record's maps, by name (`parts`); the lines of what they hold come before this one.
    #[serde(default)]
    pub(crate) sets: Vec<Digest>,
    /// The record as JSON, its maps empty; `None` once the app is removed.
    pub(crate) record: Option<Box<RawValue>>,
}

/// A line: what sets of this name hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct HoldingLine {
    pub(crate) set: Digest,
    pub(crate) contents: Box<RawValue>,
}

/// How the JSON of a [`HoldingLine`] begins.
const HOLDING: &str = "{\"set\":";

/// What the file says.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) installation: String,
    pub(crate) lines: BTreeMap<AppName, Line>,
    /// What sets hold, by name.
    pub(crate) holdings: BTreeMap<Digest, Box<RawValue>>,
    /// Whether a line other than the last could not be read: then what it said is not known.
    pub(crate) damaged: bool,
    /// Whether every line could be read, the last one included.
    whole: bool,
    length: u64,
    counting: BTreeMap<AppName, u64>,
}

impl Contents {
    /// The number of the newest commit in the file.
    pub(crate) fn last_commit(&self) -> u64 {
        self.lines.values().map(|line| line.commit).max().unwrap_or(0)
    }
}

/// Reads the file; `None` if there is none, or nothing in it can be read.
pub(crate) fn read(path: &Path) -> Result<Option<Contents>, StoreError> {
    let failed = |source| StoreError::io(path, "read", source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    let mut reader = BufReader::new(file);
    let mut text = Vec::new();
    reader.read_until(b'\n', &mut text).map_err(failed)?;
    let Some(header) = open_line::<Header>(&text) else { return Ok(None) };
    if header.version > VERSION {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            writer: "of a later version".to_owned(),
            found: header.version,
            known: VERSION,
        });
    }
    let mut contents = Contents { installation: header.installation, ..Contents::default() };
    contents.whole = true;
    contents.length = text.len() as u64;
    loop {
        text.clear();
        if reader.read_until(b'\n', &mut text).map_err(failed)? == 0 {
            return Ok(Some(contents));
        }
        // A line that cannot be read is torn if it is the last, and damage if it is not.
        contents.damaged |= !contents.whole;
        contents.length += text.len() as u64;
        contents.whole = contents.take(&text);
    }
}

impl Contents {
    /// Takes a line; whether it could be read.
    fn take(&mut self, text: &[u8]) -> bool {
        if text.get(17..).is_some_and(|json| json.starts_with(HOLDING.as_bytes())) {
            let Some(line) = open_line::<HoldingLine>(text) else { return false };
            self.holdings.insert(line.set, line.contents);
            return true;
        }
        let Some(line) = open_line::<Line>(text) else { return false };
        self.counting.insert(line.app.clone(), text.len() as u64);
        self.lines.insert(line.app.clone(), line);
        true
    }
}

/// The file, opened for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// How long the file is, and how much of it counts, by app.
    length: u64,
    reserved: u64,
    counting: BTreeMap<AppName, u64>,
    counted: u64,
    /// The names of the sets of which the file says what they hold.
    sets: BTreeSet<Digest>,
}

impl Journal {
    /// Goes on with a file that is as it should be; `None` if something in it cannot be read.
    pub(crate) fn resume(path: &Path, contents: Contents) -> Result<Option<Self>, StoreError> {
        if !contents.whole || contents.damaged {
            return Ok(None);
        }
        let failed = |source| StoreError::io(path, "written", source);
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        let Contents { length, counting, holdings, .. } = contents;
        let held = holdings.values().map(|json| json.get().len() as u64).sum::<u64>();
        let counted = counting.values().sum::<u64>() + held;
        let sets = holdings.into_keys().collect();
        let path = path.to_owned();
        Ok(Some(Self { path, file, length, reserved: length, counting, counted, sets }))
    }

    /// Writes the file anew: a header, what sets hold, and the lines of the apps. What was there
    /// stays until the new one is whole and durable.
    pub(crate) fn rewrite(
        path: &Path,
        installation: &str,
        holdings: Vec<HoldingLine>,
        lines: impl IntoIterator<Item = Result<Line, StoreError>>,
    ) -> Result<Self, StoreError> {
        let failed = |source| StoreError::io(path, "written", source);
        let draft = path.with_extension("log.new");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .map_err(failed)?;
        let mut out = BufWriter::new(file);
        let header = Header { version: VERSION, installation: installation.to_owned() };
        let text = close_line(&header);
        out.write_all(&text).map_err(failed)?;
        let mut counting = BTreeMap::new();
        let mut length = text.len() as u64;
        let mut held = 0;
        let mut sets = BTreeSet::new();
        for line in holdings {
            let text = close_line(&line);
            out.write_all(&text).map_err(failed)?;
            held += text.len() as u64;
            sets.insert(line.set);
        }
        length += held;
        for line in lines {
            let line = line?;
            let text = close_line(&line);
            out.write_all(&text).map_err(failed)?;
            length += text.len() as u64;
            counting.insert(line.app, text.len() as u64);
        }
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&draft, path).map_err(failed)?;
        if let Some(folder) = path.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        let counted = counting.values().sum::<u64>() + held;
        Ok(Self { path: path.to_owned(), file, length, reserved: length, counting, counted, sets })
    }

    /// Makes sure that `bytes` more fit on the disk.
    pub(crate) fn reserve(&mut self, bytes: u64) -> Result<(), StoreError> {
        let wanted = self.length.saturating_add(bytes);
        if wanted <= self.reserved {
            return Ok(());
        }
        let ahead = bytes.saturating_add(RESERVE);
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.length, ahead) {
            Ok(()) => self.reserved = self.length.saturating_add(ahead),
            // Not every file system can reserve; then a full disk is found when writing.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => self.reserved = wanted,
            Err(errno) => return Err(StoreError::io(&self.path, "written", errno.into())),
        }
        Ok(())
    }

    /// Whether the file says what sets of this name hold.
    pub(crate) fn knows(&self, set: &Digest) -> bool {
        self.sets.contains(set)
    }

    /// Appends lines durably. After an error the file must be rewritten before it is used again.
    pub(crate) fn append(&mut self, lines: &[Written]) -> Result<(), StoreError> {
        let failed = |source| StoreError::io(&self.path, "written", source);
        let text: Vec<u8> = lines.iter().flat_map(|line| &line.text).copied().collect();
        self.file.write_all(&text).map_err(failed)?;
        self.file.sync_data().map_err(failed)?;
        self.length += text.len() as u64;
        for line in lines {
            let length = line.text.len() as u64;
            let before = match &line.of {
                Of::App(app) => self.counting.insert(app.clone(), length).unwrap_or(0),
                // It may not count for long, and nobody says when it no longer does: that is seen
                // when the file is written anew.
                Of::Set(set) => {
                    self.sets.insert(*set);
                    length
                }
            };
            self.counted = (self.counted + length).saturating_sub(before);
        }
        Ok(())
    }

    /// Whether most of the file no longer counts.
    pub(crate) fn wants_rewriting(&self) -> bool {
        self.length > SMALL && self.length > self.counted.saturating_mul(SLACK)
    }
}

/// A line that is ready to be appended.
pub(crate) struct Written {
    pub(crate) of: Of,
    pub(crate) text: Vec<u8>,
}

/// What a line is about.
pub(crate) enum Of {
    App(AppName),
    Set(Digest),
}

/// A line as it stands in the file.
pub(crate) fn close_line(content: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_string(content).expect("lines hold strings and numbers only");
    format!("{} {json}\n", checksum(json.as_bytes())).into_bytes()
}

fn open_line<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Option<T> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('\n')?;
    let (sum, json) = text.split_once(' ')?;
    if sum != checksum(json.as_bytes()) {
        return None;
    }
    serde_json::from_str(json).ok()
}

fn checksum(json: &[u8]) -> String {
    let mut digits = Digest::of(json).hex();
    digits.truncate(16);
    digits
}
