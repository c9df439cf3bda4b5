//! Originals: what stood at an adopted path, kept until the resource goes.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::error::{Doing, HostError};
use crate::file::attributes::{self, Attributes};
use crate::place::{Folder, make_private_folder};

/// Keeps what stands at `name` under a name among the originals, which is the answer.
pub fn keep(folder: &Folder, name: &str, originals: &Path) -> Result<String, HostError> {
    let path = folder.path.join(name);
    let kept = trueup_model::Digest::of(path.as_os_str().as_encoded_bytes()).hex();
    let doing = || format!("keep what stands at {}", path.display());
    make_private_folder(originals).doing(doing)?;
    let target = Folder::open_root(originals).doing(doing)?;
    let temporary = format!("{kept}.new");
    target.remove(&temporary).doing(doing)?;
    copy(folder, name, &target, &temporary).doing(doing)?;
    target.rename(&temporary, &target, &kept).doing(doing)?;
    target.sync().doing(doing)?;
    Ok(kept)
}

/// Puts an original back to where it stood, and forgets it.
pub fn put_back(
    originals: &Path,
    kept: &str,
    folder: &Folder,
    name: &str,
) -> Result<(), HostError> {
    let path = folder.path.join(name);
    let doing = || format!("put back what stood at {}", path.display());
    let source = Folder::open_root(originals).doing(doing)?;
    let temporary = super::write::temporary_name(name);
    folder.remove(&temporary).doing(doing)?;
    copy(&source, kept, folder, &temporary).doing(doing)?;
    folder.rename(&temporary, folder, name).doing(doing)?;
    folder.sync().doing(doing)
}

fn copy(from: &Folder, name: &str, to: &Folder, new: &str) -> io::Result<()> {
    let mut source: File = from.open(name)?;
    let stat = rustix::fs::fstat(&source)?;
    let mut target = to.create(new)?;
    io::copy(&mut source, &mut target)?;
    attributes::copy_extended(&source, &target)?;
    let kept = Attributes {
        mode: attributes::mode_of(&stat),
        owner: Some(stat.st_uid),
        group: Some(stat.st_gid),
    };
    attributes::set(&target, kept)?;
    target.sync_all()
}
