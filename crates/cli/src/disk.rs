//! The file system as a tree, for the commands that take a folder of this machine as their original
//! tools do. Inside TrueUp everything is read from Git's own trees instead.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trueup_model::Digest;
use trueup_model::tree::{Entry, EntryKind, Tree, TreeError};

/// What becomes of symbolic links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// The operating system follows them, wherever they lead: as Helm reads a chart.
    Follow,
    /// They are told as what they are: Kustomize has rules of its own for them.
    Tell,
}

/// A folder as a tree. Ids tell two files apart, not two states of one.
pub struct DiskTree {
    root: PathBuf,
    links: Links,
}

impl DiskTree {
    /// This folder.
    pub fn new(root: impl Into<PathBuf>, links: Links) -> Self {
        Self { root: root.into(), links }
    }

    fn kind(&self, path: &Path) -> io::Result<EntryKind> {
        let own = fs::symlink_metadata(path)?;
        let metadata = match self.links {
            Links::Follow => fs::metadata(path).unwrap_or(own),
            Links::Tell => own,
        };
        Ok(if metadata.is_symlink() {
            EntryKind::Symlink
        } else if metadata.is_dir() {
            EntryKind::Directory
        } else {
            EntryKind::File { executable: false }
        })
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
        match self.kind(&self.root.join(path)) {
            Ok(kind) => Ok(Some(Entry { kind, id: Digest::of(path.as_bytes()) })),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(failed(path, &error)),
        }
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>, TreeError> {
        let full = self.root.join(path);
        let told = self.links == Links::Tell || fs::metadata(&full).is_err();
        match fs::read_link(&full) {
            Ok(target) if told => Ok(within(&self.root, path, &target).into_bytes().into()),
            _ => fs::read(&full).map(Arc::from).map_err(|error| failed(path, &error)),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<(String, Entry)>, TreeError> {
        let mut entries = Vec::new();
        let folder = fs::read_dir(self.root.join(path)).map_err(|error| failed(path, &error))?;
        for entry in folder {
            let entry = entry.map_err(|error| failed(path, &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let inner = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            if let Some(found) = self.entry(&inner)? {
                entries.push((name, found));
            }
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(entries)
    }
}

/// Where a link leads, as seen from its own folder: absolute targets below the root are made
/// relative, since a tree knows no absolute paths.
fn within(root: &Path, link: &str, target: &Path) -> String {
    match target.strip_prefix(root) {
        Ok(inner) if target.is_absolute() => {
            format!("{}{}", "../".repeat(link.matches('/').count()), inner.to_string_lossy())
        }
        _ => target.to_string_lossy().into_owned(),
    }
}
