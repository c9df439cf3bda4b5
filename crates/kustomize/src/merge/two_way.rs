//! A value and a patch.

use trueup_yaml::Node;

use super::directive::Directive;
use super::{Path, Verdict, Versions, Visitor, Walker, is_missing};
use crate::error::Result;
use crate::node::{Kind, is_null, text};
use crate::schema::Schema;

/// How a patch is merged.
#[derive(Clone, Copy, Debug)]
pub struct Merge<'s> {
    /// The types that are known.
    pub schema: &'s Schema,
    /// Whether lists of unknown types are merged by `name` if all of their elements have one. A
    /// build does not.
    pub infer_keys: bool,
    /// Whether what a patch adds to a list goes before what is there. In a build it does.
    pub prepend: bool,
}

/// Merges a patch into a resource as a build does. `None`: the patch deletes it.
///
/// # Errors
/// A value and its patch are of different kinds; an unknown `$patch` directive.
pub fn strategic(resource: Node, patch: Node, schema: &Schema) -> Result<Option<Node>> {
    merge(resource, patch, Merge { schema, infer_keys: false, prepend: true })
}

/// Merges a patch into a value. `None`: the patch deletes it.
///
/// # Errors
/// A value and its patch are of different kinds; an unknown `$patch` directive; lists whose keys
/// were to be inferred have none, or different ones.
pub fn merge(mut value: Node, mut patch: Node, how: Merge<'_>) -> Result<Option<Node>> {
    let walker =
        Walker { visitor: TwoWay, schema: how.schema, infer: how.infer_keys, prepend: how.prepend };
    let verdict = walker.walk(&mut [Some(&mut value), Some(&mut patch)], None, Path::ROOT)?;
    Ok(match verdict {
        Verdict::Clear => None,
        Verdict::Version(0) | Verdict::Keep => Some(value),
        Verdict::Version(_) => Some(patch),
        Verdict::New(made) => Some(made),
    })
}

/// The rules of kyaml's `merge2`. One version alone is the patch in both roles.
struct TwoWay;

impl Visitor for TwoWay {
    fn mapping(&self, versions: Versions<'_, '_>) -> Result<Verdict> {
        let [value, patch] = versions else { return alone(versions) };
        lend_style(value, patch);
        if is_missing(value) {
            return Ok(added(value, patch));
        }
        patched(patch)
    }

    fn scalar(&self, versions: Versions<'_, '_>) -> Verdict {
        latest(versions)
    }

    fn merged_list(&self, versions: Versions<'_, '_>) -> Result<Verdict> {
        let [value, patch] = versions else { return alone(versions) };
        lend_style(value, patch);
        if is_missing(value) {
            return Ok(Verdict::version(versions, 1));
        }
        patched(patch)
    }

    fn whole_list(&self, versions: Versions<'_, '_>) -> Verdict {
        if let [value, patch] = versions {
            lend_style(value, patch);
        }
        latest(versions)
    }
}

fn alone(versions: Versions<'_, '_>) -> Result<Verdict> {
    let Some(node) = versions.first_mut().and_then(Option::as_deref_mut) else {
        return Ok(Verdict::Clear);
    };
    if !is_null(node) && Directive::take(node)? == Directive::Delete {
        return Ok(Verdict::Clear);
    }
    Ok(Verdict::Version(0))
}

/// The patch where there is one, and else what is there.
fn latest(versions: &[Option<&mut Node>]) -> Verdict {
    let last = versions.len().saturating_sub(1);
    match Verdict::version(versions, last) {
        Verdict::Clear => Verdict::version(versions, 0),
        verdict => verdict,
    }
}

/// There was nothing, or a null.
fn added(value: &Option<&mut Node>, patch: &mut Option<&mut Node>) -> Verdict {
    match (value, patch) {
        (_, Some(patch)) => match Directive::take(patch) {
            Ok(Directive::Delete) => Verdict::Clear,
            _ => Verdict::Version(1),
        },
        // A null that is written out stays; an empty field goes.
        (Some(value), None) if !text(value).is_empty() => Verdict::Keep,
        (_, None) => Verdict::Clear,
    }
}

fn patched(patch: &mut Option<&mut Node>) -> Result<Verdict> {
    let Some(patch) = patch else { return Ok(Verdict::Version(0)) };
    if is_null(patch) {
        return Ok(Verdict::Clear);
    }
    Ok(match Directive::take(patch)? {
        Directive::Delete => Verdict::Clear,
        Directive::Replace => Verdict::Version(1),
        Directive::Merge => Verdict::Version(0),
    })
}

/// An empty mapping or list (likely written `{}` or `[]`) takes the style of what it is filled with.
fn lend_style(value: &mut Option<&mut Node>, patch: &Option<&mut Node>) {
    let (Some(value), Some(patch)) = (value, patch) else { return };
    let is_empty =
        value.entries().is_some_and(<[_]>::is_empty) || value.items().is_some_and(<[_]>::is_empty);
    if Kind::of(value) != Kind::Scalar && is_empty {
        value.style = patch.style;
    }
}
