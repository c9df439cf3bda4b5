//! What stands where a folder is declared.

use std::path::Path;

use rustix::fs::FileType;
use serde_json::{Value, json};
use trueup_model::observed::{ObservedResource, Owner, Prediction, Presence};
use trueup_model::record::InventoryItem;
use trueup_model::{Digest, Health, Resource, ResourceId};

use super::Wanted;
use super::release::Releases;
use crate::app::App;
use crate::document;
use crate::error::HostError;
use crate::folders::Folders;
use crate::place::Place;

/// What is there of a desired folder.
pub fn observe(
    app: &App,
    folders: &Folders,
    resource: &Resource,
    item: Option<&InventoryItem>,
) -> ObservedResource {
    let looked = Wanted::of(app, resource).and_then(|wanted| look(app, folders, &wanted, item));
    match looked {
        Ok(observed) => observed,
        Err(error) if error.permanent() => ObservedResource {
            prediction: Some(Prediction::Refused { message: error.sentence(), permanent: true }),
            ..observe_unwanted(app, folders, &resource.id, None)
        },
        Err(error) => ObservedResource::unknown(error.sentence()),
    }
}

fn look(
    app: &App,
    folders: &Folders,
    wanted: &Wanted<'_>,
    item: Option<&InventoryItem>,
) -> Result<ObservedResource, HostError> {
    let id = &wanted.resource.id;
    let mut path = wanted.place.path();
    let predicted =
        Prediction::Exact(document(wanted, &wanted.spec.path, &wanted.digest.to_string()));
    let mut live = Live::at(app, folders, &id.name, &wanted.place)?;
    let mut moved = false;
    if let (None, Some(entry)) = (&live, app.entry(id))
        && entry.path != path
    {
        live = Live::at(app, folders, &id.name, &app.place(&entry.path.to_string_lossy())?)?;
        path = entry.path;
        moved = true;
    }
    let Some(live) = live else {
        return Ok(ObservedResource { prediction: Some(predicted), ..ObservedResource::absent() });
    };
    let owner = app.owner(id, &path, item, |_| live.release.is_some());
    let refusal = live.refusal(&path, &owner, wanted.spec.adopt);
    let synced = owner == Owner::Ours
        && !moved
        && refusal.is_none()
        && live.release == Some(wanted.digest)
        && live.changed.is_empty();
    let shown = if moved { path.to_string_lossy().into_owned() } else { wanted.spec.path.clone() };
    Ok(ObservedResource {
        presence: Presence::Present,
        owner,
        uid: path.to_string_lossy().into_owned(),
        resource_version: live.version.clone(),
        synced: synced.then_some(wanted.resource.digest),
        live: (!synced).then(|| document(wanted, &shown, &live.words())),
        prediction: Some(refusal.unwrap_or(predicted)),
        health: live.health(synced),
        ..ObservedResource::absent()
    })
}

/// What is there of a folder that is in the inventory and not desired.
pub fn observe_unwanted(
    app: &App,
    folders: &Folders,
    id: &ResourceId,
    item: Option<&InventoryItem>,
) -> ObservedResource {
    let known = app.entry(id).map(|entry| entry.path);
    let path = known.or_else(|| item.map(|item| item.uid.clone().into()));
    let Some(path) = path.filter(|path| path.is_absolute() && app.still_claims(id, path)) else {
        return ObservedResource::absent();
    };
    let live = app
        .place(&path.to_string_lossy())
        .and_then(|place| Live::at(app, folders, &id.name, &place));
    match live {
        Ok(None) => ObservedResource::absent(),
        Ok(Some(live)) => ObservedResource {
            presence: Presence::Present,
            owner: app.owner(id, &path, item, |_| live.release.is_some()),
            uid: path.to_string_lossy().into_owned(),
            resource_version: live.version.clone(),
            live: Some(document::bare(id, json!({"path": path, "digest": live.words()}))),
            health: Health::healthy(),
            ..ObservedResource::absent()
        },
        Err(error) => ObservedResource::unknown(error.sentence()),
    }
}

fn document(wanted: &Wanted<'_>, path: &str, digest: &str) -> Value {
    let mut document = wanted.resource.body.clone();
    if let Some(Value::Object(spec)) = document.get_mut("spec") {
        spec.insert("path".to_owned(), Value::from(path));
        spec.insert("digest".to_owned(), Value::from(digest));
    }
    document
}

/// What stands at a place.
struct Live {
    kind: FileType,
    mount: bool,
    link: Option<String>,
    release: Option<Digest>,
    /// Files of the release that were changed by hand.
    changed: Vec<String>,
    version: String,
}

impl Live {
    fn at(
        app: &App,
        folders: &Folders,
        name: &str,
        place: &Place,
    ) -> Result<Option<Self>, HostError> {
        let Some(folder) = folders.get(place)? else { return Ok(None) };
        let Some(stat) = folder.stat(place.name())? else { return Ok(None) };
        let link = folder.link(place.name()).unwrap_or_default();
        let releases = Releases::of(app, name);
        let release = link.as_deref().and_then(|link| releases.digest_of(Path::new(link)));
        Ok(Some(Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            mount: folder.is_mount_point(place.name()),
            changed: release.map_or_else(Vec::new, |digest| releases.changed(digest)),
            version: crate::book::Signature::of(&folder, &stat).version(),
            link,
            release,
        }))
    }

    /// In the place of the digest, in words.
    fn words(&self) -> String {
        match (&self.release, &self.link, self.kind) {
            (Some(digest), _, _) if self.changed.is_empty() => digest.to_string(),
            (Some(digest), _, _) => {
                let shown: Vec<&str> = self.changed.iter().take(5).map(String::as_str).collect();
                let more = self.changed.len().saturating_sub(shown.len());
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("{digest}, changed by hand: {}{more}", shown.join(", "))
            }
            (None, Some(target), _) => format!("(a symbolic link to {target})"),
            (None, None, FileType::Directory) => "(a folder)".to_owned(),
            _ => "(a file)".to_owned(),
        }
    }

    fn refusal(&self, path: &Path, owner: &Owner, adopt: bool) -> Option<Prediction> {
        let path = path.display();
        let message = if self.mount {
            format!("{path} is a mount point: unmount it, or name another path")
        } else if self.release.is_none() && self.kind == FileType::Directory && !adopt {
            format!(
                "{path} is a folder that was not made by trueup: write `adopt: true` to take its \
                 place (it is kept and put back when this resource goes), or move it away"
            )
        } else if self.release.is_none() && *owner == Owner::Nobody && !adopt {
            format!(
                "{path} exists and was not made by trueup: write `adopt: true` to take its place \
                 (it is kept and put back when this resource goes), or remove it"
            )
        } else {
            return None;
        };
        Some(Prediction::Refused { message, permanent: true })
    }

    fn health(&self, synced: bool) -> Health {
        let status = match synced {
            true => json!({}),
            false => json!({"differs": "it is not what was written"}),
        };
        document::health("Directory", status)
    }
}
