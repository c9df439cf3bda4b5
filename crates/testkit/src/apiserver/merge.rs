//! What an apply makes of two documents, and what changed between two: the arithmetic of
//! structured-merge-diff, over documents and sets of paths.

use serde_json::{Map, Value};
use trueup_fields::set::Scalar;
use trueup_fields::values::shown;
use trueup_fields::{Element, Set};

use super::schema::{List, Schema};

/// Fields of an object that no entry of managedFields ever names.
const UNTRACKED: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// What of an object is tracked.
pub fn tracked(object: &Value) -> Value {
    let Some(map) = object.as_object() else { return Value::Object(Map::new()) };
    let mut tracked = map.clone();
    tracked.remove("apiVersion");
    tracked.remove("kind");
    if let Some(Value::Object(metadata)) = tracked.get_mut("metadata") {
        metadata.retain(|name, _| !UNTRACKED.contains(&name.as_str()));
        if metadata.is_empty() {
            tracked.remove("metadata");
        }
    }
    Value::Object(tracked)
}

/// The set of what a document names. `Err`: why it is no document of its kind.
pub fn set_of(document: &Value, schema: Schema<'_>) -> Result<Set, String> {
    let mut walk = Naming { set: Set::default(), path: Vec::new() };
    walk.map(document.as_object().unwrap_or(&Map::new()), schema)?;
    Ok(walk.set)
}

struct Naming {
    set: Set,
    path: Vec<Element>,
}

impl Naming {
    fn put(&mut self) {
        self.set.insert(&self.path);
    }

    fn wrong(&self, why: impl std::fmt::Display) -> String {
        format!("{}: {why}", shown(&self.path))
    }

    fn value(&mut self, value: &Value, schema: Schema<'_>) -> Result<(), String> {
        if let Some(why) = schema.mistyped(value) {
            return Err(self.wrong(why));
        }
        match value {
            Value::Object(map) if !schema.is_atomic_map() => self.map(map, schema),
            Value::Array(list) if schema.list() != List::Atomic => self.list(list, schema),
            _ => {
                self.put();
                Ok(())
            }
        }
    }

    fn map(&mut self, map: &Map<String, Value>, schema: Schema<'_>) -> Result<(), String> {
        for (name, value) in map {
            self.path.push(Element::Field(name.clone()));
            if schema.forbids(name) {
                return Err(self.wrong("field not declared in schema"));
            }
            self.value(value, schema.field(name))?;
            let empty = value.as_object().is_some_and(Map::is_empty);
            if empty || !schema.names(name) {
                self.put();
            }
            self.path.pop();
        }
        Ok(())
    }

    fn list(&mut self, list: &[Value], schema: Schema<'_>) -> Result<(), String> {
        let kind = schema.list();
        let mut seen = Set::default();
        for item in list {
            let element = element(&kind, item);
            let one = std::slice::from_ref(&element);
            if seen.contains(one) {
                let key = shown(one);
                return Err(self.wrong(format!("duplicate entries for key {key}")));
            }
            seen.insert(one);
            self.path.push(element);
            self.value(item, schema.element())?;
            self.put();
            self.path.pop();
        }
        Ok(())
    }
}

/// What an element of a list is called.
fn element(kind: &List<'_>, item: &Value) -> Element {
    let List::Keys(keys) = kind else { return Element::Value(Scalar::of(item)) };
    let mut named: Vec<(String, Scalar)> = keys
        .iter()
        .filter_map(|key| match item.get(*key) {
            Some(value) => Some(((*key).to_owned(), Scalar::of(value))),
            // The only key that has a default.
            None if *key == "protocol" => {
                Some(((*key).to_owned(), Scalar::of(&Value::from("TCP"))))
            }
            None => None,
        })
        .collect();
    named.sort();
    Element::Key(named)
}

/// What differs between two documents.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// What only the newer one has.
    pub added: Set,
    /// What only the older one has.
    pub removed: Set,
    /// What has another value.
    pub modified: Set,
}

impl Difference {
    /// Between these two.
    pub fn between(old: &Value, new: &Value, schema: Schema<'_>) -> Self {
        let mut difference = Self::default();
        difference.both(&mut Vec::new(), Some(old), Some(new), schema);
        difference
    }

    /// What was set: added or given another value.
    pub fn written(&self) -> Set {
        self.added.union(&self.modified)
    }

    fn both(
        &mut self,
        path: &mut Vec<Element>,
        old: Option<&Value>,
        new: Option<&Value>,
        schema: Schema<'_>,
    ) {
        let maps = |value: Option<&Value>| value.is_none_or(Value::is_object);
        let lists = |value: Option<&Value>| value.is_none_or(Value::is_array);
        if maps(old) && maps(new) && !schema.is_atomic_map() {
            self.maps(path, old, new, schema);
        } else if lists(old) && lists(new) && schema.list() != List::Atomic {
            self.lists(path, old, new, schema);
        } else {
            match (old, new) {
                (None, _) => self.added.insert(path),
                (_, None) => self.removed.insert(path),
                (old, new) if old != new => self.modified.insert(path),
                _ => {}
            }
            return;
        }
        if schema.is_always_there() && !matches!(path.last(), Some(Element::Key(_))) {
            return;
        }
        match (old, new) {
            (None, Some(_)) => self.added.insert(path),
            (Some(_), None) => self.removed.insert(path),
            _ => {}
        }
    }

    fn maps(
        &mut self,
        path: &mut Vec<Element>,
        old: Option<&Value>,
        new: Option<&Value>,
        schema: Schema<'_>,
    ) {
        let empty = Map::new();
        let old = old.and_then(Value::as_object).unwrap_or(&empty);
        let new = new.and_then(Value::as_object).unwrap_or(&empty);
        let gone = old.iter().filter(|(name, _)| !new.contains_key(*name));
        for (name, value) in gone {
            path.push(Element::Field(name.clone()));
            self.both(path, Some(value), None, schema.field(name));
            path.pop();
        }
        for (name, value) in new {
            let before = old.get(name);
            if before == Some(value) {
                continue;
            }
            path.push(Element::Field(name.clone()));
            self.both(path, before, Some(value), schema.field(name));
            path.pop();
        }
    }

    fn lists(
        &mut self,
        path: &mut Vec<Element>,
        old: Option<&Value>,
        new: Option<&Value>,
        schema: Schema<'_>,
    ) {
        let kind = schema.list();
        let old = named(&kind, old);
        let new = named(&kind, new);
        let find = |list: &[(Element, Value)], wanted: &Element| {
            list.iter().find(|(element, _)| element == wanted).map(|(_, value)| value.clone())
        };
        for (element, value) in &old {
            let after = find(&new, element);
            path.push(element.clone());
            self.both(path, Some(value), after.as_ref(), schema.element());
            path.pop();
        }
        for (element, value) in new.iter().filter(|(element, _)| find(&old, element).is_none()) {
            path.push(element.clone());
            self.both(path, None, Some(value), schema.element());
            path.pop();
        }
    }
}

fn named(kind: &List<'_>, list: Option<&Value>) -> Vec<(Element, Value)> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.map(|item| (element(kind, item), item.clone())).collect()
}

/// What applying `config` to `live` makes, before anything is given up.
pub fn merge(live: &Value, config: &Value, schema: Schema<'_>) -> Value {
    match (live, config) {
        (Value::Object(old), Value::Object(new)) if !schema.is_atomic_map() => {
            let mut merged = old.clone();
            for (name, value) in new {
                let after = match old.get(name) {
                    Some(before) => merge(before, value, schema.field(name)),
                    None => value.clone(),
                };
                merged.insert(name.clone(), after);
            }
            Value::Object(merged)
        }
        (Value::Array(_), Value::Array(_)) if schema.list() != List::Atomic => {
            merge_lists(live, config, schema)
        }
        _ => config.clone(),
    }
}

/// In the order of what is applied; what only the live list has stays where it is among them.
fn merge_lists(live: &Value, config: &Value, schema: Schema<'_>) -> Value {
    let kind = schema.list();
    let (old, new) = (named(&kind, Some(live)), named(&kind, Some(config)));
    let in_new = |element: &Element| new.iter().any(|(other, _)| other == element);
    let mut merged = Vec::with_capacity(old.len() + new.len());
    let mut next = 0;
    for (element, value) in &new {
        let place = old.iter().position(|(other, _)| other == element);
        let until = place.unwrap_or_else(|| {
            let rest = old.get(next..).unwrap_or_default();
            next + rest.iter().take_while(|(other, _)| !in_new(other)).count()
        });
        let passed = old.iter().take(until).skip(next).filter(|(other, _)| !in_new(other));
        merged.extend(passed.map(|(_, value)| value.clone()));
        next = next.max(until);
        merged.push(match place.and_then(|place| old.get(place)) {
            Some((_, before)) => {
                next = next.max(until + 1);
                merge(before, value, schema.element())
            }
            None => value.clone(),
        });
    }
    let rest = old.iter().skip(next).filter(|(other, _)| !in_new(other));
    merged.extend(rest.map(|(_, value)| value.clone()));
    Value::Array(merged)
}

/// Takes out what was applied before (`last`) and what nobody holds any more (`held`: everything
/// that is held now). An element of a list goes whole if nobody holds the element itself.
pub fn give_up(value: &mut Value, last: &Set, held: &Set, schema: Schema<'_>) {
    let nothing = Set::default();
    match value {
        Value::Object(map) => {
            for (element, below) in &last.below {
                let Element::Field(name) = element else { continue };
                let still = held.below.get(element).unwrap_or(&nothing);
                if still.is_empty() {
                    map.remove(name);
                } else if let Some(inner) = map.get_mut(name) {
                    give_up(inner, below, still, schema.field(name));
                }
            }
        }
        Value::Array(list) => {
            let kind = schema.list();
            list.retain_mut(|item| {
                let element = element(&kind, item);
                let Some(below) = last.below.get(&element) else { return true };
                let still = held.below.get(&element).unwrap_or(&nothing);
                if still.itself {
                    give_up(item, below, still, schema.element());
                }
                still.itself
            });
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn containers(names: &[&str]) -> Value {
        let list: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        json!({"spec": {"containers": list}})
    }

    #[test]
    fn lists_merge_in_the_order_of_what_is_applied() {
        for (live, config, expected) in [
            (vec!["a", "b"], vec!["b", "a"], vec!["b", "a"]),
            (vec!["side", "web"], vec!["web"], vec!["side", "web"]),
            (vec!["web", "side"], vec!["web", "new"], vec!["web", "side", "new"]),
            (vec![], vec!["a"], vec!["a"]),
        ] {
            let merged = merge(&containers(&live), &containers(&config), Schema::BUILTIN);
            assert_eq!(merged, containers(&expected), "{live:?} {config:?}");
        }
    }

    #[test]
    fn what_a_document_names() {
        let document = json!({"metadata": {"labels": {"a": "b"}}, "spec": {
            "selector": {"matchLabels": {"a": "b"}}, "paused": null,
            "template": {"spec": {"containers": [{"name": "w", "ports": [{"containerPort": 1}]}]}},
        }});
        assert_eq!(
            set_of(&document, Schema::BUILTIN).map(|set| set.to_json()),
            Ok(json!({"f:metadata": {"f:labels": {"f:a": {}}}, "f:spec": {
                "f:selector": {}, "f:paused": {},
                "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"w\"}": {
                    ".": {}, "f:name": {},
                    "f:ports": {"k:{\"containerPort\":1,\"protocol\":\"TCP\"}":
                        {".": {}, "f:containerPort": {}}},
                }}}},
            }}))
        );
        let twice = json!({"spec": {"containers": [{"env": [{"name": "A"}, {"name": "A"}],
            "name": "w"}]}});
        assert_eq!(
            set_of(&twice, Schema::BUILTIN),
            Err(".spec.containers[name=\"w\"].env: duplicate entries for key [name=\"A\"]".into())
        );
    }
}
