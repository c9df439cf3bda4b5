//! `App` documents: what a root folder declares besides, or in place of, resources.

use trueup_model::Diagnostic;
use trueup_model::app::{self, App};
use trueup_model::tree::Tree;

use crate::decode::decode;
use crate::{Document, folder, plain};

/// An App, and where it stands.
#[derive(Clone, Debug)]
pub struct AppDocument {
    /// The document.
    pub app: App,
    /// The folder it stands in: its source's path if it names none.
    pub folder: String,
    /// File and line.
    pub at: trueup_model::Location,
}

/// The Apps that a folder declares. A chart or an overlay declares none: it is an app.
pub fn find(tree: &dyn Tree, path: &str) -> (Vec<AppDocument>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let Ok(folder::FolderKind::Plain(options)) = folder::kind(tree, path, None) else {
        return (Vec::new(), diagnostics);
    };
    let documents = plain::read(tree, path, &options, &mut diagnostics);
    let mut apps: Vec<AppDocument> = Vec::new();
    diagnostics.clear();
    for document in documents.iter().filter(|document| is_app(document)) {
        match decode::<App>(document, "", &document.body) {
            Ok(app) => match apps.iter().find(|other| other.app.name() == app.name()) {
                Some(other) => diagnostics.push(
                    Diagnostic::error(format!("App {} is declared twice", app.name()))
                        .at(document.at.clone())
                        .hint(format!("the other one stands at {}", other.at)),
                ),
                None => apps.push(AppDocument {
                    folder: trueup_model::tree::parent(&document.at.file).to_owned(),
                    at: document.at.clone(),
                    app,
                }),
            },
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    (apps, diagnostics)
}

/// Whether a document is an App.
pub fn is_app(document: &Document) -> bool {
    let field = |name: &str| document.body.get(name).and_then(|value| value.as_str());
    field("apiVersion") == Some(app::API_VERSION) && field("kind") == Some("App")
}
