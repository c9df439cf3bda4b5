//! Releasing a folder and switching its link; removing it.

use std::path::Path;

use rustix::fs::FileType;
use trueup_model::{Action, Precondition, Verb};

use super::Wanted;
use super::release::{Releases, remove_old};
use crate::app::App;
use crate::book::{Entry, Signature};
use crate::error::{Doing, HostError};
use crate::fault::FaultPoint;
use crate::outcome::Outcome;
use crate::place::{Folder, make_private_folder};

/// Carries out an action on a folder.
pub fn apply(app: &App, action: &Action) -> Result<Outcome, HostError> {
    match (&action.content, action.verb) {
        (None, _) | (_, Verb::Delete) => delete(app, action),
        (Some(resource), _) => release(app, action, &Wanted::of(app, resource)?),
    }
}

fn release(app: &App, action: &Action, wanted: &Wanted<'_>) -> Result<Outcome, HostError> {
    let path = wanted.place.path();
    let before = app.entry_at(&action.id, &path);
    let (folder, made) = wanted.place.make_folder()?;
    let name = wanted.place.name();
    check(action, &folder, name, before.as_ref())?;
    let mut entry = intended(action, wanted, before.as_ref(), &path);
    entry.made_folders.extend(made);
    let foreign = foreign(app, wanted, &folder, name, before.as_ref())?;
    if foreign {
        entry.original = trueup_model::Digest::of(path.as_os_str().as_encoded_bytes()).hex();
        entry.adopted = true;
    }
    app.note(vec![(action.id.clone(), Some(entry.clone()))])?;
    app.fault(FaultPoint::Intended);
    let releases = Releases::of(app, &action.id.name);
    let payload = wanted.resource.payload.as_ref();
    let target = releases.make(wanted.digest, payload, &wanted.spec.keep_paths)?;
    app.fault(FaultPoint::Released);
    if foreign {
        set_aside(&folder, name, &app.layout.originals(), &entry.original)?;
    }
    let signature = switch(&folder, name, &target)?;
    app.fault(FaultPoint::Written);
    if let Some(old) =
        before.filter(|before| before.path != path && !before.path.as_os_str().is_empty())
    {
        take_away(app, &action.id.name, &old)?;
    }
    let entry = done(entry, wanted, signature);
    let kept = entry.releases.clone();
    app.note(vec![(action.id.clone(), Some(entry))])?;
    app.fault(FaultPoint::Noted);
    let note = told(remove_old(app, &action.id.name, &kept));
    let uid = path.to_string_lossy().into_owned();
    Ok(Outcome::Done { uid, content: wanted.resource.digest, note })
}

/// The release before the present one stays in any case: processes run from it until they are
/// changed.
const LEAST_KEPT: usize = 2;

fn done(mut entry: Entry, wanted: &Wanted<'_>, signature: Option<Signature>) -> Entry {
    entry.releases.retain(|digest| *digest != wanted.digest);
    entry.releases.push(wanted.digest);
    let kept = usize::try_from(wanted.spec.keep).unwrap_or(usize::MAX).max(LEAST_KEPT);
    let surplus = entry.releases.len().saturating_sub(kept);
    entry.releases.drain(..surplus);
    Entry { intended: false, adopted: false, was_ours: false, signature, ..entry }
}

fn told(removed: std::io::Result<usize>) -> Option<String> {
    match removed {
        Ok(0) => None,
        Ok(1) => Some("1 old release was removed".to_owned()),
        Ok(n) => Some(format!("{n} old releases were removed")),
        Err(error) => Some(format!("old releases could not be removed: {error}")),
    }
}

fn intended(action: &Action, wanted: &Wanted<'_>, before: Option<&Entry>, path: &Path) -> Entry {
    let here = before.filter(|before| before.path == path);
    Entry {
        intended: true,
        was_ours: here.is_some_and(|entry| !entry.intended || entry.was_ours),
        path: path.to_owned(),
        document: action.content.as_ref().map(|resource| resource.digest),
        state: Some(wanted.digest),
        original: here.map(|entry| entry.original.clone()).unwrap_or_default(),
        made_folders: here.map_or_else(Vec::new, |entry| entry.made_folders.clone()),
        releases: before.map_or_else(Vec::new, |entry| entry.releases.clone()),
        ..Entry::default()
    }
}

fn check(
    action: &Action,
    folder: &Folder,
    name: &str,
    before: Option<&Entry>,
) -> Result<(), HostError> {
    let stat = folder.stat(name)?;
    let path = folder.path.join(name);
    let known = before.is_some_and(|entry| entry.path == path);
    match (&action.precondition, stat) {
        (Precondition::Absent, Some(_)) if !known => Err(HostError::Moved(format!(
            "{} has appeared since the plan was made",
            path.display()
        ))),
        (Precondition::Present { resource_version, .. }, Some(stat))
            if !resource_version.is_empty()
                && *resource_version != Signature::of(folder, &stat).version() =>
        {
            Err(HostError::Moved(format!("{} has changed since the plan was made", path.display())))
        }
        _ => Ok(()),
    }
}

/// Whether something stands there that is to be kept; an error if it must not be touched.
fn foreign(
    app: &App,
    wanted: &Wanted<'_>,
    folder: &Folder,
    name: &str,
    before: Option<&Entry>,
) -> Result<bool, HostError> {
    let path = wanted.place.path();
    let Some(stat) = folder.stat(name)? else { return Ok(false) };
    let kind = FileType::from_raw_mode(stat.st_mode);
    let link = folder.link(name).unwrap_or_default();
    let releases = Releases::of(app, &wanted.resource.id.name);
    if link.is_some_and(|link| releases.digest_of(Path::new(&link)).is_some()) {
        return Ok(false);
    }
    let ours = before.is_some_and(|entry| entry.path == path && !entry.intended);
    match (ours, kind) {
        // A link or file in the place of our link is drift, and goes.
        (true, kind) if kind != FileType::Directory => Ok(false),
        _ if folder.is_mount_point(name) => Err(HostError::Refused(format!(
            "{} is a mount point: unmount it, or name another path",
            path.display()
        ))),
        _ if wanted.spec.adopt => Ok(true),
        _ => Err(HostError::Refused(format!(
            "{} exists and was not made by trueup: write `adopt: true`, or move it away",
            path.display()
        ))),
    }
}

fn set_aside(folder: &Folder, name: &str, originals: &Path, kept: &str) -> Result<(), HostError> {
    let doing = || format!("keep what stands at {}", folder.path.join(name).display());
    make_private_folder(originals).doing(doing)?;
    let target = Folder::open_root(originals).doing(doing)?;
    folder.rename(name, &target, kept).doing(doing)?;
    target.sync().doing(doing)
}

/// Makes a link beside the old one and puts it in its place.
fn switch(folder: &Folder, name: &str, target: &Path) -> Result<Option<Signature>, HostError> {
    let doing = || format!("switch the link {}", folder.path.join(name).display());
    if folder.link(name).unwrap_or_default().as_deref().map(Path::new) != Some(target) {
        let temporary = format!(".trueup-{}", trueup_model::Digest::of(name.as_bytes()).short());
        folder.remove(&temporary).doing(doing)?;
        folder.symlink(target, &temporary).doing(doing)?;
        folder.rename(&temporary, folder, name).doing(doing)?;
        folder.sync().doing(doing)?;
    }
    Ok(folder.stat(name)?.map(|stat| Signature::of(folder, &stat)))
}

fn delete(app: &App, action: &Action) -> Result<Outcome, HostError> {
    let Some(entry) = app.entry(&action.id) else { return Ok(Outcome::Deleted { note: None }) };
    if app.still_claims(&action.id, &entry.path) {
        take_away(app, &action.id.name, &entry)?;
    }
    let releases = Releases::of(app, &action.id.name);
    let removed = remove_old(app, &action.id.name, &[]);
    app.note(vec![(action.id.clone(), None)])?;
    let shared = releases.shared();
    let note = match (shared.exists(), removed) {
        (true, _) => Some(format!("what its keepPaths hold stays in {}", shared.display())),
        (false, Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
            Some(format!("its releases could not all be removed: {error}"))
        }
        _ => None,
    };
    Ok(Outcome::Deleted { note })
}

/// Removes the link, and puts back what stood there before.
fn take_away(app: &App, name: &str, entry: &Entry) -> Result<(), HostError> {
    let place = app.place(&entry.path.to_string_lossy())?;
    let Some(folder) = place.folder()? else { return Ok(()) };
    let doing = || format!("remove {}", entry.path.display());
    let link = folder.link(place.name()).unwrap_or_default();
    let releases = Releases::of(app, name);
    if link.is_some_and(|link| releases.digest_of(Path::new(&link)).is_some()) {
        folder.remove(place.name()).doing(doing)?;
    }
    let original = app.layout.originals().join(&entry.original);
    if !entry.original.is_empty() && original.symlink_metadata().is_ok() {
        let originals = Folder::open_root(&app.layout.originals()).doing(doing)?;
        originals.rename(&entry.original, &folder, place.name()).doing(doing)?;
    }
    folder.sync().doing(doing)?;
    crate::file::remove_made_folders(app, &entry.made_folders);
    Ok(())
}
