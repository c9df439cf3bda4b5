//! Whether an object already is what a document says.

use serde_json::Value;

use crate::set::{Element, Set};
use crate::values;

/// Whether applying `desired` with the entry that owns `owned` would change nothing in `live`:
/// each owned path holds the same in both, and each part of `desired` is owned and holds the same.
/// Defaults, quantities in another notation and the like make it `false`: then the server is asked.
///
/// `apiVersion`, `kind` and what names the object are never owned.
pub fn is_applied(desired: &Value, live: &Value, owned: &Set) -> bool {
    let Some(map) = desired.as_object() else { return false };
    let rest = map.iter().filter(|(name, _)| !matches!(name.as_str(), "apiVersion" | "kind"));
    for (name, value) in rest {
        let covered = match (name.as_str(), value.as_object(), live.get("metadata")) {
            ("metadata", Some(metadata), Some(live)) => metadata
                .iter()
                .filter(|(name, _)| !matches!(name.as_str(), "name" | "namespace"))
                .all(|(name, value)| field(name, value, live, owned.at(&["metadata"]))),
            _ => field(name, value, live, Some(owned)),
        };
        if !covered {
            return false;
        }
    }
    owned.paths().iter().all(|path| values::at(desired, path).is_some())
}

fn field(name: &str, value: &Value, live: &Value, owned: Option<&Set>) -> bool {
    let Some(live) = live.get(name) else { return false };
    let owned = owned.and_then(|set| set.below.get(&Element::Field(name.to_owned())));
    owned.is_some_and(|owned| same(value, live, owned))
}

/// Whether a value stands in `live`, owned in all its parts.
fn same(value: &Value, live: &Value, owned: &Set) -> bool {
    if owned.below.is_empty() {
        return owned.itself && value == live;
    }
    match (value, live) {
        (Value::Object(map), Value::Object(_)) => {
            map.iter().all(|(name, value)| field(name, value, live, Some(owned)))
        }
        (Value::Array(list), Value::Array(live_list)) => {
            let found = owned.below.iter().filter(|(element, below)| {
                let path = [(*element).clone()];
                match (values::at(value, &path), values::at(live, &path)) {
                    (Some(value), Some(live)) if below.below.is_empty() && keyed(element) => {
                        same_keys(value, live, element)
                    }
                    (Some(value), Some(live)) => same(value, live, below),
                    _ => false,
                }
            });
            found.count() == list.len() && same_order(list, live_list, owned)
        }
        _ => false,
    }
}

/// Whether the elements of `list` stand in the same order in `live`, with others between them or not.
fn same_order(list: &[Value], live: &[Value], owned: &Set) -> bool {
    let both = |element| (values::place(list, element), values::place(live, element));
    let mut places: Vec<_> = owned.below.keys().map(both).collect();
    places.sort_unstable();
    places.is_sorted_by_key(|(_, live)| *live)
}

fn keyed(element: &Element) -> bool {
    matches!(element, Element::Key(_))
}

/// An element that is owned by its presence alone holds nothing but its keys.
fn same_keys(value: &Value, live: &Value, element: &Element) -> bool {
    let Element::Key(keys) = element else { return false };
    let names = value.as_object().into_iter().flat_map(|map| map.keys());
    let only_keys = names.into_iter().all(|name| keys.iter().any(|(key, _)| key == name));
    only_keys && live.is_object()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn owned() -> Set {
        Set::parse(&json!({
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {"f:replicas": {}, "f:containers": {
                "k:{\"name\":\"web\"}": {".": {}, "f:image": {}, "f:name": {}},
            }},
        }))
        .expect("the test's set is well-formed")
    }

    fn desired() -> Value {
        json!({
            "apiVersion": "v1", "kind": "X",
            "metadata": {"name": "x", "namespace": "n", "labels": {"app": "x"}},
            "spec": {"replicas": 2, "containers": [{"name": "web", "image": "w:1"}]},
        })
    }

    fn live() -> Value {
        let mut live = desired();
        live["metadata"]["labels"]["other"] = json!("y");
        live["spec"]["default"] = json!(true);
        live["spec"]["containers"] =
            json!([{"name": "side"}, {"name": "web", "image": "w:1", "pull": "Always"}]);
        live
    }

    fn check(change: impl Fn(&mut Value, &mut Value, &mut Set), expected: bool) {
        let (mut desired, mut live, mut owned) = (desired(), live(), owned());
        change(&mut desired, &mut live, &mut owned);
        assert_eq!(is_applied(&desired, &live, &owned), expected);
    }

    #[test]
    fn objects_that_are_as_declared() {
        check(|_, _, _| {}, true);
        check(|_, live, _| live["spec"]["more"] = json!(1), true);
    }

    #[test]
    fn objects_that_are_not() {
        check(|_, live, _| live["spec"]["replicas"] = json!(3), false);
        check(|desired, _, _| desired["spec"]["replicas"] = json!(3), false);
        check(|desired, _, _| desired["spec"]["paused"] = json!(true), false);
        check(|_, _, owned| *owned = owned.without(&["spec", "replicas"]), false);
        check(|desired, _, _| desired["spec"]["containers"] = json!([]), false);
        check(|desired, _, _| desired["metadata"]["labels"] = json!({}), false);
        check(|_, live, _| live["spec"]["containers"] = json!([]), false);
        let two = |first: &str, second: &str| json!([{"name": first}, {"name": second}]);
        let set =
            json!({"f:l": {"k:{\"name\":\"a\"}": {".": {}}, "k:{\"name\":\"b\"}": {".": {}}}});
        let set = Set::parse(&set).expect("the test's set is well-formed");
        for (live, expected) in [(two("a", "b"), true), (two("b", "a"), false)] {
            let (desired, live) = (json!({"l": two("a", "b")}), json!({"l": live}));
            assert_eq!(is_applied(&desired, &live, &set), expected);
        }
        check(|desired, _, _| desired["spec"]["containers"][0]["tty"] = json!(true), false);
    }
}
