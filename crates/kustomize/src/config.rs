//! Where transformers look: the field specs of each, built in and configured.
//!
//! A field spec names a field of the resources of a type. Each transformer has a list of them; the
//! built-in lists ([`defaults`]) are extended by the files under `configurations` and `crds`. Lists
//! of a base travel up to its overlays, so merging happens at every layer and has to be cheap when
//! there is nothing to merge.

mod crds;
mod defaults;

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::decode::{go_struct, unmarshal_strict};
use crate::error::{Context, Error, Result};
use crate::id::Gvk;

pub(crate) use crds::from_crd;

/// A field of the resources of a type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSpec {
    /// Which resources; empty parts match any.
    pub gvk: Gvk,
    /// Field names joined by `/`, with `\/` for a slash in a name. Lists need no mark; `[]` after a
    /// name says that it is one, and that it is not to be created.
    pub path: String,
    /// Whether the field is created where it is missing.
    pub create: bool,
}

go_struct!(FieldSpec, "FieldSpec", "types.FieldSpec", {
    "group" at "Gvk.group" => gvk.group,
    "version" at "Gvk.version" => gvk.version,
    "kind" at "Gvk.kind" => gvk.kind,
    "path" at "path" => path,
    "create" at "create" => create,
});

impl FieldSpec {
    /// The field at `path` of resources of any type, created where it is missing.
    pub(crate) fn anywhere(path: &str) -> Self {
        Self { path: path.to_owned(), create: true, ..Self::default() }
    }
}

/// Adds `spec` unless one for its path is there already that it covers.
pub(crate) fn add_spec(specs: &mut Vec<FieldSpec>, spec: &FieldSpec) -> Result<()> {
    let known =
        specs.iter().find(|known| known.path == spec.path && known.gvk.is_selected(&spec.gvk));
    match known {
        Some(known) if known.create == spec.create => Ok(()),
        Some(_) => Err(Error::new("conflicting fieldspecs")),
        None => {
            specs.push(spec.clone());
            Ok(())
        }
    }
}

/// Adds each of `more` by [`add_spec`].
pub(crate) fn add_specs(specs: &mut Vec<FieldSpec>, more: &[FieldSpec]) -> Result<()> {
    more.iter().try_for_each(|spec| add_spec(specs, spec))
}

/// The fields by which resources refer to those of a type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Referrers {
    /// The type that is referred to.
    pub target: Gvk,
    /// The fields that hold its name.
    pub fields: Vec<FieldSpec>,
}

go_struct!(Referrers, "NameBackReferences", "builtinconfig.NameBackReferences", {
    "group" at "Gvk.group" => target.group,
    "version" at "Gvk.version" => target.version,
    "kind" at "Gvk.kind" => target.kind,
    "fieldSpecs" at "fieldSpecs" => fields,
});

/// The field specs of every transformer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Config {
    pub name_prefix: Vec<FieldSpec>,
    pub name_suffix: Vec<FieldSpec>,
    pub namespace: Vec<FieldSpec>,
    pub common_labels: Vec<FieldSpec>,
    pub labels: Vec<FieldSpec>,
    pub template_labels: Vec<FieldSpec>,
    pub common_annotations: Vec<FieldSpec>,
    pub name_reference: Vec<Referrers>,
    pub var_reference: Vec<FieldSpec>,
    pub images: Vec<FieldSpec>,
    pub replicas: Vec<FieldSpec>,
}

go_struct!(Config, "TransformerConfig", "builtinconfig.TransformerConfig", {
    "namePrefix" at "namePrefix" => name_prefix,
    "nameSuffix" at "nameSuffix" => name_suffix,
    "namespace" at "namespace" => namespace,
    "commonLabels" at "commonLabels" => common_labels,
    "labels" at "labels" => labels,
    "templateLabels" at "templateLabels" => template_labels,
    "commonAnnotations" at "commonAnnotations" => common_annotations,
    "nameReference" at "nameReference" => name_reference,
    "varReference" at "varReference" => var_reference,
    "images" at "images" => images,
    "replicas" at "replicas" => replicas,
});

/// The built-in lists, merged into nothing once: what every build starts with.
static DEFAULT: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let merged = Config::default().merged(&defaults::config());
    Arc::new(merged.expect("the built-in field specs do not conflict"))
});

impl Config {
    /// The built-in lists.
    pub(crate) fn built_in() -> Arc<Config> {
        Arc::clone(&DEFAULT)
    }

    /// Reads a file of `configurations`.
    pub(crate) fn read(content: &[u8]) -> Result<Self> {
        let json = crate::documents::to_json_strict(content)?;
        Self::from_json(&json)
    }

    fn from_json(json: &Value) -> Result<Self> {
        let mut config: Self = unmarshal_strict(json).map_err(Error::new)?;
        config.sort();
        Ok(config)
    }

    /// `base` with what `more` adds; no copy where it adds nothing.
    pub(crate) fn merge(base: &Arc<Config>, more: &Arc<Config>) -> Result<Arc<Config>> {
        if **base == Config::default() && Arc::ptr_eq(more, &DEFAULT) || Arc::ptr_eq(base, more) {
            return Ok(Arc::clone(more));
        }
        let merged = base.merged(more)?;
        Ok(if merged == **base { Arc::clone(base) } else { Arc::new(merged) })
    }

    pub(crate) fn merged(&self, more: &Config) -> Result<Config> {
        let list = |own: &[FieldSpec], more: &[FieldSpec], name: &str| -> Result<Vec<FieldSpec>> {
            let mut merged = own.to_vec();
            add_specs(&mut merged, more).context(|| format!("failed to merge {name} fieldSpec"))?;
            Ok(merged)
        };
        let mut merged = Config {
            name_prefix: list(&self.name_prefix, &more.name_prefix, "NamePrefix")?,
            name_suffix: list(&self.name_suffix, &more.name_suffix, "NameSuffix")?,
            namespace: list(&self.namespace, &more.namespace, "NameSpace")?,
            common_annotations: list(
                &self.common_annotations,
                &more.common_annotations,
                "CommonAnnotations",
            )?,
            common_labels: list(&self.common_labels, &more.common_labels, "CommonLabels")?,
            labels: list(&self.labels, &more.labels, "Labels")?,
            template_labels: list(&self.template_labels, &more.template_labels, "TemplateLabels")?,
            var_reference: list(&self.var_reference, &more.var_reference, "VarReference")?,
            name_reference: merged_references(&self.name_reference, &more.name_reference)
                .context(|| "failed to merge NameReference fieldSpec".to_owned())?,
            images: list(&self.images, &more.images, "Images")?,
            replicas: list(&self.replicas, &more.replicas, "Replicas")?,
        };
        merged.sort();
        Ok(merged)
    }

    /// Orders each list as resources are ordered: some kinds first, the rest by text.
    fn sort(&mut self) {
        let key = |gvk: &Gvk| (crate::sort::rank(&gvk.kind), gvk.sort_text());
        for list in [
            &mut self.name_prefix,
            &mut self.name_suffix,
            &mut self.namespace,
            &mut self.common_labels,
            &mut self.labels,
            &mut self.template_labels,
            &mut self.common_annotations,
            &mut self.var_reference,
            &mut self.images,
            &mut self.replicas,
        ] {
            list.sort_by_cached_key(|spec| key(&spec.gvk));
        }
        self.name_reference.sort_by_cached_key(|referrers| key(&referrers.target));
    }
}

fn merged_references(own: &[Referrers], more: &[Referrers]) -> Result<Vec<Referrers>> {
    let mut merged = own.to_vec();
    for referrers in more {
        add_referrers(&mut merged, referrers)?;
    }
    Ok(merged)
}

/// Adds the fields to those of the same target.
pub(crate) fn add_referrers(list: &mut Vec<Referrers>, more: &Referrers) -> Result<()> {
    let mut known = false;
    for referrers in list.iter_mut().filter(|referrers| referrers.target == more.target) {
        add_specs(&mut referrers.fields, &more.fields)?;
        known = true;
    }
    if !known {
        list.push(more.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_what_is_there_changes_nothing() {
        let built_in = Config::built_in();
        let again = Config::merge(&built_in, &Arc::new(defaults::config())).unwrap();
        assert!(Arc::ptr_eq(&again, &built_in));
    }

    #[test]
    fn a_general_spec_does_not_displace_a_special_one() {
        let special = FieldSpec { gvk: Gvk::of_kind("Pod"), path: "a".into(), create: false };
        let general = FieldSpec { gvk: Gvk::default(), ..special.clone() };
        let mut specs = vec![special.clone()];
        add_spec(&mut specs, &general).unwrap();
        assert_eq!(specs, [special]);
        let conflicting = FieldSpec { create: true, ..general };
        assert!(add_spec(&mut specs, &conflicting).is_err());
    }
}
