//! Follows symbolic links as Go's `filepath.EvalSymlinks` does, with its error texts.

use trueup_model::tree::{EntryKind, parent};

use super::Place;
use crate::error::{Error, Result};

/// Go gives up after this many links.
const MAX_LINKS: usize = 255;

/// What stands at a path once links are followed.
pub(crate) struct Found {
    /// The path without links.
    pub path: String,
    /// What it is; never a link.
    pub kind: EntryKind,
}

/// Follows every link in `path`. It is an error if nothing is there.
pub(super) fn find(place: &Place<'_>, path: &str) -> Result<Found> {
    walk(place, path).map_err(|reason| {
        Error::new(format!("evalsymlink failure on '{}' : {reason}", place.show(path)))
    })
}

fn walk(place: &Place<'_>, path: &str) -> std::result::Result<Found, String> {
    let tree = place.tree();
    // What is left to walk, the next part last.
    let mut rest: Vec<String> = path.rsplit('/').map(str::to_owned).collect();
    let mut found = Found { path: String::new(), kind: EntryKind::Directory };
    let mut links = 0;
    while let Some(part) = rest.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." if found.path.is_empty() => {
                return Err(format!("{} leads out of the tree", place.show(path)));
            }
            ".." => {
                found = Found { path: parent(&found.path).to_owned(), kind: EntryKind::Directory };
                continue;
            }
            _ => {}
        }
        let next = if found.path.is_empty() { part } else { format!("{}/{part}", found.path) };
        let entry =
            tree.entry(&next).map_err(|error| format!("lstat {}: {error}", place.show(&next)))?;
        let Some(entry) = entry else {
            return Err(format!("lstat {}: no such file or directory", place.show(&next)));
        };
        match entry.kind {
            EntryKind::Symlink => {
                links += 1;
                if links > MAX_LINKS {
                    return Err("EvalSymlinks: too many links".to_owned());
                }
                let target = tree.read(&next).map_err(|error| error.to_string())?;
                let target = String::from_utf8_lossy(&target);
                if target.starts_with('/') {
                    return Err(format!(
                        "the symbolic link {} leads out of the tree",
                        place.show(&next)
                    ));
                }
                rest.extend(target.rsplit('/').map(str::to_owned));
            }
            EntryKind::File { .. } if rest.iter().any(|part| !part.is_empty()) => {
                return Err("not a directory".to_owned());
            }
            kind => found = Found { path: next, kind },
        }
    }
    Ok(found)
}
