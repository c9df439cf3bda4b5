//! A resource during a build: its content, and what is remembered of it.
//!
//! Upstream remembers in annotations of the content itself what a resource was called before, which
//! prefixes it was given and the like, and strips them at the end. Here they are fields
//! ([`Track`]), which is cheaper; where a step could see the annotations (a JSON patch that adds to
//! `metadata.annotations`, say), they are written into the content for that step and read back.

mod track;

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use trueup_model::Location;
use trueup_yaml::Node;

use crate::documents::Document;
use crate::id::{Gvk, ResId};
use crate::links::Links;
use crate::metadata;
use crate::schema::{Precedence, Schema};
use crate::trace::Change;

pub(crate) use track::{Behavior, Track};

/// The types that this build knows; those of an `openapi` document once one has been read.
#[derive(Clone, Default)]
pub(crate) struct Types {
    custom: Rc<OnceCell<Schema>>,
    built_in: Rc<Schema>,
    consulted: Rc<Cell<Consulted>>,
}

/// What the types of Kubernetes were asked for so far. Upstream reads them when they are needed first,
/// and keeps them if an `openapi` document comes only then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Consulted {
    #[default]
    Nothing,
    /// Whether a kind has namespaces that upstream does not know by heart: it notes that it will have
    /// to read the types some time.
    Scope,
    /// For a merge: they have been read.
    Fields,
}

impl Types {
    /// The types, to merge by them.
    pub(crate) fn schema(&self) -> &Schema {
        if self.custom.get().is_none() {
            self.consulted.set(Consulted::Fields);
        }
        self.known()
    }

    fn known(&self) -> &Schema {
        self.custom.get().unwrap_or(&self.built_in)
    }

    fn is_cluster_scoped(&self, api_version: &str, kind: &str) -> bool {
        if self.consulted.get() == Consulted::Nothing
            && self.custom.get().is_none()
            && !Schema::is_builtin(api_version, kind)
        {
            self.consulted.set(Consulted::Scope);
        }
        self.known().is_cluster_scoped(api_version, kind)
    }

    /// Takes the types of an `openapi` document, unless there are some already: upstream sets its
    /// schema once a build.
    pub(crate) fn set_document(&self, document: &serde_json::Value) {
        self.custom.get_or_init(|| match self.consulted.get() {
            Consulted::Nothing => Schema::of_document(document),
            Consulted::Scope => Schema::beside_builtin(document, Precedence::BuiltIn),
            Consulted::Fields => Schema::beside_builtin(document, Precedence::Document),
        });
    }

    /// Takes the types of Kubernetes, unless there are others already.
    pub(crate) fn set_builtin(&self) {
        self.custom.get_or_init(Schema::builtin);
    }

    /// Whether an `openapi` document has been read.
    pub(crate) fn is_custom(&self) -> bool {
        self.custom.get().is_some()
    }
}

/// A resource and what is remembered of it.
#[derive(Clone)]
pub(crate) struct Resource {
    node: Node,
    /// What upstream keeps in annotations.
    pub track: Track,
    /// Labels and annotations that stay alike in all fields that a transformer put them into.
    pub links: Links,
    /// Names of the variables that read this resource.
    pub vars: Vec<String>,
    /// Where it was read, or the kustomization that made it.
    pub location: Rc<Location>,
    /// The files that changed it, in order.
    pub changed_by: Vec<Rc<str>>,
    /// Which step set which field, if anybody wants to know.
    pub changes: Vec<Change>,
    /// What it was before the step that is being carried out, if anybody wants to know.
    pub before: Option<Box<Node>>,
    types: Types,
    id: OnceCell<ResId>,
    former: OnceCell<Vec<ResId>>,
}

impl Resource {
    /// A resource that was read from `file`.
    pub(crate) fn from_document(document: Document, file: &Rc<str>, types: &Types) -> Self {
        let location = Location::new(file.to_string(), document.line, 0);
        Self::new(document.node, Rc::new(location), types)
    }

    /// A resource with the given content.
    pub(crate) fn new(mut node: Node, location: Rc<Location>, types: &Types) -> Self {
        let track = Track::take_from(&mut node);
        Self {
            node,
            track,
            links: Links::default(),
            vars: Vec::new(),
            location,
            changed_by: Vec::new(),
            changes: Vec::new(),
            before: None,
            types: types.clone(),
            id: OnceCell::new(),
            former: OnceCell::new(),
        }
    }

    /// Its content.
    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// Its content, to be changed.
    pub(crate) fn node_mut(&mut self) -> &mut Node {
        self.id.take();
        self.former.take();
        &mut self.node
    }

    /// Its content, when the build is done with it.
    pub(crate) fn into_node(self) -> Node {
        self.node
    }

    /// Whether a patch has deleted it.
    pub(crate) fn is_empty(&self) -> bool {
        metadata::is_empty(&self.node)
    }

    /// What it is called now.
    pub(crate) fn id(&self) -> &ResId {
        self.id.get_or_init(|| {
            let api_version = metadata::api_version(&self.node);
            let kind = metadata::kind(&self.node);
            ResId {
                gvk: Gvk::new(api_version, kind),
                name: metadata::name(&self.node).to_owned(),
                namespace: metadata::namespace(&self.node).to_owned(),
                cluster_scoped: self.types.is_cluster_scoped(api_version, kind),
            }
        })
    }

    /// What it was called before, oldest first. Group and version are the present ones.
    pub(crate) fn former_ids(&self) -> &[ResId] {
        self.former.get_or_init(|| {
            let gvk = &self.id().gvk;
            let id = |former: &track::Former| ResId {
                gvk: Gvk { kind: former.kind.clone(), ..gvk.clone() },
                name: former.name.clone(),
                namespace: former.namespace.clone(),
                cluster_scoped: false,
            };
            self.track.former.iter().map(id).collect()
        })
    }

    /// What it was called first.
    pub(crate) fn original_id(&self) -> &ResId {
        self.former_ids().first().unwrap_or_else(|| self.id())
    }

    /// All it has been called, oldest first, the present id last.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &ResId> {
        self.former_ids().iter().chain(std::iter::once(self.id()))
    }

    /// Remembers what it is called, before that changes.
    pub(crate) fn remember_id(&mut self) {
        let id = self.id();
        let former = track::Former {
            name: id.name.clone(),
            namespace: id.effective_namespace().to_owned(),
            kind: id.gvk.kind.clone(),
        };
        self.track.former.push(former);
        self.former.take();
        // Upstream writes all annotations anew for this.
        self.links.cut_annotations(&mut self.node);
    }

    /// Gives what is linked to a field that a step has changed the same value.
    pub(crate) fn follow_links(&mut self) {
        self.links.follow(&mut self.node);
    }

    /// Lets `change` see the content with the annotations that upstream would have there.
    pub(crate) fn with_annotations<T>(&mut self, change: impl FnOnce(&mut Node) -> T) -> T {
        let node = {
            self.id.take();
            self.former.take();
            &mut self.node
        };
        self.track.write_to(node);
        let result = change(node);
        self.track = Track::take_from(node);
        result
    }

    /// Writes what is remembered into the annotations, for a look at the content.
    pub(crate) fn show_annotations<T>(&mut self, look: impl FnOnce(&Node) -> T) -> T {
        self.with_annotations(|node| look(node))
    }

    /// Notes the file that changed it.
    pub(crate) fn note_change(&mut self, file: &Rc<str>) {
        if self.changed_by.last() != Some(file) {
            self.changed_by.push(Rc::clone(file));
        }
    }

    /// Takes over name, namespace, labels, annotations and memory of the resource that this one
    /// replaces or is merged into (upstream `CopyMergeMetaDataFieldsFrom`).
    pub(crate) fn take_metadata_of(&mut self, other: &Resource) {
        for field in ["labels", "annotations"] {
            let mut texts = metadata::texts(&other.node, field);
            texts.extend(metadata::texts(&self.node, field));
            metadata::set_texts(&mut self.node, field, &texts);
        }
        metadata::set_name(&mut self.node, metadata::name(&other.node));
        metadata::set_namespace(&mut self.node, metadata::namespace(&other.node));
        let needs_hash = self.track.needs_hash && other.track.needs_hash;
        self.track = Track { needs_hash, ..other.track.clone() };
        self.links = Links::default();
        self.vars.clone_from(&other.vars);
        self.changed_by.clone_from(&other.changed_by);
        self.changes.clone_from(&other.changes);
        self.id.take();
        self.former.take();
    }
}
