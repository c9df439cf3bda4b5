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

use trueup_model::host::DirectorySpec;
use trueup_model::{Digest, Resource};

use crate::app::App;
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
