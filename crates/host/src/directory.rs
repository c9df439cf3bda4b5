//! `Directory`: a folder of the repository, released under its digest and switched by a link.
//!
//! A release is made once, beside the others, and never changed: a process that was started from
//! one keeps running from it when the link has long been switched to the next. Switching is one
//! rename, so that whoever follows the link sees the old folder or the new one.

mod observe;
mod release;
mod switch;

pub use observe::{observe, observe_unwanted};
pub use release::remove_old;
pub use switch::apply;

use release::Releases;

use std::path::PathBuf;

use trueup_model::host::DirectorySpec;
use trueup_model::{Digest, Resource, ResourceId};

use crate::app::App;
use crate::book::Entry;
use crate::error::HostError;
use crate::place::Place;

/// What a `Directory` document asks for.
pub struct Wanted<'a> {
    place: Place,
    digest: Digest,
    spec: DirectorySpec,
    resource: &'a Resource,
}

impl<'a> Wanted<'a> {
    /// Reads a document.
    pub fn of(app: &App, resource: &'a Resource) -> Result<Self, HostError> {
        let spec: DirectorySpec = crate::document::spec(resource)?;
        let place = app.place(&spec.path)?;
        let written = spec.digest.as_deref().and_then(Digest::parse);
        let digest = resource.payload.as_ref().map(|payload| payload.digest).or(written);
        let digest = digest.ok_or_else(|| {
            HostError::Refused(format!(
                "{} has no content: the folder `{}` of the repository was not read",
                resource.id, spec.from
            ))
        })?;
        for path in &spec.keep_paths {
            release::check_keep_path(path)?;
        }
        Ok(Self { place, digest, spec, resource })
    }
}

/// The folders of the release that a `Directory` leads to, for whoever watches them; none for other
/// kinds.
pub fn folders_of_release(app: &App, resource: &Resource) -> Vec<PathBuf> {
    if resource.id.kind != "Directory" {
        return Vec::new();
    }
    let wanted = Wanted::of(app, resource);
    wanted.map_or_else(|_| Vec::new(), |w| Releases::of(app, &resource.id.name).folders(w.digest))
}

/// Whether files of the release that this entry notes were changed by hand.
pub fn was_changed(app: &App, id: &ResourceId, entry: &Entry) -> bool {
    let digest = entry.state.filter(|_| id.kind == "Directory");
    digest.is_some_and(|digest| !Releases::of(app, &id.name).changed(digest).is_empty())
}
