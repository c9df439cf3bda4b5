//! Values before they meet a chart: read from files and flags, and merged.
//!
//! They are JSON here. A number from a document is a float even where it is written as an integer,
//! because that is what it is in Go; an integer comes from `--set` alone.

pub mod coalesce;
pub mod schema;
pub mod strvals;

use serde_json::{Map, Number, Value};
use trueup_gotemplate::{Map as SharedMap, Str, Value as GoValue};

use crate::decode::json_kind;
use crate::{Profile, document};

/// Reads a values file. Helm 4 merges all of its documents, Helm 3 reads the first.
///
/// # Errors
/// Helm's words: the text is no YAML, or a document is no mapping.
pub fn load(text: &[u8], profile: Profile) -> Result<Map<String, Value>, String> {
    match profile {
        Profile::Helm3 => mapping(text),
        Profile::Helm4 => {
            let mut values = Map::new();
            for part in documents(text)? {
                let document = mapping(part)
                    .map_err(|error| format!("cannot unmarshal yaml document: {error}"))?;
                merge(&mut values, document);
            }
            Ok(values)
        }
    }
}

fn mapping(text: &[u8]) -> Result<Map<String, Value>, String> {
    match document::read(text)? {
        Value::Null => Ok(Map::new()),
        Value::Object(entries) => Ok(entries_with_floats(entries)),
        other => Err(format!(
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            json_kind(&other)
        )),
    }
}

/// The documents of a stream as `k8s.io/apimachinery`'s `YAMLReader` cuts them: at lines that begin
/// with `---`, behind which there may be a comment but nothing else.
fn documents(text: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if let Some(rest) = line.strip_prefix(b"---") {
            let rest = crate::manifest::trim(rest);
            if !rest.is_empty() && !rest.starts_with(b"#") {
                return Err(format!(
                    "error reading yaml document: invalid Yaml document separator: {}",
                    String::from_utf8_lossy(rest)
                ));
            }
            if at > start {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + line.len();
            }
        }
        at += line.len();
    }
    if at > start {
        parts.push(text.get(start..).unwrap_or_default());
    }
    Ok(parts)
}

/// Merges `over` into `values`: maps key by key, anything else replaced.
pub fn merge(values: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match (values.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(over)) => merge(below, over),
            (_, value) => {
                values.insert(key, value);
            }
        }
    }
}

fn entries_with_floats(entries: Map<String, Value>) -> Map<String, Value> {
    entries.into_iter().map(|(key, value)| (key, with_floats(value))).collect()
}

/// The value as Go reads JSON into an interface: every number a float.
pub(crate) fn with_floats(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            number.as_f64().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(with_floats).collect()),
        Value::Object(entries) => Value::Object(entries_with_floats(entries)),
        other => other,
    }
}

/// The values as templates see them.
pub(crate) fn to_map(values: &Map<String, Value>) -> SharedMap {
    SharedMap::any(values.iter().map(|(key, value)| (Str::from(key.as_str()), to_go(value))))
}

/// A value as templates see it.
pub(crate) fn to_go(value: &Value) -> GoValue {
    match value {
        Value::Null => GoValue::Nil,
        Value::Bool(flag) => GoValue::Bool(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => GoValue::Int64(integer),
            None => GoValue::Float64(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => GoValue::from(text.as_str()),
        Value::Array(items) => GoValue::list(items.iter().map(to_go).collect()),
        Value::Object(entries) => GoValue::Map(to_map(entries)),
    }
}

/// Values of templates as JSON. What JSON does not have becomes null.
pub(crate) fn to_json_map(values: &SharedMap) -> Map<String, Value> {
    let entries = values.borrow();
    entries
        .iter()
        .map(|(key, value)| (String::from_utf8_lossy(key.as_bytes()).into_owned(), to_json(value)))
        .collect()
}

fn to_json(value: &GoValue) -> Value {
    match value {
        GoValue::Bool(flag) => Value::Bool(*flag),
        GoValue::String(text) => {
            Value::String(String::from_utf8_lossy(text.as_bytes()).into_owned())
        }
        GoValue::List(items) => Value::Array(items.iter().map(to_json).collect()),
        GoValue::Map(map) => Value::Object(to_json_map(map)),
        other => match (other.as_signed(), other.as_float()) {
            (Some(integer), _) => Value::from(integer),
            (_, Some(float)) => Number::from_f64(float).map_or(Value::Null, Value::Number),
            _ => Value::Null,
        },
    }
}
