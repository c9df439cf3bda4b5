//! The transformers that the fields of a kustomization stand for, in the order in which upstream
//! runs them.

use std::rc::Rc;

use serde_json::{Map, Value, json};
use trueup_model::Location;

use super::{Affix, AnyPatch, End, JsonPatch, Namespace, Step, StrategicPatches, Transformer};
use crate::accumulate::Target;
use crate::build::Session;
use crate::config::{Config, FieldSpec, add_spec, add_specs};
use crate::documents;
use crate::error::{Context, Error, Kind, Result};
use crate::go_text::{list, quote};
use crate::json6902;
use crate::kustomization::{Label, Patch, Replacement, ReplacementField};
use crate::load::Loader;
use crate::resource::Resource;
use crate::select::Selector;

/// The transformers of a kustomization's fields. `config` says where they look.
pub(crate) fn configured<'b>(
    session: &Session<'b>,
    target: &Target<'b>,
    config: &Config,
) -> Result<Vec<Step>> {
    let file = target.kustomization();
    let mut steps = Steps { target, steps: Vec::new() };
    let configure = Configure { session, loader: &target.loader, own: own_file(target) };
    if !file.patches_strategic_merge.is_empty() {
        let paths = &file.patches_strategic_merge;
        let patches = configure
            .strategic_patches(paths, "")
            .context(|| trouble("PatchStrategicMergeTransformer", &json!({ "paths": paths })))?;
        steps.add("PatchStrategicMergeTransformer", Transformer::StrategicPatches(patches));
    }
    for patch in &file.patches {
        let transformer = configure
            .patch(patch, || yaml(&patch_json(patch)))
            .context(|| trouble("PatchTransformer", &patch_json(patch)))?;
        steps.add("PatchTransformer", Transformer::Patch(transformer));
    }
    if !file.namespace.is_empty() {
        let namespace = Namespace {
            namespace: file.namespace.clone(),
            specs: config.namespace.clone(),
            unset_only: false,
            subjects: String::new(),
        };
        steps.add("NamespaceTransformer", Transformer::Namespace(namespace));
    }
    steps.affix("PrefixTransformer", End::Prefix, &file.name_prefix, &config.name_prefix);
    steps.affix("SuffixTransformer", End::Suffix, &file.name_suffix, &config.name_suffix);
    steps.labels(config)?;
    if !file.common_annotations.is_empty() {
        let (texts, specs) = (file.common_annotations.clone(), config.common_annotations.clone());
        steps.add("AnnotationsTransformer", Transformer::Annotations(texts, specs));
    }
    for patch in &file.patches_json6902 {
        let transformer = configure
            .json_patch(patch)
            .context(|| trouble("PatchJson6902Transformer", &json_patch_json(patch)))?;
        steps.add("PatchJson6902Transformer", Transformer::JsonPatch(transformer));
    }
    for replica in &file.replicas {
        let transformer = Transformer::Replicas(replica.clone(), config.replicas.clone());
        steps.add("ReplicaCountTransformer", transformer);
    }
    for image in &file.images {
        let transformer = Transformer::Image(image.clone(), config.images.clone());
        steps.add("ImageTagTransformer", transformer);
    }
    if !file.replacements.is_empty() {
        let replacements = configure.replacements(&file.replacements).context(|| {
            let fields: Vec<Value> = file.replacements.iter().map(replacement_json).collect();
            trouble("ReplacementTransformer", &json!({ "Replacements": fields }))
        })?;
        steps.add("ReplacementTransformer", Transformer::Replacements(replacements));
    }
    Ok(steps.steps)
}

fn own_file(target: &Target<'_>) -> Rc<str> {
    target.own_location().file.as_str().into()
}

/// What upstream says of a field that cannot be carried out.
pub(crate) fn trouble(kind: &str, config: &Value) -> String {
    format!("trouble configuring builtin {kind} with config: `\n{}`", yaml(config))
}

fn yaml(value: &Value) -> String {
    trueup_yaml::to_yaml(value).unwrap_or_default()
}

struct Steps<'t, 'b> {
    target: &'t Target<'b>,
    steps: Vec<Step>,
}

impl Steps<'_, '_> {
    fn add(&mut self, kind: &str, transformer: Transformer) {
        let origin = self.target.built_in_origin(kind);
        self.steps.push(Step { transformer, origin });
    }

    fn affix(&mut self, kind: &str, end: End, text: &str, specs: &[FieldSpec]) {
        if !text.is_empty() {
            let affix = Affix { end, text: text.to_owned(), specs: specs.to_vec() };
            self.add(kind, Transformer::Affix(affix));
        }
    }

    fn labels(&mut self, config: &Config) -> Result<()> {
        let file = self.target.kustomization();
        if file.labels.is_empty() && file.common_labels.is_empty() {
            return Ok(());
        }
        for label in &file.labels {
            let specs =
                label_specs(label, config).context(|| "failed to merge labels".to_owned())?;
            self.add("LabelTransformer", Transformer::Labels(label.pairs.clone(), specs));
        }
        let specs = config.common_labels.clone();
        self.add("LabelTransformer", Transformer::Labels(file.common_labels.clone(), specs));
        Ok(())
    }
}

/// The fields that get a label: its own, and the built-in ones that it includes.
fn label_specs(label: &Label, config: &Config) -> Result<Vec<FieldSpec>> {
    let mut specs = label.fields.clone();
    add_specs(&mut specs, &config.labels)?;
    if label.include_selectors {
        add_specs(&mut specs, &config.common_labels)?;
        return Ok(specs);
    }
    if label.include_templates {
        add_specs(&mut specs, &config.template_labels)?;
    }
    add_spec(&mut specs, &FieldSpec::anywhere("metadata/labels"))?;
    Ok(specs)
}

/// Reads what the configuration of a transformer names.
pub(crate) struct Configure<'a, 'b> {
    pub session: &'a Session<'b>,
    pub loader: &'a Loader<'b>,
    /// The file that holds the configuration.
    pub own: Rc<str>,
}

impl Configure<'_, '_> {
    fn file(&self, path: &str) -> Rc<str> {
        self.loader.location_of(path).into()
    }

    /// Strategic merge patches in files, or written where the file's name would be.
    pub(crate) fn strategic_patches(
        &self,
        paths: &[String],
        inline: &str,
    ) -> Result<StrategicPatches> {
        if paths.is_empty() && inline.is_empty() {
            return Err(Error::new("empty file path and empty patch content"));
        }
        let mut patches = Vec::new();
        for path in paths {
            patches.append(&mut self.strategic_patch(path)?);
        }
        if !inline.is_empty() {
            patches.append(&mut super::patch::read_strategic(self.session, inline, &self.own)?);
        }
        if patches.is_empty() {
            return Err(Error::new(format!(
                "patch appears to be empty; files={}, Patch={inline}",
                list(paths)
            )));
        }
        Ok(StrategicPatches(patches))
    }

    fn strategic_patch(&self, path: &str) -> Result<Vec<Resource>> {
        if let Ok(patches) = super::patch::read_strategic(self.session, path, &self.own) {
            return Ok(patches);
        }
        let content = self.loader.load(self.session, path)?;
        let text = String::from_utf8_lossy(&content);
        let file = self.file(path);
        super::patch::read_strategic(self.session, &text, &file).map_err(|error| {
            let error = if error.kind() == Kind::MalformedYaml {
                Error::new(format!("{} in File: {path}", error.chain()))
            } else {
                error
            };
            error.at(Location::file(file.to_string()))
        })
    }

    /// A patch of either kind. `shown` is the configuration as messages show it.
    pub(crate) fn patch(&self, patch: &Patch, shown: impl Fn() -> String) -> Result<AnyPatch> {
        let inline = patch.patch.trim();
        let (text, source, file) = match (inline, patch.path.as_str()) {
            ("", "") => {
                return Err(Error::new(format!(
                    "must specify one of patch and path in\n{}",
                    shown()
                )));
            }
            (inline, "") => {
                (inline.to_owned(), format!("[patch: {}]", quote(inline)), Rc::clone(&self.own))
            }
            ("", path) => {
                let content = self.loader.load(self.session, path).map_err(|error| {
                    error.context(format!("failed to get the patch file from path({path})"))
                })?;
                let text = String::from_utf8_lossy(&content).into_owned();
                (text, format!("[path: {}]", quote(path)), self.file(path))
            }
            _ => {
                return Err(Error::new(format!(
                    "patch and path can't be set at the same time\n{}",
                    shown()
                )));
            }
        };
        let content = AnyPatch::parse(self.session, &text, &source, (&file, patch.options))
            .map_err(|error| error.at(Location::file(file.to_string())))?;
        Ok(AnyPatch { content, target: patch.target.clone(), source, file })
    }

    /// A JSON 6902 patch; `patch.patch` is its text.
    pub(crate) fn json_patch(&self, patch: &Patch) -> Result<JsonPatch> {
        let target = patch.target.clone().unwrap_or_default();
        if target.id.name.is_empty() {
            return Err(Error::new("must specify the target name"));
        }
        let (text, file) = match (patch.path.as_str(), patch.patch.as_str()) {
            ("", "") => return Err(Error::new("empty file path and empty jsonOp")),
            ("", text) => (text.to_owned(), Rc::clone(&self.own)),
            (path, "") => {
                let content = self.loader.load(self.session, path)?;
                if content.is_empty() {
                    return Err(Error::new(format!("patch file '{path}' empty seems to be empty")));
                }
                (String::from_utf8_lossy(&content).into_owned(), self.file(path))
            }
            _ => return Err(Error::new("must specify a file path or jsonOp, not both")),
        };
        let at = |error: Error| error.at(Location::file(file.to_string()));
        let json = json_text(&text).map_err(at)?;
        let parsed = json6902::JsonPatch::parse(&json)
            .map_err(|error| at(error.context(format!("decoding {json}"))))?;
        if parsed.is_empty() {
            return Err(Error::new(format!(
                "patch appears to be empty; file={}, JsonOp={json}",
                patch.path
            )));
        }
        Ok(JsonPatch { patch: parsed, target, file })
    }

    /// Replacements, those in files included.
    pub(crate) fn replacements(
        &self,
        fields: &[ReplacementField],
    ) -> Result<Vec<(Replacement, Rc<str>)>> {
        let mut replacements = Vec::new();
        for field in fields {
            let is_inline = field.source.is_some() || !field.targets.is_empty();
            match (field.path.as_str(), is_inline) {
                ("", _) => {
                    let replacement = Replacement {
                        source: field.source.clone(),
                        targets: field.targets.clone(),
                        source_value: field.source_value.clone(),
                    };
                    replacements.push((replacement, Rc::clone(&self.own)));
                }
                (_, true) => {
                    return Err(Error::new("cannot specify both path and inline replacement"));
                }
                (path, false) => {
                    let file = self.file(path);
                    let read = self
                        .replacement_file(path)
                        .map_err(|error| error.at(Location::file(file.to_string())))?;
                    replacements.extend(read.into_iter().map(|read| (read, Rc::clone(&file))));
                }
            }
        }
        Ok(replacements)
    }

    fn replacement_file(&self, path: &str) -> Result<Vec<Replacement>> {
        let content = self.loader.load(self.session, path)?;
        let json = documents::to_json_framed(&content)?;
        match &json {
            Value::Array(_) => crate::decode::unmarshal(&json).map_err(Error::new),
            Value::Object(_) => Ok(vec![crate::decode::unmarshal(&json).map_err(Error::new)?]),
            other => {
                let kind = match other {
                    Value::String(_) => "string",
                    Value::Bool(_) => "bool",
                    Value::Number(_) => "float64",
                    _ => "invalid",
                };
                Err(Error::new(format!(
                    "unsupported replacement type encountered within replacement path: {kind}"
                )))
            }
        }
    }
}

/// A JSON patch as JSON, if it is not written so.
fn json_text(text: &str) -> Result<String> {
    if text.starts_with('[') {
        return Ok(text.to_owned());
    }
    let json = documents::to_json(text.as_bytes())?;
    trueup_yaml::go_json::compact(&json).map_err(|error| Error::new(error.to_string()))
}

/// An object of the fields that are not empty.
fn object<'v>(fields: impl IntoIterator<Item = (&'v str, Value)>) -> Value {
    let is_given = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        _ => true,
    };
    let fields = fields.into_iter().filter(|(_, value)| is_given(value));
    Value::Object(fields.map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
}

fn selector_json(selector: &Selector) -> Value {
    object([
        ("group", json!(selector.id.gvk.group)),
        ("version", json!(selector.id.gvk.version)),
        ("kind", json!(selector.id.gvk.kind)),
        ("name", json!(selector.id.name)),
        ("namespace", json!(selector.id.namespace)),
        ("annotationSelector", json!(selector.annotations)),
        ("labelSelector", json!(selector.labels)),
    ])
}

fn patch_json(patch: &Patch) -> Value {
    let options = patch.options.map(|options| {
        object([
            ("allowNameChange", json!(options.allow_name_change)),
            ("allowKindChange", json!(options.allow_kind_change)),
        ])
    });
    object([
        ("path", json!(patch.path)),
        ("patch", json!(patch.patch)),
        ("target", json!(patch.target.as_ref().map(selector_json))),
        ("options", json!(options)),
    ])
}

fn json_patch_json(patch: &Patch) -> Value {
    object([
        ("target", json!(patch.target.as_ref().map(selector_json))),
        ("path", json!(patch.path)),
        ("jsonOp", json!(patch.patch)),
    ])
}

/// The part of a replacement that is named when it cannot be read: its file.
fn replacement_json(replacement: &ReplacementField) -> Value {
    object([("path", json!(replacement.path))])
}
