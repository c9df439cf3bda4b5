//! Releases: immutable folders, named by the digest of their content.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use trueup_model::tree::{self, EntryKind};
use trueup_model::{Digest, Payload};

use crate::app::App;
use crate::book::Signature;
use crate::error::{Doing, HostError};
use crate::place::{Folder, make_private_folder, write_durably};

/// Folders in folders: so many at most. What is deeper is a mistake, or meant to do harm.
const MOST_DEPTH: usize = 64;

/// What a release is made of, and how each file looked right after it was written.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Manifest {
    files: Vec<(String, Signature)>,
}

/// The releases of one `Directory`.
pub struct Releases {
    folder: PathBuf,
    shared: PathBuf,
}

impl Releases {
    /// Of the `Directory` of this name.
    pub fn of(app: &App, name: &str) -> Self {
        Self { folder: app.layout.releases(name), shared: app.layout.shared(name) }
    }

    /// Where the release of this digest lies.
    pub fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.hex())
    }

    /// Where their shared paths lie.
    pub fn shared(&self) -> &Path {
        &self.shared
    }

    /// The digest of the release that a link leads to, if it is one of these.
    pub fn digest_of(&self, link: &Path) -> Option<Digest> {
        let name = link.strip_prefix(&self.folder).ok()?.to_str()?;
        Digest::parse(name)
    }

    fn manifest_path(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{}.json", digest.hex()))
    }

    /// Files of a release that are not as they were written; all of it where it is not there.
    pub fn changed(&self, digest: Digest) -> Vec<String> {
        let manifest = fs::read(self.manifest_path(digest))
            .ok()
            .and_then(|text| serde_json::from_slice::<Manifest>(&text).ok());
        let Some(manifest) = manifest else { return vec![".".to_owned()] };
        let Ok(folder) = Folder::open_root(&self.path(digest)) else { return vec![".".to_owned()] };
        let same = |path: &str, signature: &Signature| {
            let stat = folder.stat(path).ok().flatten();
            stat.is_some_and(|stat| signature.same(&Signature::of(&folder, &stat)))
        };
        let changed = manifest.files.into_iter().filter(|(path, signature)| !same(path, signature));
        changed.map(|(path, _)| path).collect()
    }

    /// The folders of a release, itself first; links in it are not followed.
    pub fn folders(&self, digest: Digest) -> Vec<PathBuf> {
        let mut folders = vec![self.path(digest)];
        let mut at = 0;
        while let Some(folder) = folders.get(at) {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let inner = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            let inner: Vec<PathBuf> = inner.map(|entry| entry.path()).collect();
            folders.extend(inner);
            at += 1;
        }
        folders
    }

    /// Makes the release, or puts it right where it was changed by hand.
    pub fn make(
        &self,
        digest: Digest,
        payload: Option<&Payload>,
        keep_paths: &[String],
    ) -> Result<PathBuf, HostError> {
        let path = self.path(digest);
        let whole = self.changed(digest).is_empty();
        if !whole {
            let payload = payload.ok_or_else(|| {
                HostError::Failed(format!(
                    "the release {} is not on this machine (any more), and its content is not at \
                     hand: apply a commit that has it",
                    digest.short()
                ))
            })?;
            self.write(digest, payload, keep_paths)?;
        }
        self.link_shared(&path, keep_paths)?;
        Ok(path)
    }

    fn write(
        &self,
        digest: Digest,
        payload: &Payload,
        keep_paths: &[String],
    ) -> Result<(), HostError> {
        let path = self.path(digest);
        let doing = || format!("write the release {}", path.display());
        make_private_folder(&self.folder).doing(doing)?;
        open_to_all(&self.folder).doing(doing)?;
        // One that stands is mended where it stands: processes run in it.
        let exists = path.symlink_metadata().is_ok();
        let target = if exists { path.clone() } else { self.folder.join(".new") };
        if !exists {
            remove_tree(&target).doing(doing)?;
        }
        let files = write_tree(payload, &target, keep_paths)?;
        if !exists {
            fs::rename(&target, &path).doing(doing)?;
        }
        let folder = Folder::open_root(&path).doing(doing)?;
        let mut manifest = Manifest::default();
        for file in files {
            if let Some(stat) = folder.stat(&file)? {
                manifest.files.push((file, Signature::of(&folder, &stat)));
            }
        }
        let text = serde_json::to_vec(&manifest).expect("a manifest is plain JSON");
        write_durably(&self.manifest_path(digest), &text).doing(doing)
    }

    /// Puts links to the shared paths into a release.
    fn link_shared(&self, release: &Path, keep_paths: &[String]) -> Result<(), HostError> {
        for keep in keep_paths {
            let (inside, shared) = (release.join(keep), self.shared.join(keep));
            let doing = || format!("share {} between releases", inside.display());
            if fs::read_link(&inside).is_ok_and(|target| target == shared) {
                continue;
            }
            if shared.symlink_metadata().is_err() {
                for folder in [shared.parent(), Some(shared.as_path())].into_iter().flatten() {
                    fs::create_dir_all(folder).doing(doing)?;
                }
            }
            if let Some(folder) = inside.parent() {
                fs::create_dir_all(folder).doing(doing)?;
            }
            match inside.symlink_metadata() {
                Err(_) => {}
                Ok(found) if found.is_dir() => move_content(&inside, &shared).doing(doing)?,
                Ok(_) => {
                    fs::remove_dir(&shared).doing(doing)?;
                    fs::rename(&inside, &shared).doing(doing)?;
                }
            }
            symlink(&shared, &inside).doing(doing)?;
        }
        Ok(())
    }
}

/// What the repository has at a shared path is only the beginning: it goes where nothing stands yet.
fn move_content(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if target.symlink_metadata().is_err() {
            fs::rename(entry.path(), target)?;
        }
    }
    remove_tree(from)
}

/// A shared path must stand in the folder.
pub fn check_keep_path(path: &str) -> Result<(), HostError> {
    match tree::join("", path) {
        Some(clean) if clean == path && !clean.is_empty() => Ok(()),
        _ => Err(HostError::Refused(format!(
            "keepPaths: `{path}` is not a path in the folder; write it without `..`, `.` or a \
             leading slash"
        ))),
    }
}

/// So many files are written at once: each waits for the disk.
const AT_ONCE: usize = 8;

/// Writes the files of a tree, each synced, and answers their paths. What stands under a shared path
/// is written but not listed: it is not the release's to keep.
fn write_tree(
    payload: &Payload,
    target: &Path,
    keep_paths: &[String],
) -> Result<Vec<String>, HostError> {
    let (folders, files) = walk(payload, target, keep_paths)?;
    for folder in &folders {
        make_folder(&target.join(folder))?;
    }
    let next = AtomicUsize::new(0);
    let first_error = Mutex::new(Ok(()));
    let work = || {
        while let Some((path, kind)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = write_entry(payload, target, path, *kind) {
                next.store(files.len(), Ordering::Relaxed);
                *first_error.lock().unwrap_or_else(PoisonError::into_inner) = Err(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(files.len()) {
            scope.spawn(work);
        }
        work();
    });
    first_error.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    for folder in &folders {
        sync(&target.join(folder))?;
    }
    let shared = |path: &str| keep_paths.iter().any(|keep| is_below(path, keep));
    Ok(files.into_iter().map(|(path, _)| path).filter(|path| !shared(path)).collect())
}

type Folders = Vec<String>;
type Files = Vec<(String, EntryKind)>;

/// All folders and files of a tree, but what stands at a shared path of the target already.
fn walk(
    payload: &Payload,
    target: &Path,
    keep_paths: &[String],
) -> Result<(Folders, Files), HostError> {
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    let mut open = vec![(String::new(), 0)];
    while let Some((relative, depth)) = open.pop() {
        if depth > MOST_DEPTH {
            return Err(HostError::Refused(format!(
                "{relative} is more than {MOST_DEPTH} folders deep"
            )));
        }
        let entries = payload.tree.list(&join(&payload.path, &relative));
        for (name, entry) in entries.map_err(|error| HostError::Failed(error.to_string()))? {
            let path = join(&relative, &name);
            check_name(&path, &name)?;
            let shared = keep_paths.iter().any(|keep| is_below(&path, keep));
            if shared && target.join(&path).symlink_metadata().is_ok() {
                continue;
            }
            match entry.kind {
                EntryKind::Directory => open.push((path, depth + 1)),
                kind => files.push((path, kind)),
            }
        }
        folders.push(relative);
    }
    Ok((folders, files))
}

fn write_entry(
    payload: &Payload,
    target: &Path,
    path: &str,
    kind: EntryKind,
) -> Result<(), HostError> {
    let at = target.join(path);
    let doing = || format!("write {}", at.display());
    let content = payload
        .tree
        .read(&join(&payload.path, path))
        .map_err(|error| HostError::Failed(error.to_string()))?;
    match kind {
        EntryKind::File { executable } => {
            if is_same(&at, &content, executable) {
                return Ok(());
            }
            let temporary = at.with_file_name(crate::file::temporary_name(tree::file_name(path)));
            let mut file = File::create(&temporary).doing(doing)?;
            let mode = if executable { 0o755 } else { 0o644 };
            file.write_all(&content).doing(doing)?;
            file.set_permissions(Permissions::from_mode(mode)).doing(doing)?;
            file.sync_all().doing(doing)?;
            fs::rename(&temporary, &at).doing(doing)
        }
        EntryKind::Symlink => {
            let to = String::from_utf8_lossy(&content).into_owned();
            if to.starts_with('/') || tree::join(tree::parent(path), &to).is_none() {
                return Err(HostError::Refused(format!(
                    "the symbolic link {path} leads out of the folder, to {to}: a release must \
                     stand by itself"
                )));
            }
            let _ = fs::remove_file(&at);
            symlink(&to, &at).doing(doing)
        }
        EntryKind::Submodule => Err(HostError::Refused(format!(
            "{path} is a Git submodule, which is not supported: put its files into the repository"
        ))),
        EntryKind::Directory => Ok(()),
    }
}

fn is_same(path: &Path, content: &[u8], executable: bool) -> bool {
    let mode = if executable { 0o755 } else { 0o644 };
    path.symlink_metadata().is_ok_and(|found| {
        found.is_file()
            && found.permissions().mode() & 0o7777 == mode
            && found.len() == content.len() as u64
    }) && fs::read(path).is_ok_and(|found| found == content)
}

fn make_folder(path: &Path) -> Result<(), HostError> {
    let doing = || format!("make the folder {}", path.display());
    if path.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
        fs::remove_file(path).doing(doing)?;
    }
    fs::create_dir_all(path).doing(doing)?;
    fs::set_permissions(path, Permissions::from_mode(0o755)).doing(doing)
}

/// Files of a release may be read by the users that processes run as.
fn open_to_all(releases: &Path) -> io::Result<()> {
    let folders = releases.ancestors().take(4);
    for folder in folders {
        fs::set_permissions(folder, Permissions::from_mode(0o711))?;
    }
    Ok(())
}

fn sync(folder: &Path) -> Result<(), HostError> {
    let opened = Folder::open_root(folder).and_then(|folder| folder.sync());
    opened.doing(|| format!("make {} durable", folder.display()))
}

/// Names come from a repository: one must not lead anywhere.
fn check_name(path: &str, name: &str) -> Result<(), HostError> {
    if name.is_empty() || matches!(name, "." | "..") || name.contains(['/', '\0']) {
        return Err(HostError::Refused(format!("{path:?} is not a name that a file can have")));
    }
    Ok(())
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn join(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, name) => format!("{folder}/{name}"),
    }
}

/// Removes a folder with all that is in it; that there is none is fine. Links in it are removed, not
/// followed.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes releases of the `Directory` of this name that are neither among `kept` nor run from.
/// Answers how many.
pub fn remove_old(app: &App, name: &str, kept: &[Digest]) -> io::Result<usize> {
    let releases = Releases::of(app, name);
    let kept: BTreeSet<String> = kept.iter().map(Digest::hex).collect();
    let used = crate::process::folders_in_use(app);
    let mut removed = 0;
    for entry in fs::read_dir(&releases.folder)? {
        let path = entry?.path();
        let Some(digest) = releases.digest_of(&path) else { continue };
        if kept.contains(&digest.hex()) || used.iter().any(|folder| folder.starts_with(&path)) {
            continue;
        }
        remove_tree(&releases.manifest_path(digest))?;
        remove_tree(&path)?;
        removed += 1;
    }
    Ok(removed)
}
