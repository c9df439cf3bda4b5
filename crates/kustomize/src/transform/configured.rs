//! The transformers that the fields of a kustomization stand for, in the order in which upstream
//! runs them.

use std::rc::Rc;

use serde_json::{Map, Value, json};
use trueup_model::Location;

use super::{
    Affix, AnyPatch, End, JsonPatch, Namespace, PlacedReplacement, Step, StrategicPatches,
    Transformer,
};
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
use crate::trace::Cause;

/// A field of a kustomization, or an item of it.
pub(crate) type FieldItem = (&'static str, Option<usize>);

/// The transformers of a kustomization's fields. `config` says where they look.
pub(crate) fn configured<'b>(
    session: &Session<'b>,
    target: &Target<'b>,
    config: &Config,
) -> Result<Vec<Step>> {
    let file = target.kustomization();
    let mut steps = Steps { target, steps: Vec::new() };
    let own = own_file(target);
    let configure =
        |line| Configure { session, loader: &target.loader, own: Rc::clone(&own), line };
    if !file.patches_strategic_merge.is_empty() {
        let paths = &file.patches_strategic_merge;
        let patches = configure(0)
            .strategic_patches(paths, "", |index| {
                file.first_line("patchesStrategicMerge", index, "")
            })
            .context(|| trouble("PatchStrategicMergeTransformer", &json!({ "paths": paths })))?;
        let field = ("patchesStrategicMerge", None);
        steps.add("PatchStrategicMergeTransformer", field, Transformer::StrategicPatches(patches));
    }
    for (index, patch) in file.patches.iter().enumerate() {
        let line = file.first_line("patches", index, "patch");
        let transformer = configure(line)
            .patch(patch, || yaml(&patch_json(patch)))
            .map_err(|error| error.at(steps.location(("patches", Some(index)))))
            .context(|| trouble("PatchTransformer", &patch_json(patch)))?;
        let field = ("patches", Some(index));
        steps.add("PatchTransformer", field, Transformer::Patch(transformer));
    }
    if !file.namespace.is_empty() {
        let namespace = Namespace {
            namespace: file.namespace.clone(),
            specs: config.namespace.clone(),
            unset_only: false,
            subjects: String::new(),
        };
        steps.add("NamespaceTransformer", ("namespace", None), Transformer::Namespace(namespace));
    }
    steps.affix(End::Prefix, &file.name_prefix, &config.name_prefix);
    steps.affix(End::Suffix, &file.name_suffix, &config.name_suffix);
    steps.labels(config)?;
    if !file.common_annotations.is_empty() {
        let (texts, specs) = (file.common_annotations.clone(), config.common_annotations.clone());
        let field = ("commonAnnotations", None);
        steps.add("AnnotationsTransformer", field, Transformer::Annotations(texts, specs));
    }
    for (index, patch) in file.patches_json6902.iter().enumerate() {
        let field = ("patchesJson6902", Some(index));
        let transformer = configure(0)
            .json_patch(patch)
            .map_err(|error| error.at(steps.location(field)))
            .context(|| trouble("PatchJson6902Transformer", &json_patch_json(patch)))?;
        steps.add("PatchJson6902Transformer", field, Transformer::JsonPatch(transformer));
    }
    for (index, replica) in file.replicas.iter().enumerate() {
        let transformer = Transformer::Replicas(replica.clone(), config.replicas.clone());
        steps.add("ReplicaCountTransformer", ("replicas", Some(index)), transformer);
    }
    for (index, image) in file.images.iter().enumerate() {
        let transformer = Transformer::Image(image.clone(), config.images.clone());
        steps.add("ImageTagTransformer", ("images", Some(index)), transformer);
    }
    if !file.replacements.is_empty() {
        let line = |index| file.line_of("replacements", Some(index));
        let replacements = configure(0).replacements(&file.replacements, line).context(|| {
            let fields: Vec<Value> = file.replacements.iter().map(replacement_json).collect();
            trouble("ReplacementTransformer", &json!({ "Replacements": fields }))
        })?;
        steps.add(
            "ReplacementTransformer",
            ("replacements", None),
            Transformer::Replacements(replacements),
        );
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
    fn add(&mut self, kind: &str, field: FieldItem, transformer: Transformer) {
        let origin = self.target.built_in_origin(kind);
        let cause = self.target.cause(field);
        self.steps.push(Step { transformer, origin, cause });
    }

    fn location(&self, field: FieldItem) -> Location {
        self.target.cause(field).location()
    }

    fn affix(&mut self, end: End, text: &str, specs: &[FieldSpec]) {
        if text.is_empty() {
            return;
        }
        let (kind, field) = match end {
            End::Prefix => ("PrefixTransformer", "namePrefix"),
            End::Suffix => ("SuffixTransformer", "nameSuffix"),
        };
        let affix = Affix { end, text: text.to_owned(), specs: specs.to_vec() };
        self.add(kind, (field, None), Transformer::Affix(affix));
    }

    fn labels(&mut self, config: &Config) -> Result<()> {
        let file = self.target.kustomization();
        if file.labels.is_empty() && file.common_labels.is_empty() {
            return Ok(());
        }
        for (index, label) in file.labels.iter().enumerate() {
            let specs =
                label_specs(label, config).context(|| "failed to merge labels".to_owned())?;
            let transformer = Transformer::Labels(label.pairs.clone(), specs);
            self.add("LabelTransformer", ("labels", Some(index)), transformer);
        }
        let specs = config.common_labels.clone();
        let transformer = Transformer::Labels(file.common_labels.clone(), specs);
        self.add("LabelTransformer", ("commonLabels", None), transformer);
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
    /// The line on which what is written inline starts in it; 0 where it is not known.
    pub line: u32,
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
        line_of: impl Fn(usize) -> u32,
    ) -> Result<StrategicPatches> {
        if paths.is_empty() && inline.is_empty() {
            return Err(Error::new("empty file path and empty patch content"));
        }
        let mut patches = Vec::new();
        for (index, path) in paths.iter().enumerate() {
            patches.append(&mut self.strategic_patch(path, line_of(index))?);
        }
        if !inline.is_empty() {
            patches.append(&mut super::patch::read_strategic(
                self.session,
                inline,
                (&self.own, self.line),
            )?);
        }
        if patches.is_empty() {
            return Err(Error::new(format!(
                "patch appears to be empty; files={}, Patch={inline}",
                list(paths)
            )));
        }
        Ok(StrategicPatches(patches))
    }

    fn strategic_patch(&self, path: &str, line: u32) -> Result<Vec<Resource>> {
        let own = (&self.own, line);
        if let Ok(patches) = super::patch::read_strategic(self.session, path, own) {
            return Ok(patches);
        }
        let content = self.loader.load(self.session, path)?;
        let text = String::from_utf8_lossy(&content);
        let file = self.file(path);
        super::patch::read_strategic(self.session, &text, (&file, 1)).map_err(|error| {
            let error = match error.kind() {
                Kind::MalformedYaml => {
                    let message = format!("{} in File: {path}", error.chain());
                    error.reworded(message).of_kind(Kind::Input)
                }
                _ => error,
            };
            error.at(Location::file(file.to_string()))
        })
    }

    /// A patch of either kind. `shown` is the configuration as messages show it.
    pub(crate) fn patch(&self, patch: &Patch, shown: impl Fn() -> String) -> Result<AnyPatch> {
        let inline = patch.patch.trim();
        let (text, source, (file, line)) = match (inline, patch.path.as_str()) {
            ("", "") => {
                return Err(Error::new(format!(
                    "must specify one of patch and path in\n{}",
                    shown()
                )));
            }
            (inline, "") => {
                let own = (Rc::clone(&self.own), self.line);
                (inline.to_owned(), format!("[patch: {}]", quote(inline)), own)
            }
            ("", path) => {
                let content = self.loader.load(self.session, path).map_err(|error| {
                    error.context(format!("failed to get the patch file from path({path})"))
                })?;
                let text = String::from_utf8_lossy(&content).into_owned();
                (text, format!("[path: {}]", quote(path)), (self.file(path), 1))
            }
            _ => {
                return Err(Error::new(format!(
                    "patch and path can't be set at the same time\n{}",
                    shown()
                )));
            }
        };
        let content = AnyPatch::parse(self.session, &text, &source, (&file, line), patch.options)
            .map_err(|error| error.at(Location::new(file.to_string(), line, 0)))?;
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
        line_of: impl Fn(usize) -> u32,
    ) -> Result<Vec<PlacedReplacement>> {
        let mut replacements = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            let cause =
                |file: &Rc<str>, line| Cause { by: "replacements", file: Rc::clone(file), line };
            let is_inline = field.source.is_some() || !field.targets.is_empty();
            match (field.path.as_str(), is_inline) {
                ("", _) => {
                    let replacement = Replacement {
                        source: field.source.clone(),
                        targets: field.targets.clone(),
                        source_value: field.source_value.clone(),
                    };
                    let cause = cause(&self.own, line_of(index));
                    replacements.push(PlacedReplacement { replacement, cause });
                }
                (_, true) => {
                    return Err(Error::new("cannot specify both path and inline replacement"));
                }
                (path, false) => {
                    let file = self.file(path);
                    let read = self
                        .replacement_file(path)
                        .map_err(|error| error.at(Location::file(file.to_string())))?;
                    replacements.extend(read.into_iter().map(|replacement| PlacedReplacement {
                        replacement,
                        cause: cause(&file, 0),
                    }));
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
