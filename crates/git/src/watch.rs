//! Commits to a repository on this machine, seen when they happen: the kernel tells of changes to
//! HEAD and the refs.
//!
//! Git writes a ref beside itself and renames it, so a watch on a file would end with the first
//! commit: the folders are watched. A folder of refs that appears later is watched from then on.

use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

use crate::GitError;

/// More folders of refs than this are not watched; HEAD and the packed refs still are.
const MANY: usize = 4096;

/// Tells whenever a commit may mean something else than before: something was committed, fetched,
/// checked out or deleted. Several changes at once are told once. It ends when the repository is
/// moved away or deleted.
pub struct RefChanges {
    inotify: AsyncFd<OwnedFd>,
    /// The folder that holds HEAD, and the one that holds the refs: the same but in worktrees.
    folders: Vec<PathBuf>,
    /// The watches on those folders: in them only some names matter.
    tops: BTreeSet<i32>,
    ended: bool,
}

impl RefChanges {
    pub(crate) fn new(repository: &gix::Repository, name: &str) -> Result<Self, GitError> {
        let failed = |why: String| GitError::Failed { repo: name.to_owned(), what: "watched", why };
        let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)
            .map_err(|errno| failed(explain(errno)))?;
        #[expect(deprecated, reason = "an OwnedFd does what its unsafe successor asks for")]
        let inotify = AsyncFd::new(fd).map_err(|error| failed(error.to_string()))?;
        let mut folders = vec![repository.common_dir().to_owned()];
        if repository.git_dir() != repository.common_dir() {
            folders.push(repository.git_dir().to_owned());
        }
        let mut changes = Self { inotify, folders, tops: BTreeSet::new(), ended: false };
        changes.watch().map_err(|errno| failed(explain(errno)))?;
        Ok(changes)
    }

    /// Watches what is not watched yet.
    fn watch(&mut self) -> Result<(), Errno> {
        for folder in &self.folders {
            let top = self.add(folder)?;
            self.tops.insert(top);
        }
        for folder in self.folders.iter().flat_map(|top| folders_below(&top.join("refs"))) {
            match self.add(&folder) {
                // It is gone again.
                Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    fn add(&self, folder: &Path) -> Result<i32, Errno> {
        let flags = WatchFlags::MOVED_TO
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        inotify::add_watch(self.inotify.get_ref(), folder, flags)
    }

    /// Reads what the kernel has to tell; whether any of it matters.
    fn read(&mut self) -> Result<bool, Errno> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(self.inotify.get_ref(), &mut buffer);
        let mut matters = false;
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::WOULDBLOCK) => return Ok(matters),
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno),
            };
            let top = self.tops.contains(&event.wd());
            let gone = ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::IGNORED;
            if top && event.events().intersects(gone) {
                self.ended = true;
            }
            let file = event.file_name().map(|name| name.to_bytes()).unwrap_or_default();
            matters |= event.events().contains(ReadFlags::QUEUE_OVERFLOW) || is_ref(file, top);
        }
    }
}

/// Whether a change to a file of this name can change what a reference means.
fn is_ref(file: &[u8], top: bool) -> bool {
    if top { matches!(file, b"HEAD" | b"packed-refs") } else { !file.ends_with(b".lock") }
}

fn folders_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(folder) = found.get(next).filter(|_| found.len() < MANY) {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let below: Vec<PathBuf> = entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        found.extend(below);
        next += 1;
    }
    found
}

fn explain(errno: Errno) -> String {
    match errno {
        Errno::NOSPC => {
            "the limit of inotify watches is reached; raise fs.inotify.max_user_watches".to_owned()
        }
        Errno::MFILE => {
            "the limit of inotify instances is reached; raise fs.inotify.max_user_instances"
                .to_owned()
        }
        errno => errno.to_string(),
    }
}

impl Stream for RefChanges {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<()>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            let Ok(mut guard) = ready!(self.inotify.poll_read_ready(context)) else {
                return Poll::Ready(None);
            };
            // All that is there is read below.
            guard.clear_ready();
            drop(guard);
            match self.read() {
                Ok(false) => {}
                Ok(true) => {
                    if self.watch().is_err() {
                        self.ended = true;
                    }
                    return Poll::Ready(Some(()));
                }
                Err(_) => return Poll::Ready(None),
            }
        }
    }
}
