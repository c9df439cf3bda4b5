//! JSON patches (RFC 6902), with the leniency of the library that upstream uses (evanphx/json-patch
//! v4): indices may be negative, `replace` sets fields that are not there, `add` without a value adds
//! a null.
//!
//! Upstream turns a resource into JSON for it and back again. That changes what is not patched too:
//! numbers become floats, quotes and empty fields are written anew. So it does here.

mod apply;

use serde_json::{Map, Value};
use trueup_yaml::{Content, Node};

use crate::error::{Error, Result};

/// The operations of a patch.
#[derive(Clone, Debug, Default)]
pub(crate) struct JsonPatch {
    operations: Vec<Map<String, Value>>,
}

impl JsonPatch {
    /// Reads a patch in JSON or YAML.
    pub(crate) fn parse(patch: &str) -> Result<Self> {
        let json = if patch.starts_with('[') {
            serde_json::from_str(patch).map_err(|error| Error::new(error.to_string()))?
        } else {
            crate::documents::to_json(patch.as_bytes())?
        };
        let operations = match json {
            Value::Null => Vec::new(),
            Value::Array(operations) => operations,
            other => return Err(unfit(&other, "jsonpatch.Patch")),
        };
        let operation = |operation| match operation {
            Value::Object(operation) => Ok(operation),
            Value::Null => Ok(Map::new()),
            other => Err(unfit(&other, "jsonpatch.Operation")),
        };
        let operations: Vec<_> = operations.into_iter().map(operation).collect::<Result<_>>()?;
        operations.iter().try_for_each(valid)?;
        Ok(Self { operations })
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Applies the patch to a resource.
    pub(crate) fn apply(&self, resource: &mut Node) -> Result<()> {
        let mut json = crate::documents::node_to_json(resource)?;
        apply::apply(&mut json, &self.operations)?;
        if !json.is_object() {
            return Err(unfit(&json, "map[string]interface {}"));
        }
        let before = std::mem::replace(resource, crate::node::from_json(&json));
        keep_places(resource, &before);
        Ok(())
    }
}

/// An operation must be known and have the fields it needs.
fn valid(operation: &Map<String, Value>) -> Result<()> {
    let has_text = |field: &str, missing: &str| match operation.get(field) {
        Some(Value::String(_)) => Ok(()),
        None | Some(Value::Null) => Err(Error::new(format!("{missing}: missing value"))),
        Some(other) => Err(unfit(other, "string")),
    };
    let path = || {
        has_text("path", "operation missing path field")
            .map_err(|error| error.context("failed to decode 'path'"))
    };
    let checked = match operation.get("op").and_then(Value::as_str).unwrap_or("unknown") {
        "add" | "replace" if !operation.contains_key("value") => {
            Err(Error::new("operation, missing value field: missing value")
                .context("failed to decode 'value'"))
        }
        "move" | "copy" => has_text("from", "operation, missing from field")
            .map_err(|error| error.context("failed to decode 'from'"))
            .and_then(|()| path()),
        "add" | "replace" | "remove" | "test" => path(),
        _ => Err(Error::new("unsupported operation")),
    };
    checked.map_err(|error| {
        let shown = if operation.is_empty() {
            "null".to_owned()
        } else {
            Value::Object(operation.clone()).to_string()
        };
        error.context(format!("invalid operation {shown}"))
    })
}

/// Values that are the same as before are still written where they were.
fn keep_places(node: &mut Node, before: &Node) {
    match (&mut node.content, &before.content) {
        (Content::Mapping(entries), Content::Mapping(_)) => {
            for (key, value) in entries {
                if let Some(old) = before.get(crate::node::text(key)) {
                    keep_places(value, old);
                }
            }
        }
        (Content::Sequence(items), Content::Sequence(old)) => {
            items.iter_mut().zip(old).for_each(|(item, old)| keep_places(item, old));
        }
        (Content::Scalar(new), Content::Scalar(old)) if new == old => node.take_place_of(before),
        _ => {}
    }
}

fn unfit(value: &Value, go_type: &str) -> Error {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    Error::new(format!("json: cannot unmarshal {kind} into Go value of type {go_type}"))
}
