//! Values and their fields, changed as kyaml changes them.
//!
//! A [`Node`] is what upstream's `RNode` is: a value with the type and the style it was written in.
//! What it prints as follows from all three, so every change says what becomes of them. The rules
//! are those of `kyaml/yaml/fns.go`: a new value takes the style of the one it replaces, and a new
//! field whose text YAML 1.1 would read as something else than text is quoted.

mod json;
mod path;
mod pattern;

use trueup_yaml::{Content, Dialect, Indent, Node, Resolved, Style, Tag, node_to_yaml_v3};

pub(crate) use json::from_json;
pub(crate) use path::{
    check_length, lookup, lookup_mut, lookup_or_create, split_path, split_path_with_brackets,
};
pub(crate) use pattern::{Found, follow, select};

use crate::error::{Error, Result};

/// What a node consists of, by the names that upstream's messages use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    Mapping,
    Sequence,
}

impl Kind {
    pub(crate) fn of(node: &Node) -> Self {
        match node.content {
            Content::Scalar(_) => Self::Scalar,
            Content::Mapping(_) => Self::Mapping,
            Content::Sequence(_) => Self::Sequence,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Scalar => "ScalarNode",
            Self::Mapping => "MappingNode",
            Self::Sequence => "SequenceNode",
        }
    }

    /// An empty node of the kind.
    pub(crate) fn empty(self) -> Node {
        match self {
            Self::Scalar => Node::scalar(""),
            Self::Mapping => Node::mapping(Vec::new()),
            Self::Sequence => Node::sequence(Vec::new()),
        }
    }
}

/// How deep a value may be nested: what goes in is limited by the parser, and so is what steps make
/// of it.
pub(crate) const DEPTH_MAX: usize = 600;

/// How many values a step may copy at once.
const COPY_MAX: usize = 2_000_000;

/// An error if a value is too large to be copied, or too deep for a place at that depth. Otherwise a
/// value that is copied into itself again and again would grow without end.
pub(crate) fn check_copy(value: &Node, depth: usize) -> Result<()> {
    let mut budget = COPY_MAX;
    if fits(value, depth, &mut budget) {
        return Ok(());
    }
    Err(Error::new(format!(
        "a copied value has more than {COPY_MAX} values or is nested more than {DEPTH_MAX} levels deep"
    )))
}

fn fits(value: &Node, depth: usize, budget: &mut usize) -> bool {
    if depth > DEPTH_MAX || *budget == 0 {
        return false;
    }
    *budget -= 1;
    match &value.content {
        Content::Scalar(_) => true,
        Content::Sequence(items) => items.iter().all(|item| fits(item, depth + 1, budget)),
        Content::Mapping(entries) => {
            entries.iter().all(|(_, value)| fits(value, depth + 1, budget))
        }
    }
}

/// The text of a scalar; empty for everything else.
pub(crate) fn text(node: &Node) -> &str {
    node.text().unwrap_or_default()
}

/// Whether a node is tagged null, whatever it consists of.
pub(crate) fn is_null(node: &Node) -> bool {
    node.is_null() || node.given_tag() == Some(Tag::Null)
}

/// Whether a node is null or an empty mapping.
pub(crate) fn is_empty_map(node: &Node) -> bool {
    is_null(node) || node.entries().is_some_and(<[_]>::is_empty)
}

/// The value as YAML, as upstream's `RNode.String` prints it.
pub(crate) fn to_text(node: &Node) -> String {
    node_to_yaml_v3(node, Indent::COMPACT).unwrap_or_default()
}

/// An error unless a node is null or of the kind.
pub(crate) fn expect(node: &Node, expected: Kind) -> Result<()> {
    let actual = Kind::of(node);
    if actual == expected || is_null(node) {
        return Ok(());
    }
    Err(Error::new(format!(
        "wrong node kind: expected {} but got {}: node contents:\n{}",
        expected.name(),
        actual.name(),
        to_text(node)
    )))
}

/// The field of a mapping: none in a null, an error in anything else.
pub(crate) fn field<'a>(node: &'a Node, name: &str) -> Result<Option<&'a Node>> {
    expect(node, Kind::Mapping)?;
    Ok(node.get(name))
}

/// Sets a field to a value. What is there lends it its place and style; a null takes it away.
pub(crate) fn set_field(node: &mut Node, name: &str, value: Node) -> Result<()> {
    set_field_with_key(node, name, value, Style::Plain)
}

/// The same, with the style of the key if the field is new.
pub(crate) fn set_field_with_key(
    node: &mut Node,
    name: &str,
    mut value: Node,
    key_style: Style,
) -> Result<()> {
    expect(node, Kind::Mapping)?;
    if is_null(&value) {
        node.remove(name);
        return Ok(());
    }
    quote_if_ambiguous(&mut value);
    if let Some(old) = node.get_mut(name) {
        take_style(&mut value, old);
        value.set_link(old.link());
        *old = value;
    } else if let Some(entries) = node.entries_mut() {
        entries.push((Node::styled(name, key_style), value));
    }
    Ok(())
}

/// Sets a field to a text whose type is left open: in the place of a bare value it may be read as a
/// number again, as a new field it is text (upstream's `NewScalarRNode`).
pub(crate) fn set_field_text(node: &mut Node, name: &str, text: &str) -> Result<()> {
    expect(node, Kind::Mapping)?;
    let mut value = Node::scalar(text);
    match node.get_mut(name) {
        Some(old) => {
            value.style = old.style;
            *old = value;
        }
        None => {
            value.style = open_style(text);
            if let Some(entries) = node.entries_mut() {
                entries.push((Node::scalar(name), value));
            }
        }
    }
    Ok(())
}

/// Sets a scalar to another; the style stays. A null changes nothing.
pub(crate) fn set_scalar(node: &mut Node, mut value: Node) -> Result<()> {
    expect(node, Kind::Scalar)?;
    if !is_null(&value) {
        take_style(&mut value, node);
        value.set_link(node.link());
        *node = value;
    }
    Ok(())
}

/// Sets a scalar to a text whose type is left open; the style stays.
pub(crate) fn set_scalar_text(node: &mut Node, text: &str) -> Result<()> {
    expect(node, Kind::Scalar)?;
    let (style, link) = (node.style, node.link());
    *node = Node::styled(text, style);
    node.set_link(link);
    Ok(())
}

/// Changes the text of a scalar and nothing else: it stays of the type it was of.
pub(crate) fn replace_text(node: &mut Node, text: &str) {
    let tag = node.tag();
    if !node.has_explicit_tag() && tag != Tag::Other {
        node.set_tag(tag);
    }
    node.content = Content::Scalar(text.into());
}

/// How a new scalar is written whose type is left open but which is meant as text.
pub(crate) fn open_style(text: &str) -> Style {
    if is_ambiguous(text) { Style::DoubleQuoted } else { Style::Plain }
}

/// Quotes a bare text that YAML 1.1 reads as something else.
pub(crate) fn quote_if_ambiguous(value: &mut Node) {
    let bare = value.style == Style::Plain && !value.has_explicit_tag();
    if bare && value.tag() == Tag::Str && value.text().is_some_and(is_ambiguous) {
        value.style = Style::DoubleQuoted;
    }
}

/// Whether YAML 1.1 reads a bare text as something else than text.
fn is_ambiguous(text: &str) -> bool {
    let resolved = trueup_yaml::resolve_plain(text, Dialect::V2);
    !text.is_empty()
        && !text.contains('\n')
        && !matches!(resolved, Resolved::Str(_) | Resolved::Bytes(_))
}

/// Takes over the style of another node, and with it whether the tag is spelled out. The type stays
/// what it was with the old style.
pub(crate) fn take_style(node: &mut Node, from: &Node) {
    let is_spelled = from.has_explicit_tag();
    if node.style == from.style && node.has_explicit_tag() == is_spelled {
        return;
    }
    let tag = node.tag();
    if is_spelled {
        node.spell_tag();
    } else if tag != Tag::Other || node.has_explicit_tag() {
        node.set_tag(tag);
    }
    node.style = from.style;
}
