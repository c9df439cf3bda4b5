//! Values that are copied from one field to others.

use trueup_yaml::Node;

use super::structured;
use crate::error::{Context, Error, Result};
use crate::id::{DEFAULT_NAMESPACE, ResId};
use crate::kustomization::{FieldOptions, Replacement, SourceSelector, TargetSelector};
use crate::links::unlink;
use crate::metadata;
use crate::node::{
    Found, Kind, check_copy, follow, is_null, lookup, replace_text, select,
    split_path_with_brackets, text,
};
use crate::select::{LabelSelector, Matcher, Selector};

const DEFAULT_PATH: &str = "metadata.name";

/// A resource that replacements read and change.
pub(crate) trait Subject {
    /// Its content.
    fn node(&self) -> &Node;
    /// Its content, to be changed.
    fn node_mut(&mut self) -> &mut Node;
    /// Called after each field that was written.
    fn settle(&mut self) {}
    /// All that it is and was called.
    fn ids(&self) -> impl Iterator<Item = &ResId>;
}

/// Carries out replacements, one after the other.
pub(crate) fn replace<S: Subject>(replacements: &[Replacement], resources: &mut [S]) -> Result<()> {
    for replacement in replacements {
        let has_source = replacement.source.is_some() || replacement.source_value.is_some();
        if !has_source || replacement.targets.is_empty() {
            return Err(Error::new("replacements must specify a source and at least one target"));
        }
        let mut value = value_of(replacement, resources)?;
        for target in &replacement.targets {
            apply(target, &mut value, resources)?;
        }
    }
    Ok(())
}

/// What is copied.
struct Value {
    node: Node,
    /// The resource and the path that it is a part of, where all of it is copied. Upstream then
    /// copies whatever is there by the time: a replacement may change its own source.
    source: Option<(usize, Vec<String>)>,
}

impl Value {
    fn fixed(node: Node) -> Self {
        Self { node, source: None }
    }

    fn refresh<S: Subject>(&mut self, resources: &[S]) {
        let Some((index, path)) = &self.source else { return };
        let resource = resources.get(*index).map(Subject::node);
        if let Some(Ok(Some(now))) = resource.map(|resource| lookup(resource, path)) {
            self.node.clone_from(now);
        }
    }
}

fn value_of<S: Subject>(replacement: &Replacement, resources: &[S]) -> Result<Value> {
    let source = match (&replacement.source_value, &replacement.source) {
        (Some(_), Some(_)) => {
            return Err(Error::new("value and resource selectors are mutually exclusive"));
        }
        (Some(value), None) => return Ok(Value::fixed(Node::scalar(value))),
        (None, Some(source)) => source,
        (None, None) => return Ok(Value::fixed(Node::null())),
    };
    let (index, resource) = source_resource(source, resources)?;
    let path = if source.field_path.is_empty() { DEFAULT_PATH } else { &source.field_path };
    let parts = split_path_with_brackets(path, '.');
    let value =
        lookup(resource, &parts).context(|| "error looking up replacement source".to_owned())?;
    match value.filter(|value| !is_null(value) && !metadata::is_empty(value)) {
        Some(value) => match source.options.as_ref().filter(|it| !it.delimiter.is_empty()) {
            Some(options) => part_of(value, options).map(Value::fixed),
            None => Ok(Value { node: value.clone(), source: Some((index, parts)) }),
        },
        None => Err(Error::new(format!(
            "fieldPath `{path}` is missing for replacement source {}",
            source.id
        ))),
    }
}

fn source_resource<'r, S: Subject>(
    source: &SourceSelector,
    resources: &'r [S],
) -> Result<(usize, &'r Node)> {
    let mut matching = resources
        .iter()
        .enumerate()
        .filter(|(_, resource)| resource.ids().any(|id| is_selected(id, &source.id)));
    match (matching.next(), matching.next()) {
        (Some((index, resource)), None) => Ok((index, resource.node())),
        (None, _) => Err(Error::new(format!("nothing selected by {}", print_source(source)))),
        _ => Err(Error::new(format!("multiple matches for selector {}", print_source(source)))),
    }
}

/// Whether a selector covers an id. Here no kind is without namespace.
fn is_selected(id: &ResId, selector: &ResId) -> bool {
    fn effective(namespace: &str) -> &str {
        if namespace.is_empty() { DEFAULT_NAMESPACE } else { namespace }
    }
    (selector.name.is_empty() || selector.name == id.name)
        && (selector.namespace.is_empty()
            || effective(&selector.namespace) == effective(&id.namespace))
        && id.gvk.is_selected(&selector.gvk)
}

fn print_source(source: &SourceSelector) -> String {
    let mut parts = vec![source.id.to_string()];
    if !source.field_path.is_empty() {
        parts.push(source.field_path.clone());
    }
    if let Some(options) = &source.options
        && (!options.delimiter.is_empty() || options.create)
    {
        parts.push(format!("{}({}), create={}", options.delimiter, options.index, options.create));
    }
    parts.join(":")
}

/// The part of a source's text that the options name.
fn part_of(value: &Node, options: &FieldOptions) -> Result<Node> {
    if Kind::of(value) != Kind::Scalar {
        return Err(Error::new("delimiter option can only be used with scalar nodes"));
    }
    let index = usize::try_from(options.index).ok();
    match index.and_then(|index| text(value).split(&options.delimiter).nth(index)) {
        Some(part) => {
            let mut value = value.clone();
            replace_text(&mut value, part);
            Ok(value)
        }
        None => Err(Error::new(format!(
            "options.index {} is out of bounds for value {}",
            options.index,
            text(value)
        ))),
    }
}

fn apply<S: Subject>(
    target: &TargetSelector,
    value: &mut Value,
    resources: &mut [S],
) -> Result<()> {
    let Some(selector) = &target.select else {
        return Err(Error::new("target must specify resources to select"));
    };
    let selection =
        Selection::new(selector, target).context(|| "error creating target selector".to_owned())?;
    for index in 0..resources.len() {
        let covered = resources.get(index).map(|resource| selection.covers(resource));
        if !covered.transpose()?.unwrap_or_default() {
            continue;
        }
        value.refresh(resources);
        if let Some(resource) = resources.get_mut(index) {
            copy(resource, &value.node, target)?;
        }
    }
    Ok(())
}

/// The resources that a target selects and does not reject.
struct Selection<'t> {
    select: (&'t Selector, Matcher),
    reject: Vec<(&'t Selector, Matcher)>,
}

impl<'t> Selection<'t> {
    fn new(selector: &'t Selector, target: &'t TargetSelector) -> Result<Self> {
        let compile = |selector: &'t Selector| Ok((selector, Matcher::new(selector)?));
        let reject = target.reject.iter().flatten().map(compile);
        Ok(Self { select: compile(selector)?, reject: reject.collect::<Result<_>>()? })
    }

    fn covers(&self, resource: &impl Subject) -> Result<bool> {
        if !has_labels(resource.node(), self.select.0)? {
            return Ok(false);
        }
        for (selector, _) in &self.reject {
            let is_given = !selector.annotations.is_empty() || !selector.labels.is_empty();
            if is_given && has_labels(resource.node(), selector)? {
                return Ok(false);
            }
        }
        let matches = |matcher: &Matcher, id: &ResId| {
            matcher.gvk(&id.gvk) && matcher.name(&id.name) && matcher.namespace(&id.namespace)
        };
        let is_rejected = self.reject.iter().any(|(selector, matcher)| {
            !selector.id.is_empty() && resource.ids().any(|id| matches(matcher, id))
        });
        Ok(!is_rejected && resource.ids().any(|id| matches(&self.select.1, id)))
    }
}

fn has_labels(resource: &Node, selector: &Selector) -> Result<bool> {
    let annotations = LabelSelector::parse(&selector.annotations)?;
    let labels = LabelSelector::parse(&selector.labels)?;
    Ok((annotations.is_empty() || annotations.matches(&metadata::annotations(resource)))
        && (labels.is_empty() || labels.matches(&metadata::texts(resource, "labels"))))
}

fn copy(resource: &mut impl Subject, value: &Node, target: &TargetSelector) -> Result<()> {
    let options = target.options.as_ref();
    let create = options.is_some_and(|options| options.create).then(|| Kind::of(value));
    let default = [DEFAULT_PATH.to_owned()];
    let paths = if target.field_paths.is_empty() { &default } else { &*target.field_paths };
    for path in paths {
        let parts = split_path_with_brackets(path, '.');
        check_copy(value, parts.len())?;
        if structured::set(resource.node_mut(), value, &parts, create).is_some() {
            continue;
        }
        let not_found = || {
            let what = if create.is_some() { "find or create" } else { "find" };
            format!("unable to {what} field {} in replacement target", crate::go_text::quote(path))
        };
        let found = select(resource.node_mut(), &parts, create).context(not_found)?;
        if found.is_empty() {
            return Err(Error::new(not_found()));
        }
        for found in found {
            match found {
                Found::Here(route) => {
                    write(follow(resource.node_mut(), &route), value, options)?;
                    resource.settle();
                }
                Found::Made(route) => {
                    let field = follow(resource.node_mut(), &route);
                    write(field, value, options)?;
                    if Kind::of(field) == Kind::Scalar {
                        field.clear_tag();
                    }
                }
                Found::Apart => {}
            }
        }
    }
    Ok(())
}

/// Writes a value into a field. A scalar keeps its type, so that numbers become text and texts
/// numbers as the field needs it.
fn write(field: &mut Node, value: &Node, options: Option<&FieldOptions>) -> Result<()> {
    let Some(options) = options.filter(|options| !options.delimiter.is_empty()) else {
        overwrite(field, value, text(value));
        return Ok(());
    };
    if Kind::of(field) != Kind::Scalar {
        return Err(Error::new("delimiter option can only be used with scalar nodes"));
    }
    let mut parts: Vec<&str> = text(field).split(&options.delimiter).collect();
    let part = if is_null(value) { "" } else { text(value) };
    match usize::try_from(options.index) {
        Err(_) => parts.insert(0, part),
        Ok(index) => match parts.get_mut(index) {
            Some(place) => *place = part,
            None => parts.push(part),
        },
    }
    let joined = parts.join(&options.delimiter);
    overwrite(field, value, &joined);
    Ok(())
}

fn overwrite(field: &mut Node, value: &Node, text: &str) {
    if Kind::of(field) == Kind::Scalar {
        replace_text(field, text);
    } else {
        let link = field.link();
        *field = value.clone();
        unlink(field);
        field.set_link(link);
    }
}
