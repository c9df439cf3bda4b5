//! From the files of a revision to admitted resources.
//!
//! [`Renderer::render`] finds out what kind of folder it is given, lets the right engine make
//! documents of it, and admits these: every document that comes out is complete, normalised and
//! known to be sendable, or there is a diagnostic with file and line. Rendering reads an immutable
//! tree and the answers it was given and nothing else, so what it read is known exactly, and is the
//! key under which its result may be kept. What it lacks it says ([`Rendered::needs`]); whoever
//! called fetches that and calls again.
//!
//! - [`folder`][]: what kind of folder it is
//! - [`plain`][]: YAML and JSON files as they stand
//! - `kustomize`, `helm`: overlays and charts
//! - [`apps`][], [`app_sets`][]: `App` and `AppSet` documents, which are not resources of a target
//! - `kept`: what of renders is kept, and when it still holds
//! - [`admit`][]: validate, normalise
//! - [`decode`][]: documents into types, with `did you mean`

pub mod admit;
pub mod app_sets;
pub mod apps;
mod charts;
pub mod decode;
pub mod folder;
mod helm;
mod kept;
mod kustomize;
pub mod plain;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use trueup_model::need::{Answers, Need};
use trueup_model::tree::{Reads, RecordingTree, Tree};
use trueup_model::{
    AppName, Capabilities, Diagnostic, Digest, InstallationKey, Location, Resource, ResourceId,
    TargetId, app,
};

use charts::Charts;
pub use folder::FolderKind;
pub use kept::Counts;
use kept::Shelf;

/// Key in [`Rendered::answers`] of the periods for which certificates were drawn.
pub const CERTIFICATES: &str = "certificates";

/// What is to be rendered.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The files of the revision.
    pub tree: &'a Arc<dyn Tree>,
    /// The folder in it.
    pub path: &'a str,
    /// How; `None`: by what is in the folder.
    pub options: Option<&'a app::Render>,
    /// For which app.
    pub app: &'a AppName,
    /// Namespace of objects that name none.
    pub namespace: &'a str,
    /// Id of the installation.
    pub installation: &'a str,
    /// What the target is and can do.
    pub capabilities: &'a Capabilities,
    /// The commit's time: the `now` of templates.
    pub time: Timestamp,
    /// What random template functions draw from.
    pub key: &'a InstallationKey,
    /// How often a person had everything random drawn anew.
    pub rotation: u64,
    /// The present time, which decides nothing but when certificates that templates make are drawn
    /// anew.
    pub today: Timestamp,
    /// What is known of what the tree lacks.
    pub answers: &'a Answers,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// The admitted resources.
    pub resources: Vec<Arc<Resource>>,
    /// What is wrong. With an error among them the resources must not be applied.
    pub diagnostics: Vec<Diagnostic>,
    /// Every path that was looked at, with a mark of what stood there or that nothing did.
    pub reads: Arc<Reads>,
    /// Whether the target's capabilities had a say.
    pub read_capabilities: bool,
    /// Whether the commit's time had a say, or may have had.
    pub read_time: bool,
    /// When it comes out otherwise by itself: certificates are drawn anew.
    pub valid_until: Option<Timestamp>,
    /// What has to be answered before this is the result: while it is not empty, nothing else here
    /// counts.
    pub needs: Vec<Need>,
    /// Digests of answers that rendering needed and was given, by what was asked.
    pub answers: BTreeMap<String, Digest>,
}

/// One document that an engine made, before admission.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its content.
    pub body: serde_json::Value,
    /// Where it comes from.
    pub at: Location,
    /// The document as it was written, where there is one: for the places of its fields.
    pub node: Option<trueup_yaml::Node>,
    /// The files that the node's values are from, by the numbers of their sources; none if all of it
    /// is from the file of [`Document::at`].
    pub files: Arc<[String]>,
    /// JSON pointers of what was drawn at random.
    pub random: Vec<String>,
}

impl Document {
    /// A document of which nothing more is known.
    pub fn new(body: serde_json::Value, at: Location) -> Self {
        Self { body, at, node: None, files: Arc::default(), random: Vec::new() }
    }
}

/// The engines, with what they keep between renders.
#[derive(Debug, Default)]
pub struct Renderer {
    shelf: Mutex<Shelf>,
    charts: Charts,
}

impl Renderer {
    /// Engines that have kept nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a commit with these files touches nothing that the app's last render was made of:
    /// then there is nothing to render. `false` where that is not known.
    pub fn is_untouched(&self, app: &AppName, tree: &dyn Tree) -> bool {
        self.shelf().is_untouched(app, tree)
    }

    /// Whether an app's last render declares a resource of a target; `None` where that is not known.
    pub fn declares(&self, app: &AppName, target: &TargetId, id: &ResourceId) -> Option<bool> {
        self.shelf().declares(app, target, id)
    }

    /// Another app whose last render declares a resource of a target.
    pub fn declared_by_another(
        &self,
        app: &AppName,
        target: &TargetId,
        id: &ResourceId,
    ) -> Option<AppName> {
        self.shelf().declared_by_another(app, target, id)
    }

    /// A commit touches these apps, which live in these places: until they are rendered, what they
    /// declare is not known.
    pub fn expect(&self, apps: impl IntoIterator<Item = (AppName, String)>) {
        self.shelf().expect(apps);
    }

    /// An app was looked at, whether or not that came as far as rendering.
    pub fn expect_no_more(&self, app: &AppName) {
        self.shelf().expect_no_more(app);
    }

    /// Whether an app other than this one, in the same place, is still to be rendered.
    pub fn expects_others(&self, app: &AppName, place: &str) -> bool {
        self.shelf().expects_others(app, place)
    }

    /// An app is no more: drops what is kept of it.
    pub fn forget(&self, app: &AppName) {
        self.shelf().forget(app);
    }

    /// How often something was rendered, and how often it was not because what was kept still held.
    pub fn counts(&self) -> Counts {
        self.shelf().counts
    }

    /// Renders and admits a folder, or answers what was kept of the same. It does not fail: what is
    /// wrong is in the diagnostics.
    pub fn render(&self, request: &Request<'_>) -> Rendered {
        if let Some(kept) = self.shelf().find(request) {
            return kept;
        }
        let rendered = self.render_anew(request);
        if rendered.needs.is_empty() {
            self.shelf().keep(request, &rendered);
        }
        rendered
    }

    fn render_anew(&self, request: &Request<'_>) -> Rendered {
        let recording = RecordingTree::new(request.tree.as_ref());
        let mut rendered = Rendered::default();
        let documents = self.documents(request, &recording, &mut rendered);
        if !rendered.needs.is_empty() {
            return rendered;
        }
        admit::admit(request, &recording, documents, &mut rendered);
        rendered.reads = Arc::new(recording.into_reads());
        rendered
    }

    fn documents(
        &self,
        request: &Request<'_>,
        tree: &dyn Tree,
        rendered: &mut Rendered,
    ) -> Vec<Document> {
        match folder::kind(tree, request.path, request.options) {
            Ok(FolderKind::Plain(options)) => {
                plain::read(tree, request.path, &options, &mut rendered.diagnostics)
            }
            Ok(FolderKind::Helm(options)) => {
                rendered.read_capabilities = true;
                // Until the chart has been rendered to its end, and said otherwise.
                rendered.read_time = true;
                helm::read(request, tree, &options, &self.charts, rendered)
            }
            Ok(FolderKind::Kustomize(options)) => {
                rendered.read_time = options.enable_helm;
                kustomize::read(request, tree, &options, rendered)
            }
            Err(diagnostic) => {
                rendered.diagnostics.push(diagnostic);
                Vec::new()
            }
        }
    }
}
