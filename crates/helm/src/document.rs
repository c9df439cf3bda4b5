//! YAML in, as Helm reads it: `sigs.k8s.io/yaml` into JSON, errors in its words.

use serde_json::{Number, Value};
use trueup_yaml::{Content, Dialect, DuplicateKeys, Error, Limits, Node, Resolved, parse_first};

/// The first document of a text; null where there is none.
pub(crate) fn read(text: &[u8]) -> Result<Value, String> {
    parse(text).map(|(_, json)| json).map_err(|error| explain(&error))
}

/// As [`read`], but floats stay floats: where a string is wanted, Go prints 1e6 as `1e+06`, and not
/// as the integer that JSON makes of it.
pub(crate) fn read_with_floats(text: &[u8]) -> Result<Value, String> {
    let (node, mut json) = parse(text).map_err(|error| explain(&error))?;
    restore_floats(&node, &mut json);
    Ok(json)
}

fn parse(text: &[u8]) -> Result<(Node, Value), Error> {
    let node = parse_first(text, &Limits::default())?;
    let json = node.to_json(Dialect::V2, DuplicateKeys::LastWins)?;
    Ok((node, json))
}

fn explain(error: &Error) -> String {
    format!("error converting YAML to JSON: {}", error.go_text(Dialect::V2))
}

/// The depth of documents is bounded by the parser.
fn restore_floats(node: &Node, json: &mut Value) {
    match (&node.content, json) {
        (Content::Scalar(_), json @ Value::Number(_)) => {
            if let Ok(Resolved::Float(float)) = node.resolve(Dialect::V2) {
                *json = Number::from_f64(float).map_or(Value::Null, Value::Number);
            }
        }
        (Content::Sequence(nodes), Value::Array(items)) => {
            nodes.iter().zip(items).for_each(|(node, json)| restore_floats(node, json));
        }
        (Content::Mapping(nodes), Value::Object(entries)) => {
            for (key, node) in nodes {
                if let Some(json) = key.text().and_then(|key| entries.get_mut(key)) {
                    restore_floats(node, json);
                }
            }
        }
        _ => {}
    }
}
