//! Resources as text: each through JSON, so that what is printed is what an API server would get.

mod go_syntax;

use trueup_yaml::{Node, append_yaml, go_json};

use crate::documents::node_to_json;
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
    if let Some(simple) = node.simple() {
        return append_yaml(&simple, out).map_err(|error| Error::new(error.to_string()));
    }
    let json = node_to_json(node).map_err(|error| error.context(go_syntax::of(node)))?;
    append_yaml(&json, out).map_err(|error| Error::new(error.to_string()))
}

/// Go's `%v` of a resource: its JSON, with what upstream keeps in annotations.
pub(crate) fn json_text(resource: &Resource) -> String {
    let mut shown = resource.clone();
    let json = shown.show_annotations(node_to_json);
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
