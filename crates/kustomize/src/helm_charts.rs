//! Helm charts as generators (`helmCharts`).
//!
//! Upstream runs `helm template` with a values file that it puts together first, and reads what is
//! printed as resources. Here [`Charts`] stands for that program. A chart that is not in the chart
//! folder is needed from its repository.

mod engine;
mod values;

use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use trueup_model::tree::{EntryKind, Tree, resolve};
use trueup_model::{Location, tree};

use crate::accumulate::Target;
use crate::build::Session;
use crate::decode::{go_struct, unmarshal};
use crate::documents;
use crate::error::{Context, Error, Result};
use crate::kustomization::{HelmChart, HelmGlobals};
use crate::load::Loader;
use crate::need::{Need, Unavailable};
use crate::resource::Resource;
use crate::resources::Resources;

pub use engine::HelmEngine;

/// Renders charts: `helm template`.
pub trait Charts: Send + Sync {
    /// What `helm template` prints on standard output.
    ///
    /// # Errors
    /// What it prints on standard error.
    fn template(&self, request: &ChartRequest<'_>) -> std::result::Result<Vec<u8>, String>;
}

/// A chart and how it is to be rendered: the arguments of `helm template`.
pub struct ChartRequest<'a> {
    /// Where the chart is.
    pub tree: &'a dyn Tree,
    /// Its folder.
    pub path: &'a str,
    /// The name of the release; empty for a generated one.
    pub release: &'a str,
    /// `--name-template`; empty for none.
    pub name_template: &'a str,
    /// `--namespace`; empty for the default one.
    pub namespace: &'a str,
    /// Values files, with their paths, in order.
    pub values: Vec<(String, Arc<[u8]>)>,
    /// `--api-versions`
    pub api_versions: &'a [String],
    /// `--kube-version`; empty for Helm's own.
    pub kube_version: &'a str,
    /// `--include-crds`
    pub include_crds: bool,
    /// `--skip-tests`
    pub skip_tests: bool,
    /// `--no-hooks`
    pub no_hooks: bool,
}

/// A chart with its configuration.
#[derive(Default)]
pub(crate) struct ChartGenerator {
    globals: HelmGlobals,
    chart: HelmChart,
    location: Rc<Location>,
}

/// The configuration as a resource: chart and globals side by side.
#[derive(Default)]
struct Configuration {
    globals: HelmGlobals,
    chart: HelmChart,
}

go_struct!(Configuration, "HelmChartInflationGeneratorPlugin", "builtins.HelmChartInflationGeneratorPlugin", {
    "chartHome" at "HelmGlobals.chartHome" => globals.chart_home,
    "configHome" at "HelmGlobals.configHome" => globals.config_home,
    "name" at "HelmChart.name" => chart.name,
    "version" at "HelmChart.version" => chart.version,
    "repo" at "HelmChart.repo" => chart.repo,
    "releaseName" at "HelmChart.releaseName" => chart.release_name,
    "namespace" at "HelmChart.namespace" => chart.namespace,
    "additionalValuesFiles" at "HelmChart.additionalValuesFiles" => chart.additional_values_files,
    "valuesFile" at "HelmChart.valuesFile" => chart.values_file,
    "valuesInline" at "HelmChart.valuesInline" => chart.values_inline,
    "valuesMerge" at "HelmChart.valuesMerge" => chart.values_merge,
    "includeCRDs" at "HelmChart.includeCRDs" => chart.include_crds,
    "skipHooks" at "HelmChart.skipHooks" => chart.skip_hooks,
    "apiVersions" at "HelmChart.apiVersions" => chart.api_versions,
    "kubeVersion" at "HelmChart.kubeVersion" => chart.kube_version,
    "nameTemplate" at "HelmChart.nameTemplate" => chart.name_template,
    "skipTests" at "HelmChart.skipTests" => chart.skip_tests,
    "debug" at "HelmChart.debug" => chart.debug,
    "devel" at "HelmChart.devel" => chart.devel,
});

/// The charts of a kustomization, checked.
pub(crate) fn configure<'b>(
    session: &Session<'b>,
    target: &Target<'b>,
) -> Result<Vec<ChartGenerator>> {
    let file = target.kustomization();
    let globals = file.helm_globals.clone().unwrap_or_default();
    let mut generators = Vec::new();
    for chart in &file.helm_charts {
        let mut chart = chart.clone();
        if chart.namespace.is_empty() {
            target.chart_namespace().clone_into(&mut chart.namespace);
        }
        let shown = shown(&globals, &chart);
        let location = target.own_location();
        let generator = ChartGenerator { globals: globals.clone(), chart, location };
        let generator = generator
            .checked(session, &target.loader)
            .context(|| crate::transform::trouble("HelmChartInflationGenerator", &shown))?;
        generators.push(generator);
    }
    Ok(generators)
}

impl ChartGenerator {
    /// The chart that a plugin's configuration describes, checked.
    pub(crate) fn from_json<'b>(
        session: &Session<'b>,
        loader: &Loader<'b>,
        json: &Value,
        location: Rc<Location>,
    ) -> Result<Self> {
        let configuration: Configuration = unmarshal(json).map_err(Error::new)?;
        let Configuration { globals, chart } = configuration;
        Self { globals, chart, location }.checked(session, loader)
    }

    fn checked<'b>(mut self, session: &Session<'b>, loader: &Loader<'b>) -> Result<Self> {
        let options = session.options;
        if !options.helm {
            return Err(Error::new("must specify --enable-helm")
                .hint("charts are rendered only if that is asked for: --enable-helm, or `render.kustomize.enableHelm: true` in an App"));
        }
        if self.chart.kube_version.is_empty() {
            self.chart.kube_version.clone_from(&options.helm_kube_version);
        }
        if self.chart.api_versions.is_empty() {
            self.chart.api_versions.clone_from(&options.helm_api_versions);
        }
        if self.chart.name.is_empty() {
            return Err(Error::new("chart name cannot be empty"));
        }
        if self.globals.chart_home.is_empty() {
            "charts".clone_into(&mut self.globals.chart_home);
        }
        for path in &self.chart.additional_values_files {
            loader
                .load(session, path)
                .context(|| "could not load additionalValuesFile".to_owned())?;
        }
        if !["", "merge", "override", "replace"].contains(&self.chart.values_merge.as_str()) {
            return Err(Error::new("valuesMerge must be one of [merge override replace]"));
        }
        Ok(self)
    }

    /// Renders the chart.
    pub(crate) fn generate<'b>(
        &self,
        session: &Session<'b>,
        loader: &Loader<'b>,
    ) -> Result<Vec<Resource>> {
        let folder = self.folder(loader)?;
        let local = resolve(loader.place.tree(), &folder).ok().flatten();
        let is_local = local.is_some_and(|(_, entry)| entry.kind == EntryKind::Directory);
        if is_local {
            let own = format!("/{}", tree::join(&folder, "values.yaml").unwrap_or_default());
            return self.render(session, loader, (loader.place.tree(), &folder), |path| {
                loader.load(session, if path.is_empty() { &own } else { path })
            });
        }
        let fetched = self.fetched(session)?;
        self.render(session, loader, (fetched.as_ref(), ""), |path| match path {
            "" => fetched
                .read("values.yaml")
                .map_err(|error| Error::new(format!("open values.yaml: {error}"))),
            path => loader.load(session, path),
        })
    }

    /// Where the chart is if it has been pulled or written by hand.
    fn folder(&self, loader: &Loader<'_>) -> Result<String> {
        let mut home = loader.join(&self.globals.chart_home)?;
        let chart = &self.chart;
        let below = |folder: &str, name: &str| {
            tree::join(folder, name)
                .ok_or_else(|| Error::new(format!("'{name}' leads out of the tree")))
        };
        if !chart.version.is_empty() && !chart.repo.is_empty() {
            home = below(&home, &format!("{}-{}", chart.name, chart.version))?;
        }
        below(&home, &chart.name)
    }

    fn fetched(&self, session: &Session<'_>) -> Result<Arc<dyn Tree>> {
        let HelmChart { repo, name, version, .. } = &self.chart;
        if repo.is_empty() {
            return Err(Error::new("no repo specified for pull, no chart found at ''"));
        }
        let key = (repo.clone(), name.clone(), version.clone());
        match session.options.answers.chart_of(&key) {
            Some(Ok(tree)) => Ok(Arc::clone(tree)),
            Some(Err(Unavailable::Status(status))) => Err(Error::new(format!(
                "cannot fetch the chart {name} {version} of {repo}: HTTP status {status}"
            ))),
            Some(Err(Unavailable::Other(message))) => Err(Error::new(format!(
                "cannot fetch the chart {name} {version} of {repo}: {message}"
            ))),
            None => {
                let (repo, name, version) = key;
                Err(session.need(Need::Chart { repo, name, version, devel: self.chart.devel }))
            }
        }
    }

    /// `read` reads the chart's own values for an empty path.
    fn render<'b>(
        &self,
        session: &Session<'b>,
        loader: &Loader<'b>,
        (tree, path): (&dyn Tree, &str),
        read: impl Fn(&str) -> Result<Arc<[u8]>>,
    ) -> Result<Vec<Resource>> {
        let chart = &self.chart;
        let mut values = vec![(
            format!("{}-kustomize-values.yaml", chart.name),
            values::of_chart(chart, || read(&chart.values_file))?,
        )];
        for path in &chart.additional_values_files {
            values.push((loader.location_of(path), loader.load(session, path)?));
        }
        let request = ChartRequest {
            tree,
            path,
            release: &chart.release_name,
            name_template: &chart.name_template,
            namespace: &chart.namespace,
            values,
            api_versions: &chart.api_versions,
            kube_version: &chart.kube_version,
            include_crds: chart.include_crds,
            skip_tests: chart.skip_tests,
            no_hooks: chart.skip_hooks,
        };
        let Some(charts) = &session.options.charts else {
            return Err(Error::new(format!(
                "the chart {} cannot be rendered here: there is no Helm engine",
                chart.name
            )));
        };
        let printed = charts.template(&request).map_err(|message| {
            let message = message.trim_end().to_owned();
            Error::new(message).context(format!("unable to render the chart {}", chart.name))
        })?;
        self.read_resources(session, &printed)
    }

    fn read_resources(&self, session: &Session<'_>, printed: &[u8]) -> Result<Vec<Resource>> {
        let documents = documents::resources(printed, trueup_yaml::Source::default())
            .context(|| "could not parse bytes into resource map".to_owned())?;
        let resources = documents.into_iter().map(|document| {
            let mut resource =
                Resource::new(document.node, Rc::clone(&self.location), &session.types);
            resource.track.helm_generated = true;
            resource
        });
        Resources::from_list(resources.collect()).map(Resources::into_list)
    }
}

/// The configuration as upstream's messages show it.
fn shown(globals: &HelmGlobals, chart: &HelmChart) -> Value {
    let texts = [
        ("chartHome", &globals.chart_home),
        ("configHome", &globals.config_home),
        ("name", &chart.name),
        ("version", &chart.version),
        ("repo", &chart.repo),
        ("releaseName", &chart.release_name),
        ("namespace", &chart.namespace),
        ("valuesFile", &chart.values_file),
        ("valuesMerge", &chart.values_merge),
        ("kubeVersion", &chart.kube_version),
        ("nameTemplate", &chart.name_template),
    ];
    let switches = [
        ("includeCRDs", chart.include_crds),
        ("skipHooks", chart.skip_hooks),
        ("skipTests", chart.skip_tests),
        ("debug", chart.debug),
        ("devel", chart.devel),
    ];
    let lists = [
        ("additionalValuesFiles", &chart.additional_values_files),
        ("apiVersions", &chart.api_versions),
    ];
    let mut fields = Map::new();
    for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        fields.insert(name.to_owned(), json!(text));
    }
    for (name, _) in switches.into_iter().filter(|(_, on)| *on) {
        fields.insert(name.to_owned(), json!(true));
    }
    for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        fields.insert(name.to_owned(), json!(list));
    }
    if !chart.values_inline.is_empty() {
        fields.insert("valuesInline".to_owned(), json!(chart.values_inline));
    }
    Value::Object(fields)
}
