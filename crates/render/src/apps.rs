//! `App` and `AppSet` documents: what a root folder declares besides, or in place of, resources.

use serde::de::DeserializeOwned;
use trueup_model::app::{self, App};
use trueup_model::app_set::AppSet;
use trueup_model::record::SetMember;
use trueup_model::tree::Tree;
use trueup_model::{Diagnostic, Location};

use crate::app_sets::SetDocument;
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
    pub at: Location,
    /// The AppSet that yields it, if one does.
    pub set: Option<SetMember>,
}

/// What a folder declares.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// Its Apps.
    pub apps: Vec<AppDocument>,
    /// Its AppSets.
    pub sets: Vec<SetDocument>,
    /// What is wrong with either.
    pub diagnostics: Vec<Diagnostic>,
}

impl Declared {
    /// Whether there is no such document at all.
    pub fn is_empty(&self) -> bool {
        self.apps.is_empty() && self.sets.is_empty() && self.diagnostics.is_empty()
    }
}

/// The Apps and AppSets that a folder declares. A chart or an overlay declares none: it is an app.
pub fn find(tree: &dyn Tree, path: &str) -> Declared {
    let mut declared = Declared::default();
    let Ok(folder::FolderKind::Plain(options)) = folder::kind(tree, path, None) else {
        return declared;
    };
    // What is wrong with resources is said by the app that they belong to.
    for document in plain::read(tree, path, &options, &mut Vec::new()) {
        if is(&document, "App") {
            declared.app(&document);
        } else if is(&document, "AppSet") {
            declared.set(document);
        }
    }
    declared
}

impl Declared {
    fn app(&mut self, document: &Document) {
        let Some(app) = self.read::<App>(document) else { return };
        match self.apps.iter().find(|other| other.app.name() == app.name()) {
            Some(other) => self.diagnostics.push(twice("App", app.name(), document, &other.at)),
            None => self.apps.push(AppDocument {
                folder: trueup_model::tree::parent(&document.at.file).to_owned(),
                at: document.at.clone(),
                app,
                set: None,
            }),
        }
    }

    fn set(&mut self, document: Document) {
        let Some(set) = self.read::<AppSet>(&document) else { return };
        let name = &set.metadata.name;
        match self.sets.iter().find(|other| other.set.metadata.name == *name) {
            Some(other) => {
                self.diagnostics.push(twice("AppSet", name, &document, &other.document.at));
            }
            None => self.sets.push(SetDocument { set, document }),
        }
    }

    fn read<T: DeserializeOwned>(&mut self, document: &Document) -> Option<T> {
        match decode(document, "", &document.body) {
            Ok(read) => Some(read),
            Err(diagnostic) => {
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }
}

fn twice(
    kind: &str,
    name: &trueup_model::AppName,
    document: &Document,
    other: &Location,
) -> Diagnostic {
    Diagnostic::error(format!("{kind} {name} is declared twice"))
        .at(document.at.clone())
        .hint(format!("the other one stands at {other}"))
}

/// Whether a document is an App or an AppSet: not a resource of a target.
pub fn is_app(document: &Document) -> bool {
    is(document, "App") || is(document, "AppSet")
}

fn is(document: &Document, kind: &str) -> bool {
    let field = |name: &str| document.body.get(name).and_then(|value| value.as_str());
    field("apiVersion") == Some(app::API_VERSION) && field("kind") == Some(kind)
}
