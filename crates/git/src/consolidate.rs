//! Keeping a mirror small: each fetch adds a pack, and once there are many they are put together
//! into one.
//!
//! Every object stays, whether a ref leads to it or not: a record may name a commit that its branch
//! has left. What is stored once stays as it is, deltas included; it is not compressed anew.
//!
//! Trees that are open meanwhile read on: a reader that misses a pack it knew of looks again what
//! there is.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use gix::progress::Discard;
use gix::{ObjectId, hash};

use crate::GitError;
use crate::commit::Opened;
use crate::error::text;
use crate::pack;

/// So many packs are few.
const FEW: usize = 16;

/// Puts the packs of a mirror together once there are many.
pub(crate) fn if_wanted(opened: Opened<'_>) -> Result<(), GitError> {
    let folder = opened.repository.objects.store_ref().path().join("pack");
    let failed =
        |why: String| GitError::Failed { repo: opened.name.to_owned(), what: "consolidated", why };
    let packs = packs(&folder).map_err(|error| failed(error.to_string()))?;
    if packs.len() <= FEW {
        return Ok(());
    }
    let whole = write(opened.repository, &folder, &packs).map_err(|error| failed(text(&error)))?;
    for pack in packs.iter().filter(|pack| **pack != whole) {
        // The index first: a pack without one is no pack.
        for suffix in ["idx", "pack", "rev", "keep"] {
            let file = pack.with_extension(suffix);
            if file.exists() {
                std::fs::remove_file(&file).map_err(|error| failed(error.to_string()))?;
            }
        }
    }
    Ok(())
}

/// The indices of all packs.
fn packs(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut packs = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|suffix| suffix == "idx") {
            packs.push(path);
        }
    }
    Ok(packs)
}

/// Writes everything that is in the packs into one, and answers its index.
fn write(repository: &gix::Repository, folder: &Path, packs: &[PathBuf]) -> gix::Result<PathBuf> {
    let kind = repository.object_hash();
    // Whoever was killed here left one behind; the mirror is locked, so nobody is using it.
    let draft = folder.join("consolidating");
    let out = BufWriter::new(File::create(&draft).map_err(gix::Error::from_error)?);
    let mut out = pack::write(repository, ids(packs, kind)?, out)?;
    out.flush().map_err(gix::Error::from_error)?;
    let whole = index(&draft, folder, kind, &AtomicBool::new(false))?;
    std::fs::remove_file(&draft).map_err(gix::Error::from_error)?;
    Ok(whole)
}

/// The ids of all objects in the packs.
fn ids(packs: &[PathBuf], kind: hash::Kind) -> gix::Result<BTreeSet<ObjectId>> {
    let mut ids = BTreeSet::new();
    for pack in packs {
        let index = gix_pack::index::File::at(pack, kind)?;
        ids.extend(index.iter().map(|entry| entry.oid));
    }
    Ok(ids)
}

/// Gives a pack its index and its place.
fn index(
    draft: &Path,
    folder: &Path,
    kind: hash::Kind,
    never: &AtomicBool,
) -> gix::Result<PathBuf> {
    let pack = File::open(draft).map_err(gix::Error::from_error)?;
    let options = gix_pack::bundle::write::Options {
        thread_limit: Some(1),
        ..gix_pack::bundle::write::Options::default()
    };
    let no_bases = None::<gix::objs::find::Never>;
    let outcome = gix_pack::Bundle::write_to_directory(
        &mut BufReader::new(pack),
        Some(folder),
        &mut Discard,
        never,
        no_bases,
        kind,
        options,
    )?;
    if let Some(keep) = outcome.keep_path {
        std::fs::remove_file(keep).map_err(gix::Error::from_error)?;
    }
    outcome
        .index_path
        .ok_or_else(|| gix::Error::from_error(std::io::Error::other("the pack has no index")))
}
