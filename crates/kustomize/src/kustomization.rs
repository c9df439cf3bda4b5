//! The kustomization file: what may stand in it, and how it is read.
//!
//! The fields and their meaning are those of `kustomize.config.k8s.io/v1beta1` (and `v1alpha1` for
//! components). A file is read as upstream reads it: YAML to JSON by goyaml.v2's rules, JSON by
//! Go's; then deprecated fields are folded into the ones that replaced them.

mod generators;
mod operators;

use std::collections::BTreeMap;

use serde_json::Value;
use trueup_model::{Diagnostic, Location};
use trueup_yaml::{Node, Position, Style};

use crate::decode::{Mismatch, go_struct, strict};
use crate::error::{Error, Result};

pub(crate) use generators::{
    GeneratorArgs, GeneratorOptions, HelmChart, HelmChartArgs, HelmGlobals, IamPolicyArgs,
    SecretArgs,
};
pub(crate) use operators::{
    FieldOptions, Image, Label, ObjectMeta, Patch, PatchOptions, Replacement, ReplacementField,
    Replica, SortOptions, SourceSelector, TargetSelector, Var,
};

/// The names under which a kustomization file is looked for; exactly one may exist.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

const VERSION: &str = "kustomize.config.k8s.io/v1beta1";
const KIND: &str = "Kustomization";
const COMPONENT_VERSION: &str = "kustomize.config.k8s.io/v1alpha1";
pub(crate) const COMPONENT_KIND: &str = "Component";

/// What a kustomization file says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kustomization {
    pub kind: String,
    pub api_version: String,
    pub metadata: Option<ObjectMeta>,
    pub openapi: BTreeMap<String, String>,
    pub name_prefix: String,
    pub name_suffix: String,
    pub namespace: String,
    pub common_labels: BTreeMap<String, String>,
    pub labels: Vec<Label>,
    pub common_annotations: BTreeMap<String, String>,
    pub patches_strategic_merge: Vec<String>,
    pub patches_json6902: Vec<Patch>,
    pub patches: Vec<Patch>,
    pub images: Vec<Image>,
    image_tags: Vec<Image>,
    pub replacements: Vec<ReplacementField>,
    pub replicas: Vec<Replica>,
    pub vars: Vec<Var>,
    pub sort_options: Option<SortOptions>,
    pub resources: Vec<String>,
    pub components: Vec<String>,
    pub crds: Vec<String>,
    bases: Vec<String>,
    pub config_map_generator: Vec<GeneratorArgs>,
    pub secret_generator: Vec<SecretArgs>,
    pub helm_globals: Option<HelmGlobals>,
    pub helm_charts: Vec<HelmChart>,
    helm_chart_inflation_generator: Vec<HelmChartArgs>,
    pub generator_options: Option<GeneratorOptions>,
    pub configurations: Vec<String>,
    pub generators: Vec<String>,
    pub transformers: Vec<String>,
    pub validators: Vec<String>,
    pub build_metadata: Vec<String>,
    /// The file as it is written, for the lines of its fields.
    written: Option<Node>,
}

go_struct!(Kustomization, "Kustomization", "types.Kustomization", {
    "kind" at "TypeMeta.kind" => kind,
    "apiVersion" at "TypeMeta.apiVersion" => api_version,
    "metadata" at "metadata" => metadata,
    "openapi" at "openapi" => openapi,
    "namePrefix" at "namePrefix" => name_prefix,
    "nameSuffix" at "nameSuffix" => name_suffix,
    "namespace" at "namespace" => namespace,
    "commonLabels" at "commonLabels" => common_labels,
    "labels" at "labels" => labels,
    "commonAnnotations" at "commonAnnotations" => common_annotations,
    "patchesStrategicMerge" at "patchesStrategicMerge" => patches_strategic_merge,
    "patchesJson6902" at "patchesJson6902" => patches_json6902,
    "patches" at "patches" => patches,
    "images" at "images" => images,
    "imageTags" at "imageTags" => image_tags,
    "replacements" at "replacements" => replacements,
    "replicas" at "replicas" => replicas,
    "vars" at "vars" => vars,
    "sortOptions" at "sortOptions" => sort_options,
    "resources" at "resources" => resources,
    "components" at "components" => components,
    "crds" at "crds" => crds,
    "bases" at "bases" => bases,
    "configMapGenerator" at "configMapGenerator" => config_map_generator,
    "secretGenerator" at "secretGenerator" => secret_generator,
    "helmGlobals" at "helmGlobals" => helm_globals,
    "helmCharts" at "helmCharts" => helm_charts,
    "helmChartInflationGenerator" at "helmChartInflationGenerator" => helm_chart_inflation_generator,
    "generatorOptions" at "generatorOptions" => generator_options,
    "configurations" at "configurations" => configurations,
    "generators" at "generators" => generators,
    "transformers" at "transformers" => transformers,
    "validators" at "validators" => validators,
    "buildMetadata" at "buildMetadata" => build_metadata,
});

/// Fields that still work, and what to use instead.
const DEPRECATED: [(&str, &str, &str); 6] = [
    ("bases", "resources", ""),
    ("commonLabels", "labels", ""),
    ("imageTags", "images", ""),
    ("patchesJson6902", "patches", ""),
    ("patchesStrategicMerge", "patches", ""),
    ("vars", "replacements", "[EXPERIMENTAL] "),
];

impl Kustomization {
    /// Reads a file's content. Warnings about deprecated fields go to `diagnostics`.
    pub(crate) fn read(
        content: &[u8],
        file: &str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Result<Self> {
        let (written, json) = crate::documents::written_and_json(content)
            .map_err(|error| error.at(Location::file(file)).context("invalid Kustomization"))?;
        let mut read: Self =
            strict(&json).map_err(|mismatch| invalid(&mismatch, &written, file))?;
        diagnostics.extend(deprecations(&json, &written, file));
        read.written = Some(written);
        let empty = read.is_empty(&json);
        read.fold_deprecated();
        if empty {
            return Err(Error::new("kustomization.yaml is empty").at(Location::file(file)));
        }
        Ok(read)
    }

    /// What is wrong with the type that the file claims to be of.
    pub(crate) fn type_errors(&self) -> Vec<String> {
        let mut errors = Vec::new();
        if self.kind != KIND && self.kind != COMPONENT_KIND {
            errors.push(format!("kind should be {KIND} or {COMPONENT_KIND}"));
        }
        let required = if self.is_component() { COMPONENT_VERSION } else { VERSION };
        if self.api_version != required {
            errors.push(format!("apiVersion for {} should be {required}", self.kind));
        }
        errors
    }

    /// Whether it is a component: something that is added to the kustomization that includes it.
    pub(crate) fn is_component(&self) -> bool {
        self.kind == COMPONENT_KIND
    }

    /// The line of a field, or of an item of it; 0 where it is not known.
    pub(crate) fn line_of(&self, field: &str, item: Option<usize>) -> u32 {
        let Some((key, value)) = self.entry(field) else { return 0 };
        let item = item.and_then(|index| value.items()?.get(index));
        item.unwrap_or(key).position().line
    }

    /// The line on which a text starts that is an item of a list or, if `name` is given, a field of
    /// an item; 0 where it is not known.
    pub(crate) fn first_line(&self, field: &str, index: usize, name: &str) -> u32 {
        let item = self.entry(field).and_then(|(_, list)| list.items()?.get(index));
        let text = if name.is_empty() { item } else { item.and_then(|item| item.get(name)) };
        text.map_or(0, |text| {
            let is_block = matches!(text.style, Style::Literal | Style::Folded);
            text.position().line + u32::from(is_block)
        })
    }

    /// The line of the entry of lists that reads so; 0 where there is none.
    pub(crate) fn line_of_entry(&self, fields: &[&str], text: &str) -> u32 {
        let lists = fields.iter().filter_map(|field| self.entry(field)?.1.items());
        let entry = lists.flatten().find(|item| item.text() == Some(text));
        entry.map_or(0, |entry| entry.position().line)
    }

    fn entry(&self, field: &str) -> Option<&(Node, Node)> {
        let entries = self.written.as_ref()?.entries()?;
        entries
            .iter()
            .find(|(key, _)| key.text().is_some_and(|key| key.eq_ignore_ascii_case(field)))
    }

    /// Moves deprecated fields into those that replaced them, and fills in the type.
    fn fold_deprecated(&mut self) {
        if self.kind.is_empty() {
            KIND.clone_into(&mut self.kind);
        }
        if self.api_version.is_empty() {
            let version = if self.is_component() { COMPONENT_VERSION } else { VERSION };
            version.clone_into(&mut self.api_version);
        }
        self.resources.append(&mut self.bases);
        self.images.append(&mut self.image_tags);
        for args in &mut self.config_map_generator {
            args.fold_deprecated();
        }
        for args in &mut self.secret_generator {
            args.generator.fold_deprecated();
        }
        self.fold_chart_args();
    }

    fn fold_chart_args(&mut self) {
        let mut globals = HelmGlobals::default();
        for args in std::mem::take(&mut self.helm_chart_inflation_generator) {
            args.add_globals(&mut globals);
            self.helm_charts.push(args.into_chart());
        }
        if self.helm_globals.is_none() && !globals.is_empty() {
            self.helm_globals = Some(globals);
        }
    }

    /// Whether nothing but the type is given. A list that is there but empty counts as given, unless
    /// it is one of those that are folded into another.
    fn is_empty(&self, json: &Value) -> bool {
        let Value::Object(fields) = json else { return true };
        let folded = ["bases", "imageTags", "helmChartInflationGenerator"];
        fields.iter().all(|(key, value)| match value {
            Value::Null => true,
            Value::String(text) => text.is_empty() || is_type_field(key),
            Value::Array(items) => {
                items.is_empty() && folded.iter().any(|name| key.eq_ignore_ascii_case(name))
            }
            _ => false,
        })
    }
}

fn is_type_field(key: &str) -> bool {
    key.eq_ignore_ascii_case("kind") || key.eq_ignore_ascii_case("apiVersion")
}

fn deprecations(json: &Value, written: &Node, file: &str) -> Vec<Diagnostic> {
    let Value::Object(fields) = json else { return Vec::new() };
    let mut warnings = Vec::new();
    for (name, instead, note) in DEPRECATED {
        let given =
            fields.iter().find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_null());
        let Some((key, _)) = given else { continue };
        let message = format!(
            "# Warning: '{name}' is deprecated. Please use '{instead}' instead. {note}Run 'kustomize edit fix' to update your Kustomization automatically."
        );
        warnings.push(Diagnostic::warning(message).at(place_of(key, written, file)));
    }
    warnings
}

fn invalid(mismatch: &Mismatch, written: &Node, file: &str) -> Error {
    let message = &mismatch.message;
    let error = Error::new(message).context("invalid Kustomization");
    let unknown = message.strip_prefix("json: unknown field \"").and_then(|m| m.strip_suffix('"'));
    let error = match (unknown, mismatch.meant) {
        (Some(_), Some(meant)) => error.hint(format!("did you mean `{meant}`?")),
        (Some(_), None) => {
            error.hint("take the field out: a kustomization has no such field there")
        }
        (None, _) => error,
    };
    // "… into Go struct field Kustomization.images.newTag of type string"
    let path = message.split_once("Go struct field ").and_then(|(_, rest)| rest.split_once(" of "));
    let typed = path.and_then(|(path, _)| path.split('.').nth(1));
    match unknown.or(typed) {
        Some(field) => error.at(place_of(field, written, file)),
        None => error.at(Location::file(file)),
    }
}

/// Where a key is written, the first one of that name; the whole file where it cannot be told.
fn place_of(key: &str, written: &Node, file: &str) -> Location {
    match key_position(written, key) {
        Some(position) => Location::new(file, position.line, 0),
        None => Location::file(file),
    }
}

fn key_position(node: &Node, key: &str) -> Option<Position> {
    if let Some(items) = node.items() {
        return items.iter().find_map(|item| key_position(item, key));
    }
    let entries = node.entries()?;
    let own = entries.iter().find(|(name, _)| name.text() == Some(key));
    own.map(|(name, _)| name.position())
        .or_else(|| entries.iter().find_map(|(_, value)| key_position(value, key)))
}
