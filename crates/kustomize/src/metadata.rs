//! Type, name, namespace, labels and annotations of a resource, read and written as kyaml's `RNode`
//! does.

use std::collections::BTreeMap;

use trueup_yaml::{Content, Dialect, Node, Resolved, Style, Tag, resolve_plain};

use crate::error::{Error, Result};

/// Labels or annotations.
pub(crate) type Texts = BTreeMap<String, String>;

/// Whether a node is null or an empty mapping or sequence.
pub(crate) fn is_empty(node: &Node) -> bool {
    match &node.content {
        Content::Scalar(_) => node.is_null(),
        Content::Sequence(items) => items.is_empty() || node.given_tag() == Some(Tag::Null),
        Content::Mapping(entries) => entries.is_empty() || node.given_tag() == Some(Tag::Null),
    }
}

/// The text of a field; empty if there is none or it holds no scalar.
pub(crate) fn text<'a>(node: &'a Node, field: &str) -> &'a str {
    node.get(field).and_then(Node::text).unwrap_or("")
}

/// The `kind` field.
pub(crate) fn kind(node: &Node) -> &str {
    text(node, "kind")
}

/// The `apiVersion` field.
pub(crate) fn api_version(node: &Node) -> &str {
    text(node, "apiVersion")
}

fn meta(node: &Node) -> Option<&Node> {
    node.get("metadata").filter(|meta| !is_empty(meta))
}

fn meta_text<'a>(node: &'a Node, field: &str) -> &'a str {
    let value = meta(node).and_then(|meta| meta.get(field)).filter(|value| !is_empty(value));
    value.and_then(Node::text).unwrap_or("")
}

/// `metadata.name`.
pub(crate) fn name(node: &Node) -> &str {
    meta_text(node, "name")
}

/// `metadata.namespace`.
pub(crate) fn namespace(node: &Node) -> &str {
    meta_text(node, "namespace")
}

/// `metadata.labels` or `metadata.annotations`, all values as texts.
pub(crate) fn texts(node: &Node, field: &str) -> Texts {
    let entries = meta(node).and_then(|meta| meta.get(field)).and_then(Node::entries);
    let text = |node: &Node| node.text().unwrap_or("").to_owned();
    entries.unwrap_or_default().iter().map(|(key, value)| (text(key), text(value))).collect()
}

/// `metadata.annotations`, all values as texts.
pub(crate) fn annotations(node: &Node) -> Texts {
    texts(node, "annotations")
}

/// One annotation.
pub(crate) fn annotation<'a>(node: &'a Node, name: &str) -> Option<&'a str> {
    let value = meta(node)?.get("annotations")?.get(name)?;
    Some(value.text().unwrap_or(""))
}

/// Sets `metadata.labels` or `metadata.annotations` to exactly these; none takes the field away.
pub(crate) fn set_texts(node: &mut Node, field: &str, texts: &Texts) {
    let Some(meta) = meta_mut(node) else { return };
    meta.remove(field);
    if texts.is_empty() {
        return;
    }
    let entries = texts.iter().map(|(key, value)| (plain_key(key), string(value)));
    meta.set(field, Node::mapping(entries.collect()));
}

/// Sets `metadata.annotations`.
pub(crate) fn set_annotations(node: &mut Node, annotations: &Texts) {
    set_texts(node, "annotations", annotations);
}

/// Sets one annotation.
pub(crate) fn set_annotation(node: &mut Node, name: &str, value: &str) {
    let Some(meta) = meta_mut(node) else { return };
    if meta.get("annotations").is_none_or(|annotations| annotations.entries().is_none()) {
        meta.set("annotations", Node::mapping(Vec::new()));
    }
    let Some(annotations) = meta.get_mut("annotations") else { return };
    match annotations.get_mut(name) {
        Some(old) => *old = string(value),
        None => {
            if let Some(entries) = annotations.entries_mut() {
                entries.push((plain_key(name), string(value)));
            }
        }
    }
}

/// A key as upstream writes it: without a tag, so that one like `12` is read as a number again.
pub(crate) fn plain_key(name: &str) -> Node {
    Node::styled(name, Style::Plain)
}

/// A string; several lines are a literal block, as upstream writes them.
pub(crate) fn string(text: &str) -> Node {
    let mut node = Node::string(text);
    if text.contains('\n') {
        node.style = Style::Literal;
    }
    node
}

/// The metadata, made where they are missing; none in what is no mapping, such as a resource that a
/// patch has deleted.
fn meta_mut(node: &mut Node) -> Option<&mut Node> {
    if node.get("metadata").is_none_or(|meta| meta.entries().is_none()) {
        node.set("metadata", Node::mapping(Vec::new()));
    }
    node.get_mut("metadata")
}

/// Sets `metadata.name`.
pub(crate) fn set_name(node: &mut Node, name: &str) {
    if let Some(meta) = meta_mut(node) {
        set_scalar(meta, "name", name);
    }
}

/// Sets `metadata.namespace`; an empty one takes the field away.
pub(crate) fn set_namespace(node: &mut Node, namespace: &str) {
    if namespace.is_empty() {
        if let Some(meta) = node.get_mut("metadata") {
            meta.remove("namespace");
        }
    } else if let Some(meta) = meta_mut(node) {
        set_scalar(meta, "namespace", namespace);
    }
}

/// Sets `kind`.
pub(crate) fn set_kind(node: &mut Node, kind: &str) {
    set_scalar(node, "kind", kind);
}

/// Sets `apiVersion`.
pub(crate) fn set_api_version(node: &mut Node, api_version: &str) {
    set_scalar(node, "apiVersion", api_version);
}

/// Sets a field to a text. What is there keeps its quoting; what is new is quoted where YAML 1.1
/// would take the text for something else.
pub(crate) fn set_scalar(node: &mut Node, field: &str, text: &str) {
    let style = match node.get(field) {
        Some(old) => old.style,
        None if is_text(text) => Style::Plain,
        None => Style::DoubleQuoted,
    };
    node.set(field, Node::styled(text, style));
}

fn is_text(text: &str) -> bool {
    text.contains('\n') || matches!(resolve_plain(text, Dialect::V2), Resolved::Str(_))
}

/// A resource has a kind and, unless it is a list, a name.
pub(crate) fn check(node: &Node) -> Result<()> {
    if !has_metadata(node) {
        return Err(Error::new("missing Resource metadata"));
    }
    let missing = if value_text(node, "kind").is_empty() {
        "kind"
    } else if value_text(node, "kind").ends_with("List") || !name(node).is_empty() {
        return Ok(());
    } else {
        "metadata.name"
    };
    Err(Error::new(format!("missing {missing} in object {}", go_meta(node))))
}

/// Whether any of type, name, namespace, labels and annotations is given.
pub(crate) fn has_metadata(node: &Node) -> bool {
    let given = |node: &Node, field: &str| node.get(field).is_some_and(|value| !is_empty(value));
    given(node, "apiVersion")
        || given(node, "kind")
        || meta(node).is_some_and(|meta| {
            ["name", "namespace", "labels", "annotations"].iter().any(|field| given(meta, field))
        })
}

fn value_text<'a>(node: &'a Node, field: &str) -> &'a str {
    node.get(field).filter(|value| !value.is_null()).and_then(Node::text).unwrap_or("")
}

/// Go's `%v` of the metadata.
fn go_meta(node: &Node) -> String {
    let map = |field: &str| {
        let pairs: Vec<String> =
            texts(node, field).iter().map(|(key, value)| format!("{key}:{value}")).collect();
        format!("map[{}]", pairs.join(" "))
    };
    format!(
        "{{{{{} {}}} {{{{{} {}}} {} {}}}}}",
        value_text(node, "apiVersion"),
        value_text(node, "kind"),
        name(node),
        namespace(node),
        map("labels"),
        map("annotations")
    )
}
