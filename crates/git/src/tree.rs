//! The files of a commit, read from the object database when they are asked for. Nothing is checked
//! out.
//!
//! Objects are named by their content, so what was decoded once stays valid for every commit that
//! holds it: folders are cached by object id for all trees of a repository.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gix::ObjectId;
use gix::objs::tree::EntryMode;
use trueup_model::Digest;
use trueup_model::tree::{Entry, EntryKind, Tree, TreeError};

use crate::error::text;

/// Decoded delta bases that each reader keeps: reading a deltified pack is twice as fast with them.
const PACK_CACHE: usize = 8 << 20;
/// So many readers are kept when nobody uses them.
const IDLE: usize = 4;
/// How many entries of folders are kept decoded; a hundred bytes each, or so.
const CACHED_ENTRIES: usize = 200_000;

/// An object database, readable by many threads at once.
pub(crate) struct Objects {
    repository: gix::ThreadSafeRepository,
    /// Readers that nobody uses right now: each has caches of its own.
    idle: Mutex<Vec<gix::Repository>>,
    folders: Mutex<Folders>,
    largest_file: u64,
}

#[derive(Default)]
struct Folders {
    entries: usize,
    by_id: HashMap<ObjectId, Arc<Folder>>,
}

/// A folder's entries, sorted bytewise by name.
struct Folder {
    entries: Vec<(String, Item)>,
}

#[derive(Clone, Copy)]
struct Item {
    kind: EntryKind,
    id: ObjectId,
}

impl Item {
    fn entry(self) -> Entry {
        Entry { kind: self.kind, id: Digest::of(self.id.as_slice()) }
    }
}

impl Objects {
    /// Reads the objects of a repository; files larger than `largest_file` bytes are refused.
    pub(crate) fn new(repository: gix::ThreadSafeRepository, largest_file: u64) -> Self {
        Self { repository, idle: Mutex::default(), folders: Mutex::default(), largest_file }
    }

    /// Reads with a reader of the calling thread's own.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&gix::Repository) -> T) -> T {
        let idle = hold(&self.idle).pop();
        let reader = idle.unwrap_or_else(|| self.reader());
        let answer = read(&reader);
        let mut idle = hold(&self.idle);
        if idle.len() < IDLE {
            idle.push(reader);
        }
        answer
    }

    fn reader(&self) -> gix::Repository {
        let mut reader = self.repository.to_thread_local();
        reader.objects.set_pack_cache(|| {
            Box::new(gix::odb::pack::cache::lru::MemoryCappedHashmap::new(PACK_CACHE))
        });
        reader
    }

    fn folder(&self, id: ObjectId, path: &str) -> Result<Arc<Folder>, TreeError> {
        if let Some(known) = hold(&self.folders).by_id.get(&id) {
            return Ok(known.clone());
        }
        let folder = Arc::new(self.with(|reader| decode(reader, id, path))?);
        let mut folders = hold(&self.folders);
        if folders.entries > CACHED_ENTRIES {
            *folders = Folders::default();
        }
        folders.entries += folder.entries.len();
        folders.by_id.insert(id, folder.clone());
        Ok(folder)
    }

    fn blob(&self, id: ObjectId, path: &str) -> Result<Arc<[u8]>, TreeError> {
        self.with(|reader| {
            let size = reader.find_header(id).map_err(|error| storage(path, &error))?.size();
            if size > self.largest_file {
                let limit = self.largest_file;
                return Err(TreeError::TooLarge { path: path.to_owned(), size, limit });
            }
            let object = reader.find_object(id).map_err(|error| storage(path, &error))?;
            Ok(Arc::from(object.data.as_slice()))
        })
    }
}

fn decode(reader: &gix::Repository, id: ObjectId, path: &str) -> Result<Folder, TreeError> {
    let tree = reader.find_tree(id).map_err(|error| storage(path, &error))?;
    let mut entries = Vec::new();
    for entry in tree.iter() {
        let entry = entry.map_err(|error| storage(path, &error))?;
        let name = entry.filename().to_string();
        if matches!(name.as_str(), "" | "." | "..") || name.contains('/') {
            return Err(TreeError::Storage {
                path: path.to_owned(),
                message: format!(
                    "the folder holds an entry named `{name}`, which no file can have"
                ),
            });
        }
        entries.push((name, Item { kind: kind(entry.mode()), id: entry.object_id() }));
    }
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Folder { entries })
}

fn kind(mode: EntryMode) -> EntryKind {
    if mode.is_tree() {
        EntryKind::Directory
    } else if mode.is_link() {
        EntryKind::Symlink
    } else if mode.is_commit() {
        EntryKind::Submodule
    } else {
        EntryKind::File { executable: mode.is_executable() }
    }
}

fn storage(path: &str, error: &gix::Error) -> TreeError {
    TreeError::Storage { path: path.to_owned(), message: text(error) }
}

/// The files of one commit.
pub struct GitTree {
    objects: Arc<Objects>,
    root: ObjectId,
}

impl GitTree {
    pub(crate) fn new(objects: Arc<Objects>, root: ObjectId) -> Self {
        Self { objects, root }
    }

    fn item(&self, path: &str) -> Result<Option<Item>, TreeError> {
        let mut item = Item { kind: EntryKind::Directory, id: self.root };
        if path.is_empty() {
            return Ok(Some(item));
        }
        for part in path.split('/') {
            if item.kind != EntryKind::Directory {
                return Ok(None);
            }
            let folder = self.objects.folder(item.id, path)?;
            match folder.find(part) {
                Some(found) => item = found,
                None => return Ok(None),
            }
        }
        Ok(Some(item))
    }
}

impl Folder {
    fn find(&self, name: &str) -> Option<Item> {
        let at = self.entries.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        self.entries.get(at).map(|(_, item)| *item)
    }
}

impl Tree for GitTree {
    fn entry(&self, path: &str) -> Result<Option<Entry>, TreeError> {
        Ok(self.item(path)?.map(Item::entry))
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        match self.item(path)? {
            None => Err(TreeError::Absent { path: path.to_owned() }),
            Some(Item { kind: EntryKind::File { .. } | EntryKind::Symlink, id }) => {
                self.objects.blob(id, path)
            }
            Some(_) => Err(TreeError::WrongKind { path: path.to_owned(), wanted: "file" }),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<(String, Entry)>, TreeError> {
        match self.item(path)? {
            None => Err(TreeError::Absent { path: path.to_owned() }),
            Some(Item { kind: EntryKind::Directory, id }) => {
                let folder = self.objects.folder(id, path)?;
                Ok(folder.entries.iter().map(|(name, item)| (name.clone(), item.entry())).collect())
            }
            Some(_) => Err(TreeError::WrongKind { path: path.to_owned(), wanted: "folder" }),
        }
    }
}

/// Whether a file is a pointer that Git LFS put in place of the real one, which is not in the
/// repository.
pub fn is_lfs_pointer(content: &[u8]) -> bool {
    content.len() < 1024 && content.starts_with(b"version https://git-lfs.github.com/spec/")
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
