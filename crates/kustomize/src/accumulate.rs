//! Builds a kustomization: gathers what it includes, generates, transforms, and at the end settles
//! names.
//!
//! A [`Target`] is one kustomization file. It fills an [`Accumulator`]: the resources so far, and
//! the rules that travel with them (field specs, variables). A base has an accumulator of its own,
//! which is merged into that of its overlay; a component works on that of the kustomization that
//! includes it. Names are settled once, when the outermost kustomization is done: digests are added,
//! references follow, variables are replaced.

mod accumulator;
mod target;
mod vars;

use std::rc::Rc;

use trueup_model::Diagnostic;

use crate::build::{Reorder, Session};
use crate::error::Result;
use crate::load::Loader;
use crate::metadata;
use crate::name_references;
use crate::origin;
use crate::resource::Resource;
use crate::resources::Resources;
use crate::sort::Order;
use crate::trace::{self, Cause};
use crate::transform::Transformer;

use accumulator::Accumulator;
pub(crate) use target::Target;

/// Resources with this annotation configure the build itself.
const LOCAL_CONFIG: &str = "config.kubernetes.io/local-config";
/// The label that says which tool made a resource.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "kustomize-v5.8.1");

/// Builds the kustomization at the loader's folder, with nothing left to do but print.
pub(crate) fn run<'b>(session: &Session<'b>, loader: &Rc<Loader<'b>>) -> Result<Vec<Resource>> {
    let mut target = Target::load(session, loader)?;
    target.use_schema(session)?;
    target.track_origin();
    let mut accumulator = target.accumulate(session, Accumulator::new())?;
    settle_names(session, &target, &mut accumulator)?;
    let mut resources = accumulator.resources;
    drop_local(&mut resources)?;
    order(session, &target, &mut resources)?;
    let metadata_options = &target.kustomization().build_metadata;
    let asks_for = |option: &str| metadata_options.iter().any(|asked| asked == option);
    if session.options.managed_by_label || asks_for("managedByLabel") {
        label_managed(&mut resources)?;
    }
    clean_annotations(
        &mut resources,
        asks_for("originAnnotations"),
        asks_for("transformerAnnotations"),
    );
    Ok(resources.into_list())
}

/// Adds digests to names, then lets references and variables follow.
fn settle_names<'b>(
    session: &Session<'b>,
    target: &Target<'b>,
    accumulator: &mut Accumulator,
) -> Result<()> {
    let cause = |by| Cause { by, file: target.own_location().file.as_str().into(), line: 0 };
    let resources = &mut accumulator.resources;
    trace::around(session, resources, &cause("digest of a generated name"), |resources| {
        Transformer::Hash.apply(session, resources)
    })?;
    let references = &accumulator.config.name_reference;
    trace::around(session, resources, &cause("reference to a name"), |resources| {
        name_references::update(resources, references)
    })?;
    vars::replace(session, accumulator, &cause("vars"))
}

/// Drops resources that are configuration of the build. All others need a kind and a name.
fn drop_local(resources: &mut Resources) -> Result<()> {
    resources.drop_empty();
    for resource in resources.iter() {
        metadata::check(resource.node())?;
    }
    let is_local = |resource: &Resource| {
        metadata::annotation(resource.node(), LOCAL_CONFIG).is_some_and(|text| text != "false")
    };
    resources.retain(|resource| !is_local(resource));
    Ok(())
}

fn order(session: &Session<'_>, target: &Target<'_>, resources: &mut Resources) -> Result<()> {
    let order = match (&target.kustomization().sort_options, session.options.reorder) {
        (Some(options), reorder) => {
            if reorder != Reorder::Unspecified {
                session.warn(Diagnostic::warning(
                    "Warning: Sorting order is set both in 'kustomization.yaml' ('sortOptions') and in a CLI flag ('--reorder'). Using the kustomization file over the CLI flag.",
                ));
            }
            Order::from_options(options)?
        }
        (None, Reorder::None) => return Ok(()),
        (None, _) => Order::legacy(),
    };
    let places = {
        let ids: Vec<_> = resources.iter().map(Resource::id).collect();
        order.arrange(&ids)
    };
    resources.arrange(&places);
    resources.check_ids()
}

fn label_managed(resources: &mut Resources) -> Result<()> {
    let (name, value) = MANAGED_BY;
    for resource in resources.iter_mut() {
        let mut labels = metadata::texts(resource.node(), "labels");
        labels.insert(name.to_owned(), value.to_owned());
        metadata::set_texts(resource.node_mut(), "labels", &labels);
    }
    Ok(())
}

/// Takes away the annotations that nobody asked for. Those that stay are texts; none is no field.
fn clean_annotations(resources: &mut Resources, keep_origin: bool, keep_transformations: bool) {
    for resource in resources.iter_mut() {
        let node = resource.node_mut();
        let mut annotations = metadata::annotations(node);
        if keep_origin && keep_transformations && annotations.is_empty() {
            continue;
        }
        if !keep_origin {
            annotations.remove(origin::ORIGIN);
        }
        if !keep_transformations {
            annotations.remove(origin::TRANSFORMATIONS);
        }
        metadata::set_annotations(node, &annotations);
    }
}

/// The resources in `paths`, after those that are there already.
pub(crate) fn gather<'b>(
    session: &Session<'b>,
    target: &Target<'b>,
    there: Vec<Resource>,
    paths: &[String],
) -> Result<Vec<Resource>> {
    let mut accumulator = Accumulator::new();
    accumulator.resources.append_all(there)?;
    let accumulator = target.accumulate_resources(session, accumulator, paths)?;
    Ok(accumulator.resources.into_list())
}
