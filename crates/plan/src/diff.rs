//! Old → new for each field, as JSON pointers.
//!
//! Lists whose elements are objects with unique `name`s (containers, env, ports …) are compared
//! by name, so that an inserted element does not show every later one as changed.

use std::borrow::Cow;

use serde_json::{Map, Value};
use trueup_model::app::IgnoreRule;
use trueup_model::observed::ForeignField;
use trueup_model::{FieldChange, FieldValue, InstallationKey, Resource, ResourceId, kinds};

use crate::jq;

/// What differs between two documents.
pub fn diff(old: &Value, new: &Value) -> Vec<(String, Option<Value>, Option<Value>)> {
    let mut found = Vec::new();
    walk(&mut String::new(), Some(old), Some(new), &mut found);
    found
}

type Found = Vec<(String, Option<Value>, Option<Value>)>;

fn walk(path: &mut String, old: Option<&Value>, new: Option<&Value>, found: &mut Found) {
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => walk_maps(path, old, new, found),
        (Some(Value::Array(old)), Some(Value::Array(new))) => walk_lists(path, old, new, found),
        (old, new) if old == new => {}
        (old, new) => found.push((path.clone(), old.cloned(), new.cloned())),
    }
}

fn walk_maps(
    path: &mut String,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    found: &mut Found,
) {
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        step(path, key, |path| walk(path, old.get(key), new.get(key), found));
    }
}

fn walk_lists(path: &mut String, old: &[Value], new: &[Value], found: &mut Found) {
    let (Some(old_names), Some(new_names)) = (names(old), names(new)) else {
        for n in 0..old.len().max(new.len()) {
            step(path, &n.to_string(), |path| walk(path, old.get(n), new.get(n), found));
        }
        return;
    };
    for (n, name) in new_names.iter().enumerate() {
        let before = old_names.iter().position(|other| other == name).and_then(|n| old.get(n));
        step(path, &n.to_string(), |path| walk(path, before, new.get(n), found));
    }
    for (n, name) in old_names.iter().enumerate() {
        if !new_names.contains(name) {
            step(path, &n.to_string(), |path| walk(path, old.get(n), None, found));
        }
    }
}

/// The names of a list's elements, if each has one and no two have the same.
fn names(list: &[Value]) -> Option<Vec<&str>> {
    let names: Option<Vec<&str>> = list.iter().map(|item| item.get("name")?.as_str()).collect();
    let names = names?;
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.windows(2).all(|pair| pair[0] != pair[1]).then_some(names)
}

fn step(path: &mut String, key: &str, inner: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push('/');
    path.push_str(&escape(key));
    inner(path);
    path.truncate(length);
}

/// A key as part of a JSON pointer (RFC 6901).
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The differences as a plan shows them: without what is ignored, secret content by keyed digest.
pub fn changes(
    resource: &Resource,
    old: &Value,
    new: &Value,
    ignored: &Ignored<'_>,
    key: &InstallationKey,
) -> Vec<FieldChange> {
    diff(&ignored.strip(old), &ignored.strip(new))
        .into_iter()
        .filter(|(path, ..)| !ignored.has(path))
        .map(|(path, old, new)| {
            let secret = is_sensitive(resource, &path);
            FieldChange { old: show(old, secret, key), new: show(new, secret, key), path }
        })
        .collect()
}

fn show(value: Option<Value>, secret: bool, key: &InstallationKey) -> FieldValue {
    match value {
        None => FieldValue::Absent,
        Some(value) if secret => FieldValue::Secret(key.name_secret(value.to_string().as_bytes())),
        Some(value) => FieldValue::Plain(value),
    }
}

/// Whether what stands at `path`, or something below it, is secret.
pub fn is_sensitive(resource: &Resource, path: &str) -> bool {
    let by_kind = kinds::of(&resource.id).sensitive.iter().copied();
    by_kind
        .chain(resource.sensitive.iter().chain(&resource.random).map(String::as_str))
        .any(|pointer| covers(pointer, path) || covers(path, pointer))
}

/// Annotation that names fields that are never compared.
pub const IGNORE: &str = "trueup.dev/ignore";

/// What is left out of the comparison of one resource.
#[derive(Clone, Debug, Default)]
pub struct Ignored<'a> {
    pointers: Vec<&'a str>,
    paths: Vec<&'a str>,
    managers: Vec<&'a str>,
    held: Vec<&'a str>,
}

impl<'a> Ignored<'a> {
    /// By the rules of the policy that concern it, and by its own annotation. `conflicts` are the
    /// fields that others hold: those of ignored managers are left out.
    pub fn of(
        resource: &'a Resource,
        rules: &'a [IgnoreRule],
        conflicts: &'a [ForeignField],
    ) -> Self {
        let rules: Vec<&IgnoreRule> =
            rules.iter().filter(|rule| applies(rule, &resource.id)).collect();
        let own = resource.annotation(IGNORE).unwrap_or_default();
        let own = own.split(',').map(str::trim).filter(|pointer| !pointer.is_empty());
        let pointers = rules.iter().flat_map(|rule| &rule.fields).map(String::as_str);
        let managers: Vec<&str> =
            rules.iter().flat_map(|rule| &rule.managers).map(String::as_str).collect();
        let held = conflicts.iter().filter(|field| managers.contains(&field.manager.as_str()));
        Self {
            pointers: pointers.chain(own).collect(),
            paths: rules.iter().flat_map(|rule| &rule.jq).map(String::as_str).collect(),
            held: held.map(|field| field.path.as_str()).collect(),
            managers,
        }
    }

    /// Whether a field is left out.
    pub fn has(&self, path: &str) -> bool {
        let is_held = |held: &&str| covers(held, path) || covers(path, held);
        self.pointers.iter().any(|pointer| covers(pointer, path)) || self.held.iter().any(is_held)
    }

    /// Whether a field that somebody added is left out.
    pub fn has_added(&self, field: &ForeignField) -> bool {
        self.has(&field.path) || self.managers.contains(&field.manager.as_str())
    }

    /// What is wrong with its paths of jq, if anything is.
    pub fn wrong_with(&self, document: &Value) -> Option<String> {
        self.paths.iter().find_map(|path| jq::without(document, path).err())
    }

    /// A document without what its paths of jq lead to. A path that is wrong leads nowhere.
    fn strip<'v>(&self, document: &'v Value) -> Cow<'v, Value> {
        let mut stripped = Cow::Borrowed(document);
        for path in &self.paths {
            if let Ok(without) = jq::without(&stripped, path) {
                stripped = Cow::Owned(without);
            }
        }
        stripped
    }
}

fn applies(rule: &IgnoreRule, id: &ResourceId) -> bool {
    let is = |wanted: &Option<String>, actual: &str| {
        wanted.as_deref().is_none_or(|wanted| wanted == actual || wanted == "*")
    };
    is(&rule.kind, &id.kind) && is(&rule.group, &id.group) && is(&rule.name, &id.name)
}

/// Whether `pointer` (with `*` for any one part) names `path` or something above it.
pub fn covers(pointer: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    pointer
        .split('/')
        .all(|wanted| parts.next().is_some_and(|part| wanted == part || wanted == "*"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(old: Value, new: Value, expected: &[&str]) {
        let found: Vec<String> = diff(&old, &new)
            .into_iter()
            .map(|(path, old, new)| {
                let show = |value: Option<Value>| value.map_or("-".to_owned(), |v| v.to_string());
                format!("{path} {} {}", show(old), show(new))
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn fields_are_named_one_by_one() {
        check(
            json!({"a": 1, "b": {"c/d": "x"}, "gone": true}),
            json!({"a": 2, "b": {"c/d": "y"}, "new": []}),
            &["/a 1 2", "/b/c~1d \"x\" \"y\"", "/gone true -", "/new - []"],
        );
    }

    #[test]
    fn named_list_elements_keep_their_identity() {
        check(
            json!([{"name": "a", "v": 1}, {"name": "b", "v": 2}]),
            json!([{"name": "z", "v": 0}, {"name": "a", "v": 1}, {"name": "b", "v": 3}]),
            &["/0 - {\"name\":\"z\",\"v\":0}", "/2/v 2 3"],
        );
        check(json!([1, 2]), json!([1]), &["/1 2 -"]);
    }

    #[test]
    fn pointers_cover_what_is_below() {
        assert!(covers("/spec/replicas", "/spec/replicas"));
        assert!(covers("/spec/*/image", "/spec/0/image/tag"));
        assert!(!covers("/spec/replicas", "/spec"));
        assert!(covers("", "/spec"));
    }
}
