//! The digest that generated names end with: ten characters that change with the content.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use trueup_yaml::{Node, go_json};

use crate::documents::node_to_json;
use crate::error::{Error, Result};
use crate::metadata;

/// The digest of a ConfigMap's or Secret's type and data; of anything else, of all of it.
pub(crate) fn of(node: &Node) -> Result<String> {
    let kind = metadata::kind(node);
    // Upstream looks for a field called `metadata/name`, finds none, and digests an empty name.
    let name = || json!("");
    let content = match kind {
        "ConfigMap" => with_optional(
            json!({"kind": kind, "name": name(), "data": field(node, "data")?}),
            ("binaryData", field(node, "binaryData")?),
        ),
        "Secret" => with_optional(
            json!({
                "kind": kind,
                "type": field(node, "type")?,
                "name": name(),
                "data": field(node, "data")?,
            }),
            ("stringData", field(node, "stringData")?),
        ),
        _ => node_to_json(node)?,
    };
    let text = go_json::compact(&content).map_err(|error| Error::new(error.to_string()))?;
    let hex = hex::encode(Sha256::digest(text.as_bytes()));
    Ok(hex.chars().take(10).map(encode).collect())
}

/// Replaces digits and vowels, so that no digest spells a word.
fn encode(digit: char) -> char {
    match digit {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        other => other,
    }
}

fn with_optional(mut content: Value, (name, value): (&str, Value)) -> Value {
    if let (Value::Object(fields), Value::Object(_)) = (&mut content, &value) {
        fields.insert(name.to_owned(), value);
    }
    content
}

/// A field as upstream digests it: a mapping as it is, a scalar as its text, nothing as `""`.
fn field(node: &Node, name: &str) -> Result<Value> {
    match node.get(name) {
        None => Ok(json!("")),
        Some(value) if value.is_null() => Ok(json!("")),
        Some(value) => match (value.text(), value.items()) {
            (Some(text), _) => Ok(json!(text)),
            (None, Some(_)) => Ok(Value::Null),
            (None, None) => Ok(as_floats(node_to_json(value)?)),
        },
    }
}

/// Numbers as Go's JSON decoder leaves them: all of them floating-point.
fn as_floats(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) => json!(float),
            None => Value::Number(number),
        },
        Value::Array(items) => Value::Array(items.into_iter().map(as_floats).collect()),
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(key, value)| (key, as_floats(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        other => other,
    }
}
