//! The state folder itself: where its files are, who holds it, and its key.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::rand::{GetRandomFlags, getrandom};
use trueup_model::InstallationKey;

use crate::StoreError;

/// The files of a state folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) root: PathBuf,
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("state.db")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("records.log")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.root.join("installation.key")
    }

    fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Makes the folder, for its owner only.
    pub(crate) fn create(&self) -> Result<(), StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.root)
            .map_err(|source| StoreError::io(&self.root, "made", source))
    }

    /// Makes what was created or renamed in the folder durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        File::open(&self.root)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| StoreError::io(&self.root, "synced", source))
    }

    /// Takes the folder for this process. The kernel gives it back when the process ends, however
    /// it ends.
    pub(crate) fn hold(&self) -> Result<Held, StoreError> {
        let path = self.lock();
        let failed = |source| StoreError::io(&path, "written", source);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(StoreError::InUse {
                    folder: self.root.clone(),
                    pid: read_pid(&mut file),
                });
            }
            Err(errno) => return Err(failed(errno.into())),
        }
        let pid = format!("{}\n", std::process::id());
        // A full disk must not keep a controller from starting: the number is a courtesy.
        let _ = file.set_len(0).and_then(|()| file.write_all(pid.as_bytes()));
        Ok(Held { _file: file })
    }

    /// The key, if its file is there.
    pub(crate) fn read_key(&self) -> Result<Option<InstallationKey>, StoreError> {
        let path = self.key();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::io(&path, "read", source)),
        };
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes)
            .map_err(|_| StoreError::KeyDamaged { path })?;
        Ok(Some(InstallationKey::from_bytes(bytes)))
    }

    /// Writes a key where none is.
    pub(crate) fn write_key(&self, key: &InstallationKey) -> Result<(), StoreError> {
        let path = self.key();
        let failed = |source| StoreError::io(&path, "written", source);
        let draft = self.root.join("installation.key.new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .map_err(failed)?;
        let text = format!("{}\n", hex::encode(key.expose()));
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        std::fs::rename(&draft, &path).map_err(failed)?;
        self.sync()
    }
}

/// A folder that this process holds.
#[derive(Debug)]
pub(crate) struct Held {
    _file: File,
}

fn read_pid(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.rewind().and_then(|()| file.take(32).read_to_string(&mut text));
    let pid = text.trim();
    if pid.is_empty() { "?".to_owned() } else { pid.to_owned() }
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match getrandom(rest, GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(StoreError::io("/dev/urandom", "read", errno.into())),
        }
    }
    Ok(bytes)
}
