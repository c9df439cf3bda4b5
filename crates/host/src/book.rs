//! Bookkeeping: what was applied to each resource of an app, so that an unchanged one costs a look
//! and not a read, and so that what was begun before a crash is known after it.
//!
//! A book is a file of JSON lines, each the new state of one entry, the last one counts. A batch of
//! actions costs two writes: *intended* entries before anything is touched and *done* ones after.
//! An entry that is only intended says what stood there before; with what stands there now, that
//! tells whether the write took effect. A torn last line, from a crash while it was written, is
//! left out: what it would have said had not begun, or is only known less precisely.
//!
//! A lost book loses no ownership (the inventory has that) but originals and signatures.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use trueup_model::{Digest, ResourceId};

use crate::error::{Doing, HostError};
use crate::place::{Folder, Stat, make_private_folder, write_durably};

/// What is known of one resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Entry {
    /// Whether the change was only begun.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub intended: bool,
    /// Whether something that was not ours stood there when it was begun, and was to be taken over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// Whether it was ours before this change was begun.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub was_ours: bool,
    /// Whether its content is secret.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// Where it stands; empty for what stands nowhere.
    #[serde(skip_serializing_if = "is_empty_path")]
    pub path: PathBuf,
    /// Digest of the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<Digest>,
    /// Digest of what is to be seen there: content and attributes of a file, content of a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Digest>,
    /// How it looked right after it was written, or when it was last read and found right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// What stood there before it was adopted: a file name among the originals.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub original: String,
    /// Folders that were made for it, the outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub made_folders: Vec<PathBuf>,
    /// Releases of a folder, the newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<Digest>,
    /// The document of what is started again after a boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The commit and rendered set it was started from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<(String, Digest)>,
}

fn is_empty_path(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

/// How a file looks from outside. A write, a change of mode or owner, or another file in its place
/// changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    device: u64,
    inode: u64,
    size: u64,
    modified: i128,
    changed: i128,
    /// Whether any later change looks different. A file system that stamps with the kernel's tick
    /// gives a change right after another the same time.
    settled: bool,
}

/// No tick is longer than so many nanoseconds.
const TICK: i128 = 20_000_000;

impl Signature {
    /// Of this status in this folder, taken now.
    pub fn of(folder: &Folder, stat: &Stat) -> Self {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| i128::try_from(since.as_nanos()).unwrap_or(i128::MAX));
        #[expect(
            clippy::useless_conversion,
            reason = "the fields' types differ between architectures"
        )]
        let looks = Self {
            device: u64::try_from(stat.st_dev).unwrap_or_default(),
            inode: u64::try_from(stat.st_ino).unwrap_or_default(),
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: nanoseconds(i128::from(stat.st_mtime), i128::from(stat.st_mtime_nsec)),
            changed: nanoseconds(i128::from(stat.st_ctime), i128::from(stat.st_ctime_nsec)),
            settled: false,
        };
        Self { settled: folder.stamps_finely() || now - looks.changed > TICK, ..looks }
    }

    /// Whether what looks like this now is surely unchanged since.
    pub fn proves_unchanged(&self, now: &Self) -> bool {
        self.settled && self.same(now)
    }

    /// Whether both look alike.
    pub fn same(&self, other: &Self) -> bool {
        Self { settled: true, ..*self } == Self { settled: true, ..*other }
    }

    /// As a precondition.
    pub fn version(&self) -> String {
        format!("{}:{}:{}:{}", self.device, self.inode, self.size, self.changed)
    }
}

fn nanoseconds(seconds: i128, nanoseconds: i128) -> i128 {
    seconds * 1_000_000_000 + nanoseconds
}

#[derive(Deserialize)]
struct Line {
    id: ResourceId,
    entry: Option<Entry>,
}

fn write_line(text: &mut Vec<u8>, id: &ResourceId, entry: Option<&Entry>) {
    let line = serde_json::json!({"id": id, "entry": entry});
    text.extend_from_slice(line.to_string().as_bytes());
    text.push(b'\n');
}

/// The book of one app.
#[derive(Debug)]
pub struct Book {
    path: PathBuf,
    entries: BTreeMap<ResourceId, Entry>,
    file: Option<File>,
    lines: usize,
}

/// A book is written anew when it has this many lines more than twice its entries.
const SLACK_LINES: usize = 1_000;

impl Book {
    /// Reads the book at `path`; an empty one if there is none.
    pub fn open(path: PathBuf) -> Result<Self, HostError> {
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read.doing(|| format!("read {}", path.display()))?,
        };
        let mut book = Self { path, entries: BTreeMap::new(), file: None, lines: 0 };
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if let Ok(Line { id, entry }) = serde_json::from_slice(line) {
                book.set(id, entry);
            }
        }
        let torn = !text.is_empty() && text.last() != Some(&b'\n');
        if torn {
            book.rewrite()?;
        }
        Ok(book)
    }

    /// What is known of a resource.
    pub fn get(&self, id: &ResourceId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// All that is known.
    pub fn entries(&self) -> &BTreeMap<ResourceId, Entry> {
        &self.entries
    }

    /// Changes entries, durably; `None` removes one.
    pub fn write(&mut self, changes: Vec<(ResourceId, Option<Entry>)>) -> Result<(), HostError> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut text = Vec::new();
        for (id, entry) in &changes {
            write_line(&mut text, id, entry.as_ref());
        }
        let path = self.path.clone();
        self.append(&text).doing(|| format!("write {}", path.display()))?;
        for (id, entry) in changes {
            self.set(id, entry);
        }
        if self.lines > 2 * self.entries.len() + SLACK_LINES {
            self.rewrite()?;
        }
        Ok(())
    }

    /// Notes, without writing it down, that an entry was looked at and found right: after a restart
    /// it is looked at again.
    pub fn refresh(&mut self, id: &ResourceId, document: Digest, signature: Signature) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.signature = Some(signature);
            entry.document = Some(document);
        }
    }

    fn set(&mut self, id: ResourceId, entry: Option<Entry>) {
        self.lines += 1;
        match entry {
            Some(entry) => self.entries.insert(id, entry),
            None => self.entries.remove(&id),
        };
    }

    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                if let Some(folder) = self.path.parent() {
                    make_private_folder(folder)?;
                }
                let options =
                    OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
                none.insert(options)
            }
        };
        let end = file.metadata()?.len();
        let written = file.write_all(text).and_then(|()| file.sync_data());
        if written.is_err() {
            // A half-written line would join with the next one.
            file.set_len(end)?;
        }
        written
    }

    fn rewrite(&mut self) -> Result<(), HostError> {
        let mut text = Vec::new();
        for (id, entry) in &self.entries {
            write_line(&mut text, id, Some(entry));
        }
        self.file = None;
        write_durably(&self.path, &text).doing(|| format!("write {}", self.path.display()))?;
        self.lines = self.entries.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ResourceId {
        ResourceId::new("host.trueup.dev", "File", "", name)
    }

    fn entry(path: &str) -> Entry {
        Entry { path: path.into(), ..Entry::default() }
    }

    #[test]
    fn what_is_written_is_read_again_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app/book");
        let mut book = Book::open(path.clone()).unwrap();
        book.write(vec![(id("a"), Some(entry("/a"))), (id("b"), Some(entry("/b")))]).unwrap();
        book.write(vec![(id("a"), None), (id("b"), Some(entry("/c")))]).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(br#"{"id":"host.trueup.dev/File//z","ent"#).unwrap();
        let mut book = Book::open(path.clone()).unwrap();
        assert_eq!(book.entries().keys().cloned().collect::<Vec<_>>(), [id("b")]);
        book.write(vec![(id("d"), Some(entry("/d")))]).unwrap();
        let book = Book::open(path).unwrap();
        assert_eq!(book.get(&id("b")), Some(&entry("/c")));
        assert_eq!(book.get(&id("d")), Some(&entry("/d")));
    }

    #[test]
    fn a_book_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("book");
        let mut book = Book::open(path).unwrap();
        let change = |_| (id("a"), Some(entry("/a")));
        book.write((0..3 * SLACK_LINES).map(change).collect()).unwrap();
        assert_eq!(book.lines, 1);
    }
}
