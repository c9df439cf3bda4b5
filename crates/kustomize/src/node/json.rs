//! JSON values as nodes, as upstream makes them: printed by yaml.v3 and read again.

use serde_json::Value;
use trueup_yaml::{Dialect, Node, Resolved, Style, Tag, compare_v3, format_g, resolve_plain};

/// A value as a node. Keys are sorted; numbers have gone through a float; texts have the style that
/// yaml.v3 gives them.
pub(crate) fn from_json(value: &Value) -> Node {
    match value {
        Value::Null => Node::null(),
        Value::Bool(truth) => Node::bool(*truth),
        Value::Number(number) => {
            let number = Node::scalar(format_g(number.as_f64().unwrap_or_default()));
            let tag = number.tag();
            number.with_tag(tag)
        }
        Value::String(text) => styled(text),
        Value::Array(items) => Node::sequence(items.iter().map(from_json).collect()),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(a, _), (b, _)| compare_v3(a, b));
            let entry = |(key, value): (&String, &Value)| (styled(key), from_json(value));
            Node::mapping(fields.into_iter().map(entry).collect())
        }
    }
}

fn styled(text: &str) -> Node {
    let mut node = Node::scalar(text).with_tag(Tag::Str);
    node.style = if text.contains('\n') {
        Style::Literal
    } else if text.is_empty() || !is_text(text) {
        Style::DoubleQuoted
    } else if is_plain(text) {
        Style::Plain
    } else {
        Style::SingleQuoted
    };
    node
}

/// Whether neither YAML 1.1 nor 1.2 reads a bare text as something else.
fn is_text(text: &str) -> bool {
    let is_text = |dialect| matches!(resolve_plain(text, dialect), Resolved::Str(_));
    is_text(Dialect::V2) && is_text(Dialect::V3)
}

/// Whether a text can be written without quotes.
fn is_plain(text: &str) -> bool {
    let is_simple = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'/');
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(is_simple) {
        return true;
    }
    let printed = super::to_text(&Node::scalar(text).with_tag(Tag::Str));
    !printed.starts_with(['\'', '"'])
}
