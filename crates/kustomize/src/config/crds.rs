//! Field specs from the OpenAPI definitions of custom resources (the `crds` field).
//!
//! The files are not CustomResourceDefinitions but maps from type names to Go-style definitions
//! (`{Schema: …, Dependencies: …}`), whose properties say by `x-kubernetes-…` extensions what they
//! hold.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Config, FieldSpec, Referrers, add_referrers, add_spec};
use crate::error::{Context, Error, Result};
use crate::id::Gvk;

/// References between types may be circular; no real type nests this deep.
const MAX_DEPTH: usize = 64;

/// The field specs that a file of `crds` implies.
pub(crate) fn from_crd(content: &[u8], path: &str) -> Result<Config> {
    let json = crate::documents::to_json(content)
        .context(|| format!("unable to parse open API definition from '{path}'"))?;
    let definitions = definitions(&json);
    let mut config = Config::default();
    for (name, properties) in &definitions {
        if ["kind", "apiVersion", "metadata"].iter().all(|field| properties.contains_key(*field)) {
            let kind = name.rsplit('.').next().unwrap_or(name);
            let mut walk = Walk {
                gvk: Gvk::of_kind(kind),
                definitions: &definitions,
                path: Vec::new(),
                config: Config::default(),
            };
            walk.visit(name)?;
            config = config.merged(&walk.config)?;
        }
    }
    Ok(config)
}

type Definitions<'a> = BTreeMap<&'a str, &'a Map<String, Value>>;

/// The properties of each type. Go matches the names of fields without regard to case.
fn definitions(json: &Value) -> Definitions<'_> {
    let Value::Object(types) = json else { return BTreeMap::new() };
    types
        .iter()
        .filter_map(|(name, definition)| {
            let definition = definition.as_object()?;
            let schema = field(definition, "Schema")?;
            Some((name.as_str(), schema.get("properties")?.as_object()?))
        })
        .collect()
}

fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v))
}

struct Walk<'a> {
    gvk: Gvk,
    definitions: &'a Definitions<'a>,
    path: Vec<&'a str>,
    config: Config,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, name: &str) -> Result<()> {
        let Some(properties) = self.definitions.get(name).copied() else { return Ok(()) };
        if self.path.len() > MAX_DEPTH {
            return Err(Error::new(format!("the definition of {name} refers to itself")));
        }
        for (property, schema) in properties {
            self.path.push(property);
            self.note(schema)?;
            if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
                self.visit(reference)?;
            }
            self.path.pop();
        }
        Ok(())
    }

    fn note(&mut self, schema: &Value) -> Result<()> {
        let text = |name: &str| schema.get(name).and_then(Value::as_str);
        let spec = self.spec(&[]);
        if text("x-kubernetes-annotation").is_some() {
            add_spec(&mut self.config.common_annotations, &spec)?;
        }
        if text("x-kubernetes-label-selector").is_some() {
            add_spec(&mut self.config.common_labels, &spec)?;
        }
        if text("x-kubernetes-identity").is_some() {
            add_spec(&mut self.config.name_prefix, &spec)?;
        }
        let version = text("x-kubernetes-object-ref-api-version");
        let kind = text("x-kubernetes-object-ref-kind");
        if let (Some(version), Some(kind)) = (version, kind) {
            let key = text("x-kubernetes-object-ref-name-key").unwrap_or("name");
            let target = Gvk { version: version.to_owned(), ..Gvk::of_kind(kind) };
            let referrers = Referrers { target, fields: vec![self.spec(&[key])] };
            add_referrers(&mut self.config.name_reference, &referrers)?;
        }
        Ok(())
    }

    fn spec(&self, more: &[&str]) -> FieldSpec {
        let parts: Vec<&str> = self.path.iter().copied().chain(more.iter().copied()).collect();
        FieldSpec { gvk: self.gvk.clone(), path: parts.join("/"), create: false }
    }
}
