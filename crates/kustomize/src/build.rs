//! One build: what it is asked for, what it gives back, and what its steps share.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use trueup_model::tree::Tree;
use trueup_model::{Diagnostic, Location};
use trueup_yaml::Node;

use crate::accumulate;
use crate::error::{Error, Kind, Result};
use crate::helm_charts::Charts;
use crate::id::ResId;
use crate::load::Loader;
use crate::need::{Answers, Need};
use crate::output;
use crate::resource::{Resource, Types};
use crate::trace::{self, Change, Field, Sources};

/// The order of the output where the kustomization does not give one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reorder {
    /// Nothing was said: the legacy order.
    #[default]
    Unspecified,
    /// Namespaces first, webhooks last.
    Legacy,
    /// As the resources came.
    None,
}

/// What a build is asked for: the flags of `kustomize build`.
#[derive(Clone)]
pub struct Options {
    /// `--load-restrictor LoadRestrictionsRootOnly`: files must be in or below the folder of the
    /// kustomization that names them.
    pub restrict_loads: bool,
    /// `--reorder`.
    pub reorder: Reorder,
    /// `--enable-managedby-label`.
    pub managed_by_label: bool,
    /// `--enable-alpha-plugins`. Plugins that run programs are refused all the same, but with what
    /// upstream checks before it runs them.
    pub plugins: bool,
    /// `--enable-helm`: charts may be rendered.
    pub helm: bool,
    /// `--helm-kube-version`; empty for Helm's own.
    pub helm_kube_version: String,
    /// `--helm-api-versions`.
    pub helm_api_versions: Vec<String>,
    /// Whether to find out which step set which field ([`Built::changes`]).
    pub trace: bool,
    /// What renders charts.
    pub charts: Option<Arc<dyn Charts>>,
    /// What is known of remote files, repositories and charts.
    pub answers: Answers,
}

impl Options {
    /// The options of `kustomize build` without flags.
    pub fn new() -> Self {
        Self {
            restrict_loads: true,
            reorder: Reorder::Unspecified,
            managed_by_label: false,
            plugins: false,
            helm: false,
            helm_kube_version: String::new(),
            helm_api_versions: Vec::new(),
            trace: false,
            charts: None,
            answers: Answers::new(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("restrict_loads", &self.restrict_loads)
            .field("reorder", &self.reorder)
            .field("managed_by_label", &self.managed_by_label)
            .field("plugins", &self.plugins)
            .field("helm", &self.helm)
            .field("helm_kube_version", &self.helm_kube_version)
            .field("helm_api_versions", &self.helm_api_versions)
            .field("trace", &self.trace)
            .field("charts", &self.charts.is_some())
            .field("answers", &self.answers)
            .finish()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

/// A resource of the output.
#[derive(Clone, Debug)]
pub struct Built {
    /// What it is called.
    pub id: ResId,
    /// Its content.
    pub node: Node,
    /// What it was called first.
    pub original_name: String,
    /// The file it was read from, and the line; the kustomization file of what was generated.
    pub location: Location,
    /// The patch and replacement files that changed it, in order.
    pub changed_by: Vec<String>,
    /// Which step set which field, in order, if [`Options::trace`] asks for it.
    pub changes: Vec<Change>,
    files: Arc<[String]>,
}

impl Built {
    /// It alone, as `kustomize build` prints it.
    ///
    /// # Errors
    /// It has no counterpart in JSON.
    pub fn yaml(&self) -> Result<String> {
        output::yaml(std::iter::once(&self.node))
    }

    /// The files that the values of [`Built::node`] are from, by the numbers of their sources.
    pub fn files(&self) -> Arc<[String]> {
        Arc::clone(&self.files)
    }

    /// Its fields that hold a value of their own, and where those are written.
    pub fn fields(&self) -> Vec<Field> {
        trace::fields(&self.node, &self.files)
    }

    /// It as JSON.
    ///
    /// # Errors
    /// It has no counterpart in JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        crate::documents::node_to_json(&self.node)
    }
}

/// What a build gives back.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The resources, in order, and warnings.
    Built(Output),
    /// What has to be fetched first.
    Needs(Vec<Need>),
}

/// The resources of a kustomization.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// In the order of the output.
    pub resources: Vec<Built>,
    /// Warnings.
    pub diagnostics: Vec<Diagnostic>,
}

impl Output {
    /// What `kustomize build` prints.
    ///
    /// # Errors
    /// A resource has no counterpart in JSON.
    pub fn yaml(&self) -> Result<String> {
        output::yaml(self.resources.iter().map(|resource| &resource.node))
    }
}

/// Why a build failed, and the warnings that preceded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub error: Error,
    /// Warnings.
    pub diagnostics: Vec<Diagnostic>,
}

/// Builds the kustomization in the folder `path` of `tree`.
///
/// # Errors
/// The kustomization or one that it includes is wrong.
pub fn build(
    tree: &dyn Tree,
    path: &str,
    options: &Options,
) -> std::result::Result<Outcome, Box<Failure>> {
    let session = Session::new(tree, options);
    let result = Loader::at(&session, path).and_then(|loader| accumulate::run(&session, &loader));
    let files = session.sources.into_files();
    let needs = session.needs.into_inner();
    let diagnostics = session.diagnostics.into_inner();
    // What is missing may be the reason for a failure; it is fetched before anything is judged.
    if !needs.is_empty() {
        return Ok(Outcome::Needs(needs));
    }
    match result {
        Ok(resources) => {
            let resources = resources.into_iter().map(|it| built(it, &files)).collect();
            Ok(Outcome::Built(Output { resources, diagnostics }))
        }
        Err(error) => Err(Box::new(Failure { error, diagnostics })),
    }
}

fn built(mut resource: Resource, files: &Arc<[String]>) -> Built {
    Built {
        id: resource.id().clone(),
        original_name: resource.original_id().name.clone(),
        location: (*resource.location).clone(),
        changed_by: resource.changed_by.iter().map(ToString::to_string).collect(),
        changes: std::mem::take(&mut resource.changes),
        files: Arc::clone(files),
        node: resource.into_node(),
    }
}

/// What the steps of one build share.
pub(crate) struct Session<'b> {
    pub tree: &'b dyn Tree,
    pub options: &'b Options,
    /// The types that this build knows.
    pub types: Types,
    /// The files that values come from.
    pub sources: Sources,
    diagnostics: RefCell<Vec<Diagnostic>>,
    needs: RefCell<Vec<Need>>,
}

impl<'b> Session<'b> {
    fn new(tree: &'b dyn Tree, options: &'b Options) -> Self {
        Self {
            tree,
            options,
            types: Types::default(),
            sources: Sources::default(),
            diagnostics: RefCell::default(),
            needs: RefCell::default(),
        }
    }

    /// Notes something that a person should know.
    pub(crate) fn warn(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// Lets a step add warnings.
    pub(crate) fn warnings<T>(&self, step: impl FnOnce(&mut Vec<Diagnostic>) -> T) -> T {
        step(&mut self.diagnostics.borrow_mut())
    }

    /// Notes something remote that is missing. The error ends what needs it.
    pub(crate) fn need(&self, need: Need) -> Error {
        let error = Error::new(format!("{need} has not been fetched")).of_kind(Kind::Needed);
        let mut needs = self.needs.borrow_mut();
        if !needs.contains(&need) {
            needs.push(need);
        }
        error
    }
}
