//! How many changes of a working copy are not committed. It is told, never applied; where it cannot
//! be told cheaply it is left out.
//!
//! What Git's own status does beyond this is run filter programs over changed files, which
//! configuration may name. Nothing is run here: a file counts as changed if its size differs, or its
//! content does as it stands.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use gix::bstr::{BStr, BString};
use gix::dir::walk::{Action, Delegate, EmissionMode};
use gix::index::entry::{Flags, Mode, Stage};

/// Working copies with more files than this are not looked through with each look at HEAD.
const MANY: usize = 20_000;
/// Files longer than this are taken for changed when their time says so.
const LONG: u64 = 16 << 20;

/// The sentence about changes that are not committed, if there are some.
pub(crate) fn note(path: &Path) -> Option<String> {
    match count(path).ok().flatten()? {
        0 => None,
        1 => Some("1 uncommitted change is not applied".to_owned()),
        many => Some(format!("{many} uncommitted changes are not applied")),
    }
}

/// Which files Git ignores is the user's own business: their configuration is read for it.
fn options() -> gix::open::Options {
    let mut permissions = gix::open::Permissions::isolated();
    permissions.config =
        gix::open::permissions::Config { env: false, ..gix::open::permissions::Config::all() };
    permissions.env.home = gix::sec::Permission::Allow;
    permissions.env.xdg_config_home = gix::sec::Permission::Allow;
    gix::open::Options::default().permissions(permissions)
}

fn count(path: &Path) -> gix::Result<Option<usize>> {
    let repository = options().open(path)?.to_thread_local();
    let Some(folder) = repository.workdir().map(Path::to_owned) else { return Ok(None) };
    let mut index = match repository.open_index() {
        Ok(index) => index,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    if index.entries().len() > MANY {
        return Ok(None);
    }
    let committed = repository.index_from_tree(&repository.head_tree_id_or_empty()?)?;
    let mut changed = staged(&committed, &index);
    changed.extend(modified(&index, &folder));
    // The walk takes for tracked only what is marked as seen.
    for entry in index.entries_mut() {
        entry.flags.insert(Flags::UPTODATE);
    }
    let options = repository.dirwalk_options()?.emit_untracked(EmissionMode::CollapseDirectory);
    let mut untracked = Untracked { count: 0 };
    let none: [&BStr; 0] = [];
    repository.dirwalk(&index, none, &AtomicBool::new(false), options, &mut untracked)?;
    Ok(Some(changed.len() + untracked.count))
}

/// What differs between the last commit and what is added.
fn staged(committed: &gix::index::State, index: &gix::index::State) -> BTreeSet<BString> {
    let entries = |state: &gix::index::State| -> BTreeSet<(BString, gix::ObjectId, u32, u32)> {
        let entry = |entry: &gix::index::Entry| {
            (entry.path(state).to_owned(), entry.id, entry.mode.bits(), entry.stage_raw())
        };
        state.entries().iter().map(entry).collect()
    };
    let (before, after) = (entries(committed), entries(index));
    before.symmetric_difference(&after).map(|(path, ..)| path.clone()).collect()
}

/// What differs between what is added and the files.
fn modified<'a>(
    index: &'a gix::index::File,
    folder: &'a Path,
) -> impl Iterator<Item = BString> + 'a {
    let skipped = Flags::SKIP_WORKTREE | Flags::ASSUME_VALID;
    index
        .entries()
        .iter()
        .filter(move |entry| {
            entry.stage() == Stage::Unconflicted
                && !entry.flags.intersects(skipped)
                && !entry.mode.is_submodule()
                && !entry.mode.is_sparse()
        })
        .filter(move |entry| differs(index, entry, folder))
        .map(|entry| entry.path(index).to_owned())
}

fn differs(index: &gix::index::File, entry: &gix::index::Entry, folder: &Path) -> bool {
    let path = folder.join(OsStr::from_bytes(entry.path(index)));
    let Ok(found) = std::fs::symlink_metadata(&path) else { return true };
    let is_link = entry.mode == Mode::SYMLINK;
    if is_link != found.is_symlink() || (!is_link && !found.is_file()) {
        return true;
    }
    let executable = entry.mode == Mode::FILE_EXECUTABLE;
    if !is_link && executable != (found.permissions().mode() & 0o100 != 0) {
        return true;
    }
    let options = gix::index::entry::stat::Options::default();
    let same_time = i64::from(entry.stat.mtime.secs) == found.mtime()
        && i64::from(entry.stat.mtime.nsecs) == found.mtime_nsec();
    let same_size = u64::from(entry.stat.size) == found.size();
    if same_size && same_time && !entry.stat.is_racy(index.timestamp(), options) {
        return false;
    }
    !same_size && entry.stat.size != 0 || found.size() > LONG || !holds(&path, is_link, entry.id)
}

/// Whether a file holds what an object does.
fn holds(path: &Path, is_link: bool, id: gix::ObjectId) -> bool {
    let content = if is_link {
        std::fs::read_link(path).map(|target| target.into_os_string().into_encoded_bytes())
    } else {
        std::fs::read(path)
    };
    content.is_ok_and(|content| {
        gix::objs::compute_hash(id.kind(), gix::objs::Kind::Blob, &content)
            .is_ok_and(|hash| hash == id)
    })
}

struct Untracked {
    count: usize,
}

impl Delegate for Untracked {
    fn emit(
        &mut self,
        entry: gix::dir::EntryRef<'_>,
        _folder: Option<gix::dir::entry::Status>,
    ) -> Action {
        if entry.status == gix::dir::entry::Status::Untracked {
            self.count += 1;
        }
        if self.count < MANY { Action::Continue(()) } else { Action::Break(()) }
    }
}
