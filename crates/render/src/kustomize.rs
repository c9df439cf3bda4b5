//! Kustomize overlays, by the engine of their own.

use trueup_kustomize::{Built, Options, Outcome};
use trueup_model::app::KustomizeRender;
use trueup_model::tree::Tree;
use trueup_model::{Diagnostic, Location};

use crate::Document;

/// Builds the overlay in `folder`.
pub fn read(
    tree: &dyn Tree,
    folder: &str,
    options: &KustomizeRender,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Document> {
    let options = Options { helm: options.enable_helm, ..Options::new() };
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
