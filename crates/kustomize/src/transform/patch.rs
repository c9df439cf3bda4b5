//! Patches: strategic merge and JSON 6902, for one resource or for all that a selector selects.

use std::rc::Rc;

use trueup_yaml::Node;

use crate::build::Session;
use crate::documents;
use crate::error::{Error, Result};
use crate::go_text::quote;
use crate::json6902;
use crate::kustomization::PatchOptions;
use crate::merge;
use crate::metadata;
use crate::resource::Resource;
use crate::resources::Resources;
use crate::select::Selector;

/// Strategic merge patches that are each for the resource they name.
pub(crate) struct StrategicPatches(pub Vec<Resource>);

impl StrategicPatches {
    pub(super) fn apply(&self, session: &Session<'_>, resources: &mut Resources) -> Result<()> {
        for patch in &self.0 {
            let target = resources.only_by_any_id(patch.original_id())?;
            patch_selected(session, resources, &[target], patch)?;
        }
        Ok(())
    }
}

/// A patch of either kind.
pub(crate) struct AnyPatch {
    pub content: PatchContent,
    pub target: Option<Selector>,
    /// How messages call it.
    pub source: String,
    /// The file it is in: its own or the kustomization's.
    pub file: Rc<str>,
}

/// What a patch says.
pub(crate) enum PatchContent {
    /// Nothing: the text is empty.
    Nothing,
    /// Strategic merge patches.
    Strategic(Vec<Resource>),
    /// A JSON 6902 patch.
    Json(json6902::JsonPatch),
}

impl AnyPatch {
    /// Finds out which kind of patch a text is.
    pub(crate) fn parse(
        session: &Session<'_>,
        text: &str,
        source: &str,
        place: (&Rc<str>, u32),
        options: Option<PatchOptions>,
    ) -> Result<PatchContent> {
        // What is a resource is no list of operations, so one of both is tried.
        match read_strategic(session, text, place) {
            Ok(patches) if patches.is_empty() => Ok(PatchContent::Nothing),
            Ok(mut patches) => {
                let options = options.unwrap_or_default();
                for patch in &mut patches {
                    patch.track.allow_name_change |= options.allow_name_change;
                    patch.track.allow_kind_change |= options.allow_kind_change;
                    if options.allow_name_change || options.allow_kind_change {
                        // Upstream notes it in the patch's annotations, which become texts.
                        let annotations = metadata::annotations(patch.node());
                        metadata::set_annotations(patch.node_mut(), &annotations);
                    }
                }
                Ok(PatchContent::Strategic(patches))
            }
            Err(_) => match json6902::JsonPatch::parse(text) {
                Ok(json) => Ok(PatchContent::Json(json)),
                Err(_) => {
                    Err(Error::new(format!("unable to parse SM or JSON patch from {source}")))
                }
            },
        }
    }

    pub(super) fn apply(&self, session: &Session<'_>, resources: &mut Resources) -> Result<()> {
        match &self.content {
            PatchContent::Nothing => Ok(()),
            PatchContent::Strategic(patches) => self.merge(session, resources, patches),
            PatchContent::Json(patch) => self.patch(resources, patch),
        }
    }

    fn merge(
        &self,
        session: &Session<'_>,
        resources: &mut Resources,
        patches: &[Resource],
    ) -> Result<()> {
        match (&self.target, patches) {
            (None, patches) => patches.iter().try_for_each(|patch| {
                let id = patch.original_id();
                let target = resources.only_by_any_id(id).map_err(|error| {
                    let id = quote(&id.to_string());
                    error.context(format!("no resource matches strategic merge patch {id}"))
                })?;
                match resources.as_mut_slice().get_mut(target) {
                    Some(target) => patch_one(session, target, patch.clone()),
                    None => Ok(()),
                }
            }),
            (Some(target), [patch]) => {
                let selected = resources.select(target).map_err(|error| {
                    let target = quote(&target.to_string());
                    error.context(format!("unable to find patch target {target} in `resources`"))
                })?;
                patch_selected(session, resources, &selected, patch)
            }
            (Some(_), _) => Err(Error::new(format!(
                "Multiple Strategic-Merge Patches in one `patches` entry is not allowed to set `patches.target` field: {}",
                self.source
            ))),
        }
    }

    fn patch(&self, resources: &mut Resources, patch: &json6902::JsonPatch) -> Result<()> {
        let Some(target) = &self.target else {
            return Err(Error::new(format!(
                "must specify a target for JSON patch {}",
                self.source
            )));
        };
        for index in resources.select(target)? {
            if let Some(resource) = resources.as_mut_slice().get_mut(index) {
                resource.remember_id();
                apply_json(resource, patch, &self.file)?;
            }
        }
        Ok(())
    }
}

/// A JSON 6902 patch.
pub(crate) struct JsonPatch {
    pub patch: json6902::JsonPatch,
    pub target: Selector,
    pub file: Rc<str>,
}

impl JsonPatch {
    pub(super) fn apply(&self, resources: &mut Resources) -> Result<()> {
        for index in resources.select(&self.target)? {
            if let Some(resource) = resources.as_mut_slice().get_mut(index) {
                apply_json(resource, &self.patch, &self.file)?;
            }
        }
        Ok(())
    }
}

/// Reads strategic merge patches.
pub(crate) fn read_strategic(
    session: &Session<'_>,
    text: &str,
    (file, first_line): (&Rc<str>, u32),
) -> Result<Vec<Resource>> {
    let source = session.sources.text(file, first_line);
    let documents = documents::resources(text.as_bytes(), source)?;
    let patch = |document| Resource::from_document(document, file, &session.types);
    Ok(documents.into_iter().map(patch).collect())
}

/// A JSON patch sees the annotations that upstream keeps its memory in, but cannot change them.
fn apply_json(resource: &mut Resource, patch: &json6902::JsonPatch, file: &Rc<str>) -> Result<()> {
    let track = resource.track.clone();
    resource.with_annotations(|node| patch.apply(node))?;
    resource.track = track;
    let mut links = std::mem::take(&mut resource.links);
    let node = resource.node_mut();
    links.cut(node);
    let annotations = metadata::annotations(node);
    metadata::set_annotations(node, &annotations);
    resource.note_change(file);
    Ok(())
}

/// Merges a patch into the selected resources, each of which keeps its own `apiVersion`.
fn patch_selected(
    session: &Session<'_>,
    resources: &mut Resources,
    selected: &[usize],
    patch: &Resource,
) -> Result<()> {
    for &index in selected {
        let Some(target) = resources.as_mut_slice().get_mut(index) else { continue };
        let mut copy = patch.clone();
        copy.track.former.clear();
        let node = copy.node_mut();
        // Upstream copies labels and annotations as texts, so that a null becomes the text `null`.
        for field in ["labels", "annotations"] {
            let texts = metadata::texts(node, field);
            metadata::set_texts(node, field, &texts);
        }
        metadata::set_api_version(node, metadata::api_version(target.node()));
        patch_one(session, target, copy)?;
    }
    resources.check_ids()
}

/// Merges a patch into a resource, which keeps its name, namespace and kind unless the patch may
/// change them.
fn patch_one(session: &Session<'_>, target: &mut Resource, patch: Resource) -> Result<()> {
    let id = target.id().clone();
    let file: Rc<str> = patch.location.file.as_str().into();
    let (names, kinds) = (patch.track.allow_name_change, patch.track.allow_kind_change);
    if names || kinds {
        target.remember_id();
    }
    // Upstream marks the patch by annotations, which are merged like all others.
    target.track.allow_name_change |= names;
    target.track.allow_kind_change |= kinds;
    if metadata::text(patch.node(), "$patch") == "replace" {
        // The merge is the patch itself, and upstream only looks at what it has changed in place.
        return Ok(());
    }
    let sees_annotations = touches_annotations(patch.node());
    let patch = patch.into_node();
    let schema = session.types.schema();
    let merge = |node: &mut Node| -> Result<()> {
        let taken = std::mem::replace(node, Node::null());
        if let Some(merged) = merge::strategic(taken, patch, schema)? {
            *node = merged;
        }
        Ok(())
    };
    if sees_annotations {
        target.with_annotations(merge)?;
    } else {
        merge(target.node_mut())?;
    }
    if target.is_empty() {
        return Ok(());
    }
    target.follow_links();
    let node = target.node_mut();
    if !kinds {
        metadata::set_kind(node, &id.gvk.kind);
    }
    if !names {
        metadata::set_name(node, &id.name);
    }
    metadata::set_namespace(node, &id.namespace);
    target.note_change(&file);
    Ok(())
}

/// Whether a patch could take annotations away that it does not name: then upstream forgets what it
/// keeps there.
fn touches_annotations(patch: &Node) -> bool {
    let wipes =
        |node: &Node| node.is_null() || node.get("$patch").is_some() || node.entries().is_none();
    if patch.get("$patch").is_some() {
        return true;
    }
    let Some(metadata) = patch.get("metadata") else { return false };
    wipes(metadata) || metadata.get("annotations").is_some_and(wipes)
}
