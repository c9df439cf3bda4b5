//! Generators and transformers that are configured by resources of their own, in files or inline.
//!
//! Upstream's built-in plugins are all here. Anything else would run a program (a KRM function in a
//! container or as an executable, an exec plugin, a Go plugin), and is refused by name.

mod built_in;
mod function;

use trueup_yaml::Source;

use crate::accumulate::{Target, gather};
use crate::build::Session;
use crate::documents;
use crate::error::{Context, Error, Kind, Result};
use crate::load::Loader;
use crate::origin::{self, Origin};
use crate::resource::Resource;
use crate::trace::Cause;
use crate::transform::Step;

pub(crate) use built_in::Generator;

/// A generator, and where it was configured if anybody wants to know.
pub(crate) struct GeneratorStep {
    pub generator: Generator,
    pub origin: Option<Origin>,
}

/// The generators that a kustomization names.
pub(crate) fn generators<'b>(
    session: &Session<'b>,
    target: &Target<'b>,
) -> Result<Vec<GeneratorStep>> {
    let entries = &target.kustomization().generators;
    let mut steps = Vec::new();
    for resource in configurations(session, target, entries)? {
        let generator = load_generator(session, &target.loader, &resource)
            .context(|| "failed to load generator".to_owned())?;
        steps.push(GeneratorStep { generator, origin: Origin::of_plugin(&resource)? });
    }
    Ok(steps)
}

/// The transformers in `entries`.
pub(crate) fn transformers<'b>(
    session: &Session<'b>,
    target: &Target<'b>,
    entries: &[String],
) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for resource in configurations(session, target, entries)? {
        refuse_programs(session, &resource)?;
        let transformer = built_in::transformer(session, &target.loader, &resource)?;
        let (file, line) = (resource.location.file.as_str().into(), resource.location.line);
        let cause = Cause { by: "transformers", file, line };
        steps.push(Step { transformer, origin: Origin::of_plugin(&resource)?, cause });
    }
    Ok(steps)
}

fn load_generator<'b>(
    session: &Session<'b>,
    loader: &Loader<'b>,
    resource: &Resource,
) -> Result<Generator> {
    refuse_programs(session, resource)?;
    built_in::generator(session, loader, resource)
}

/// The resources that configure plugins: written inline, in files, or built by a kustomization.
fn configurations<'b>(
    session: &Session<'b>,
    target: &Target<'b>,
    entries: &[String],
) -> Result<Vec<Resource>> {
    let mut inline = Vec::new();
    let mut paths = Vec::new();
    let file = target.own_location().file.as_str().into();
    for entry in entries {
        match documents::resources(entry.as_bytes(), Source::default()) {
            Ok(documents) => inline.extend(
                documents.into_iter().map(|d| Resource::from_document(d, &file, &session.types)),
            ),
            Err(_) => paths.push(entry.clone()),
        }
    }
    if let Some(origin) = target.own_origin() {
        let text = origin.text();
        for resource in &mut inline {
            origin::set(resource.node_mut(), origin::ORIGIN, Some(&text));
        }
    }
    gather(session, target, inline, &paths)
}

/// Anything but a built-in plugin would run a program.
fn refuse_programs(session: &Session<'_>, resource: &Resource) -> Result<()> {
    if origin::is_built_in(&resource.id().gvk) {
        return Ok(());
    }
    let kind = &resource.id().gvk.kind;
    if !session.options.plugins {
        return Err(Error::new(format!(
            "external plugins disabled; unable to load external plugin '{}'",
            resource.original_id().gvk.kind
        )));
    }
    function::check_mounts(resource)?;
    Err(Error::new(format!(
        "plugin {} would run a program, which is not supported: use a built-in transformer or generator instead of '{kind}'",
        resource.original_id()
    ))
    .of_kind(Kind::Unsupported)
    .at((*resource.location).clone()))
}
