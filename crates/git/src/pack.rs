//! Writing objects as a pack. What is stored as a difference stays one; nothing is compressed anew.

use std::io::Write;
use std::sync::atomic::AtomicBool;

use gix::ObjectId;
use gix::progress::Discard;
use gix_pack::data::Version;
use gix_pack::data::output::count::objects::ObjectExpansion;
use gix_pack::data::output::count::objects_unthreaded;
use gix_pack::data::output::{bytes, entry};

/// These objects of a repository, and no others, as a pack in memory.
pub(crate) fn of(repository: &gix::Repository, ids: &[ObjectId]) -> gix::Result<Vec<u8>> {
    write(repository, ids.iter().copied(), Vec::new())
}

/// Writes these objects of a repository, and no others.
pub(crate) fn write<W: Write>(
    repository: &gix::Repository,
    ids: impl IntoIterator<Item = ObjectId, IntoIter: Send>,
    out: W,
) -> gix::Result<W> {
    let kind = repository.object_hash();
    let mut objects = gix::odb::at(repository.objects.store_ref().path(), kind)
        .map_err(gix::Error::from_error)?
        .into_inner();
    objects.prevent_pack_unload();
    let (counts, _) = objects_unthreaded(
        &objects,
        &mut ids.into_iter().map(Ok),
        &Discard,
        &AtomicBool::new(false),
        ObjectExpansion::AsIs,
    )?;
    let count = u32::try_from(counts.len()).map_err(gix::Error::from_error)?;
    // One thread: this is done beside everything else.
    let options = entry::iter_from_counts::Options {
        thread_limit: Some(1),
        ..entry::iter_from_counts::Options::default()
    };
    let entries = entry::iter_from_counts(counts, objects, Box::new(Discard), options)?;
    let entries = gix::parallel::InOrderIter::from(entries);
    let mut bytes = bytes::FromEntriesIter::new(entries, out, count, Version::V2, kind);
    for written in bytes.by_ref() {
        written?;
    }
    Ok(bytes.into_write())
}
