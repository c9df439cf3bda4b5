//! Writing and removing files, many at a time.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::FileType;
use rustix::io::Errno;
use trueup_model::{Action, Precondition, Verb};

use super::attributes::{self, Attributes};
use super::original;
use super::wanted::Wanted;
use crate::app::App;
use crate::book::{Entry, Signature};
use crate::command;
use crate::error::{Doing, HostError};
use crate::fault::FaultPoint;
use crate::folders::Folders;
use crate::outcome::Outcome;
use crate::place::{Folder, Place, Stat};

/// So many files are written at once: each waits for the disk, and the disk takes several syncs
/// together.
const AT_ONCE: usize = 8;

/// Carries out actions on files. The answers are in the order of the actions.
pub fn apply(app: &App, actions: &[&Action]) -> Vec<Result<Outcome, HostError>> {
    let folders = Folders::default();
    let changes: Vec<Result<Change<'_>, HostError>> =
        actions.iter().map(|action| Change::prepare(app, &folders, action)).collect();
    let intents = changes.iter().flatten().filter_map(Change::intent).collect();
    if let Err(error) = app.note(intents) {
        let message = error.sentence();
        return changes.iter().map(|_| Err(HostError::Failed(message.clone()))).collect();
    }
    app.fault(FaultPoint::Intended);
    let done = carry_out_all(app, &folders, changes);
    app.fault(FaultPoint::Written);
    note_all(app, done)
}

/// A change that can be carried out.
struct Change<'a> {
    action: &'a Action,
    /// `None` for a deletion.
    wanted: Option<Wanted<'a>>,
    /// What was known of it before.
    before: Option<Entry>,
    /// What is noted before it is begun.
    entry: Entry,
}

impl<'a> Change<'a> {
    fn prepare(app: &'a App, folders: &Folders, action: &'a Action) -> Result<Self, HostError> {
        match (&action.content, action.verb) {
            (None, _) | (_, Verb::Delete) => Ok(Self::deletion(app, action)),
            (Some(resource), _) => Self::writing(app, folders, action, Wanted::of(app, resource)?),
        }
    }

    fn deletion(app: &App, action: &'a Action) -> Self {
        let before = app.entry(&action.id);
        Self { action, wanted: None, entry: before.clone().unwrap_or_default(), before }
    }

    fn writing(
        app: &'a App,
        folders: &Folders,
        action: &'a Action,
        wanted: Wanted<'a>,
    ) -> Result<Self, HostError> {
        let path = wanted.place.path();
        let before = app.entry_at(&action.id, &path);
        let here = before.as_ref().filter(|before| before.path == path);
        let was_ours = here.is_some_and(|entry| !entry.intended || entry.was_ours);
        let mut entry = Entry {
            intended: true,
            was_ours,
            secret: wanted.secret.is_some(),
            document: Some(wanted.resource.digest),
            state: Some(wanted.state()),
            original: here.map(|entry| entry.original.clone()).unwrap_or_default(),
            made_folders: here.map_or_else(Vec::new, |entry| entry.made_folders.clone()),
            path,
            ..Entry::default()
        };
        match folders.get(&wanted.place)? {
            None => entry.made_folders = missing_folders(&wanted.place),
            Some(folder) => {
                if !was_ours && wanted.spec.adopt && entry.original.is_empty() {
                    entry.original = adopt(app, &folder, &wanted)?;
                    entry.adopted = !entry.original.is_empty();
                }
            }
        }
        Ok(Self { action, wanted: Some(wanted), before, entry })
    }

    fn intent(&self) -> Option<(trueup_model::ResourceId, Option<Entry>)> {
        self.wanted.as_ref().map(|_| (self.action.id.clone(), Some(self.entry.clone())))
    }

    /// Whether what stands there is still what the plan was made for.
    fn check(&self, folder: &Folder, name: &str) -> Result<(), HostError> {
        let stat = folder.stat(name)?;
        let path = &self.entry.path;
        let moved = |what: &str| {
            Err(HostError::Moved(format!("{} {what} since the plan was made", path.display())))
        };
        match (&self.action.precondition, &stat) {
            // Begun before a crash, and then looked at as ours: the same write again.
            (Precondition::Absent, Some(_)) if !self.entry.was_ours => moved("has appeared"),
            (Precondition::Present { resource_version, .. }, Some(stat))
                if !resource_version.is_empty()
                    && *resource_version != Signature::of(folder, stat).version() =>
            {
                moved("has changed")
            }
            _ => Ok(()),
        }
    }
}

fn missing_folders(place: &Place) -> Vec<PathBuf> {
    let folder = place.folder_path();
    let missing = folder.ancestors().take_while(|path| path.symlink_metadata().is_err());
    let mut missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
    missing.reverse();
    missing
}

/// Keeps what stands there and is not ours; empty where nothing does.
fn adopt(app: &App, folder: &Folder, wanted: &Wanted<'_>) -> Result<String, HostError> {
    let name = wanted.place.name();
    match folder.stat(name)? {
        Some(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
            original::keep(folder, name, &app.layout.originals())
        }
        _ => Ok(String::new()),
    }
}

/// A change and how the file looks after it; nothing of it is left after a deletion.
type Done<'a> = (Change<'a>, Option<Signature>);

/// Carries out the changes, some at a time, and makes their folders durable.
fn carry_out_all<'a>(
    app: &App,
    folders: &Folders,
    changes: Vec<Result<Change<'a>, HostError>>,
) -> Vec<Result<Done<'a>, HostError>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    let touched = Touched::default();
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(change) = changes.get(at) else { break };
            if let Ok(change) = change {
                let result = change.carry_out(app, folders, &touched);
                results.lock().unwrap_or_else(PoisonError::into_inner).insert(at, result);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(changes.len()) {
            scope.spawn(work);
        }
        work();
    });
    let synced = touched.sync();
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let result_of = |(at, change): (usize, Result<Change<'a>, HostError>)| {
        let change = change?;
        let signature = results.remove(&at).unwrap_or(Ok(None))?;
        match &synced {
            Ok(()) => Ok((change, signature)),
            Err(message) => Err(HostError::Failed(message.clone())),
        }
    };
    changes.into_iter().enumerate().map(result_of).collect()
}

/// Folders in which something was renamed or removed.
#[derive(Default)]
struct Touched {
    folders: Mutex<BTreeMap<PathBuf, Arc<Folder>>>,
}

impl Touched {
    fn add(&self, folder: &Arc<Folder>) {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.entry(folder.path.clone()).or_insert_with(|| folder.clone());
    }

    fn sync(&self) -> Result<(), String> {
        for folder in self.folders.lock().unwrap_or_else(PoisonError::into_inner).values() {
            folder
                .sync()
                .doing(|| format!("make {} durable", folder.path.display()))
                .map_err(|error| error.sentence())?;
        }
        Ok(())
    }
}

impl Change<'_> {
    fn carry_out(
        &self,
        app: &App,
        folders: &Folders,
        touched: &Touched,
    ) -> Result<Option<Signature>, HostError> {
        match &self.wanted {
            Some(wanted) => {
                let folder = folders.make(&wanted.place)?;
                touched.add(&folder);
                let signature = self.write(app, &folder, wanted)?;
                self.leave_old_place(app, folders, touched)?;
                Ok(Some(signature))
            }
            None => {
                let Some(entry) = &self.before else { return Ok(None) };
                if app.still_claims(&self.action.id, &entry.path) {
                    let place = app.place(&entry.path.to_string_lossy())?;
                    if let Some(folder) = folders.get(&place)? {
                        self.check(&folder, place.name())?;
                    }
                    remove(app, folders, touched, entry)?;
                }
                Ok(None)
            }
        }
    }

    /// Writes the new file beside the old and puts it in its place.
    fn write(
        &self,
        app: &App,
        folder: &Folder,
        wanted: &Wanted<'_>,
    ) -> Result<Signature, HostError> {
        let (name, path) = (wanted.place.name(), wanted.place.path());
        let temporary = temporary_name(name);
        let doing = || format!("write {}", path.display());
        folder.remove(&temporary).doing(doing)?;
        let written = self.write_as(app, folder, &temporary, wanted).and_then(|file| {
            self.check(folder, name)?;
            self.put_in_place(folder, &temporary, name)?;
            rustix::fs::fstat(&file).doing(doing)
        });
        if written.is_err() {
            let _ = folder.remove(&temporary);
        }
        written.map(|stat| Signature::of(folder, &stat))
    }

    fn write_as(
        &self,
        app: &App,
        folder: &Folder,
        temporary: &str,
        wanted: &Wanted<'_>,
    ) -> Result<std::fs::File, HostError> {
        let path = wanted.place.path();
        let doing = || format!("write {}", path.display());
        let old = folder.stat(wanted.place.name())?;
        let old = old.filter(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
        let mut file = folder.create(temporary).doing(doing)?;
        file.write_all(&wanted.content).doing(doing)?;
        if old.is_some() {
            let old = folder.open(wanted.place.name());
            let kept = old.and_then(|old| attributes::copy_extended(&old, &file));
            kept.doing(|| format!("keep the extended attributes of {}", path.display()))?;
        }
        attributes::set(&file, attributes_of(wanted, old.as_ref()))
            .doing(|| format!("set mode and owner of {}", path.display()))?;
        file.sync_all().doing(doing)?;
        if !wanted.spec.validate.is_empty() {
            validate(app, wanted, folder, temporary)?;
        }
        Ok(file)
    }

    /// What must not be there must not be there even now: then the rename itself says so.
    fn put_in_place(&self, folder: &Folder, from: &str, to: &str) -> Result<(), HostError> {
        let path = &self.entry.path;
        let must_be_new = self.action.precondition == Precondition::Absent && !self.entry.was_ours;
        let renamed = match must_be_new {
            true => folder.rename_new(from, to),
            false => folder.rename(from, folder, to),
        };
        match renamed {
            Err(error) if error.raw_os_error() == Some(Errno::EXIST.raw_os_error()) => {
                Err(HostError::Moved(format!(
                    "{} has appeared since the plan was made",
                    path.display()
                )))
            }
            renamed => renamed.doing(|| format!("put {} in its place", path.display())),
        }
    }

    /// A file whose document names another path now: the old place is given up.
    fn leave_old_place(
        &self,
        app: &App,
        folders: &Folders,
        touched: &Touched,
    ) -> Result<(), HostError> {
        match &self.before {
            Some(before)
                if before.path != self.entry.path && !before.path.as_os_str().is_empty() =>
            {
                remove(app, folders, touched, before)
            }
            _ => Ok(()),
        }
    }

    fn done_entry(&self, signature: Option<Signature>) -> Option<Entry> {
        let entry = Entry {
            intended: false,
            adopted: false,
            was_ours: false,
            signature,
            ..self.entry.clone()
        };
        self.wanted.is_some().then_some(entry)
    }
}

/// Mode, owner and group are kept where the document is silent.
fn attributes_of(wanted: &Wanted<'_>, old: Option<&Stat>) -> Attributes {
    let fresh = if wanted.secret.is_some() { 0o600 } else { 0o644 };
    Attributes {
        mode: wanted.mode.or(old.map(attributes::mode_of)).unwrap_or(fresh),
        owner: wanted.owner.or(old.map(|old| old.st_uid)),
        group: wanted.group.or(old.map(|old| old.st_gid)),
    }
}

/// Name of the file that is written before it is put in its place: the same each time, so that one
/// that a crash left behind is found, and with the end of the real name, which some programs judge
/// a file by.
pub fn temporary_name(name: &str) -> String {
    let digest = trueup_model::Digest::of(name.as_bytes()).short();
    let start = name.char_indices().rev().map(|(at, _)| at).take(60).last().unwrap_or(0);
    format!(".trueup-{digest}-{}", name.get(start..).unwrap_or_default())
}

fn validate(
    app: &App,
    wanted: &Wanted<'_>,
    folder: &Folder,
    temporary: &str,
) -> Result<(), HostError> {
    let path = wanted.place.path();
    let file = folder.path.join(temporary);
    let file = file.to_string_lossy();
    let command: Vec<String> =
        wanted.spec.validate.iter().map(|part| part.replace("{}", &file)).collect();
    let environment = [("PATH".to_owned(), app.machine().config.search_path.clone())];
    let output = command::run(&command, &folder.path, &environment, command::BRIEFLY)?;
    if output.success {
        return Ok(());
    }
    Err(HostError::Refused(format!(
        "`{}` does not accept the new {} ({}), so the old one stays: {}",
        command.first().map_or("", String::as_str),
        path.display(),
        output.ending,
        output.last_line().replace(&*file, &path.display().to_string()),
    )))
}

/// Removes what was written, or puts back what stood there before.
fn remove(app: &App, folders: &Folders, touched: &Touched, entry: &Entry) -> Result<(), HostError> {
    let place = app.place(&entry.path.to_string_lossy())?;
    if let Some(folder) = folders.get(&place)? {
        touched.add(&folder);
        let name = place.name();
        if entry.original.is_empty() {
            folder.remove(name).doing(|| format!("remove {}", entry.path.display()))?;
        } else {
            original::put_back(&app.layout.originals(), &entry.original, &folder, name)?;
        }
    }
    remove_made_folders(app, &entry.made_folders);
    Ok(())
}

/// Removes the folders that were made for a file, the innermost first, as far as nothing else
/// stands in them.
pub fn remove_made_folders(app: &App, made: &[PathBuf]) {
    for path in made.iter().rev() {
        let removed = app.place(&path.to_string_lossy()).and_then(|place| {
            let Some(folder) = place.folder()? else { return Ok(()) };
            folder.remove_folder(place.name()).doing(|| format!("remove {}", path.display()))
        });
        if removed.is_err() {
            break;
        }
    }
}

/// Notes what was done. Where that cannot be written the next look tells from what was intended.
fn note_all(app: &App, done: Vec<Result<Done<'_>, HostError>>) -> Vec<Result<Outcome, HostError>> {
    let entries = done
        .iter()
        .flatten()
        .map(|(change, signature)| (change.action.id.clone(), change.done_entry(*signature)));
    let noted = app.note(entries.collect()).map_err(|error| error.sentence());
    app.fault(FaultPoint::Noted);
    let outcome = |(change, _): Done<'_>| match (&noted, &change.wanted) {
        (Err(message), _) => Err(HostError::Failed(message.clone())),
        (Ok(()), None) => {
            forget_original(app, &change);
            Ok(Outcome::Deleted { note: change.put_back_note() })
        }
        (Ok(()), Some(wanted)) => Ok(Outcome::Done {
            uid: change.entry.path.to_string_lossy().into_owned(),
            content: wanted.resource.digest,
            note: None,
        }),
    };
    done.into_iter().map(|done| done.and_then(outcome)).collect()
}

impl Change<'_> {
    fn put_back_note(&self) -> Option<String> {
        let before = self.before.as_ref().filter(|before| !before.original.is_empty())?;
        Some(format!("what stood at {} before was put back", before.path.display()))
    }
}

fn forget_original(app: &App, change: &Change<'_>) {
    if let Some(before) = change.before.as_ref().filter(|before| !before.original.is_empty()) {
        let _ = std::fs::remove_file(app.layout.originals().join(&before.original));
    }
}
