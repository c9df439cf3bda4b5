//! Resources as text: each through JSON, so that what is printed is what an API server would get.

use serde_json::Value;
use trueup_yaml::{
    Dialect, DuplicateKeys, Indent, Limits, Node, append_yaml, go_json, node_to_yaml_v3,
    parse_first,
};

use crate::error::{Error, Result};
use crate::resource::Resource;

/// What `kustomize build` prints for these resources.
pub(crate) fn yaml<'n>(nodes: impl Iterator<Item = &'n Node>) -> Result<String> {
    let mut out = String::new();
    for node in nodes {
        if !out.is_empty() {
            out.push_str("---\n");
        }
        append(node, &mut out)?;
    }
    Ok(out)
}

/// Appends one resource to `out`.
pub(crate) fn append(node: &Node, out: &mut String) -> Result<()> {
    let json = json(node)?;
    append_yaml(&json, out).map_err(|error| Error::new(error.to_string()))
}

/// A resource as JSON.
pub(crate) fn json(node: &Node) -> Result<Value> {
    node.to_json(Dialect::V3, DuplicateKeys::Refused)
        .map_err(|error| as_upstream(node).unwrap_or_else(|| error.go_text(Dialect::V3)))
        .map_err(Error::new)
}

/// What upstream says is wrong with a resource. It prints the resource and reads it again, and so
/// counts the lines of what it printed.
fn as_upstream(node: &Node) -> Option<String> {
    let text = node_to_yaml_v3(node, Indent::COMPACT).ok()?;
    let again = parse_first(text.as_bytes(), &Limits::default());
    let error = again
        .and_then(|node| node.to_json(Dialect::V3, DuplicateKeys::Refused))
        .err()?;
    Some(error.go_text(Dialect::V3))
}

/// Go's `%v` of a resource: its JSON, with what upstream keeps in annotations.
pub(crate) fn json_text(resource: &Resource) -> String {
    let mut shown = resource.clone();
    let json = shown.show_annotations(json);
    match json {
        Ok(json) => go_json::compact(&json).unwrap_or_else(|error| format!("<{error}>")),
        Err(error) => format!("<{}>", error.chain()),
    }
}

/// A resource as YAML, with what upstream keeps in annotations.
pub(crate) fn yaml_text(resource: &Resource) -> String {
    let mut shown = resource.clone();
    let mut text = String::new();
    let result = shown.show_annotations(|node| append(node, &mut text));
    match result {
        Ok(()) => text,
        Err(error) => format!("<{}>", error.chain()),
    }
}
