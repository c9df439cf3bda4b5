//! What stands in a document at the paths of a set.

use std::collections::BTreeSet;

use serde_json::Value;
use trueup_model::Digest;
use trueup_model::resource::canonical_digest;

use crate::set::{Element, Set};

/// The value at a path.
pub fn at<'a>(document: &'a Value, path: &[Element]) -> Option<&'a Value> {
    path.iter().try_fold(document, |value, element| Some(step(value, element)?.1))
}

/// The value one step further, with that step of its JSON pointer.
fn step<'a>(value: &'a Value, element: &Element) -> Option<(String, &'a Value)> {
    if let Element::Field(name) = element {
        return Some((escape(name), value.get(name)?));
    }
    let index = place(value.as_array()?, element)?;
    Some((index.to_string(), value.get(index)?))
}

/// Where in a list an element stands.
pub(crate) fn place(list: &[Value], element: &Element) -> Option<usize> {
    match element {
        Element::Field(_) => None,
        Element::Index(index) => (*index < list.len()).then_some(*index),
        Element::Value(wanted) => list.iter().position(|value| wanted.is(value)),
        Element::Key(keys) => list.iter().position(|value| {
            keys.iter().all(|(name, wanted)| match value.get(name) {
                Some(value) => wanted.is(value),
                // The only key with a default that a document may leave out.
                None => name == "protocol" && wanted.as_json() == "\"TCP\"",
            })
        }),
    }
}

/// A name as a part of a JSON pointer (RFC 6901).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A path as a JSON pointer into this document. `None`: nothing stands there.
pub fn pointer(document: &Value, path: &[Element]) -> Option<String> {
    let mut value = document;
    let mut pointer = String::new();
    for element in path {
        let (part, next) = step(value, element)?;
        pointer.push('/');
        pointer.push_str(&part);
        value = next;
    }
    Some(pointer)
}

/// A path as an API server writes it in its errors: `.spec.containers[name="web"].image`.
pub fn shown(path: &[Element]) -> String {
    let mut text = String::new();
    for element in path {
        match element {
            Element::Field(name) => text.push_str(&format!(".{name}")),
            Element::Index(index) => text.push_str(&format!("[{index}]")),
            Element::Value(value) => text.push_str(&format!("[={}]", value.as_json())),
            Element::Key(keys) => {
                let keys: Vec<String> = keys
                    .iter()
                    .map(|(name, value)| format!("{name}={}", value.as_json()))
                    .collect();
                text.push_str(&format!("[{}]", keys.join(",")));
            }
        }
    }
    text
}

/// The digest of the values at the paths of a set: equal for two states of an object that differ
/// only elsewhere. A path with others below it counts by its presence.
pub fn digest(document: &Value, set: &Set) -> Digest {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    gather(Some(document), set, &mut parts);
    Digest::of_parts(parts.iter().map(Vec::as_slice))
}

fn gather(value: Option<&Value>, set: &Set, parts: &mut Vec<Vec<u8>>) {
    if set.itself {
        parts.push(match value {
            Some(value) if set.below.is_empty() => canonical_digest(value).as_bytes().to_vec(),
            Some(_) => b"present".to_vec(),
            None => b"absent".to_vec(),
        });
    }
    for (element, below) in &set.below {
        parts.push(element.to_string().into_bytes());
        let inner = value.and_then(|value| step(value, element)).map(|(_, value)| value);
        gather(inner, below, parts);
    }
    parts.push(b"end".to_vec());
}

/// Takes what stands at the paths of a set out of a document: what an apply removes that gives these
/// paths up. A map or list that others still hold something in stays.
pub fn remove(document: &mut Value, set: &Set) {
    match document {
        Value::Object(map) => {
            for (element, below) in &set.below {
                let Element::Field(name) = element else { continue };
                if map.get_mut(name).is_some_and(|inner| goes(inner, below)) {
                    map.remove(name);
                }
            }
        }
        Value::Array(list) => {
            let held = set.below.iter().filter_map(|(e, below)| Some((place(list, e)?, below)));
            let held: Vec<(usize, &Set)> = held.collect();
            let mut gone = BTreeSet::new();
            for (place, below) in held {
                if list.get_mut(place).is_some_and(|inner| goes(inner, below)) {
                    gone.insert(place);
                }
            }
            let mut places = 0..;
            list.retain(|_| places.next().is_some_and(|place| !gone.contains(&place)));
        }
        _ => {}
    }
}

/// Takes out what stands below; says whether the value itself goes.
fn goes(value: &mut Value, set: &Set) -> bool {
    if set.below.is_empty() {
        return set.itself;
    }
    remove(value, set);
    set.itself && is_empty(value)
}

/// Whether nothing is left in a map or list.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(fields: Value) -> Set {
        Set::parse(&fields).expect("the test's set is well-formed")
    }

    fn pod() -> Value {
        json!({
            "metadata": {"annotations": {"a/b": "x"}, "finalizers": ["keep", "me"]},
            "spec": {"containers": [
                {"name": "side", "image": "s:1"},
                {"name": "web", "image": "w:1", "ports": [{"containerPort": 80}]},
            ]},
        })
    }

    #[test]
    fn paths_are_found() {
        for (fields, expected_pointer, expected_shown) in [
            (
                json!({"f:metadata": {"f:annotations": {"f:a/b": {}}}}),
                Some("/metadata/annotations/a~1b"),
                ".metadata.annotations.a/b",
            ),
            (
                json!({"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}}}),
                Some("/spec/containers/1/image"),
                ".spec.containers[name=\"web\"].image",
            ),
            (
                json!({"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:ports":
                    {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {}}}}}}),
                Some("/spec/containers/1/ports/0"),
                ".spec.containers[name=\"web\"].ports[containerPort=80,protocol=\"TCP\"]",
            ),
            (
                json!({"f:metadata": {"f:finalizers": {"v:\"me\"": {}}}}),
                Some("/metadata/finalizers/1"),
                ".metadata.finalizers[=\"me\"]",
            ),
            (json!({"f:spec": {"f:gone": {}}}), None, ".spec.gone"),
        ] {
            let paths = set(fields).paths();
            let [path] = paths.as_slice() else { panic!("one path a case") };
            assert_eq!(pointer(&pod(), path).as_deref(), expected_pointer);
            assert_eq!(shown(path), expected_shown);
        }
    }

    #[test]
    fn a_digest_sees_owned_values_only() {
        let owned = set(json!({"f:spec": {"f:containers": {"k:{\"name\":\"web\"}":
            {".": {}, "f:image": {}}}}}));
        let same = digest(&pod(), &owned);
        let mut other = pod();
        other["spec"]["containers"][0]["image"] = json!("s:2");
        other["spec"]["containers"][1]["added"] = json!(true);
        assert_eq!(digest(&other, &owned), same);
        other["spec"]["containers"][1]["image"] = json!("w:2");
        assert_ne!(digest(&other, &owned), same);
        other["spec"]["containers"] = json!([]);
        assert_ne!(digest(&other, &owned), same);
    }

    #[test]
    fn what_is_given_up_is_removed() {
        let mut document = pod();
        remove(
            &mut document,
            &set(json!({
                "f:metadata": {"f:annotations": {".": {}, "f:a/b": {}}, "f:finalizers": {"v:\"me\"": {}}},
                "f:spec": {"f:containers": {"k:{\"name\":\"side\"}": {".": {}, "f:image": {}, "f:name": {}}}},
            })),
        );
        assert_eq!(
            document,
            json!({
                "metadata": {"finalizers": ["keep"]},
                "spec": {"containers": [
                    {"name": "web", "image": "w:1", "ports": [{"containerPort": 80}]},
                ]},
            })
        );
    }
}
