//! A folder of this machine as a tree.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trueup_model::Digest;
use trueup_model::tree::{Entry, EntryKind, Tree, TreeError};

/// Reads as it is asked. Symbolic links are followed by the operating system, wherever they lead, as
/// Helm does with a chart on a disk. Ids are made of path, size and time: enough to tell files apart.
pub struct DiskTree {
    root: PathBuf,
}

impl DiskTree {
    /// The folder as a tree.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn entry_at(path: &Path) -> io::Result<Entry> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            // A link that leads nowhere.
            Err(_) => fs::symlink_metadata(path)?,
        };
        let kind = if metadata.is_dir() {
            EntryKind::Directory
        } else if metadata.is_file() {
            EntryKind::File { executable: false }
        } else if metadata.is_symlink() {
            EntryKind::Symlink
        } else {
            EntryKind::Submodule
        };
        let modified = metadata.modified().ok();
        let id = format!("{}\0{}\0{modified:?}", path.display(), metadata.len());
        Ok(Entry { kind, id: Digest::of(id.as_bytes()) })
    }
}

fn failed(path: &str, error: &io::Error) -> TreeError {
    match error.kind() {
        io::ErrorKind::NotFound => TreeError::Absent { path: path.to_owned() },
        _ => TreeError::Storage { path: path.to_owned(), message: error.to_string() },
    }
}

impl Tree for DiskTree {
    fn entry(&self, path: &str) -> Result<Option<Entry>, TreeError> {
        match Self::entry_at(&self.root.join(path)) {
            Ok(entry) => Ok(Some(entry)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(path, &error)),
        }
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        let full = self.root.join(path);
        let content = match fs::read_link(&full) {
            Ok(target) if fs::metadata(&full).is_err() => {
                target.to_string_lossy().into_owned().into_bytes()
            }
            _ => fs::read(&full).map_err(|error| failed(path, &error))?,
        };
        Ok(content.into())
    }

    fn list(&self, path: &str) -> Result<Vec<(String, Entry)>, TreeError> {
        let mut entries = Vec::new();
        let folder = fs::read_dir(self.root.join(path)).map_err(|error| failed(path, &error))?;
        for entry in folder {
            let entry = entry.map_err(|error| failed(path, &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let found = Self::entry_at(&entry.path()).map_err(|error| failed(path, &error))?;
            entries.push((name, found));
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(entries)
    }
}
