//! Merge keys: `<<: *base` puts the entries of another mapping into this one.
//!
//! The mapping's own entries keep their places and win; among several sources the first wins.

use trueup_yaml::{Content, Node};

use crate::error::{Error, Result};

/// Replaces merge keys everywhere in `node` by what they stand for, and forgets anchors.
pub(super) fn expand(node: &mut Node) -> Result<()> {
    if needs_expansion(node) {
        expand_below(node)?;
    }
    node.forget_anchors();
    Ok(())
}

fn needs_expansion(node: &Node) -> bool {
    match &node.content {
        Content::Scalar(_) => false,
        Content::Sequence(items) => items.iter().any(needs_expansion),
        Content::Mapping(entries) => {
            entries.iter().any(|(key, value)| key.is_merge_key() || needs_expansion(value))
        }
    }
}

fn expand_below(node: &mut Node) -> Result<()> {
    match &mut node.content {
        Content::Scalar(_) => Ok(()),
        Content::Sequence(items) => items.iter_mut().try_for_each(expand_below),
        Content::Mapping(entries) => {
            for (_, value) in entries.iter_mut() {
                expand_below(value)?;
            }
            merge(entries)
        }
    }
}

fn merge(entries: &mut Vec<(Node, Node)>) -> Result<()> {
    let mut keys = entries.iter().enumerate().filter(|(_, (key, _))| key.is_merge_key());
    let Some((index, _)) = keys.next() else { return Ok(()) };
    if keys.next().is_some() {
        return Err(Error::new("duplicate merge key"));
    }
    let (_, source) = entries.remove(index);
    let mut missing: Vec<(Node, Node)> = Vec::new();
    for source in sources(source)? {
        for (key, value) in source {
            let same = |(known, _): &(Node, Node)| known.text() == key.text();
            if entries.iter().any(same) {
                continue;
            }
            match missing.iter_mut().find(|entry| same(entry)) {
                Some(entry) => *entry = (key, value),
                None => missing.push((key, value)),
            }
        }
    }
    entries.append(&mut missing);
    Ok(())
}

/// The mappings to merge, the one that wins last.
fn sources(source: Node) -> Result<Vec<Vec<(Node, Node)>>> {
    let aliased = source.alias().is_some();
    match source.content {
        Content::Mapping(entries) => Ok(vec![entries]),
        Content::Sequence(items) if !aliased => {
            let mut all = Vec::new();
            for item in items.into_iter().rev() {
                match item.content {
                    Content::Mapping(entries) => all.push(entries),
                    _ if item.alias().is_some() => return Err(not_a_mapping_alias()),
                    Content::Sequence(_) => {
                        return Err(Error::new("invalid map merge: received a nested sequence"));
                    }
                    Content::Scalar(_) => return Err(not_a_mapping()),
                }
            }
            Ok(all)
        }
        _ if aliased => Err(not_a_mapping_alias()),
        _ => Err(not_a_mapping()),
    }
}

fn not_a_mapping() -> Error {
    Error::new("map merge requires map or sequence of maps as the value")
}

fn not_a_mapping_alias() -> Error {
    Error::new("invalid map merge: received alias for a non-map value")
}
