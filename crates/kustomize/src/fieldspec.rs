//! Finds the fields that a field spec names, and makes them where it says so.

use trueup_yaml::{Node, Tag};

use crate::config::FieldSpec;
use crate::error::{Context, Error, Result};
use crate::id::{Gvk, ResId, split_api_version};
use crate::metadata;
use crate::node::{Kind, check_length, is_null, lookup_mut, lookup_or_create, split_path};

/// What a field is made as where it is missing or null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Make {
    pub(crate) kind: Kind,
    /// The type that a null becomes; `None` leaves it open.
    pub(crate) tag: Option<Tag>,
}

impl Make {
    pub(crate) const MAPPING: Self = Self { kind: Kind::Mapping, tag: Some(Tag::Map) };
    pub(crate) const TEXT: Self = Self { kind: Kind::Scalar, tag: Some(Tag::Str) };
    pub(crate) const INTEGER: Self = Self { kind: Kind::Scalar, tag: Some(Tag::Int) };
    /// A scalar whose type its text tells.
    pub(crate) const SCALAR: Self = Self { kind: Kind::Scalar, tag: None };
}

/// Calls `set` with each field of a resource that the spec names. Without `make`, what is missing
/// stays missing.
pub(crate) fn at_field(
    resource: &mut Node,
    spec: &FieldSpec,
    make: Option<Make>,
    set: &mut dyn FnMut(&mut Node) -> Result<()>,
) -> Result<()> {
    if !is_for(spec, resource) {
        return Ok(());
    }
    let mut walk = Walk { make: make.filter(|_| spec.create), set };
    let result = if spec.path.contains('\\') {
        walk.start(resource, &split_path(&spec.path, '/'))
    } else {
        let path = spec.path.strip_prefix('/').unwrap_or(&spec.path);
        walk.start(resource, &path.split('/').collect::<Vec<_>>())
    };
    result.map_err(|error| {
        error.context(format!("considering field '{}' of object {}", spec.path, id(resource)))
    })
}

/// The same for each of several specs.
pub(crate) fn at_fields(
    resource: &mut Node,
    specs: &[FieldSpec],
    make: Option<Make>,
    set: &mut dyn FnMut(&mut Node) -> Result<()>,
) -> Result<()> {
    specs.iter().try_for_each(|spec| at_field(resource, spec, make, set))
}

/// Whether a spec is for resources of this type.
fn is_for(spec: &FieldSpec, resource: &Node) -> bool {
    let covers = |part: &str, actual: &str| part.is_empty() || part == actual;
    let (group, version) = split_api_version(metadata::api_version(resource));
    covers(&spec.gvk.kind, metadata::kind(resource))
        && covers(&spec.gvk.group, group)
        && covers(&spec.gvk.version, version)
}

fn id(resource: &Node) -> ResId {
    ResId {
        gvk: Gvk::new(metadata::api_version(resource), metadata::kind(resource)),
        name: metadata::name(resource).to_owned(),
        namespace: metadata::namespace(resource).to_owned(),
        cluster_scoped: false,
    }
}

struct Walk<'s> {
    make: Option<Make>,
    set: &'s mut dyn FnMut(&mut Node) -> Result<()>,
}

impl Walk<'_> {
    fn start<S: AsRef<str>>(&mut self, resource: &mut Node, path: &[S]) -> Result<()> {
        check_length(path.len())?;
        self.visit(resource, path)
    }

    fn visit<S: AsRef<str>>(&mut self, node: &mut Node, path: &[S]) -> Result<()> {
        let Some((part, rest)) = path.split_first() else { return (self.set)(node) };
        if is_null(node) {
            return Ok(());
        }
        match Kind::of(node) {
            Kind::Sequence => {
                let items = node.items_mut().into_iter().flatten();
                items
                    .into_iter()
                    .try_for_each(|item| self.visit(item, path))
                    .context(|| format!("visit traversal on path: {}", crate::go_text::list(path)))
            }
            Kind::Mapping => self.field(node, part.as_ref(), rest),
            Kind::Scalar => Err(Error::new("expected sequence or mapping node")),
        }
    }

    fn field<S: AsRef<str>>(&mut self, node: &mut Node, part: &str, rest: &[S]) -> Result<()> {
        let name = part.strip_suffix("[]").unwrap_or(part);
        if name.is_empty() {
            return Err(Error::new("cannot set or create an empty field name"));
        }
        let is_list = name.len() < part.len();
        let make = match self.make.filter(|_| !is_list) {
            Some(make) if rest.is_empty() => Some(make),
            Some(_) => Some(Make::MAPPING),
            None => None,
        };
        let found = match make {
            Some(make) => lookup_or_create(node, &[name], make.kind),
            None => lookup_mut(node, &[name]),
        };
        let found = found.context(|| format!("fieldName: {name}"))?;
        let Some(field) = found else { return Ok(()) };
        // The mark says what a null stands for, even if nothing is to be made.
        let list = Make { kind: Kind::Sequence, tag: None };
        if let Some(make) = make.or_else(|| is_list.then_some(list)) {
            fill(field, make);
        }
        self.visit(field, rest)
    }
}

/// A null becomes what would have been made in its place; a scalar keeps its text.
fn fill(field: &mut Node, make: Make) {
    if !is_null(field) {
        return;
    }
    if make.kind != Kind::Scalar {
        *field = make.kind.empty();
    }
    match make.tag {
        Some(tag) if make.kind == Kind::Scalar => field.set_tag(tag),
        _ => field.clear_tag(),
    }
}
