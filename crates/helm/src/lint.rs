//! What is wrong with a chart, or will surprise whoever installs it.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use trueup_model::Diagnostic;

use crate::capabilities::Capabilities;
use crate::chart::Chart;
use crate::engine::host::Randomness;
use crate::manifest::Manifest;
use crate::random::differences;
use crate::render::{Options, Release, Rendered, render};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lint {
    /// What is wrong, and what to look at.
    pub diagnostics: Vec<Diagnostic>,
    /// What is drawn at random each time a chart is installed without TrueUp.
    pub random: Vec<RandomFields>,
}

/// What of a manifest is drawn at random.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RandomFields {
    /// Kind of the manifest.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The template, from the root chart's name.
    pub template: String,
    /// JSON pointers.
    pub fields: Vec<String>,
}

impl Lint {
    /// Whether something is wrong.
    pub fn failed(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Looks at a chart and at what it renders to. It is rendered twice, with different keys: what then
/// differs is random.
pub fn lint(
    chart: &Arc<Chart>,
    values: &Map<String, Value>,
    capabilities: &Capabilities,
    release: &Release,
    options: &Options,
) -> Lint {
    let mut lint = Lint::default();
    metadata(chart, &mut lint.diagnostics);
    for missing in chart.missing_dependencies() {
        let message = format!("it depends on {}, which is not in charts/", missing.name);
        lint.diagnostics.push(Diagnostic::error(message).hint("run `helm dependency build`"));
    }
    let rendered = match render(chart, values, capabilities, release, options) {
        Ok(rendered) => rendered,
        Err(error) => {
            lint.diagnostics.push(error.diagnostic);
            return lint;
        }
    };
    lint.diagnostics.extend(rendered.diagnostics.iter().cloned());
    lint.diagnostics.extend(documents(&rendered).filter_map(incomplete));
    if rendered.asked_time {
        let message = "it asks for the time: what it renders to changes with each commit";
        lint.diagnostics.push(Diagnostic::warning(message));
    }
    if rendered.is_random {
        let randomness = Randomness::new([1; 32], "another");
        let options = Options { randomness, ..options.clone() };
        if let Ok(other) = render(chart, values, capabilities, release, &options) {
            lint.random = random_fields(&rendered, &other);
        }
    }
    lint
}

fn metadata(chart: &Chart, diagnostics: &mut Vec<Diagnostic>) {
    let metadata = &chart.metadata;
    let mut warn = |message: &str| diagnostics.push(Diagnostic::warning(message));
    if metadata.deprecated {
        warn("it is deprecated");
    }
    if metadata.is_library() {
        warn("it is a library: it cannot be installed");
    }
    if metadata.icon.is_empty() {
        warn("Chart.yaml names no icon");
    }
    if chart.templates.is_empty() && !metadata.is_library() {
        warn("it has no templates");
    }
}

fn documents(rendered: &Rendered) -> impl Iterator<Item = &Manifest> {
    rendered.manifests.iter().chain(rendered.hooks.iter().map(|hook| &hook.manifest))
}

/// A document that no cluster takes.
fn incomplete(manifest: &Manifest) -> Option<Diagnostic> {
    let lacks = match &manifest.document {
        Value::Null => return None,
        _ if manifest.kind.is_empty() => "kind",
        document if document.get("apiVersion").is_none() => "apiVersion",
        _ if manifest.name.is_empty() && !manifest.kind.ends_with("List") => "metadata.name",
        _ => return None,
    };
    let message = format!("a document that it renders has no {lacks}");
    let at = trueup_model::Location::file(&manifest.template);
    let hint = format!("the one that begins in line {} of what it renders", manifest.line);
    Some(Diagnostic::error(message).at(at).hint(hint))
}

fn random_fields(rendered: &Rendered, other: &Rendered) -> Vec<RandomFields> {
    let pairs = documents(rendered).zip(documents(other));
    let of = |(one, other): (&Manifest, &Manifest)| {
        let fields = differences(&one.document, &other.document);
        (!fields.is_empty()).then(|| RandomFields {
            kind: one.kind.clone(),
            name: one.name.clone(),
            template: one.template.clone(),
            fields,
        })
    };
    pairs.filter_map(of).collect()
}
