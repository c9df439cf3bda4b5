//! The file system as a tree, for tests and examples. Links that lead anywhere are followed: the
//! tree's root is the file system's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trueup_model::Digest;
use trueup_model::tree::{Entry, EntryKind, Tree, TreeError};

/// The file system, from its root.
pub struct Disk;

impl Disk {
    fn path(path: &str) -> PathBuf {
        Path::new("/").join(path)
    }

    fn error(path: &str, error: &io::Error) -> TreeError {
        TreeError::Storage { path: path.to_owned(), message: error.to_string() }
    }
}

impl Tree for Disk {
    fn entry(&self, path: &str) -> Result<Option<Entry>, TreeError> {
        let metadata = match fs::symlink_metadata(Self::path(path)) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(None),
            Err(error) => return Err(Self::error(path, &error)),
        };
        let kind = if metadata.is_symlink() {
            EntryKind::Symlink
        } else if metadata.is_dir() {
            EntryKind::Directory
        } else {
            EntryKind::File { executable: false }
        };
        Ok(Some(Entry { kind, id: Digest::of(path.as_bytes()) }))
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        let full = Self::path(path);
        if let Ok(target) = fs::read_link(&full) {
            return Ok(relative(path, &target).into_bytes().into());
        }
        fs::read(full).map(Arc::from).map_err(|error| Self::error(path, &error))
    }

    fn list(&self, path: &str) -> Result<Vec<(String, Entry)>, TreeError> {
        let mut entries = Vec::new();
        let found = fs::read_dir(Self::path(path)).map_err(|error| Self::error(path, &error))?;
        for entry in found {
            let entry = entry.map_err(|error| Self::error(path, &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(found) = self.entry(&format!("{path}/{name}"))? {
                entries.push((name, found));
            }
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(entries)
    }
}

/// An absolute target as seen from the folder of the link.
fn relative(link: &str, target: &Path) -> String {
    let Ok(from_root) = target.strip_prefix("/") else {
        return target.to_string_lossy().into_owned();
    };
    let depth = link.matches('/').count();
    format!("{}{}", "../".repeat(depth), from_root.to_string_lossy())
}
