//! A mirror: the bare repository in which a remote one is kept, with only the refs that were asked
//! for. It is a cache: it may be deleted, and one that cannot be opened is made anew.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use gix::ObjectId;
use rustix::fs::FlockOperation;
use trueup_model::Digest;

use crate::GitError;
use crate::commit::Opened;
use crate::error::text;
use crate::local;
use crate::ls_refs::RemoteRef;
use crate::reference::Refs;

/// Where the mirror of a repository is. Different URLs never share one.
pub(crate) fn path(cache: &Path, url: &str) -> PathBuf {
    let last = url.trim_end_matches('/').trim_end_matches(".git").rsplit(['/', ':']).next();
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name: String = last.unwrap_or_default().chars().filter(fits).take(40).collect();
    cache.join(format!("{name}-{}.git", Digest::of(url.as_bytes()).short()))
}

/// A mirror that this process may change: one at a time does, among all processes.
pub(crate) struct Mirror {
    pub(crate) repository: gix::ThreadSafeRepository,
    _lock: File,
}

/// Opens a mirror for reading: that waits for nobody. `None` if there is none yet.
pub(crate) fn read(path: &Path) -> Option<gix::ThreadSafeRepository> {
    local::options().open(path).ok()
}

impl Mirror {
    /// Opens a mirror with ids of the usual kind or any that it has, or makes one, and waits for
    /// whoever is changing it.
    pub(crate) fn open(path: &Path, name: &str) -> Result<Self, GitError> {
        Self::open_for(path, name, None)
    }

    /// The same for ids of this kind: a mirror with others is made anew.
    pub(crate) fn open_for(
        path: &Path,
        name: &str,
        kind: Option<gix::hash::Kind>,
    ) -> Result<Self, GitError> {
        let failed =
            |why: String| GitError::Failed { repo: name.to_owned(), what: "mirrored", why };
        let io = |error: std::io::Error| GitError::Failed {
            repo: name.to_owned(),
            what: "mirrored",
            why: format!("{}: {error}", path.display()),
        };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(io)?;
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.with_extension("lock"))
            .map_err(io)?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive).map_err(|e| io(e.into()))?;
        if let Ok(repository) = local::options().open(path)
            && kind.is_none_or(|kind| repository.to_thread_local().object_hash() == kind)
        {
            return Ok(Self { repository, _lock: lock });
        }
        if path.exists() {
            std::fs::remove_dir_all(path).map_err(io)?;
        }
        // Made beside its place and renamed, so that a half-made one is never opened.
        let draft = path.with_extension("new");
        if draft.exists() {
            std::fs::remove_dir_all(&draft).map_err(io)?;
        }
        let options = gix::create::Options {
            object_hash: Some(kind.unwrap_or(gix::hash::Kind::Sha1)),
            ..gix::create::Options::default()
        };
        gix::ThreadSafeRepository::init(&draft, gix::create::Kind::Bare, options)
            .map_err(|error| failed(text(&error)))?;
        std::fs::rename(&draft, path).map_err(io)?;
        let repository = local::options().open(path).map_err(|error| failed(text(&error)))?;
        Ok(Self { repository, _lock: lock })
    }
}

/// The refs as the server has them.
pub(crate) struct ServerRefs<'a>(pub(crate) &'a [RemoteRef]);

impl Refs for ServerRefs<'_> {
    fn get(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        Ok(self.0.iter().find(|known| known.name == name).map(|known| known.target))
    }

    fn tags(&self) -> Result<Vec<String>, GitError> {
        let tag = |known: &RemoteRef| known.name.strip_prefix("refs/tags/").map(str::to_owned);
        Ok(self.0.iter().filter_map(tag).collect())
    }
}

/// Whether an object is in the mirror.
pub(crate) fn has(opened: Opened<'_>, id: ObjectId) -> bool {
    id.kind() == opened.repository.object_hash() && opened.repository.has_object(id)
}
