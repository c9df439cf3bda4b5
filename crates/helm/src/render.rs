//! The one way into the engine: a chart, values, capabilities and a release become resources.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use trueup_gotemplate::{Budget, Timestamp};
use trueup_model::{Diagnostic, Location, Need};

use crate::Profile;
use crate::assembly::{Part, assemble};
use crate::capabilities::Capabilities;
use crate::chart::Chart;
use crate::engine::error::EngineError;
use crate::engine::host::{Lookups, Period, Randomness, RenderHost, Traced};
use crate::engine::{self, RenderedTemplates};
use crate::manifest::{self, Hook, Manifest, ManifestError};
use crate::values::coalesce::{Coalescing, Nulls};
use crate::values::schema::{self, Schemas};
use crate::values::{to_json_map, to_map};
use crate::versions;

/// What is installed: `.Release`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// From 1.
    pub revision: i64,
    /// Whether it is there already: `.Release.IsUpgrade`, and the opposite of `.IsInstall`.
    pub is_upgrade: bool,
}

/// How to render.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which Helm is reproduced.
    pub profile: Profile,
    /// A value that is not there is an error.
    pub strict: bool,
    /// `required` and `fail` warn instead of failing.
    pub lint: bool,
    /// The values are not compared with the charts' schemas.
    pub skip_schema_validation: bool,
    /// The notes of subcharts are a part of the notes.
    pub subchart_notes: bool,
    /// What templates may use up.
    pub budget: Budget,
    /// What `now` is.
    pub now: Timestamp,
    /// Where randomness comes from.
    pub randomness: Randomness,
    /// What `lookup` answers.
    pub lookups: Lookups,
    /// Schemas that others refer to by URL.
    pub schemas: Arc<Schemas>,
    /// Whether it is written down what each template does.
    pub trace: bool,
    /// The random functions are replaced by constant ones, for the conformance suite.
    pub deterministic_stubs: bool,
}

impl Options {
    /// What `helm template` does.
    pub fn new(profile: Profile, now: Timestamp, randomness: Randomness) -> Self {
        Self {
            profile,
            strict: false,
            lint: false,
            skip_schema_validation: false,
            subchart_notes: false,
            budget: Budget { steps: 200_000_000, bytes: 256 << 20, ..Budget::default() },
            now,
            randomness,
            lookups: Lookups::default(),
            schemas: Arc::default(),
            trace: false,
            deterministic_stubs: false,
        }
    }
}

/// A file of `crds/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crd {
    /// Its path from the root chart's name.
    pub path: String,
    /// Its content, which is no template.
    pub content: Arc<[u8]>,
}

/// What a chart yields.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// The files of `crds/`, the root chart's first.
    pub crds: Vec<Crd>,
    /// The manifests in the order in which they are installed.
    pub manifests: Vec<Manifest>,
    /// The hooks, tests among them, in the order in which Helm prints them.
    pub hooks: Vec<Hook>,
    /// `NOTES.txt`.
    pub notes: Vec<u8>,
    /// Warnings of Helm.
    pub diagnostics: Vec<Diagnostic>,
    /// What has to be fetched before this is the result: not empty means that it is not yet.
    pub needs: Vec<Need>,
    /// What each template did, by its name, if that was wanted.
    pub traces: BTreeMap<String, Traced>,
    /// Whether anything was drawn at random.
    pub is_random: bool,
    /// Whether anything asked for the time.
    pub asked_time: bool,
    /// The periods of the certificates that were drawn, if these last.
    pub periods: Vec<Period>,
}

/// How far a rendering came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Subcharts were chosen.
    Dependencies,
    /// Values were put together and compared with the schemas.
    Values,
    /// Templates were rendered and their text was read.
    Rendering,
}

/// Why a chart yields nothing. Displays as Helm prints it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct RenderError {
    /// The text that Helm prints after `Error: `.
    pub text: String,
    /// How far it came.
    pub stage: Stage,
    /// The same for people: what is wrong, where, and what to do.
    pub diagnostic: Diagnostic,
    /// The templates that led to it, outermost first.
    pub chain: Vec<String>,
    /// What the templates wrote, by name, where it is their text that is wrong.
    pub rendered: Vec<(String, Vec<u8>)>,
    /// What has to be fetched to know better.
    pub needs: Vec<Need>,
}

/// Renders a chart.
///
/// # Errors
/// If values, schemas, templates or what these write are wrong. A chart that is a library, or that
/// lacks dependencies, is the caller's to refuse: [`crate::template`] does as Helm does.
pub fn render(
    chart: &Arc<Chart>,
    values: &Map<String, Json>,
    capabilities: &Capabilities,
    release: &Release,
    options: &Options,
) -> Result<Rendered, RenderError> {
    let assembly = assemble(chart, &to_map(values), options.profile)
        .map_err(|error| plain(Stage::Dependencies, error.to_string()))?;
    let mut diagnostics: Vec<Diagnostic> =
        chart.warnings.iter().chain(&assembly.warnings).map(Diagnostic::warning).collect();

    let root = &assembly.root;
    let mut coalescing = Coalescing::new(options.profile, Nulls::Remove);
    let values = coalescing
        .of(root, &to_map(values))
        .map_err(|error| plain(Stage::Values, error.to_string()))?;
    diagnostics.extend(coalescing.warnings.iter().map(Diagnostic::warning));
    if !options.skip_schema_validation {
        check_schemas(root, &to_json_map(&values), options, &mut diagnostics)?;
    }
    check_kube_version(chart, capabilities, options.profile)?;

    let mut host = RenderHost::new(options);
    let rendered = engine::render(root, &values, capabilities, release, options, &mut host);
    // What failed for want of an answer may not fail with it.
    let needs = needs(&mut host);
    let mut templates = rendered.map_err(|error| RenderError {
        needs: needs.clone(),
        ..template_failed(&error, options.profile)
    })?;
    let notes = take_notes(&mut templates, root, options.subchart_notes);
    let texts = templates.iter().map(|(name, text)| (name.as_str(), text.as_slice()));
    let sorted = match manifest::sort(texts, options.profile) {
        Ok(sorted) => sorted,
        Err(error) => return Err(RenderError { needs, ..manifest_failed(error, templates) }),
    };
    diagnostics.extend(sorted.warnings.iter().chain(&host.warnings).map(Diagnostic::warning));
    let mut crds = Vec::new();
    collect_crds(root, &root.name, &mut crds);
    Ok(Rendered {
        crds,
        manifests: sorted.manifests,
        hooks: sorted.hooks,
        notes,
        diagnostics,
        needs,
        traces: host.traces,
        is_random: host.is_random,
        asked_time: host.asked_time,
        periods: host.periods,
    })
}

fn needs(host: &mut RenderHost) -> Vec<Need> {
    let mut needs: Vec<Need> = host.missing_lookups.drain(..).map(Need::Object).collect();
    needs.sort();
    needs.dedup();
    needs
}

impl RenderHost {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            lint: options.lint,
            now: options.now,
            randomness: options.randomness.clone(),
            lookups: options.lookups.clone(),
            missing_lookups: Vec::new(),
            warnings: Vec::new(),
            included: std::collections::HashMap::new(),
            parsed: std::collections::HashMap::new(),
            traces: BTreeMap::new(),
            is_random: false,
            asked_time: false,
            periods: Vec::new(),
        }
    }
}

fn check_schemas(
    root: &Part,
    values: &Map<String, Json>,
    options: &Options,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<(), RenderError> {
    let verdict = schema::check(root, values, &options.schemas, options.profile);
    diagnostics.extend(verdict.warnings.iter().map(Diagnostic::warning));
    if verdict.complaints.is_empty() {
        return Ok(());
    }
    let mut error = plain(
        Stage::Values,
        format!(
            "values don't meet the specifications of the schema(s) in the following chart(s):\n{}",
            verdict.complaints
        ),
    );
    error.needs = verdict.needs.into_iter().map(|url| Need::File { url }).collect();
    Err(error)
}

fn check_kube_version(
    chart: &Chart,
    capabilities: &Capabilities,
    profile: Profile,
) -> Result<(), RenderError> {
    let constraint = &chart.metadata.kube_version;
    let version = &capabilities.kube_version;
    if constraint.is_empty() || versions::satisfies(constraint, &version.normalized, profile) {
        return Ok(());
    }
    Err(plain(
        Stage::Rendering,
        format!(
            "chart requires kubeVersion: {constraint} which is incompatible with Kubernetes {}",
            version.version
        ),
    ))
}

/// Takes `NOTES.txt` of all charts out of what was rendered, and keeps that of the root chart.
fn take_notes(templates: &mut RenderedTemplates, root: &Part, of_subcharts: bool) -> Vec<u8> {
    let own = format!("{}/templates/NOTES.txt", root.name);
    let mut notes = Vec::new();
    templates.retain(|name, text| {
        if !name.ends_with("NOTES.txt") {
            return true;
        }
        if of_subcharts || *name == own {
            if !notes.is_empty() {
                notes.push(b'\n');
            }
            notes.append(text);
        }
        false
    });
    notes
}

fn collect_crds(part: &Part, path: &str, crds: &mut Vec<Crd>) {
    for file in part.chart.crds() {
        let path = format!("{path}/{}", file.name);
        crds.push(Crd { path, content: Arc::clone(&file.content) });
    }
    for child in &part.children {
        collect_crds(child, &format!("{path}/charts/{}", child.name), crds);
    }
}

fn plain(stage: Stage, text: String) -> RenderError {
    RenderError {
        diagnostic: Diagnostic::error(&text),
        text,
        stage,
        chain: Vec::new(),
        rendered: Vec::new(),
        needs: Vec::new(),
    }
}

fn template_failed(error: &EngineError, profile: Profile) -> RenderError {
    let mut diagnostic = Diagnostic::error(error.message());
    diagnostic.at = error.location();
    RenderError {
        diagnostic,
        chain: error.chain(),
        ..plain(Stage::Rendering, error.helm_text(profile))
    }
}

fn manifest_failed(error: ManifestError, rendered: RenderedTemplates) -> RenderError {
    let diagnostic =
        Diagnostic::error(format!("the rendered text is no manifest: {}", error.reason))
            .at(Location::file(&error.template))
            .hint(format!("the document that begins in line {} of what it renders", error.line));
    let rendered = rendered.into_iter().collect();
    RenderError { diagnostic, rendered, ..plain(Stage::Rendering, error.to_string()) }
}
