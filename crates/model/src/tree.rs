//! Trees: the immutable files of one revision.
//!
//! Engines read files only through [`Tree`]. A path is relative to the tree's root, with `/`
//! between its parts, without `.`, `..`, empty parts or a leading slash; `""` is the root. There is
//! no path that leads out of a tree, so nothing has to check for one after [`join`] has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::Digest;

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A file; `executable` is Git's mode 100755.
    File {
        /// Whether it may be executed.
        executable: bool,
    },
    /// A folder.
    Directory,
    /// A symbolic link; reading it yields where it points to.
    Symlink,
    /// A Git submodule: a commit of another repository, which is not part of this tree.
    Submodule,
}

/// One entry of a tree: its kind, and the id of its content. Two entries with the same id have the
/// same content, a folder's included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// The identity of its content.
    pub id: Digest,
}

/// Why something could not be read. "There is nothing" is not among them: that is `None`.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum TreeError {
    /// The path names something of another kind.
    #[error("{path} is not a {wanted}")]
    WrongKind {
        /// The path that was asked for.
        path: String,
        /// `file`, `folder` or `symbolic link`.
        wanted: &'static str,
    },
    /// There is nothing at the path.
    #[error("{path} does not exist")]
    Absent {
        /// The path that was asked for.
        path: String,
    },
    /// The content is larger than the limit of this tree.
    #[error("{path} has {size} bytes; the limit is {limit}")]
    TooLarge {
        /// The path that was asked for.
        path: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A symbolic link leads out of the tree, or in a circle.
    #[error("the symbolic link {path} {why}")]
    BadLink {
        /// The link's path.
        path: String,
        /// `leads out of the tree` or `leads in a circle`.
        why: &'static str,
    },
    /// The storage behind the tree failed.
    #[error("{path} could not be read: {message}")]
    Storage {
        /// The path that was asked for.
        path: String,
        /// What the storage said.
        message: String,
    },
}

/// The immutable files of one revision. Object-safe; none of its methods follows a symbolic link
/// ([`resolve`] does).
pub trait Tree: Send + Sync {
    /// What stands at `path`; `None` if nothing does.
    fn entry(&self, path: &str) -> Result<Option<Entry>, TreeError>;

    /// The content of a file, or where a symbolic link points to.
    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError>;

    /// The names in a folder, sorted bytewise, with what each is.
    fn list(&self, path: &str) -> Result<Vec<(String, Entry)>, TreeError>;
}

/// Joins `relative` (which may hold `.` and `..`) to the folder `base`, both as tree paths.
/// `None` if it leads out of the tree or is absolute.
pub fn join(base: &str, relative: &str) -> Option<String> {
    if relative.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The folder that holds `path`; `""` for what stands in the root.
pub fn parent(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..at])
}

/// The last part of `path`.
pub fn file_name(path: &str) -> &str {
    path.rfind('/').map_or(path, |at| &path[at + 1..])
}

/// How many links [`resolve`] follows before it calls them a circle; Linux's own number.
const MAX_LINKS: usize = 40;

/// Follows every symbolic link in `path`, in folders and at its end. The answer is the real path
/// and what stands there, or `None` if nothing does.
pub fn resolve(tree: &dyn Tree, path: &str) -> Result<Option<(String, Entry)>, TreeError> {
    let mut links = 0;
    let mut done = String::new();
    let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut last = tree.entry("")?;
    while let Some(part) = rest.pop() {
        if part.is_empty() || part == "." {
            continue;
        }
        if part == ".." {
            if done.is_empty() {
                return Err(TreeError::BadLink {
                    path: path.to_owned(),
                    why: "leads out of the tree",
                });
            }
            done = parent(&done).to_owned();
            last = tree.entry(&done)?;
            continue;
        }
        let next = if done.is_empty() { part } else { format!("{done}/{part}") };
        let Some(entry) = tree.entry(&next)? else { return Ok(None) };
        if entry.kind == EntryKind::Symlink {
            links += 1;
            if links > MAX_LINKS {
                return Err(TreeError::BadLink { path: next, why: "leads in a circle" });
            }
            let target = tree.read(&next)?;
            let target = String::from_utf8_lossy(&target).into_owned();
            if target.starts_with('/') {
                return Err(TreeError::BadLink { path: next, why: "leads out of the tree" });
            }
            rest.extend(target.split('/').rev().map(str::to_owned));
            last = tree.entry(&done)?;
        } else {
            done = next;
            last = Some(entry);
        }
    }
    Ok(last.map(|entry| (done, entry)))
}

/// A tree held in memory: for tests, for what was fetched or unpacked, and for small inputs.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    files: BTreeMap<String, (EntryKind, Arc<[u8]>)>,
}

impl MemoryTree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, replacing what stood there.
    pub fn insert(&mut self, path: impl Into<String>, content: impl Into<Arc<[u8]>>) {
        let kind = EntryKind::File { executable: false };
        self.files.insert(path.into(), (kind, content.into()));
    }

    /// Adds an entry of any kind but a folder: folders come and go with what is in them.
    pub fn insert_as(&mut self, path: impl Into<String>, kind: EntryKind, content: &[u8]) {
        self.files.insert(path.into(), (kind, content.into()));
    }

    fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a String)> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        self.files
            .range(prefix.clone()..)
            .take_while({
                let prefix = prefix.clone();
                move |(path, _)| path.starts_with(&prefix)
            })
            .map(move |(path, _)| (&path[prefix.len()..], path))
    }

    fn folder_id(&self, folder: &str) -> Digest {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for (relative, path) in self.below(folder) {
            let (kind, content) = &self.files[path];
            parts.push(format!("{relative}\0{kind:?}").into_bytes());
            parts.push(Digest::of(content).as_bytes().to_vec());
        }
        Digest::of_parts(parts.iter().map(Vec::as_slice))
    }
}

impl<P: Into<String>, C: Into<Vec<u8>>> FromIterator<(P, C)> for MemoryTree {
    fn from_iter<I: IntoIterator<Item = (P, C)>>(files: I) -> Self {
        let mut tree = Self::new();
        for (path, content) in files {
            tree.insert(path, content.into());
        }
        tree
    }
}

impl Tree for MemoryTree {
    fn entry(&self, path: &str) -> Result<Option<Entry>, TreeError> {
        if let Some((kind, content)) = self.files.get(path) {
            return Ok(Some(Entry { kind: *kind, id: Digest::of(content) }));
        }
        if path.is_empty() || self.below(path).next().is_some() {
            return Ok(Some(Entry { kind: EntryKind::Directory, id: self.folder_id(path) }));
        }
        Ok(None)
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        match self.files.get(path) {
            Some((_, content)) => Ok(content.clone()),
            None if self.entry(path)?.is_some() => {
                Err(TreeError::WrongKind { path: path.to_owned(), wanted: "file" })
            }
            None => Err(TreeError::Absent { path: path.to_owned() }),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<(String, Entry)>, TreeError> {
        match self.entry(path)? {
            Some(Entry { kind: EntryKind::Directory, .. }) => {}
            Some(_) => {
                return Err(TreeError::WrongKind { path: path.to_owned(), wanted: "folder" });
            }
            None => return Err(TreeError::Absent { path: path.to_owned() }),
        }
        let names: BTreeSet<String> = self
            .below(path)
            .map(|(relative, _)| relative.split('/').next().unwrap_or(relative).to_owned())
            .collect();
        let mut entries = Vec::with_capacity(names.len());
        for name in names {
            let child = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            if let Some(entry) = self.entry(&child)? {
                entries.push((name, entry));
            }
        }
        Ok(entries)
    }
}

/// Every path that was looked at, with a mark of what stood there, or that nothing did.
pub type Reads = BTreeMap<String, Option<Digest>>;

/// What a look at an entry learned. For a folder that is only that it is one: what is in it is
/// learned by listing it.
fn mark(entry: &Entry) -> Digest {
    match entry.kind {
        EntryKind::File { executable: false } => entry.id,
        EntryKind::File { executable: true } => {
            Digest::of_parts([entry.id.as_bytes().as_slice(), b"x"])
        }
        EntryKind::Directory => Digest::of(b"folder"),
        EntryKind::Symlink => Digest::of_parts([entry.id.as_bytes().as_slice(), b"link"]),
        EntryKind::Submodule => Digest::of_parts([entry.id.as_bytes().as_slice(), b"submodule"]),
    }
}

/// Whether whoever made these reads would read the same in `tree`. A tree that cannot be read is
/// not the same.
pub fn reads_the_same(tree: &dyn Tree, reads: &Reads) -> bool {
    reads.iter().all(|(path, noted)| match (tree.entry(path), noted) {
        (Ok(None), None) => true,
        (Ok(Some(entry)), Some(noted)) => {
            mark(&entry) == *noted || (entry.kind == EntryKind::Directory && entry.id == *noted)
        }
        _ => false,
    })
}

/// A tree that remembers what was read, so that the key of a rendered set is exactly what it was
/// made from.
pub struct RecordingTree<'a> {
    inner: &'a dyn Tree,
    reads: Mutex<Reads>,
}

impl<'a> RecordingTree<'a> {
    /// Records what is read of `inner`.
    pub fn new(inner: &'a dyn Tree) -> Self {
        Self { inner, reads: Mutex::default() }
    }

    /// What was read, by path.
    pub fn into_reads(self) -> Reads {
        self.reads.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn note(&self, path: &str, mark: Option<Digest>, overwrite: bool) {
        let mut reads = self.reads.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match reads.get_mut(path) {
            Some(noted) if overwrite => *noted = mark,
            Some(_) => {}
            None => {
                reads.insert(path.to_owned(), mark);
            }
        }
    }
}

/// What failed was learned too: where nothing stands that is noted before it is asked for.
impl Tree for RecordingTree<'_> {
    fn entry(&self, path: &str) -> Result<Option<Entry>, TreeError> {
        let entry = self.inner.entry(path)?;
        self.note(path, entry.as_ref().map(mark), false);
        Ok(entry)
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        self.entry(path)?;
        self.inner.read(path)
    }

    fn list(&self, path: &str) -> Result<Vec<(String, Entry)>, TreeError> {
        let entry = self.inner.entry(path)?;
        let folder = entry.filter(|entry| entry.kind == EntryKind::Directory);
        match folder {
            Some(folder) => self.note(path, Some(folder.id), true),
            None => self.note(path, entry.as_ref().map(mark), false),
        }
        self.inner.list(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> MemoryTree {
        let mut tree: MemoryTree = [("a/b.yaml", "b"), ("a/c/d.yaml", "d"), ("a-z", "z")]
            .map(|(path, content)| (path, content.as_bytes().to_vec()))
            .into_iter()
            .collect();
        tree.insert_as("link", EntryKind::Symlink, b"a/c");
        tree.insert_as("out", EntryKind::Symlink, b"../x");
        tree.insert_as("circle", EntryKind::Symlink, b"circle");
        tree
    }

    #[test]
    fn folders_are_listed_sorted() {
        let names = |path: &str| -> Vec<String> {
            tree().list(path).unwrap().into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(""), ["a", "a-z", "circle", "link", "out"]);
        assert_eq!(names("a"), ["b.yaml", "c"]);
    }

    #[test]
    fn links_are_followed_inside_the_tree_only() {
        let tree = tree();
        assert_eq!(resolve(&tree, "link/d.yaml").unwrap().unwrap().0, "a/c/d.yaml");
        assert_eq!(resolve(&tree, "link/none").unwrap(), None);
        assert!(matches!(resolve(&tree, "out"), Err(TreeError::BadLink { .. })));
        assert!(matches!(resolve(&tree, "circle"), Err(TreeError::BadLink { .. })));
    }

    #[test]
    fn joining_cannot_leave_the_tree() {
        assert_eq!(join("a/b", "../c/./d").as_deref(), Some("a/c/d"));
        assert_eq!(join("a", "../..").as_deref(), None);
        assert_eq!(join("a", "/etc").as_deref(), None);
    }

    #[test]
    fn what_is_read_is_recorded() {
        let inner = tree();
        let recording = RecordingTree::new(&inner);
        recording.read("a/b.yaml").unwrap();
        recording.entry("a/none").unwrap();
        let reads = recording.into_reads();
        assert_eq!(reads["a/b.yaml"], Some(Digest::of(b"b")));
        assert_eq!(reads["a/none"], None);
        assert_eq!(reads.len(), 2);
    }

    #[test]
    fn what_was_read_is_compared_and_nothing_else() {
        let inner = tree();
        let recording = RecordingTree::new(&inner);
        recording.read("a/b.yaml").unwrap();
        recording.entry("a").unwrap();
        recording.read("a/none").unwrap_err();
        recording.read("link").unwrap();
        let reads = recording.into_reads();
        let check = |same: bool, change: &dyn Fn(&mut MemoryTree)| {
            let mut changed = tree();
            change(&mut changed);
            assert_eq!(reads_the_same(&changed, &reads), same, "{changed:?}");
        };
        check(true, &|_| {});
        check(true, &|tree| tree.insert("a/c/d.yaml", *b"other"));
        check(false, &|tree| tree.insert("a/b.yaml", *b"other"));
        check(false, &|tree| tree.insert("a/none", *b"now"));
        check(false, &|tree| tree.insert("link", *b"a/c"));
        check(false, &|tree| {
            tree.insert_as("a/b.yaml", EntryKind::File { executable: true }, b"b");
        });
        check(false, &|tree| *tree = [("x", "x")].into_iter().collect());
    }

    #[test]
    fn a_folder_that_was_listed_is_compared_with_all_that_is_in_it() {
        let inner = tree();
        let recording = RecordingTree::new(&inner);
        recording.list("a").unwrap();
        recording.entry("a").unwrap();
        let reads = recording.into_reads();
        assert!(reads_the_same(&inner, &reads));
        let mut changed = tree();
        changed.insert("a/c/d.yaml", *b"other");
        assert!(!reads_the_same(&changed, &reads));
    }
}
