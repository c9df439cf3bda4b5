//! A resource as Go's `%#v` prints the map it is read into: upstream's way to say which resource has
//! no counterpart in JSON.

use trueup_yaml::{Content, Dialect, Node, Resolved, Tag, format_g};

use crate::go_text::quote;

/// The whole resource; Go's nil where it could not even be read.
pub(super) fn of(node: &Node) -> String {
    if is_unreadable(node) {
        return "map[string]interface {}(nil)".to_owned();
    }
    mapping(node.entries().unwrap_or_default(), true)
}

/// Whether yaml.v3 refuses it: equal keys, or a text that is not of the type it is tagged with.
fn is_unreadable(node: &Node) -> bool {
    match &node.content {
        Content::Scalar(_) => node.resolve(Dialect::V3).is_err(),
        Content::Sequence(items) => items.iter().any(is_unreadable),
        Content::Mapping(entries) => {
            let mut keys: Vec<&str> = entries.iter().filter_map(|(key, _)| key.text()).collect();
            let count = keys.len();
            keys.sort_unstable();
            keys.dedup();
            keys.len() < count || entries.iter().any(|(_, value)| is_unreadable(value))
        }
    }
}

fn mapping(entries: &[(Node, Node)], root: bool) -> String {
    let is_text = |key: &Node| root || key.tag() == Tag::Str;
    let all_text = entries.iter().all(|(key, _)| is_text(key));
    let go_type =
        if all_text { "map[string]interface {}" } else { "map[interface {}]interface {}" };
    // Go orders keys by type first; texts come before the rest.
    let mut entries: Vec<&(Node, Node)> = entries.iter().collect();
    entries.sort_by_key(|(key, _)| (!is_text(key), key.text().unwrap_or("")));
    let entries: Vec<String> = entries
        .into_iter()
        .map(|(key, value)| {
            let key = match is_text(key) {
                true => quote(key.text().unwrap_or("")),
                false => scalar(key),
            };
            format!("{key}:{}", self::value(value))
        })
        .collect();
    format!("{go_type}{{{}}}", entries.join(", "))
}

fn value(node: &Node) -> String {
    match &node.content {
        Content::Scalar(_) => scalar(node),
        Content::Mapping(entries) => mapping(entries, false),
        Content::Sequence(items) => {
            let items: Vec<String> = items.iter().map(value).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
    }
}

fn scalar(node: &Node) -> String {
    match node.resolve(Dialect::V3) {
        Ok(Resolved::Null) => "interface {}(nil)".to_owned(),
        Ok(Resolved::Bool(truth)) => truth.to_string(),
        Ok(Resolved::Int(number)) => number.to_string(),
        Ok(Resolved::Uint(number)) => format!("{number:#x}"),
        Ok(Resolved::Float(number)) => format_g(number),
        _ => quote(node.text().unwrap_or("")),
    }
}
