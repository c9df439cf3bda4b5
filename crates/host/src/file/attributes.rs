//! Attributes of files: those that are declared are set, those that are not are kept.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use rustix::fs::{Gid, Mode, Uid, XattrFlags};
use rustix::io::Errno;

use crate::place::Stat;

/// Attributes that a new file gets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub owner: Option<u32>,
    /// Group.
    pub group: Option<u32>,
}

/// Permission bits of a status.
pub fn mode_of(stat: &Stat) -> u32 {
    stat.st_mode & 0o7777
}

/// Sets attributes: owner and group first, since changing them takes set-user-id bits away.
pub fn set(file: &File, attributes: Attributes) -> io::Result<()> {
    let now = rustix::fs::fstat(file)?;
    let owner = attributes.owner.filter(|uid| *uid != now.st_uid);
    let group = attributes.group.filter(|gid| *gid != now.st_gid);
    if owner.is_some() || group.is_some() {
        rustix::fs::fchown(file, owner.map(Uid::from_raw), group.map(Gid::from_raw))?;
    }
    Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(attributes.mode))?)
}

/// The most bytes that names and values of extended attributes have (xattr(7)).
const MOST_BYTES: usize = 64 * 1024;

/// Gives `to` the extended attributes of `from`: ACLs, security labels and users' own. Labels that
/// only the system may set are left to the system.
pub fn copy_extended(from: &File, to: &File) -> io::Result<()> {
    let mut names = vec![0; MOST_BYTES];
    let length = match rustix::fs::flistxattr(from, names.as_mut_slice()) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    names.truncate(length);
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        copy_one(from.as_fd(), to.as_fd(), name)?;
    }
    Ok(())
}

fn copy_one(from: impl AsFd, to: impl AsFd, name: &[u8]) -> io::Result<()> {
    let mut value = vec![0; MOST_BYTES];
    let length = rustix::fs::fgetxattr(from, name, value.as_mut_slice())?;
    value.truncate(length);
    match rustix::fs::fsetxattr(to, name, &value, XattrFlags::empty()) {
        Err(Errno::PERM | Errno::ACCESS | Errno::NOTSUP)
            if name.starts_with(b"security.") || name.starts_with(b"trusted.") =>
        {
            Ok(())
        }
        set => Ok(set?),
    }
}
