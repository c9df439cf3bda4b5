//! What stands where a file is declared.

use std::io::Read;

use rustix::fs::FileType;
use serde_json::{Value, json};
use trueup_model::observed::{ObservedResource, Owner, Prediction, Presence};
use trueup_model::record::InventoryItem;
use trueup_model::{Health, Resource, ResourceId};

use super::wanted::{Wanted, insert_content, mode_text, state};
use crate::accounts;
use crate::app::App;
use crate::book::{Book, Entry, Signature};
use crate::document;
use crate::error::{Doing, HostError};
use crate::folders::Folders;
use crate::place::{Place, Stat};

/// The most that is read of a live file: what is larger is not what was written.
const MOST_READ: u64 = 256 * 1024 * 1024;

/// What is there of a desired file.
pub fn observe(
    app: &App,
    folders: &Folders,
    resource: &Resource,
    item: Option<&InventoryItem>,
) -> ObservedResource {
    let wanted = match Wanted::of(app, resource) {
        Ok(wanted) => wanted,
        Err(error) => return refused(app, folders, &resource.id, &error),
    };
    match look(app, folders, &wanted, item) {
        Ok(observed) => observed,
        Err(error) if error.permanent() => refused(app, folders, &resource.id, &error),
        Err(error) => ObservedResource::unknown(error.sentence()),
    }
}

/// One look is enough for a file that looks as it did right after it was written from this very
/// document. `None`: it has to be read.
pub fn surely_unchanged(
    app: &App,
    book: &Book,
    folders: &Folders,
    resource: &Resource,
) -> Option<ObservedResource> {
    let entry = book.get(&resource.id)?;
    let from_machine = resource.body.pointer("/spec/contentFrom").is_some();
    if entry.intended || entry.document != Some(resource.digest) || from_machine {
        return None;
    }
    let folder = folders.of_known_path(app, &entry.path)?;
    let now = Signature::of(&folder, &folder.stat(entry.path.file_name()?.to_str()?).ok()??);
    let unchanged =
        entry.signature?.proves_unchanged(&now) && app.still_claims(&resource.id, &entry.path);
    unchanged.then(|| ObservedResource {
        resource_version: now.version(),
        ..ObservedResource::synced(entry.path.to_string_lossy(), resource.digest, Health::healthy())
    })
}

/// The rule that says no is shown at what is there, so that the plan can name both.
fn refused(app: &App, folders: &Folders, id: &ResourceId, error: &HostError) -> ObservedResource {
    let there = observe_unwanted(app, folders, id, None);
    let refusal = Prediction::Refused { message: error.sentence(), permanent: error.permanent() };
    ObservedResource { prediction: Some(refusal), ..there }
}

fn look(
    app: &App,
    folders: &Folders,
    wanted: &Wanted<'_>,
    item: Option<&InventoryItem>,
) -> Result<ObservedResource, HostError> {
    let id = &wanted.resource.id;
    let path = wanted.place.path();
    let entry = app.entry_at(id, &path);
    let predicted = Prediction::Exact(wanted.predicted());
    let Some(live) = Live::at(folders, &wanted.place)? else {
        return Ok(match entry.filter(|entry| entry.path != path && !entry.intended) {
            Some(entry) => moved(app, folders, wanted, &entry, predicted)?,
            None => ObservedResource { prediction: Some(predicted), ..ObservedResource::absent() },
        });
    };
    let state = live.state(wanted);
    let owner = app.owner(id, &path, item, |entry| {
        let begun = entry.and_then(|entry| entry.state);
        state.is_some() && (state == begun || state == Some(wanted.state()))
    });
    let prediction = prediction(wanted, &live, &owner, predicted);
    let refused = matches!(prediction, Prediction::Refused { .. });
    let synced = owner == Owner::Ours && !refused && state == Some(wanted.state());
    if synced {
        app.book().refresh(id, wanted.resource.digest, live.signature);
    }
    let status = if synced { json!({}) } else { json!({"differs": "it is not what was written"}) };
    Ok(ObservedResource {
        presence: Presence::Present,
        owner,
        uid: path.to_string_lossy().into_owned(),
        resource_version: live.signature.version(),
        synced: synced.then_some(wanted.resource.digest),
        live: (!synced).then(|| live.document(wanted)),
        prediction: Some(prediction),
        health: document::health("File", status),
        ..ObservedResource::absent()
    })
}

/// The document names another path than the one it was last written to.
fn moved(
    app: &App,
    folders: &Folders,
    wanted: &Wanted<'_>,
    entry: &Entry,
    predicted: Prediction,
) -> Result<ObservedResource, HostError> {
    let old = app.place(&entry.path.to_string_lossy())?;
    let Some(live) = Live::at(folders, &old)? else {
        return Ok(ObservedResource { prediction: Some(predicted), ..ObservedResource::absent() });
    };
    let differs = json!({"differs": "it stands at another path"});
    Ok(ObservedResource {
        presence: Presence::Present,
        owner: Owner::Ours,
        uid: entry.path.to_string_lossy().into_owned(),
        resource_version: live.signature.version(),
        live: Some(with_path(live.document(wanted), &entry.path.to_string_lossy())),
        prediction: Some(predicted),
        health: document::health("File", differs),
        ..ObservedResource::absent()
    })
}

fn with_path(mut document: Value, path: &str) -> Value {
    if let Some(Value::Object(spec)) = document.get_mut("spec") {
        spec.insert("path".to_owned(), Value::from(path));
    }
    document
}

fn prediction(
    wanted: &Wanted<'_>,
    live: &Live,
    owner: &Owner,
    predicted: Prediction,
) -> Prediction {
    let path = wanted.place.path();
    let path = path.display();
    let message = if live.mount {
        format!("{path} is a mount point: unmount it, or name another path")
    } else if live.kind == FileType::Directory {
        format!("{path} is a folder: remove it, or name another path")
    } else if *owner == Owner::Nobody && !wanted.spec.adopt {
        format!(
            "{path} exists and was not made by trueup: write `adopt: true` to take it over (it is \
             kept and put back when this resource goes), or remove it"
        )
    } else if *owner == Owner::Nobody && live.kind != FileType::RegularFile {
        format!(
            "{path} is not a plain file, and cannot be adopted: remove it, or name another path"
        )
    } else {
        return predicted;
    };
    Prediction::Refused { message, permanent: true }
}

/// What is there of a file that is in the inventory and not desired.
pub fn observe_unwanted(
    app: &App,
    folders: &Folders,
    id: &ResourceId,
    item: Option<&InventoryItem>,
) -> ObservedResource {
    let known = app.entry(id).map(|entry| entry.path);
    // A lost book leaves the uid, which is the path.
    let path = known.or_else(|| item.map(|item| item.uid.clone().into()));
    let Some(path) = path.filter(|path| path.is_absolute()) else {
        return ObservedResource::absent();
    };
    if !app.still_claims(id, &path) {
        // Another resource took the place over; only bookkeeping is left of this one.
        return ObservedResource { prediction: None, ..ObservedResource::absent() };
    }
    let live = app.place(&path.to_string_lossy()).and_then(|place| Live::at(folders, &place));
    match live {
        Ok(None) => ObservedResource::absent(),
        Ok(Some(live)) => ObservedResource {
            presence: Presence::Present,
            owner: app.owner(id, &path, item, |entry| {
                entry
                    .is_some_and(|entry| entry.state.is_some() && entry.state == live.plain_state())
            }),
            uid: path.to_string_lossy().into_owned(),
            resource_version: live.signature.version(),
            live: Some(live.bare_document(app, id, &path.to_string_lossy())),
            health: Health::healthy(),
            ..ObservedResource::absent()
        },
        Err(error) => ObservedResource::unknown(error.sentence()),
    }
}

/// What stands at a place.
struct Live {
    kind: FileType,
    mount: bool,
    stat: Stat,
    signature: Signature,
    /// `None` where it is not a plain file, or too large to be looked into.
    content: Option<Vec<u8>>,
    link: Option<String>,
}

impl Live {
    fn at(folders: &Folders, place: &Place) -> Result<Option<Self>, HostError> {
        let Some(folder) = folders.get(place)? else { return Ok(None) };
        let Some(stat) = folder.stat(place.name())? else { return Ok(None) };
        let kind = FileType::from_raw_mode(stat.st_mode);
        // Taken before the content is read: a write in between makes it look changed.
        let signature = Signature::of(&folder, &stat);
        let content = match kind {
            FileType::RegularFile => read(&folder, place.name())?,
            _ => None,
        };
        Ok(Some(Self {
            kind,
            mount: folder.is_mount_point(place.name()),
            stat,
            signature,
            content,
            link: folder.link(place.name()).unwrap_or_default(),
        }))
    }

    /// Digest of what is to be seen, as far as the document declares it.
    fn state(&self, wanted: &Wanted<'_>) -> Option<trueup_model::Digest> {
        Some(state(
            self.content.as_deref()?,
            wanted.mode.map(|_| super::attributes::mode_of(&self.stat)),
            wanted.owner.map(|_| self.stat.st_uid),
            wanted.group.map(|_| self.stat.st_gid),
        ))
    }

    fn plain_state(&self) -> Option<trueup_model::Digest> {
        Some(state(self.content.as_deref()?, None, None, None))
    }

    fn document(&self, wanted: &Wanted<'_>) -> Value {
        let mode = super::attributes::mode_of(&self.stat);
        let owner = match wanted.owner == Some(self.stat.st_uid) {
            true => wanted.spec.owner.clone(),
            false => Some(accounts::user_name(self.stat.st_uid)),
        };
        let group = match wanted.group == Some(self.stat.st_gid) {
            true => wanted.spec.group.clone(),
            false => Some(accounts::group_name(self.stat.st_gid)),
        };
        let mut document = wanted.document(
            &wanted.spec.path,
            self.content.as_deref(),
            Some(mode_text(mode)),
            owner,
            group,
        );
        if let (None, Some(Value::Object(spec))) = (&self.content, document.get_mut("spec")) {
            spec.insert("content".to_owned(), Value::from(self.what_else()));
        }
        document
    }

    fn bare_document(&self, app: &App, id: &ResourceId, path: &str) -> Value {
        let mut spec = serde_json::Map::new();
        spec.insert("path".to_owned(), Value::from(path));
        let secret = app.entry(id).is_some_and(|entry| entry.secret);
        match &self.content {
            Some(content) if secret => {
                spec.insert("content".to_owned(), Value::from(app.key().name_secret(content)));
            }
            Some(content) => insert_content(&mut spec, content),
            None => {
                spec.insert("content".to_owned(), Value::from(self.what_else()));
            }
        }
        document::bare(id, Value::Object(spec))
    }

    fn what_else(&self) -> String {
        match (&self.link, self.kind) {
            (Some(target), _) => format!("(a symbolic link to {target})"),
            (None, FileType::Directory) => "(a folder)".to_owned(),
            (None, FileType::RegularFile) => format!("({} bytes)", self.stat.st_size),
            _ => "(neither file nor folder)".to_owned(),
        }
    }
}

fn read(folder: &crate::place::Folder, name: &str) -> Result<Option<Vec<u8>>, HostError> {
    let path = folder.path.join(name);
    let doing = || format!("read {}", path.display());
    let file = folder.open(name).doing(doing)?;
    let mut content = Vec::new();
    let length = file.take(MOST_READ + 1).read_to_end(&mut content).doing(doing)?;
    Ok((length as u64 <= MOST_READ).then_some(content))
}
