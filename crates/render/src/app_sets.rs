//! `AppSet` documents → the apps that they yield.
//!
//! Pure, like everything here: what a generator needs from outside (files of other repositories,
//! clusters, pull requests) is given as [`Answers`]; what is not among them is said as [`Need`]s, and
//! whoever called has them answered and calls again. A set of which one generator is wrong, or one
//! app cannot be made, yields nothing but diagnostics: half a set would look like apps that left.

mod generate;
mod paths;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};
use trueup_model::app::{API_VERSION, App};
use trueup_model::app_set::{AppSet, Cluster, PullRequest, PullRequestQuery};
use trueup_model::record::SetMember;
use trueup_model::tree::Tree;
use trueup_model::{Diagnostic, SourceSpec};

use crate::apps::AppDocument;
use crate::decode::{decode, locate};
use crate::{Document, app_sets::template::Templates};

/// So many apps one set may yield.
const APPS_MAX: usize = 10_000;

/// A set of parameters.
pub type Parameters = Map<String, Value>;

/// What a generator cannot do without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The files of a repository.
    Repository(SourceSpec),
    /// The clusters that the controller knows.
    Clusters,
    /// The open pull requests of a repository.
    PullRequests(PullRequestQuery),
}

/// What is known.
#[derive(Clone, Default)]
pub struct Answers {
    /// Files of repositories.
    pub trees: BTreeMap<SourceSpec, Arc<dyn Tree>>,
    /// Clusters.
    pub clusters: Option<Vec<Cluster>>,
    /// Open pull requests.
    pub pull_requests: BTreeMap<PullRequestQuery, Vec<PullRequest>>,
}

/// An AppSet, and where it stands.
#[derive(Clone, Debug)]
pub struct SetDocument {
    /// The set.
    pub set: AppSet,
    /// The document: for the places of its fields.
    pub document: Document,
}

/// What a set yields.
#[derive(Clone, Debug, Default)]
pub struct Yield {
    /// The apps.
    pub apps: Vec<AppDocument>,
    /// What has to be answered first: while there is something, the rest does not count.
    pub needs: BTreeSet<Need>,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
}

/// Where a set stands, and what is known.
pub struct Surroundings<'a> {
    /// The repository and reference of the document.
    pub source: &'a SourceSpec,
    /// Its files.
    pub tree: &'a dyn Tree,
    /// What else is known.
    pub answers: &'a Answers,
}

/// The apps that a set yields.
pub fn expand(set: &SetDocument, surroundings: &Surroundings<'_>) -> Yield {
    let mut templates = Templates::new();
    let mut generating = generate::Generating::new(&set.document, surroundings, &mut templates);
    let parameters = generating.all(&set.set.spec.generators, "/spec/generators");
    let (needs, mut diagnostics) = generating.into_rest();
    let (Some(parameters), true) = (parameters, needs.is_empty()) else {
        return Yield { apps: Vec::new(), needs, diagnostics };
    };
    let mut apps: Vec<(AppDocument, Parameters)> = Vec::new();
    for parameters in parameters {
        match one(set, &mut templates, &parameters) {
            Ok(app) => match apps.iter().find(|(other, _)| other.app.name() == app.app.name()) {
                Some((_, other)) => {
                    diagnostics.push(collision(set, &app, other, &parameters));
                }
                None => apps.push((app, parameters)),
            },
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
        if diagnostics.len() > 20 {
            break;
        }
    }
    if diagnostics.iter().any(Diagnostic::is_error) {
        apps.clear();
    }
    Yield { apps: apps.into_iter().map(|(app, _)| app).collect(), needs, diagnostics }
}

fn one(
    set: &SetDocument,
    templates: &mut Templates,
    parameters: &Parameters,
) -> Result<AppDocument, Box<Diagnostic>> {
    let template = &set.set.spec.template;
    let wrong = |pointer: &str, message: String| {
        Box::new(
            Diagnostic::error(message)
                .at(locate(&set.document, pointer))
                .field(pointer)
                .hint(format!("the parameters are {}", shown(parameters))),
        )
    };
    let template = serde_json::to_value(template).unwrap_or_default();
    let filled = templates
        .fill(&template, "/spec/template", parameters)
        .map_err(|(pointer, message)| wrong(&pointer, message))?;
    let (metadata, spec) = (filled.get("metadata").cloned(), filled.get("spec").cloned());
    let mut app = Map::new();
    app.insert("apiVersion".to_owned(), API_VERSION.into());
    app.insert("kind".to_owned(), "App".into());
    app.insert("metadata".to_owned(), metadata.unwrap_or_default());
    app.insert("spec".to_owned(), spec.unwrap_or_else(|| Value::Object(Map::new())));
    let app: App = decode(&set.document, "/spec/template", &Value::Object(app))
        .map_err(|diagnostic| Box::new(hinted(diagnostic, parameters)))?;
    let member =
        SetMember { name: set.set.metadata.name.clone(), may_be_empty: set.set.spec.may_be_empty };
    Ok(AppDocument {
        app,
        folder: trueup_model::tree::parent(&set.document.at.file).to_owned(),
        at: set.document.at.clone(),
        set: Some(member),
    })
}

fn hinted(diagnostic: Diagnostic, parameters: &Parameters) -> Diagnostic {
    match diagnostic.hint {
        Some(_) => diagnostic,
        None => diagnostic.hint(format!("the parameters are {}", shown(parameters))),
    }
}

fn collision(
    set: &SetDocument,
    app: &AppDocument,
    one: &Parameters,
    other: &Parameters,
) -> Diagnostic {
    let pointer = "/spec/template/metadata/name";
    Diagnostic::error(format!("two of its apps are called {}", app.app.name()))
        .at(locate(&set.document, pointer))
        .field(pointer)
        .hint(format!("one is made of {}, one of {}", shown(one), shown(other)))
}

/// Parameters, short enough to be read.
fn shown(parameters: &Parameters) -> String {
    const LONGEST: usize = 160;
    let mut text = Value::Object(parameters.clone()).to_string();
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
