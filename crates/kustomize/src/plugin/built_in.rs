//! The built-in plugins, configured by resources of `apiVersion: builtin`.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;
use trueup_model::Location;

use crate::build::Session;
use crate::config::FieldSpec;
use crate::decode::{FromGo, go_struct, unmarshal};
use crate::documents;
use crate::error::{Context, Error, Result};
use crate::filters::iam_policy;
use crate::generate;
use crate::helm_charts::ChartGenerator;
use crate::kustomization::{
    GeneratorArgs, IamPolicyArgs, Image, ObjectMeta, Patch, ReplacementField, Replica, SecretArgs,
};
use crate::load::Loader;
use crate::resource::Resource;
use crate::select::Selector;
use crate::transform::{Affix, Configure, End, Namespace, Transformer, ValueAdd, ValueTarget};

/// A built-in generator with its configuration.
pub(crate) enum Generator {
    ConfigMap(Box<GeneratorArgs>, Rc<Location>),
    Secret(Box<SecretArgs>, Rc<Location>),
    IamPolicy(Box<IamPolicyArgs>, Rc<Location>),
    Chart(Box<ChartGenerator>),
}

impl Generator {
    /// Makes the resources.
    pub(crate) fn generate<'b>(
        &self,
        session: &Session<'b>,
        loader: &Loader<'b>,
    ) -> Result<Vec<Resource>> {
        match self {
            Self::ConfigMap(args, location) => {
                generate::config_map(session, loader, args, Rc::clone(location)).map(|r| vec![r])
            }
            Self::Secret(args, location) => {
                generate::secret(session, loader, args, Rc::clone(location)).map(|r| vec![r])
            }
            Self::IamPolicy(args, location) => {
                let node = iam_policy::generate(args)?;
                Ok(vec![Resource::new(node, Rc::clone(location), &session.types)])
            }
            Self::Chart(chart) => chart.generate(session, loader),
        }
    }
}

const GENERATORS: [&str; 4] =
    ["ConfigMapGenerator", "SecretGenerator", "IAMPolicyGenerator", "HelmChartInflationGenerator"];

const TRANSFORMERS: [&str; 14] = [
    "AnnotationsTransformer",
    "HashTransformer",
    "ImageTagTransformer",
    "LabelTransformer",
    "NamespaceTransformer",
    "PatchJson6902Transformer",
    "PatchStrategicMergeTransformer",
    "PatchTransformer",
    "PrefixSuffixTransformer",
    "PrefixTransformer",
    "SuffixTransformer",
    "ReplacementTransformer",
    "ReplicaCountTransformer",
    "ValueAddTransformer",
];

/// The generator that a resource configures.
pub(super) fn generator<'b>(
    session: &Session<'b>,
    loader: &Loader<'b>,
    resource: &Resource,
) -> Result<Generator> {
    known(resource)?;
    let generator = configure_generator(session, loader, resource).context(|| fails(resource))?;
    generator.ok_or_else(|| not_a(resource, "generator"))
}

/// The transformer that a resource configures.
pub(super) fn transformer<'b>(
    session: &Session<'b>,
    loader: &Loader<'b>,
    resource: &Resource,
) -> Result<Transformer> {
    known(resource)?;
    let transformer =
        configure_transformer(session, loader, resource).context(|| fails(resource))?;
    transformer.ok_or_else(|| not_a(resource, "transformer"))
}

fn known(resource: &Resource) -> Result<()> {
    let gvk = &resource.id().gvk;
    let kind = gvk.kind.as_str();
    if GENERATORS.contains(&kind) || TRANSFORMERS.contains(&kind) {
        return Ok(());
    }
    Err(Error::new(format!("unable to load builtin {gvk}")).at((*resource.location).clone()))
}

fn fails(resource: &Resource) -> String {
    format!("plugin {} fails configuration", resource.original_id())
}

fn not_a(resource: &Resource, what: &str) -> Error {
    Error::new(format!("plugin {} not a {what}", resource.original_id()))
}

fn configure_generator<'b>(
    session: &Session<'b>,
    loader: &Loader<'b>,
    resource: &Resource,
) -> Result<Option<Generator>> {
    let json = documents::node_to_json(resource.node())?;
    let location = Rc::clone(&resource.location);
    Ok(Some(match resource.id().gvk.kind.as_str() {
        "ConfigMapGenerator" => {
            let mut args: GeneratorArgs = read(&json)?;
            name_after(&mut args, &json)?;
            Generator::ConfigMap(Box::new(args), location)
        }
        "SecretGenerator" => {
            let mut args: SecretArgs = read(&json)?;
            name_after(&mut args.generator, &json)?;
            Generator::Secret(Box::new(args), location)
        }
        "IAMPolicyGenerator" => Generator::IamPolicy(Box::new(read(&json)?), location),
        "HelmChartInflationGenerator" => {
            Generator::Chart(Box::new(ChartGenerator::from_json(session, loader, &json, location)?))
        }
        _ => return Ok(None),
    }))
}

/// A generator that names nothing makes a resource of its own name and namespace.
fn name_after(args: &mut GeneratorArgs, json: &Value) -> Result<()> {
    let meta: Metadata = read(json)?;
    if args.name.is_empty() {
        args.name = meta.metadata.name;
    }
    if args.namespace.is_empty() {
        args.namespace = meta.metadata.namespace;
    }
    Ok(())
}

fn configure_transformer<'b>(
    session: &Session<'b>,
    loader: &Loader<'b>,
    resource: &Resource,
) -> Result<Option<Transformer>> {
    let json = documents::node_to_json(resource.node())?;
    let own: Rc<str> = resource.location.file.as_str().into();
    let configure = Configure { session, loader, own, line: resource.location.line };
    Ok(Some(match resource.id().gvk.kind.as_str() {
        "AnnotationsTransformer" => {
            let config: Texts = read(&json)?;
            Transformer::Annotations(config.annotations, config.specs)
        }
        "LabelTransformer" => {
            let config: Texts = read(&json)?;
            Transformer::Labels(config.labels, config.specs)
        }
        "HashTransformer" => Transformer::Hash,
        "ImageTagTransformer" => {
            let config: ImageTag = read(&json)?;
            Transformer::Image(config.image, config.specs)
        }
        "NamespaceTransformer" => Transformer::Namespace(namespace(&json)?),
        "PatchJson6902Transformer" => {
            let config: JsonPatchConfig = read(&json)?;
            let patch = Patch {
                path: config.path,
                patch: config.json_op,
                target: config.target,
                options: None,
            };
            Transformer::JsonPatch(configure.json_patch(&patch)?)
        }
        "PatchStrategicMergeTransformer" => {
            let config: StrategicConfig = read(&json)?;
            Transformer::StrategicPatches(configure.strategic_patches(
                &config.paths,
                &config.patches,
                |_| 0,
            )?)
        }
        "PatchTransformer" => {
            let patch: Patch = read(&json)?;
            let shown = || trueup_yaml::to_yaml(&json).unwrap_or_default();
            Transformer::Patch(configure.patch(&patch, shown)?)
        }
        "PrefixTransformer" => affix(&json, End::Prefix)?,
        "SuffixTransformer" => affix(&json, End::Suffix)?,
        "PrefixSuffixTransformer" => {
            Transformer::All(vec![affix(&json, End::Prefix)?, affix(&json, End::Suffix)?])
        }
        "ReplacementTransformer" => {
            let config: Replacements = read(&json)?;
            Transformer::Replacements(
                configure.replacements(&config.replacements, |_| resource.location.line)?,
            )
        }
        "ReplicaCountTransformer" => {
            let config: ReplicaCount = read(&json)?;
            Transformer::Replicas(config.replica, config.specs)
        }
        "ValueAddTransformer" => value_add(session, loader, &json)?,
        _ => return Ok(None),
    }))
}

fn read<T: FromGo>(json: &Value) -> Result<T> {
    unmarshal(json).map_err(Error::new)
}

fn namespace(json: &Value) -> Result<Namespace> {
    let config: NamespaceConfig =
        read(json).context(|| "unmarshalling NamespaceTransformer config".to_owned())?;
    let namespace = Namespace {
        namespace: config.metadata.namespace,
        specs: config.specs,
        unset_only: config.unset_only,
        subjects: config.subjects,
    };
    namespace.check()?;
    Ok(namespace)
}

fn affix(json: &Value, end: End) -> Result<Transformer> {
    let config: AffixConfig = read(json)?;
    let Some(specs) = config.specs else {
        return Err(Error::new("fieldSpecs is not expected to be nil"));
    };
    let text = match end {
        End::Prefix => config.prefix,
        End::Suffix => config.suffix,
    };
    Ok(Transformer::Affix(Affix { end, text, specs }))
}

fn value_add<'b>(session: &Session<'b>, loader: &Loader<'b>, json: &Value) -> Result<Transformer> {
    let mut config: ValueAddConfig = read(json)?;
    let mut value = config.value.trim().to_owned();
    if value.is_empty() {
        trueup_model::tree::file_name(loader.root_path()).clone_into(&mut value);
    }
    if !config.target_file.is_empty() {
        let content = loader.load(session, &config.target_file)?;
        let more: ValueAddConfig = read(&documents::to_json_framed(&content)?)?;
        config.targets.extend(more.targets);
    }
    if config.targets.is_empty() {
        return Err(Error::new("must specify at least one target"));
    }
    config.targets.iter().try_for_each(ValueTarget::check)?;
    Ok(Transformer::ValueAdd(ValueAdd { value, targets: config.targets }))
}

/// Declares the configuration of a plugin.
macro_rules! plugin_config {
    ($name:ident, $go:literal, {
        $($key:literal at $path:literal => $field:ident: $type:ty),* $(,)?
    }) => {
        #[derive(Default)]
        struct $name {
            $($field: $type),*
        }

        go_struct!($name, $go, $go, { $($key at $path => $field),* });
    };
}

plugin_config!(Metadata, "GeneratorPlugin", { "metadata" at "metadata" => metadata: ObjectMeta });
plugin_config!(Texts, "TextsTransformerPlugin", {
    "labels" at "labels" => labels: BTreeMap<String, String>,
    "annotations" at "annotations" => annotations: BTreeMap<String, String>,
    "fieldSpecs" at "fieldSpecs" => specs: Vec<FieldSpec>,
});
plugin_config!(ImageTag, "ImageTagTransformerPlugin", {
    "imageTag" at "imageTag" => image: Image,
    "fieldSpecs" at "fieldSpecs" => specs: Vec<FieldSpec>,
});
plugin_config!(NamespaceConfig, "NamespaceTransformerPlugin", {
    "metadata" at "metadata" => metadata: ObjectMeta,
    "fieldSpecs" at "fieldSpecs" => specs: Vec<FieldSpec>,
    "unsetOnly" at "unsetOnly" => unset_only: bool,
    "setRoleBindingSubjects" at "setRoleBindingSubjects" => subjects: String,
});
plugin_config!(JsonPatchConfig, "PatchJson6902TransformerPlugin", {
    "target" at "target" => target: Option<Selector>,
    "path" at "path" => path: String,
    "jsonOp" at "jsonOp" => json_op: String,
});
plugin_config!(StrategicConfig, "PatchStrategicMergeTransformerPlugin", {
    "paths" at "paths" => paths: Vec<String>,
    "patches" at "patches" => patches: String,
});
plugin_config!(AffixConfig, "PrefixTransformerPlugin", {
    "prefix" at "prefix" => prefix: String,
    "suffix" at "suffix" => suffix: String,
    "fieldSpecs" at "fieldSpecs" => specs: Option<Vec<FieldSpec>>,
});
plugin_config!(Replacements, "ReplacementTransformerPlugin", {
    "replacements" at "replacements" => replacements: Vec<ReplacementField>,
});
plugin_config!(ReplicaCount, "ReplicaCountTransformerPlugin", {
    "replica" at "replica" => replica: Replica,
    "fieldSpecs" at "fieldSpecs" => specs: Vec<FieldSpec>,
});
plugin_config!(ValueAddConfig, "ValueAddTransformerPlugin", {
    "value" at "value" => value: String,
    "targets" at "targets" => targets: Vec<ValueTarget>,
    "targetFilePath" at "targetFilePath" => target_file: String,
});
