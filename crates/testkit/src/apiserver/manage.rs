//! Who holds which field after a write: the rules of server-side apply.

use serde_json::Value;
use trueup_fields::managed::{self, Entry, Operation};
use trueup_fields::values::shown;
use trueup_fields::{Element, Set};

use super::answer::Refusal;
use super::merge::{Difference, give_up, merge, set_of, tracked};
use super::schema::Schema;

/// What an API server calls whatever was there before the first apply.
const BEFORE: &str = "before-first-apply";

/// Who writes, and when.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// The version it writes at.
    pub api_version: &'a str,
    /// `status`, `scale`; empty for the object itself.
    pub subresource: &'a str,
    /// Now.
    pub time: &'a str,
}

/// What an apply makes: the tracked part of the object, and who holds what of it.
pub struct Applied {
    /// The object, without defaults for what was given up.
    pub object: Value,
    /// The entries.
    pub entries: Vec<Entry>,
}

/// Applies `config` to `live` (`{}` if there is nothing yet).
pub fn apply(
    live: &Value,
    config: &Value,
    what: &str,
    schema: Schema<'_>,
    writer: Writer<'_>,
    force: bool,
) -> Result<Applied, Refusal> {
    let config = tracked(config);
    let set = set_of(&config, schema).map_err(|why| {
        Refusal::internal(format!("failed to create typed patch object ({what}): {why}"))
    })?;
    let mut entries = managed::entries(live);
    let live = tracked(live);
    let is_new = live.as_object().is_none_or(serde_json::Map::is_empty);
    if entries.is_empty() && !is_new {
        entries.push(Entry {
            operation: Operation::Update,
            time: writer.time.to_owned(),
            ..Entry::apply(BEFORE, writer.api_version, first(&live, schema))
        });
    }
    let (last, mut others): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| entry.is_apply_of(writer.manager));
    let last = last.into_iter().next();
    let mut object = merge(&live, &config, schema);
    if let Some(last) = &last {
        let held = others.iter().fold(set.clone(), |all, entry| all.union(&entry.set));
        give_up(&mut object, &last.set, &held, schema);
    }
    let difference = Difference::between(&live, &object, schema);
    let written = difference.written();
    let conflicts = conflicts(&others, &written);
    if !force && !conflicts.is_empty() {
        return Err(refuse(&conflicts));
    }
    take(&mut others, &written, &difference.removed);
    let same = live == object && last.as_ref().is_some_and(|last| last.set == set);
    let time = last.filter(|_| same).map_or_else(|| writer.time.to_owned(), |last| last.time);
    if !set.is_empty() {
        others.push(Entry { time, ..Entry::apply(writer.manager, writer.api_version, set) });
    }
    Ok(Applied { object, entries: sorted(others) })
}

/// The entries after a write of any other kind. `entries`: those that the write leaves as they are.
pub fn update(
    live: &Value,
    new: &Value,
    mut entries: Vec<Entry>,
    schema: Schema<'_>,
    writer: Writer<'_>,
) -> Vec<Entry> {
    let difference = Difference::between(&tracked(live), &tracked(new), schema);
    let written = difference.written();
    if written.is_empty() && difference.removed.is_empty() {
        return sorted(entries);
    }
    let ours = |entry: &Entry| {
        entry.operation == Operation::Update
            && entry.manager == writer.manager
            && entry.api_version == writer.api_version
            && entry.subresource == writer.subresource
    };
    let before = entries.iter().find(|entry| ours(entry)).map(|entry| entry.set.clone());
    let before = before.unwrap_or_default();
    entries.retain(|entry| !ours(entry));
    take(&mut entries, &written, &difference.removed);
    let set = before.difference(&difference.removed).union(&written);
    if !set.is_empty() {
        entries.push(Entry {
            operation: Operation::Update,
            subresource: writer.subresource.to_owned(),
            time: if writer.subresource == "scale" {
                String::new()
            } else {
                writer.time.to_owned()
            },
            ..Entry::apply(writer.manager, writer.api_version, set)
        });
    }
    sorted(entries)
}

/// Everything that a document holds, as its maker.
fn first(live: &Value, schema: Schema<'_>) -> Set {
    Difference::between(&serde_json::json!({}), live, schema).added
}

fn take(entries: &mut Vec<Entry>, written: &Set, removed: &Set) {
    for entry in entries.iter_mut() {
        entry.set = entry.set.difference(written).difference(removed);
    }
    entries.retain(|entry| !entry.set.is_empty());
}

/// Those that apply first, then by time and name.
fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by(|a, b| {
        let key = |e: &Entry| (e.operation == Operation::Update, e.time.clone(), e.manager.clone());
        key(a).cmp(&key(b))
    });
    entries
}

/// Entries, and which of their paths are in question.
type Conflicts<'a> = Vec<(&'a Entry, Vec<Vec<Element>>)>;

fn conflicts<'a>(others: &'a [Entry], written: &Set) -> Conflicts<'a> {
    let of = |entry: &'a Entry| (entry, entry.set.intersection(written).paths());
    others.iter().map(of).filter(|(_, paths)| !paths.is_empty()).collect()
}

fn refuse(conflicts: &Conflicts<'_>) -> Refusal {
    let each = conflicts
        .iter()
        .flat_map(|(entry, paths)| paths.iter().map(move |path| (name(entry), shown(path))));
    let each: Vec<(String, String)> = each.collect();
    let message = match each.as_slice() {
        [(manager, path)] => {
            format!("Apply failed with 1 conflict: conflict with {manager}: {path}")
        }
        many => {
            let told: Vec<String> = conflicts
                .iter()
                .map(|(entry, paths)| {
                    let paths: Vec<String> =
                        paths.iter().map(|path| format!("- {}", shown(path))).collect();
                    format!("conflicts with {}:\n{}", name(entry), paths.join("\n"))
                })
                .collect();
            format!("Apply failed with {} conflicts: {}", many.len(), told.join("\n"))
        }
    };
    let causes: Vec<(String, String, String)> = each
        .into_iter()
        .map(|(manager, path)| {
            ("FieldManagerConflict".to_owned(), format!("conflict with {manager}"), path)
        })
        .collect();
    Refusal::new(409, "Conflict", message).because(&causes)
}

fn name(entry: &Entry) -> String {
    let mut name = format!("{:?}", entry.manager);
    if !entry.subresource.is_empty() {
        name.push_str(&format!(" with subresource {:?}", entry.subresource));
    }
    if entry.operation == Operation::Update {
        name.push_str(&format!(" using {}", entry.api_version));
    }
    name
}
