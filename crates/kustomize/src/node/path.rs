//! Paths that name one value: fields, indices, and `[field=value]` for an element of a list.

use trueup_yaml::{Content, Node};

use super::{DEPTH_MAX, Kind, expect, is_null, text};
use crate::error::{Error, Result};

/// Splits a path at a delimiter that no backslash precedes. One at the start is skipped.
pub(crate) fn split_path(path: &str, delimiter: char) -> Vec<String> {
    let path = path.strip_prefix(delimiter).unwrap_or(path);
    let mut parts: Vec<String> = Vec::new();
    let mut joins = false;
    for part in path.split(delimiter) {
        match parts.last_mut().filter(|_| joins) {
            Some(last) => {
                last.pop();
                last.push(delimiter);
                last.push_str(part);
            }
            None => parts.push(part.to_owned()),
        }
        joins = parts.last().is_some_and(|last| last.ends_with('\\'));
    }
    parts
}

/// The same, but a delimiter inside of brackets does not count. Brackets with `=` name an element
/// and stay; others only protect a field's name and go.
pub(crate) fn split_path_with_brackets(path: &str, delimiter: char) -> Vec<String> {
    let mut parts = Vec::new();
    let mut split = split_path(path, delimiter).into_iter();
    while let Some(part) = split.next() {
        if !part.starts_with('[') || part.ends_with(']') {
            parts.push(part);
            continue;
        }
        let mut bracketed = part;
        for more in split.by_ref() {
            bracketed.push(delimiter);
            bracketed.push_str(&more);
            if more.ends_with(']') {
                break;
            }
        }
        if bracketed.contains('=') {
            parts.push(bracketed);
        } else {
            parts.push(bracketed.trim_matches(['[', ']']).to_owned());
        }
    }
    parts
}

/// An error if a path has more parts than a value has levels.
pub(crate) fn check_length(parts: usize) -> Result<()> {
    if parts <= DEPTH_MAX {
        return Ok(());
    }
    Err(Error::new(format!("a field path has {parts} parts; at most {DEPTH_MAX} are possible")))
}

/// A step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'p> {
    Field(&'p str),
    Index(usize),
    /// The last element.
    Last,
    /// The element with this field and value; an empty field stands for the element itself.
    Element(&'p str, &'p str),
}

pub(super) fn index(part: &str) -> Option<i64> {
    part.parse().ok()
}

pub(super) fn is_list_index(part: &str) -> bool {
    part.starts_with('[') && part.ends_with(']')
}

/// `[field=value]` taken apart.
pub(super) fn element(part: &str) -> Result<(&str, &str)> {
    let inner = part.strip_suffix(']').unwrap_or(part);
    let inner = inner.strip_prefix('[').unwrap_or(inner);
    inner.split_once('=').ok_or_else(|| {
        Error::new("list path element must contain fieldName=fieldValue for element to match")
    })
}

fn step(part: &str) -> Result<Step<'_>> {
    match (index(part), part) {
        (Some(index), _) => usize::try_from(index)
            .map(Step::Index)
            .map_err(|_| Error::new(format!("array index {index} cannot be negative"))),
        (None, "-") => Ok(Step::Last),
        (None, "*") => Err(Error::new("wildcard is not supported in PathGetter")),
        _ if is_list_index(part) => {
            let (field, value) = element(part)?;
            Ok(Step::Element(field, value))
        }
        _ => Ok(Step::Field(part)),
    }
}

/// The parts of a path that say something, trimmed.
fn parts<S: AsRef<str>>(path: &[S]) -> impl Iterator<Item = &str> {
    path.iter().map(|part| part.as_ref().trim()).filter(|part| !part.is_empty())
}

/// The value at a path, if it is there.
pub(crate) fn lookup<'a, S: AsRef<str>>(node: &'a Node, path: &[S]) -> Result<Option<&'a Node>> {
    let mut node = node;
    for part in parts(path) {
        let step = step(part)?;
        match child(node, step)? {
            Some(position) => node = at(node, position),
            None => return Ok(None),
        }
    }
    Ok(Some(node))
}

/// The value at a path, if it is there, to be changed.
pub(crate) fn lookup_mut<'a, S: AsRef<str>>(
    node: &'a mut Node,
    path: &[S],
) -> Result<Option<&'a mut Node>> {
    walk(node, path, None)
}

/// The value at a path. What is missing is made: mappings and lists on the way, and a node of the
/// kind at the end. `None` where a null is in the way, which upstream leaves alone.
pub(crate) fn lookup_or_create<'a, S: AsRef<str>>(
    node: &'a mut Node,
    path: &[S],
    kind: Kind,
) -> Result<Option<&'a mut Node>> {
    walk(node, path, Some(kind))
}

fn walk<'a, S: AsRef<str>>(
    node: &'a mut Node,
    path: &[S],
    create: Option<Kind>,
) -> Result<Option<&'a mut Node>> {
    check_length(path.len())?;
    let mut node = node;
    let mut parts = parts(path).peekable();
    while let Some(part) = parts.next() {
        let step = step(part)?;
        let position = match (child(node, step)?, create) {
            (Some(position), _) => position,
            (None, Some(kind)) if !is_null(node) => {
                let kind = kind_of_child(parts.peek().copied(), kind);
                match add(node, step, kind) {
                    Some(position) => position,
                    None => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        node = at_mut(node, position);
    }
    Ok(Some(node))
}

/// What is made for a part of a path that is missing: that follows from the part after it.
pub(super) fn kind_of_child(next: Option<&str>, last: Kind) -> Kind {
    match next {
        None | Some("") => last,
        Some(part) if is_list_index(part) || index(part).is_some_and(|index| index >= 0) => {
            Kind::Sequence
        }
        Some(_) => Kind::Mapping,
    }
}

/// Where in a node the value is that a step names.
fn child(node: &Node, step: Step<'_>) -> Result<Option<usize>> {
    if let Step::Field(name) = step {
        expect(node, Kind::Mapping)?;
        return Ok(position_of_field(node, name));
    }
    expect(node, Kind::Sequence)?;
    let items = node.items().unwrap_or_default();
    Ok(match step {
        Step::Index(index) => (index < items.len()).then_some(index),
        Step::Last => items.len().checked_sub(1),
        Step::Element("", value) => items.iter().position(|item| text(item) == value),
        Step::Element(field, value) => {
            items.iter().position(|item| item.get(field).is_some_and(|found| text(found) == value))
        }
        Step::Field(_) => None,
    })
}

pub(super) fn position_of_field(node: &Node, name: &str) -> Option<usize> {
    node.entries()?.iter().position(|(key, _)| text(key) == name)
}

/// Adds what a step names; an index cannot be added.
fn add(node: &mut Node, step: Step<'_>, kind: Kind) -> Option<usize> {
    match (&mut node.content, step) {
        (Content::Mapping(entries), Step::Field(name)) => {
            entries.push((Node::scalar(name), kind.empty()));
            entries.len().checked_sub(1)
        }
        (Content::Sequence(items), Step::Element(field, value)) => {
            items.push(new_element(field, value));
            items.len().checked_sub(1)
        }
        _ => None,
    }
}

/// The element that `[field=value]` names.
pub(super) fn new_element(field: &str, value: &str) -> Node {
    if field.is_empty() {
        return Node::scalar(value);
    }
    Node::mapping(vec![(Node::scalar(field), Node::scalar(value))])
}

fn at(node: &Node, position: usize) -> &Node {
    match &node.content {
        Content::Mapping(entries) => entries.get(position).map_or(node, |(_, value)| value),
        Content::Sequence(items) => items.get(position).unwrap_or(node),
        Content::Scalar(_) => node,
    }
}

pub(super) fn at_mut(node: &mut Node, position: usize) -> &mut Node {
    match &mut node.content {
        Content::Mapping(entries) => {
            &mut entries.get_mut(position).expect("a position that was found in this node").1
        }
        Content::Sequence(items) => {
            items.get_mut(position).expect("a position that was found in this node")
        }
        Content::Scalar(_) => unreachable!("a scalar has no children to be found"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, delimiter: char, expected: &[&str]) {
        assert_eq!(split_path_with_brackets(path, delimiter), expected, "{path}");
    }

    #[test]
    fn paths_are_split_as_upstream_splits_them() {
        assert_eq!(split_path("/a/b", '/'), ["a", "b"]);
        assert_eq!(split_path(r"a/b\/c\/d/e", '/'), ["a", "b/c/d", "e"]);
        assert_eq!(split_path("", '/'), [""]);
        check("a.b", '.', &["a", "b"]);
        check("a.[name=x.y].b", '.', &["a", "[name=x.y]", "b"]);
        check("metadata.annotations.[a.b/c]", '.', &["metadata", "annotations", "a.b/c"]);
        check("a.[b].c", '.', &["a", "[b]", "c"]);
        check(r"a.b\.c.d", '.', &["a", "b.c", "d"]);
    }
}
