//! Folders that are open while a batch is looked at or written: ten thousand files in ten folders
//! are ten walks, not ten thousand.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::app::App;
use crate::error::HostError;
use crate::place::{Folder, Place};

/// Open folders by path. It lives as long as one batch, so that what is open is what is there.
#[derive(Default)]
pub struct Folders {
    open: Mutex<HashMap<PathBuf, Arc<Folder>>>,
}

/// Open files are few for an ordinary user: so many folders are held open at most.
const MOST_OPEN: usize = 256;

impl Folders {
    /// The folder that a place is in; `None` if there is none.
    pub fn get(&self, place: &Place) -> Result<Option<Arc<Folder>>, HostError> {
        let path = place.folder_path();
        if let Some(folder) = self.known(&path) {
            return Ok(Some(folder));
        }
        Ok(place.folder()?.map(|folder| self.keep(path, folder)))
    }

    /// The folder that a path is in which was written before; `None` also where it may not be used
    /// any more.
    pub fn of_known_path(&self, app: &App, path: &Path) -> Option<Arc<Folder>> {
        if let Some(folder) = self.known(path.parent()?) {
            return Some(folder);
        }
        self.get(&app.place(path.to_str()?).ok()?).ok()?
    }

    /// The folder that a place is in, made where it is missing.
    pub fn make(&self, place: &Place) -> Result<Arc<Folder>, HostError> {
        let path = place.folder_path();
        if let Some(folder) = self.known(&path) {
            return Ok(folder);
        }
        let (folder, made) = place.make_folder()?;
        for path in made {
            // The folder that a new one stands in must be synced too, for the new one to last.
            if let Some(parent) = path.parent().and_then(|path| Folder::open_root(path).ok()) {
                let _ = parent.sync();
            }
        }
        Ok(self.keep(path, folder))
    }

    fn known(&self, path: &Path) -> Option<Arc<Folder>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    fn keep(&self, path: PathBuf, folder: Folder) -> Arc<Folder> {
        let folder = Arc::new(folder);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() < MOST_OPEN {
            open.insert(path, folder.clone());
        }
        folder
    }
}
