//! Kustomize overlays, by the engine of their own.

use std::sync::Arc;

use trueup_kustomize::{Built, HelmEngine, Options, Outcome, Profile, Randomness};
use trueup_model::app::KustomizeRender;
use trueup_model::tree::Tree;
use trueup_model::{Diagnostic, Location};

use crate::{Document, Request};

/// Builds the overlay in the request's folder.
pub fn read(
    request: &Request<'_>,
    tree: &dyn Tree,
    options: &KustomizeRender,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Document> {
    let folder = request.path;
    let charts = HelmEngine {
        profile: Profile::Helm4,
        now: crate::helm::now(request),
        randomness: Randomness::new(*request.key.expose(), request.app.as_str()),
    };
    let options =
        Options { helm: options.enable_helm, charts: Some(Arc::new(charts)), ..Options::new() };
    match trueup_kustomize::build(tree, folder, &options) {
        Ok(Outcome::Built(output)) => {
            diagnostics.extend(output.diagnostics);
            output.resources.iter().filter_map(|built| document(built, diagnostics)).collect()
        }
        Ok(Outcome::Needs(needs)) => {
            diagnostics.extend(needs.iter().map(|need| {
                Diagnostic::error(format!("this overlay needs {need}, which is not in the repository"))
                    .at(Location::file(folder))
                    .hint("remote bases and charts are not fetched by this version: copy it into the repository")
            }));
            Vec::new()
        }
        Err(failure) => {
            diagnostics.extend(failure.diagnostics);
            diagnostics.push(failure.error.diagnostic());
            Vec::new()
        }
    }
}

fn document(built: &Built, diagnostics: &mut Vec<Diagnostic>) -> Option<Document> {
    match built.json() {
        Ok(body) => Some(Document { body, at: built.location.clone(), node: None }),
        Err(error) => {
            diagnostics.push(error.diagnostic());
            None
        }
    }
}
