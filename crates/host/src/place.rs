//! Where a resource may stand, and folders that are reached without following a symbolic link.
//!
//! A repository may name any path; which ones may be written is the machine's own policy. A path is
//! checked twice: its text against the allowed roots, and, when it is used, each folder on the way
//! is opened from the one before without following links. Whoever can make links below a root can
//! therefore not lead a write out of it, not even by being quick: the folder that was checked is
//! the folder that is held open. This is what `openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)` does;
//! walking works on every kernel and lets missing folders be made on the way.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, StatxFlags};
use rustix::io::Errno;
use trueup_model::AppName;

use crate::error::{Doing, HostError};
use crate::layout::Layout;

/// Which paths may be used.
#[derive(Clone, Debug)]
pub struct Policy {
    layout: Layout,
    roots: Vec<PathBuf>,
    home: Option<PathBuf>,
}

/// A path that may be used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    root: PathBuf,
    /// From the root, at least one part.
    parts: Vec<String>,
}

impl Policy {
    /// Paths below the apps' own folders and below `roots`. Links in the roots themselves are the
    /// machine's own choice and are followed, each time anew.
    pub fn new(layout: Layout, roots: Vec<PathBuf>) -> Self {
        let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        Self { layout, roots, home }
    }

    /// The place that `text` means in a document of this app.
    pub fn place(&self, app: &AppName, text: &str) -> Result<Place, HostError> {
        let path = self.absolute(app, text)?;
        let own = self.layout.app(app).own;
        let root = self.root_of(&own, &path).ok_or_else(|| self.outside(&path))?;
        let rest = path.strip_prefix(&root).unwrap_or(Path::new(""));
        let parts: Vec<String> =
            rest.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if parts.is_empty() {
            return Err(HostError::Refused(format!(
                "{} is a folder that files may stand in, not one that may be replaced; \
                 name a path below it",
                path.display()
            )));
        }
        Ok(Place { root, parts })
    }

    /// `text` as an absolute path without `.` and `..`; relative ones are below the app's folder.
    pub fn absolute(&self, app: &AppName, text: &str) -> Result<PathBuf, HostError> {
        if text.is_empty() || text.contains('\0') {
            return Err(HostError::Refused("a path must not be empty or hold NUL".to_owned()));
        }
        let path = match (text.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            (Some(_), None) => {
                return Err(HostError::Refused(format!(
                    "{text} needs the home folder, and HOME is not set; write the whole path"
                )));
            }
            (None, _) => self.layout.app(app).own.join(text),
        };
        let mut clean = PathBuf::new();
        for component in path.components() {
            match component {
                Component::ParentDir => {
                    return Err(HostError::Refused(format!(
                        "{text} goes up with `..`; write the path without it"
                    )));
                }
                Component::CurDir => {}
                other => clean.push(other),
            }
        }
        Ok(clean)
    }

    /// The longest root that holds the path. The state folder is open to nobody but for the app's
    /// own part of it, whatever the roots say.
    fn root_of(&self, own: &Path, path: &Path) -> Option<PathBuf> {
        if path.starts_with(own) {
            return Some(own.to_owned());
        }
        if path.starts_with(self.layout.state()) {
            return None;
        }
        let holding = self.roots.iter().filter(|root| path.starts_with(root));
        holding.max_by_key(|root| root.as_os_str().len()).cloned()
    }

    fn outside(&self, path: &Path) -> HostError {
        let roots: Vec<String> = self.roots.iter().map(|root| root.display().to_string()).collect();
        let allowed = match roots.is_empty() {
            true => "only the app's own folder is".to_owned(),
            false => format!("the app's own folder and {} are", roots.join(", ")),
        };
        HostError::Refused(format!(
            "{} is not below a folder that this machine's configuration allows ({allowed}); write a \
             relative path, or let the machine's owner add a root to trueup.yaml",
            path.display()
        ))
    }
}

impl Place {
    /// The whole path.
    pub fn path(&self) -> PathBuf {
        self.parts.iter().fold(self.root.clone(), |path, part| path.join(part))
    }

    /// The path of the folder it stands in.
    pub fn folder_path(&self) -> PathBuf {
        self.folder_parts().iter().fold(self.root.clone(), |path, part| path.join(part))
    }

    /// Its name in that folder.
    pub fn name(&self) -> &str {
        self.parts.last().map_or("", String::as_str)
    }

    /// Opens the folder it stands in; `None` if there is none.
    pub fn folder(&self) -> Result<Option<Folder>, HostError> {
        let mut folder = match Folder::open_root(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            root => root.doing(|| format!("open {}", self.root.display()))?,
        };
        for part in self.folder_parts() {
            match folder.enter(part)? {
                Some(next) => folder = next,
                None => return Ok(None),
            }
        }
        Ok(Some(folder))
    }

    /// Opens the folder it stands in and makes what is missing of it. The second part of the answer
    /// are the folders that were made, the outermost first.
    pub fn make_folder(&self) -> Result<(Folder, Vec<PathBuf>), HostError> {
        let mut made = Vec::new();
        let opened = Folder::open_root(&self.root);
        let mut folder = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(&self.root)
                    .doing(|| format!("make the folder {}", self.root.display()))?;
                Folder::open_root(&self.root)
            }
            opened => opened,
        }
        .doing(|| format!("open {}", self.root.display()))?;
        for part in self.folder_parts() {
            folder = match folder.enter(part)? {
                Some(next) => next,
                None => {
                    let path = folder.path.join(part);
                    folder.make(part).doing(|| format!("make the folder {}", path.display()))?;
                    made.push(path.clone());
                    folder.enter(part)?.ok_or_else(|| {
                        HostError::Failed(format!("{} went away again", path.display()))
                    })?
                }
            };
        }
        Ok((folder, made))
    }

    fn folder_parts(&self) -> &[String] {
        self.parts.split_last().map_or(&[], |(_, folder)| folder)
    }
}

/// What is known of something in a folder.
pub type Stat = rustix::fs::Stat;

/// A folder held open.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    stamps_finely: bool,
    /// Its path, for messages and for programs that are told a path.
    pub path: PathBuf,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Folder {
    /// Opens a folder whose path may hold links.
    pub fn open_root(path: &Path) -> io::Result<Self> {
        let fd = rustix::fs::open(path, FOLDER, Mode::empty())?;
        Ok(Self { stamps_finely: stamps_finely(&fd), fd, path: path.to_owned() })
    }

    /// Opens a folder in this one; `None` if there is nothing of this name. A link is refused.
    pub fn enter(&self, name: &str) -> Result<Option<Self>, HostError> {
        let path = self.path.join(name);
        match rustix::fs::openat(&self.fd, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { stamps_finely: stamps_finely(&fd), fd, path })),
            Err(Errno::NOENT) => Ok(None),
            Err(error @ (Errno::NOTDIR | Errno::LOOP)) => Err(match self.link(name) {
                Ok(Some(target)) => HostError::Refused(format!(
                    "{} is a symbolic link to {target}: what stands behind it is not written to; \
                     write the path without the link",
                    path.display()
                )),
                _ if error == Errno::NOTDIR => HostError::Refused(format!(
                    "{} is a file, and a folder is needed there",
                    path.display()
                )),
                _ => HostError::io(format!("open {}", path.display()), error),
            }),
            Err(error) => Err(HostError::io(format!("open {}", path.display()), error)),
        }
    }

    /// Whether each change of a file in it is sure to have a time of its own.
    pub fn stamps_finely(&self) -> bool {
        self.stamps_finely
    }

    fn make(&self, name: &str) -> io::Result<()> {
        match rustix::fs::mkdirat(&self.fd, name, Mode::from(0o755)) {
            Err(error) if error != Errno::EXIST => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// What stands at `name`; a link is not followed.
    pub fn stat(&self, name: &str) -> Result<Option<Stat>, HostError> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => {
                Err(HostError::io(format!("look at {}", self.path.join(name).display()), error))
            }
        }
    }

    /// Whether a mount stands at `name`. Kernels before 5.8 do not tell, and say no.
    pub fn is_mount_point(&self, name: &str) -> bool {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::statx(&self.fd, name, flags, StatxFlags::empty()).is_ok_and(|stat| {
            stat.stx_attributes_mask
                .intersection(stat.stx_attributes)
                .contains(rustix::fs::StatxAttributes::MOUNT_ROOT)
        })
    }

    /// Where the link `name` leads; `None` if it is not a link, or there is nothing.
    pub fn link(&self, name: &str) -> io::Result<Option<String>> {
        match rustix::fs::readlinkat(&self.fd, name, Vec::new()) {
            Ok(target) => Ok(Some(target.to_string_lossy().into_owned())),
            Err(Errno::INVAL | Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file for reading; a link is not followed, and a pipe or device does not block.
    pub fn open(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.fd, name, flags, Mode::empty())?.into())
    }

    /// Makes a file that nobody but its owner can read; there must be none.
    pub fn create(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.fd, name, flags, Mode::from(0o600))?.into())
    }

    /// Makes a link.
    pub fn symlink(&self, target: &Path, name: &str) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.fd, name)?)
    }

    /// Puts `from` of this folder in the place of `to` of the other.
    pub fn rename(&self, from: &str, other: &Self, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.fd, from, &other.fd, to)?)
    }

    /// Renames in this folder, only if nothing has the new name.
    pub fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        let new = RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(&self.fd, from, &self.fd, to, new) {
            // Not every file system can; a second name says the same.
            Err(Errno::INVAL | Errno::NOSYS) => {
                rustix::fs::linkat(&self.fd, from, &self.fd, to, AtFlags::empty())?;
                self.remove(from)
            }
            renamed => Ok(renamed?),
        }
    }

    /// Removes an empty folder.
    pub fn remove_folder(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR)?)
    }

    /// Removes a file or link; that there is none is fine.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Err(error) if error != Errno::NOENT => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The open descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Makes what was created, renamed and removed in it durable.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.fd)?)
    }
}

/// Linux from 6.13 on gives a file that was looked at a new time at its next change, on these file
/// systems ("multigrain timestamps"). Others stamp with the kernel's tick, or a server's.
fn stamps_finely(folder: &OwnedFd) -> bool {
    const EXT4: u64 = 0xEF53;
    const XFS: u64 = 0x5846_5342;
    const BTRFS: u64 = 0x9123_683E;
    const TMPFS: u64 = 0x0102_1994;
    static KERNEL: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        let name = rustix::system::uname();
        let release = name.release().to_string_lossy();
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
        matches!((numbers.next(), numbers.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (6, 13))
    });
    *KERNEL
        && rustix::fs::fstatfs(folder).is_ok_and(|found| {
            let kind = u64::try_from(found.f_type).unwrap_or_default();
            [EXT4, XFS, BTRFS, TMPFS].contains(&kind)
        })
}

/// Writes one of our own files so that after a crash either the old or the new content is there.
/// Its folder is made if it is missing; nobody else can read either.
pub fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    make_private_folder(folder)?;
    let mut name = path.file_name().map_or_else(Default::default, OsStr::to_owned);
    name.push(".new");
    let folder = Folder::open_root(folder)?;
    let name = name.to_string_lossy();
    folder.remove(&name)?;
    let mut file = folder.create(&name)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(folder.path.join(&*name), path)?;
    folder.sync()
}

/// Makes a folder, and those it stands in, that nobody else can look into.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(state: &Path, roots: &[&Path]) -> Policy {
        let roots = roots.iter().map(|root| root.to_path_buf()).collect();
        Policy::new(Layout::new(state.to_owned()), roots)
    }

    fn app() -> AppName {
        AppName::new("shop").unwrap()
    }

    #[test]
    fn only_allowed_places_may_be_used() {
        let policy = policy(Path::new("/state"), &[Path::new("/srv"), Path::new("/")]);
        let place = |text: &str| policy.place(&app(), text).map(|place| place.path());
        assert_eq!(place("a/b").unwrap(), Path::new("/state/apps/shop/a/b"));
        assert_eq!(place("/srv/x").unwrap(), Path::new("/srv/x"));
        for refused in ["/state/host/shop/book", "/state/apps/other/x", "../x", "", "/srv", "."] {
            assert!(place(refused).is_err(), "{refused}");
        }
        let strict = self::policy(Path::new("/state"), &[]);
        let error = strict.place(&app(), "/etc/passwd").unwrap_err().sentence();
        assert!(error.contains("/etc/passwd") && error.contains("root"), "{error}");
    }

    #[test]
    fn links_on_the_way_are_refused() {
        let state = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let policy = policy(state.path(), &[]);
        let own = state.path().join("apps/shop");
        std::fs::create_dir_all(&own).unwrap();
        std::os::unix::fs::symlink(outside.path(), own.join("link")).unwrap();
        let place = policy.place(&app(), "link/file").unwrap();
        assert!(place.make_folder().unwrap_err().sentence().contains("symbolic link"));
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn missing_folders_are_made() {
        let state = tempfile::tempdir().unwrap();
        let place = policy(state.path(), &[]).place(&app(), "a/b/c").unwrap();
        assert!(place.folder().unwrap().is_none());
        let (folder, made) = place.make_folder().unwrap();
        assert_eq!(folder.path, place.folder_path());
        assert_eq!(made.len(), 2);
        assert!(place.folder().unwrap().is_some());
    }
}
