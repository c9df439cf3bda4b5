//! Paths that name any number of values: `*`, and `[field=regular expression]`.

use trueup_yaml::{Content, Limits, Node, Style, parse_first};

use super::path::{
    at_mut, check_length, element, index, is_list_index, kind_of_child, new_element,
};
use super::{Kind, expect, is_null, text, to_text};
use crate::error::{Error, Result};
use crate::select::pattern::compile;

/// The way from a node to a value in it, as positions.
pub(crate) type Route = Vec<usize>;

/// A value that a pattern names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is there.
    Here(Route),
    /// It was made, and has neither text nor type yet.
    Made(Route),
    /// It is inside of a text, or inside of a null: upstream finds it, changes a copy and forgets
    /// that.
    Apart,
}

/// The values that a pattern names. With `create`, missing fields and elements are made, of the kind
/// at the end of the path.
pub(crate) fn select<S: AsRef<str>>(
    node: &mut Node,
    path: &[S],
    create: Option<Kind>,
) -> Result<Vec<Found>> {
    check_length(path.len())?;
    let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
    let mut selection = Selection { create, found: Vec::new(), route: Vec::new(), apart: false };
    selection.select(node, &path)?;
    Ok(selection.found)
}

struct Selection {
    create: Option<Kind>,
    found: Vec<Found>,
    route: Route,
    /// Whether changes to the node at hand will not be seen.
    apart: bool,
}

impl Selection {
    fn select(&mut self, node: &mut Node, path: &[&str]) -> Result<()> {
        let Some((part, rest)) = path.split_first() else {
            self.take(Found::Here(self.route.clone()));
            return Ok(());
        };
        if index(part).is_some_and(|index| index >= 0) {
            return self.at_index(node, part, rest);
        }
        if is_list_index(part) {
            return self.elements(node, part, rest);
        }
        if *part == "*" {
            expect(node, Kind::Sequence)?;
            for position in 0..node.items().unwrap_or_default().len() {
                self.below(node, position, rest)?;
            }
            return Ok(());
        }
        self.field(node, part, rest)
    }

    fn take(&mut self, found: Found) {
        self.found.push(if self.apart { Found::Apart } else { found });
    }

    fn below(&mut self, node: &mut Node, position: usize, rest: &[&str]) -> Result<()> {
        self.route.push(position);
        let result = self.select(at_mut(node, position), rest);
        self.route.pop();
        result
    }

    /// What was just added at a position: named itself, or looked into.
    fn below_new(&mut self, node: &mut Node, position: usize, rest: &[&str]) -> Result<()> {
        if !rest.is_empty() {
            return self.below(node, position, rest);
        }
        let mut route = self.route.clone();
        route.push(position);
        self.take(Found::Made(route));
        Ok(())
    }

    fn field(&mut self, node: &mut Node, name: &str, rest: &[&str]) -> Result<()> {
        expect(node, Kind::Mapping)?;
        if let Some(position) = super::path::position_of_field(node, name) {
            let value = at_mut(node, position);
            if Kind::of(value) == Kind::Scalar && !rest.is_empty() {
                let inner = text(value).to_owned();
                return self.inside_text(&inner, rest);
            }
            return self.below(node, position, rest);
        }
        let Some(kind) = self.create else { return Ok(()) };
        let new = kind_of_child(rest.first().copied(), kind).empty();
        match &mut node.content {
            Content::Mapping(entries) => {
                entries.push((Node::scalar(name), new));
                let position = entries.len() - 1;
                self.below_new(node, position, rest)
            }
            _ => self.apart_in(Node::mapping(vec![(Node::scalar(name), new)]), 0, rest),
        }
    }

    fn at_index(&mut self, node: &mut Node, part: &str, rest: &[&str]) -> Result<()> {
        let wanted =
            index(part).and_then(|index| usize::try_from(index).ok()).unwrap_or(usize::MAX);
        expect(node, Kind::Sequence)?;
        let count = node.items().unwrap_or_default().len();
        if wanted < count {
            return self.below(node, wanted, rest);
        }
        match self.create {
            Some(kind) if wanted == count => {
                let new = kind_of_child(rest.first().copied(), kind).empty();
                self.append(node, new, rest)
            }
            _ => {
                Err(Error::new(format!("index {wanted} specified but only {count} elements found")))
            }
        }
    }

    fn append(&mut self, node: &mut Node, new: Node, rest: &[&str]) -> Result<()> {
        match &mut node.content {
            Content::Sequence(items) => {
                items.push(new);
                let position = items.len() - 1;
                self.below_new(node, position, rest)
            }
            _ => self.apart_in(Node::sequence(vec![new]), 0, rest),
        }
    }

    fn elements(&mut self, node: &mut Node, part: &str, rest: &[&str]) -> Result<()> {
        let (field, value) = element(part)?;
        let before = self.found.len();
        self.matching_elements(node, (field, value), rest)?;
        if self.found.len() > before || self.create.is_none() {
            return Ok(());
        }
        let new = new_element(field, value);
        if is_null(node) {
            let mut list = Node::sequence(vec![new]);
            let apart = std::mem::replace(&mut self.apart, true);
            let result = self.matching_elements(&mut list, (field, value), rest);
            self.apart = apart;
            result?;
        } else if let Some(items) = node.items_mut() {
            items.push(new);
            self.matching_elements(node, (field, value), rest)?;
        }
        if self.found.len() == before {
            return Err(Error::new(format!(
                "the element made for {part:?} does not match it: give a plain value"
            )));
        }
        Ok(())
    }

    fn matching_elements(
        &mut self,
        node: &mut Node,
        (field, value): (&str, &str),
        rest: &[&str],
    ) -> Result<()> {
        expect(node, Kind::Sequence)?;
        let items = node.items().unwrap_or_default();
        if items.is_empty() {
            return Ok(());
        }
        let pattern = compile(value)?;
        let matching: Vec<usize> = (0..items.len())
            .filter(|&position| {
                let item = items.get(position);
                let tested =
                    if field.is_empty() { item } else { item.and_then(|it| it.get(field)) };
                tested.is_some_and(|tested| pattern.is_match(as_written(tested).trim()))
            })
            .collect();
        for position in matching {
            // An element that is a plain value is named as such, whatever follows in the path.
            self.below(node, position, if field.is_empty() { &[] } else { rest })?;
        }
        Ok(())
    }

    fn inside_text(&mut self, inner: &str, rest: &[&str]) -> Result<()> {
        let node = parse_first(inner.as_bytes(), &Limits::default())
            .map_err(|error| Error::new(error.go_text(trueup_yaml::Dialect::V3)))?;
        let apart = std::mem::replace(&mut self.apart, true);
        let mut node = node;
        let result = self.select(&mut node, rest);
        self.apart = apart;
        result
    }

    fn apart_in(&mut self, mut parent: Node, position: usize, rest: &[&str]) -> Result<()> {
        let apart = std::mem::replace(&mut self.apart, true);
        let result = self.below_new(&mut parent, position, rest);
        self.apart = apart;
        result
    }
}

/// The text that upstream matches: the value as YAML, quotes included.
fn as_written(node: &Node) -> std::borrow::Cow<'_, str> {
    let simple = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'/'))
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
    };
    match node.text() {
        Some(text) if node.style == Style::Plain && node.given_tag().is_none() && simple(text) => {
            text.into()
        }
        _ => to_text(node).into(),
    }
}

/// The value at the end of a route.
pub(crate) fn follow<'a>(node: &'a mut Node, route: &[usize]) -> &'a mut Node {
    route.iter().fold(node, |node, &position| at_mut(node, position))
}
