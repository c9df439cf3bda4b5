//! A value, the original it was made from, and an update of the original.

use trueup_yaml::{Node, Style};

use super::{Path, Verdict, Versions, Visitor, Walker, is_missing};
use crate::error::Result;
use crate::node::{is_null, text, to_text};
use crate::schema::Schema;

/// Brings what changed between the original and the update into a value. `None`: nothing is left.
///
/// # Errors
/// Versions are of different kinds; lists whose keys were to be inferred have none, or different
/// ones.
pub fn three_way(
    mut value: Node,
    mut original: Node,
    mut update: Node,
    schema: &Schema,
    infer_keys: bool,
) -> Result<Option<Node>> {
    let walker = Walker { visitor: ThreeWay, schema, infer: infer_keys, prepend: false };
    let mut versions = [Some(&mut value), Some(&mut original), Some(&mut update)];
    Ok(match walker.walk(&mut versions, None, Path::ROOT)? {
        Verdict::Clear => None,
        Verdict::Version(0) | Verdict::Keep => Some(value),
        Verdict::Version(1) => Some(original),
        Verdict::Version(_) => Some(update),
        Verdict::New(made) => Some(made),
    })
}

/// The rules of kyaml's `merge3`.
struct ThreeWay;

impl Visitor for ThreeWay {
    fn mapping(&self, versions: Versions<'_, '_>) -> Result<Verdict> {
        let [value, _, update] = versions else { return Ok(Verdict::Clear) };
        Ok(match (value, update) {
            (value, update) if is_cleared(value) || is_cleared(update) => Verdict::Clear,
            (None, None) => Verdict::Clear,
            (None, Some(_)) => Verdict::New(Node::mapping(Vec::new())),
            (Some(_), _) => Verdict::Version(0),
        })
    }

    fn scalar(&self, versions: Versions<'_, '_>) -> Verdict {
        if let Some(verdict) = without_comparison(versions) {
            return verdict;
        }
        let [value, Some(original), Some(update)] = versions else { return Verdict::Clear };
        let is_unchanged =
            value.as_deref().is_none_or(|value| comparable(value) == comparable(original));
        if (is_unchanged && comparable(original) != comparable(update))
            || text(update) != text(original)
        {
            return Verdict::Version(2);
        }
        Verdict::version(versions, 0)
    }

    fn merged_list(&self, versions: Versions<'_, '_>) -> Result<Verdict> {
        let [value, original, update] = versions else { return Ok(Verdict::Clear) };
        Ok(if is_missing(update) && !is_missing(original) {
            Verdict::Clear
        } else if is_missing(value) {
            Verdict::New(Node::sequence(Vec::new()))
        } else {
            Verdict::Version(0)
        })
    }

    fn whole_list(&self, versions: Versions<'_, '_>) -> Verdict {
        if let Some(verdict) = without_comparison(versions) {
            return verdict;
        }
        let [_, Some(original), Some(update)] = versions else { return Verdict::Clear };
        if comparable(update) != comparable(original) {
            return Verdict::Version(2);
        }
        Verdict::version(versions, 0)
    }
}

fn is_cleared(version: &Option<&mut Node>) -> bool {
    version.as_deref().is_some_and(is_null)
}

/// What follows from which versions there are.
fn without_comparison(versions: &[Option<&mut Node>]) -> Option<Verdict> {
    let [value, original, update] = versions else { return Some(Verdict::Clear) };
    if is_cleared(update) || is_cleared(value) {
        return Some(Verdict::Clear);
    }
    match (is_missing(original), is_missing(update)) {
        (true, true) => Some(Verdict::version(versions, 0)),
        (false, false) => None,
        _ => Some(Verdict::version(versions, 2)),
    }
}

/// The text by which upstream compares two values: how they are written counts, but for the
/// outermost quotes.
fn comparable(node: &Node) -> String {
    let mut node = node.clone();
    node.style = if node.text().is_some() { Style::SingleQuoted } else { Style::Flow };
    to_text(&node)
}
