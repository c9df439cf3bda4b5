//! Where values come from, and which step set them.
//!
//! Every value that was parsed knows its text and its line ([`trueup_yaml::Source`]), also when a
//! patch has put it into a resource; that costs nothing. What steps do beyond that is found out only
//! if [`crate::Options::trace`] asks: every resource is copied before a step and compared after it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use trueup_model::Location;
use trueup_yaml::{Content, Node, Source};

use crate::build::Session;
use crate::node::text;
use crate::resources::Resources;

/// A field that a step has set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The field, written like a field path of `replacements`: `spec.ports.[name=http].port`.
    pub field: String,
    /// What it holds then, as text or JSON; `None` if the step took it away.
    pub value: Option<String>,
    /// The field of a kustomization that asks for the step (`patches`), or what else it is.
    pub by: String,
    /// The place: of the value in a patch, else of the step's configuration.
    pub location: Location,
}

/// A field of a finished resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The field, written like a field path of `replacements`.
    pub path: String,
    /// What it holds, as text or JSON.
    pub value: String,
    /// Where the value is written, if it is written anywhere.
    pub location: Option<Location>,
}

/// What asks for a step.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    pub by: &'static str,
    pub file: Rc<str>,
    /// Line, from 1; 0 where it is not known.
    pub line: u32,
}

impl Cause {
    pub(crate) fn location(&self) -> Location {
        Location::new(self.file.to_string(), self.line, 0)
    }
}

/// The files that values were parsed from, by number.
#[derive(Default)]
pub(crate) struct Sources {
    files: RefCell<Vec<Rc<str>>>,
}

impl Sources {
    /// A text of `file`. More files than there are numbers have none.
    pub(crate) fn text(&self, file: &Rc<str>, first_line: u32) -> Source {
        let mut files = self.files.borrow_mut();
        if files.last() != Some(file) {
            files.push(Rc::clone(file));
        }
        Source { number: u16::try_from(files.len()).unwrap_or(0), first_line }
    }

    fn location(&self, node: &Node) -> Option<Location> {
        let index = usize::from(node.source()).checked_sub(1)?;
        let file = self.files.borrow().get(index)?.to_string();
        Some(Location::new(file, node.position().line, 0))
    }

    /// All files, the number 1 first.
    pub(crate) fn into_files(self) -> Arc<[String]> {
        self.files.into_inner().iter().map(ToString::to_string).collect()
    }
}

/// Runs a step, and notes what it changes if anybody wants to know.
pub(crate) fn around<T>(
    session: &Session<'_>,
    resources: &mut Resources,
    cause: &Cause,
    step: impl FnOnce(&mut Resources) -> T,
) -> T {
    if !session.options.trace {
        return step(resources);
    }
    for resource in resources.iter_mut() {
        resource.before = Some(Box::new(resource.node().clone()));
    }
    let result = step(resources);
    for resource in resources.iter_mut() {
        let Some(before) = resource.before.take() else { continue };
        let mut comparison = Comparison { session, cause, changes: Vec::new() };
        comparison.value(&mut Vec::new(), Some(&before), Some(resource.node()));
        resource.changes.append(&mut comparison.changes);
    }
    result
}

/// A part of a path: a field's name, or what stands for an element of a list.
type Part = String;

struct Comparison<'s, 'b> {
    session: &'s Session<'b>,
    cause: &'s Cause,
    changes: Vec<Change>,
}

impl Comparison<'_, '_> {
    fn value(&mut self, path: &mut Vec<Part>, before: Option<&Node>, after: Option<&Node>) {
        if before == after {
            return;
        }
        let (old, new) = (children(before), children(after));
        if old.is_empty() && new.is_empty() {
            self.changed(path, after);
            return;
        }
        let find = |all: &[(Part, &'_ Node)], part: &Part| all.iter().position(|it| it.0 == *part);
        for (part, node) in &new {
            let former = find(&old, part).and_then(|index| old.get(index)).map(|it| it.1);
            path.push(part.clone());
            self.value(path, former, Some(node));
            path.pop();
        }
        for (part, node) in old.iter().filter(|(part, _)| find(&new, part).is_none()) {
            path.push(part.clone());
            self.value(path, Some(node), None);
            path.pop();
        }
    }

    fn changed(&mut self, path: &[Part], after: Option<&Node>) {
        let place = after.and_then(|node| self.session.sources.location(node));
        self.changes.push(Change {
            field: path.join("."),
            value: after.map(shown),
            by: self.cause.by.to_owned(),
            location: place.unwrap_or_else(|| self.cause.location()),
        });
    }
}

/// All fields of a resource that hold a value of their own, in the order of the resource.
pub(crate) fn fields(resource: &Node, files: &[String]) -> Vec<Field> {
    let mut found = Vec::new();
    add_fields(resource, &mut Vec::new(), files, &mut found);
    found
}

fn add_fields(node: &Node, path: &mut Vec<Part>, files: &[String], found: &mut Vec<Field>) {
    let children = children(Some(node));
    if children.is_empty() {
        let location = location(node, files);
        found.push(Field { path: path.join("."), value: shown(node), location });
    }
    for (part, child) in children {
        path.push(part);
        add_fields(child, path, files, found);
        path.pop();
    }
}

/// Where a value was written.
pub(crate) fn location(node: &Node, files: &[String]) -> Option<Location> {
    let file = files.get(usize::from(node.source()).checked_sub(1)?)?;
    Some(Location::new(file.clone(), node.position().line, node.position().column))
}

fn children(node: Option<&Node>) -> Vec<(Part, &Node)> {
    match node.map(|node| &node.content) {
        Some(Content::Mapping(entries)) => {
            entries.iter().map(|(key, value)| (field(text(key)), value)).collect()
        }
        Some(Content::Sequence(items)) => {
            items.iter().enumerate().map(|(index, item)| (element(index, item), item)).collect()
        }
        _ => Vec::new(),
    }
}

fn field(name: &str) -> Part {
    if name.contains('.') { format!("[{name}]") } else { name.to_owned() }
}

fn element(index: usize, item: &Node) -> Part {
    match item.get("name").and_then(Node::text) {
        Some(name) => format!("[name={name}]"),
        None => index.to_string(),
    }
}

fn shown(node: &Node) -> String {
    match node.text() {
        Some(text) => text.to_owned(),
        None => crate::documents::node_to_json(node).unwrap_or_default().to_string(),
    }
}
