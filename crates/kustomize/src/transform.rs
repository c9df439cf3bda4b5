//! Transformers: what a kustomization does to the resources it has gathered.
//!
//! A [`Transformer`] is one of upstream's built-in plugins with its configuration, ready to be
//! applied. The fields of a kustomization become transformers in a fixed order ([`configured`]);
//! the files of its `transformers` field follow ([`crate::plugin`]).

mod affix;
mod configured;
mod namespace;
mod patch;
mod value_add;

use std::collections::BTreeMap;
use std::rc::Rc;

use trueup_yaml::Node;

use crate::build::Session;
use crate::config::FieldSpec;
use crate::error::{Error, Result};
use crate::filters::{image::ImageChange, pairs, replacement, replicas};
use crate::hash;
use crate::id::ResId;
use crate::kustomization::{Image, Replacement, Replica};
use crate::metadata;
use crate::origin::Origin;
use crate::resource::Resource;
use crate::resources::Resources;
use crate::trace::{self, Cause};

pub(crate) use affix::{Affix, End};
pub(crate) use configured::{Configure, FieldItem};
pub(crate) use configured::{configured, trouble};
pub(crate) use namespace::Namespace;
pub(crate) use patch::{AnyPatch, JsonPatch, StrategicPatches};
pub(crate) use value_add::{ValueAdd, ValueTarget};

/// A transformer, and where it was configured if anybody wants to know.
pub(crate) struct Step {
    pub transformer: Transformer,
    pub origin: Option<Origin>,
    pub cause: Cause,
}

/// A replacement, and where it is written.
pub(crate) struct PlacedReplacement {
    pub replacement: Replacement,
    pub cause: Cause,
}

/// A built-in transformer with its configuration.
pub(crate) enum Transformer {
    /// `patchesStrategicMerge`
    StrategicPatches(StrategicPatches),
    /// An item of `patches`
    Patch(AnyPatch),
    /// An item of `patchesJson6902`
    JsonPatch(JsonPatch),
    /// `namespace`
    Namespace(Namespace),
    /// `namePrefix`, `nameSuffix`
    Affix(Affix),
    /// An item of `labels`, `commonLabels`
    Labels(BTreeMap<String, String>, Vec<FieldSpec>),
    /// `commonAnnotations`
    Annotations(BTreeMap<String, String>, Vec<FieldSpec>),
    /// An item of `replicas`
    Replicas(Replica, Vec<FieldSpec>),
    /// An item of `images`
    Image(Image, Vec<FieldSpec>),
    /// `replacements`
    Replacements(Vec<PlacedReplacement>),
    /// Puts a value into fields, or into paths in fields.
    ValueAdd(ValueAdd),
    /// Adds digests to the names of generated resources.
    Hash,
    /// Several, one after the other.
    All(Vec<Transformer>),
}

impl Transformer {
    /// Changes the resources.
    pub(crate) fn apply(&self, session: &Session<'_>, resources: &mut Resources) -> Result<()> {
        match self {
            Self::StrategicPatches(patches) => patches.apply(session, resources),
            Self::Patch(patch) => patch.apply(session, resources),
            Self::JsonPatch(patch) => patch.apply(resources),
            Self::Namespace(namespace) => namespace.apply(session, resources),
            Self::Affix(affix) => affix.apply(resources),
            Self::Labels(texts, specs) => set_texts(resources, texts, specs),
            Self::Annotations(texts, specs) => set_texts(resources, texts, specs),
            Self::Replicas(replica, specs) => set_replicas(resources, replica, specs),
            Self::Image(image, specs) => set_image(resources, image, specs),
            Self::Replacements(replacements) => replace(session, resources, replacements),
            Self::ValueAdd(value) => value.apply(session, resources),
            Self::Hash => add_hashes(resources),
            Self::All(all) => all.iter().try_for_each(|each| each.apply(session, resources)),
        }
    }
}

fn set_texts(
    resources: &mut Resources,
    texts: &BTreeMap<String, String>,
    specs: &[FieldSpec],
) -> Result<()> {
    if texts.is_empty() {
        return Ok(());
    }
    resources.iter_mut().try_for_each(|resource| {
        let mut links = std::mem::take(&mut resource.links);
        let result = pairs::set(resource.node_mut(), &mut links, texts, specs);
        resource.links = links;
        resource.follow_links();
        result
    })
}

fn set_image(resources: &mut Resources, image: &Image, specs: &[FieldSpec]) -> Result<()> {
    let change = ImageChange::new(image)?;
    for resource in resources.iter_mut() {
        change.set_in_containers(resource.node_mut())?;
    }
    resources.iter_mut().try_for_each(|resource| change.set(resource.node_mut(), specs))
}

/// Carries out replacements, and notes in what they change which file asked for it.
fn replace(
    session: &Session<'_>,
    resources: &mut Resources,
    replacements: &[PlacedReplacement],
) -> Result<()> {
    replacements.iter().try_for_each(|placed| {
        let (replacement, file) = (&placed.replacement, &placed.cause.file);
        trace::around(session, resources, &placed.cause, |resources| {
            let mut subjects: Vec<Subject<'_>> =
                resources.iter_mut().map(|resource| Subject { resource, file }).collect();
            replacement::replace(std::slice::from_ref(replacement), &mut subjects)
        })
        .map_err(|error| error.at(placed.cause.location()))
    })
}

struct Subject<'r> {
    resource: &'r mut Resource,
    file: &'r Rc<str>,
}

impl replacement::Subject for Subject<'_> {
    fn node(&self) -> &Node {
        self.resource.node()
    }

    fn node_mut(&mut self) -> &mut Node {
        self.resource.note_change(self.file);
        self.resource.node_mut()
    }

    fn settle(&mut self) {
        self.resource.follow_links();
    }

    fn ids(&self) -> impl Iterator<Item = &ResId> {
        self.resource.ids()
    }
}

/// Sets the count of all resources of that name; there must be one.
fn set_replicas(resources: &mut Resources, replica: &Replica, specs: &[FieldSpec]) -> Result<()> {
    let mut found = false;
    for spec in specs {
        let named = resources
            .indices_by_any_id(|id| id.name == replica.name && id.gvk.is_selected(&spec.gvk));
        for index in named {
            found = true;
            if let Some(resource) = resources.as_mut_slice().get_mut(index) {
                replicas::set(resource.node_mut(), replica.count, spec)?;
            }
        }
    }
    if found {
        return Ok(());
    }
    let types: Vec<String> = specs.iter().map(|spec| spec.gvk.to_string()).collect();
    Err(Error::new(format!(
        "resource with name {} does not match a config with the following GVK {}",
        replica.name,
        crate::go_text::list(&types)
    )))
}

fn add_hashes(resources: &mut Resources) -> Result<()> {
    for resource in resources.iter_mut().filter(|resource| resource.track.needs_hash) {
        let hash = hash::of(resource.node())?;
        resource.remember_id();
        let name = format!("{}-{hash}", resource.id().name);
        metadata::set_name(resource.node_mut(), &name);
    }
    Ok(())
}
