//! Fields inside of a text that is JSON or YAML itself, such as a file in a ConfigMap.

use trueup_yaml::{Dialect, DuplicateKeys, Limits, Node, go_json, parse_first};

use crate::node::{Found, Kind, follow, lookup, lookup_mut, replace_text, select, text, to_text};

/// Sets a value in a text that the path leads into. `None`: the path leads into no such text, or
/// nowhere in it; then nothing has been changed.
pub(super) fn set(
    resource: &mut Node,
    value: &Node,
    path: &[String],
    create: Option<Kind>,
) -> Option<()> {
    let (outer, inner, mut document) = document_on_the_way(resource, path)?;
    let found = select(&mut document, inner, create).ok()?;
    if found.is_empty() {
        return None;
    }
    for found in found {
        let (Found::Here(route) | Found::Made(route)) = found else { continue };
        let field = follow(&mut document, &route);
        if Kind::of(field) == Kind::Scalar {
            replace_text(field, text(value));
        } else {
            *field = value.clone();
        }
    }
    let field = lookup_mut(resource, outer).ok()??;
    let printed = print(&document, text(field))?;
    replace_text(field, &printed);
    Some(())
}

/// The first text on the way that is YAML: the path to it, the path inside of it, and what it says.
fn document_on_the_way<'p>(
    resource: &Node,
    path: &'p [String],
) -> Option<(&'p [String], &'p [String], Node)> {
    (1..path.len()).find_map(|length| {
        let (outer, inner) = path.split_at(length);
        let field = lookup(resource, outer).ok()??;
        let text = field.text()?;
        let document = parse_first(text.as_bytes(), &Limits::default()).ok()?;
        Some((outer, inner, document))
    })
}

/// Prints a document as it was written: as JSON in one line or indented, or as YAML.
fn print(document: &Node, original: &str) -> Option<String> {
    if !original.trim_start().starts_with(['{', '[']) {
        return Some(to_text(document).trim().to_owned());
    }
    let json = document.to_json(Dialect::V3, DuplicateKeys::Refused).ok()?;
    if original.contains('\n') && original.contains("  ") {
        go_json::indented(&json, "  ").ok()
    } else {
        go_json::compact(&json).ok()
    }
}
