//! Helm charts, by the engine of their own.

use std::sync::Arc;

use serde_json::{Map, Value};
use trueup_gotemplate::Timestamp;
use trueup_helm::chart::Chart;
use trueup_helm::values::{load, merge};
use trueup_helm::{
    Capabilities, Hook, HookEvent, KubeVersion, Manifest, Need, Options, Profile, Randomness,
    Release,
};
use trueup_model::app::HelmRender;
use trueup_model::tree::{Tree, join};
use trueup_model::{Diagnostic, Location};

use crate::folder::unreadable;
use crate::{Document, Request};

const PROFILE: Profile = Profile::Helm4;

/// Renders the chart in the request's folder.
pub fn read(
    request: &Request<'_>,
    tree: &dyn Tree,
    options: &HelmRender,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Document> {
    match render(request, tree, options, diagnostics) {
        Ok(documents) => documents,
        Err(diagnostic) => {
            diagnostics.push(*diagnostic);
            Vec::new()
        }
    }
}

fn render(
    request: &Request<'_>,
    tree: &dyn Tree,
    options: &HelmRender,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Vec<Document>, Box<Diagnostic>> {
    let chart = chart(tree, request.path)?;
    let values = values(tree, request.path, options)?;
    let release = Release {
        name: options.release.clone().unwrap_or_else(|| request.app.to_string()),
        namespace: options.namespace.clone().unwrap_or_else(|| request.namespace.to_owned()),
        revision: 1,
        is_upgrade: false,
    };
    let randomness = Randomness::new(*request.key.expose(), request.app.as_str());
    let engine = Options::new(PROFILE, now(request), randomness);
    let capabilities = capabilities(request)?;
    let rendered = trueup_helm::render(&chart, &values, &capabilities, &release, &engine)
        .map_err(|error| Box::new(within(error.diagnostic, request.path)))?;
    diagnostics.extend(rendered.diagnostics);
    if let Some(need) = rendered.needs.first() {
        return Err(Box::new(needed(need, request.path)));
    }
    let mut documents = Vec::new();
    for crd in &rendered.crds {
        documents.extend(definitions(&crd.path, &crd.content, request.path)?);
    }
    documents.extend(rendered.manifests.iter().filter_map(|manifest| document(manifest, request)));
    documents.extend(rendered.hooks.iter().filter_map(|hook| hook_document(hook, request)));
    Ok(documents)
}

/// The commit's time: what `now` is in templates.
pub fn now(request: &Request<'_>) -> Timestamp {
    Timestamp {
        seconds: request.time.as_second(),
        nanoseconds: request.time.subsec_nanosecond().unsigned_abs(),
    }
}

fn chart(tree: &dyn Tree, path: &str) -> Result<Arc<Chart>, Box<Diagnostic>> {
    let file = join(path, "Chart.yaml").unwrap_or_default();
    let wrong = |message: String| Box::new(Diagnostic::error(message).at(Location::file(&file)));
    let chart = Chart::load(tree, path, PROFILE).map_err(|error| wrong(error.to_string()))?;
    if let Some(missing) = chart.missing_dependencies().first() {
        let name = &missing.name;
        return Err(Box::new(
            Diagnostic::error(format!("the chart depends on {name}, which is not in charts/"))
                .at(Location::file(&file))
                .hint(format!("run `helm dependency update` in {path} and commit charts/")),
        ));
    }
    Ok(Arc::new(chart))
}

/// Files first, in order, then the App's own values.
fn values(
    tree: &dyn Tree,
    path: &str,
    options: &HelmRender,
) -> Result<Map<String, Value>, Box<Diagnostic>> {
    let mut values = Map::new();
    for name in &options.values_files {
        let wrong = |message: String| {
            Box::new(
                Diagnostic::error(message)
                    .at(Location::file(name))
                    .field("/spec/render/helm/valuesFiles"),
            )
        };
        let file = join(path, name)
            .ok_or_else(|| wrong("this path leads out of the repository".to_owned()))?;
        let content = tree.read(&file).map_err(|error| Box::new(unreadable(&error)))?;
        merge(&mut values, load(&content, PROFILE).map_err(wrong)?);
    }
    if let Some(own) = &options.values {
        merge(&mut values, own.clone().into_iter().collect());
    }
    Ok(values)
}

/// The live target's, where it is a cluster.
fn capabilities(request: &Request<'_>) -> Result<Capabilities, Box<Diagnostic>> {
    let live = request.capabilities;
    let mut capabilities = Capabilities::assumed(PROFILE);
    if live.kube_version.is_empty() {
        return Ok(capabilities);
    }
    capabilities.kube_version = KubeVersion::parse(&live.kube_version, PROFILE)
        .map_err(|error| Box::new(Diagnostic::error(error)))?;
    if !live.api_versions.is_empty() {
        capabilities.api_versions.clone_from(&live.api_versions);
    }
    Ok(capabilities)
}

fn needed(need: &Need, path: &str) -> Diagnostic {
    let what = match need {
        Need::Chart { name, version, repository } => {
            format!("the chart {name} {version} of {repository}")
        }
        Need::Lookup(lookup) => format!("the live {} {}", lookup.kind, lookup.name),
        Need::Schema { url } => format!("the schema {url}"),
    };
    Diagnostic::error(format!("this chart needs {what}, which is not fetched by this version"))
        .at(Location::file(path))
}

/// Places in a chart are told from its own name; in a repository they begin at its root.
fn within(mut diagnostic: Diagnostic, path: &str) -> Diagnostic {
    if let Some(at) = &mut diagnostic.at {
        at.file = place(&at.file, path);
    } else {
        diagnostic.at = Some(Location::file(path));
    }
    diagnostic
}

fn place(template: &str, path: &str) -> String {
    let inner = template.split_once('/').map_or(template, |(_, inner)| inner);
    join(path, inner).unwrap_or_else(|| template.to_owned())
}

fn document(manifest: &Manifest, request: &Request<'_>) -> Option<Document> {
    if manifest.document.is_null() {
        return None;
    }
    let at = Location::new(place(&manifest.template, request.path), 0, 0);
    Some(Document { body: manifest.document.clone(), at, node: None })
}

/// Helm's hooks as ours: those that run before come before, those that run after come after, and
/// those that have no occasion here (tests, deletion) are left out.
fn hook_document(hook: &Hook, request: &Request<'_>) -> Option<Document> {
    let is = |wanted: &[HookEvent]| hook.events.iter().any(|event| wanted.contains(event));
    let occasion = if is(&[HookEvent::PreInstall, HookEvent::PreUpgrade]) {
        "before"
    } else if is(&[HookEvent::PostInstall, HookEvent::PostUpgrade]) {
        "after"
    } else if is(&[HookEvent::PreRollback, HookEvent::PostRollback]) {
        "rollback"
    } else {
        return None;
    };
    let mut document = document(&hook.manifest, request)?;
    let metadata = document.body.get_mut("metadata")?.as_object_mut()?;
    let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert("trueup.dev/hook".to_owned(), occasion.into());
        annotations.insert("trueup.dev/wave".to_owned(), hook.weight.to_string().into());
    }
    Some(document)
}

fn definitions(file: &str, content: &[u8], path: &str) -> Result<Vec<Document>, Box<Diagnostic>> {
    let file = place(file, path);
    let wrong = |error: trueup_yaml::Error| {
        let at = Location::new(&file, error.line(), error.column());
        Box::new(Diagnostic::error(error.message()).at(at))
    };
    let mut documents = Vec::new();
    for parsed in trueup_yaml::parse(content, &trueup_yaml::Limits::default()).map_err(wrong)? {
        if parsed.root.is_null() {
            continue;
        }
        let line = parsed.root.position().line;
        let body = parsed
            .root
            .to_json(trueup_yaml::Dialect::V2, trueup_yaml::DuplicateKeys::LastWins)
            .map_err(wrong)?;
        documents.push(Document {
            body,
            at: Location::new(&file, line, 0),
            node: Some(parsed.root),
        });
    }
    Ok(documents)
}
