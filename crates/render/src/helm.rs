//! Helm charts, by the engine of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use trueup_helm::chart::dependencies::{Completed, complete};
use trueup_helm::chart::{Chart, LoadError};
use trueup_helm::random::differences;
use trueup_helm::values::{load, merge};
use trueup_helm::{
    Capabilities, Hook, HookEvent, KubeVersion, Lookups, Manifest, Options, Period, Profile,
    Randomness, Release, RenderError,
};
use trueup_model::app::{ChartSource, HelmRender};
use trueup_model::need::{Answer, ChartNeed};
use trueup_model::tree::{Tree, join};
use trueup_model::{Diagnostic, Digest, Location, Need};

use crate::charts::Charts;
use crate::folder::unreadable;
use crate::{CERTIFICATES, Document, Rendered, Request};

const PROFILE: Profile = Profile::Helm4;

/// Why there are no documents.
enum Stop {
    /// Something is wrong.
    Wrong(Box<Diagnostic>),
    /// Something is missing.
    Needs(Vec<Need>),
}

impl From<Box<Diagnostic>> for Stop {
    fn from(diagnostic: Box<Diagnostic>) -> Self {
        Self::Wrong(diagnostic)
    }
}

/// A chart, and where it is.
struct Located {
    chart: Arc<Chart>,
    /// Its folder, as places name it.
    folder: String,
}

/// Renders the chart in the request's folder, or the one that the options name.
pub fn read(
    request: &Request<'_>,
    tree: &dyn Tree,
    options: &HelmRender,
    charts: &Charts,
    rendered: &mut Rendered,
) -> Vec<Document> {
    match render(request, tree, options, charts, rendered) {
        Ok(documents) => return documents,
        Err(Stop::Wrong(diagnostic)) => rendered.diagnostics.push(*diagnostic),
        Err(Stop::Needs(needs)) => rendered.needs.extend(needs),
    }
    Vec::new()
}

fn render(
    request: &Request<'_>,
    tree: &dyn Tree,
    options: &HelmRender,
    charts: &Charts,
    rendered: &mut Rendered,
) -> Result<Vec<Document>, Stop> {
    let Located { chart, folder } = chart(request, tree, options, charts)?;
    let values = values(tree, request.path, options)?;
    let release = Release {
        name: options.release.clone().unwrap_or_else(|| request.app.to_string()),
        namespace: options.namespace.clone().unwrap_or_else(|| request.namespace.to_owned()),
        revision: 1,
        is_upgrade: false,
    };
    let engine = engine(request, options);
    let capabilities = capabilities(request)?;
    let yield_of =
        |engine: &Options| trueup_helm::render(&chart, &values, &capabilities, &release, engine);
    let made = yield_of(&engine).map_err(|error| failed(error, request, &folder))?;
    needed(made.needs.clone(), request)?;
    rendered.diagnostics.extend(made.diagnostics.iter().cloned());
    rendered.read_time = made.asked_time;
    drew(&made.periods, rendered);
    let mut documents = documents(&made, &folder)?;
    if made.is_random {
        // What comes out otherwise with another key is random; that this succeeds is not needed.
        let other = Randomness::new([0; 32], "another").lasting(request.today.as_second());
        let other = yield_of(&Options { randomness: other, ..engine });
        if let Some(others) = other.ok().and_then(|made| self::documents(&made, &folder).ok()) {
            mark_random(&mut documents, &others);
        }
    }
    Ok(documents)
}

fn documents(made: &trueup_helm::Rendered, folder: &str) -> Result<Vec<Document>, Stop> {
    let mut documents = Vec::new();
    for crd in &made.crds {
        documents.extend(definitions(&crd.path, &crd.content, folder)?);
    }
    documents.extend(made.manifests.iter().filter_map(|manifest| document(manifest, folder)));
    documents.extend(made.hooks.iter().filter_map(|hook| hook_document(hook, folder)));
    Ok(documents)
}

/// Certificates that were drawn hold until the first of their periods ends; which periods these are
/// is one of the things that decided the result.
fn drew(periods: &[Period], rendered: &mut Rendered) {
    let first = periods.iter().map(|period| period.until).min();
    rendered.valid_until = first.and_then(|until| Timestamp::from_second(until).ok());
    if !periods.is_empty() {
        let froms: Vec<[u8; 8]> = periods.iter().map(|period| period.from.to_be_bytes()).collect();
        let digest = Digest::of_parts(froms.iter().map(<[u8; 8]>::as_slice));
        rendered.answers.insert(CERTIFICATES.to_owned(), digest);
    }
}

/// Notes in each document where another key gave something else.
fn mark_random(documents: &mut [Document], others: &[Document]) {
    if documents.len() != others.len() {
        return;
    }
    for (document, other) in documents.iter_mut().zip(others) {
        document.random = differences(&document.body, &other.body);
    }
}

fn engine(request: &Request<'_>, options: &HelmRender) -> Options {
    let mut engine = Options::new(PROFILE, now(request), randomness(request));
    let mut objects = BTreeMap::new();
    let mut schemas = BTreeMap::new();
    for (need, supplied) in request.answers {
        match (need, &supplied.answer) {
            (Need::Object(lookup), Answer::Object(object)) => {
                objects.insert(lookup.clone(), Arc::clone(object));
            }
            (Need::File { url }, Answer::Bytes(bytes)) => {
                if let Ok(schema) = serde_json::from_slice(bytes) {
                    schemas.insert(url.clone(), schema);
                }
            }
            _ => {}
        }
    }
    if options.lookup {
        engine.lookups = Lookups::Answers(objects);
    }
    engine.schemas = Arc::new(schemas);
    engine
}

/// A failure that an answer could have prevented is none yet.
fn failed(error: RenderError, request: &Request<'_>, folder: &str) -> Stop {
    match needed(error.needs, request) {
        Err(stop) => stop,
        Ok(()) => Stop::Wrong(Box::new(within(error.diagnostic, folder))),
    }
}

/// Stops for what has not been answered yet.
fn needed(mut needs: Vec<Need>, request: &Request<'_>) -> Result<(), Stop> {
    needs.retain(|need| !request.answers.contains_key(need));
    if needs.is_empty() { Ok(()) } else { Err(Stop::Needs(needs)) }
}

/// What random functions of the app's templates draw from.
pub fn randomness(request: &Request<'_>) -> Randomness {
    Randomness::new(*request.key.expose(), request.app.as_str())
        .rotated(request.rotation)
        .lasting(request.today.as_second())
}

/// The commit's time: what `now` is in templates.
pub fn now(request: &Request<'_>) -> trueup_gotemplate::Timestamp {
    trueup_gotemplate::Timestamp {
        seconds: request.time.as_second(),
        nanoseconds: request.time.subsec_nanosecond().unsigned_abs(),
    }
}

fn chart(
    request: &Request<'_>,
    tree: &dyn Tree,
    options: &HelmRender,
    charts: &Charts,
) -> Result<Located, Stop> {
    if let Some(source) = &options.chart {
        return fetched(request, source, charts);
    }
    let path = request.path;
    let file = join(path, "Chart.yaml").unwrap_or_default();
    let broken =
        |error: LoadError| Box::new(Diagnostic::error(chain(&error)).at(Location::file(&file)));
    let kept = charts.load(tree, path, PROFILE).map_err(broken)?;
    if kept.missing_dependencies().is_empty() {
        return Ok(Located { chart: kept, folder: path.to_owned() });
    }
    let chart = Chart::load(tree, path, PROFILE).map_err(broken)?;
    match complete(chart, tree, path, PROFILE, request.answers) {
        Ok(Completed::Whole(chart)) => {
            Ok(Located { chart: Arc::from(chart), folder: path.to_owned() })
        }
        Ok(Completed::Needs(needs)) => Err(Stop::Needs(needs)),
        Err(error) => {
            let diagnostic = Diagnostic::error(chain(&error)).hint(error.hint());
            Err(Stop::Wrong(Box::new(diagnostic.at(Location::file(&file)))))
        }
    }
}

/// A chart that the App names by its repository.
fn fetched(request: &Request<'_>, source: &ChartSource, charts: &Charts) -> Result<Located, Stop> {
    let need = ChartNeed {
        repository: source.repo.clone(),
        name: source.name.clone(),
        version: source.version.clone(),
        devel: false,
    };
    let wrong = |message: String| {
        let place = Location::file(request.path);
        Box::new(Diagnostic::error(message).at(place).field("/spec/render/helm/chart"))
    };
    let asked = Need::Chart(need.clone());
    let Some(supplied) = request.answers.get(&asked) else {
        return Err(Stop::Needs(vec![asked]));
    };
    let packed = match &supplied.answer {
        Answer::Bytes(packed) => packed,
        Answer::Missing { why, .. } => {
            return Err(wrong(format!("there is no {need}: {why}")).into());
        }
        _ => return Err(wrong(format!("the {need} was answered with something else")).into()),
    };
    let chart = charts
        .unpack(packed, supplied.digest, PROFILE)
        .map_err(|error| wrong(format!("the {need} cannot be unpacked: {}", chain(&error))))?;
    if let Some(missing) = chart.missing_dependencies().first() {
        let name = &missing.name;
        return Err(wrong(format!("the {need} was packed without {name}, which it needs")).into());
    }
    let folder = format!("{}-{}", chart.metadata.name, chart.metadata.version);
    Ok(Located { chart, folder })
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
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

fn document(manifest: &Manifest, folder: &str) -> Option<Document> {
    if manifest.document.is_null() {
        return None;
    }
    let at = Location::new(place(&manifest.template, folder), 0, 0);
    Some(Document::new(manifest.document.clone(), at))
}

/// Helm's hooks keep their annotations, which planning understands. Tests are no part of an apply.
fn hook_document(hook: &Hook, folder: &str) -> Option<Document> {
    let is_test = hook.events.iter().all(|event| *event == HookEvent::Test);
    if is_test { None } else { document(&hook.manifest, folder) }
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
        let at = Location::new(&file, line, 0);
        documents.push(Document { node: Some(parsed.root), ..Document::new(body, at) });
    }
    Ok(documents)
}
