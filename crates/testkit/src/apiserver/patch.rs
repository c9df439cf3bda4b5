//! The patch formats: JSON Patch (RFC 6902), JSON Merge Patch (RFC 7396), strategic merge patch.

use serde_json::Value;

use super::answer::Refusal;
use super::schema::{List, Schema};

/// Changes a document as a patch of this content type says.
pub fn patch(
    document: &mut Value,
    content_type: &str,
    patch: &Value,
    schema: Schema<'_>,
) -> Result<(), Refusal> {
    match content_type.split(';').next().unwrap_or_default() {
        "application/json-patch+json" => {
            let operations = patch.as_array().map(Vec::as_slice).unwrap_or_default();
            operations.iter().try_for_each(|one| operate(document, one)).map_err(|()| {
                let message = "the server rejected our request due to an error in our request";
                Refusal::new(422, "Invalid", message)
            })
        }
        "application/merge-patch+json" => {
            merge(document, patch);
            Ok(())
        }
        "application/strategic-merge-patch+json" if matches!(schema, Schema::Builtin { .. }) => {
            strategic(document, patch, schema);
            Ok(())
        }
        _ => {
            let message = "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
            Err(Refusal::new(415, "UnsupportedMediaType", message))
        }
    }
}

fn operate(document: &mut Value, one: &Value) -> Result<(), ()> {
    let text = |name: &str| one.get(name).and_then(Value::as_str);
    let path = text("path").ok_or(())?;
    let value = || one.get("value").cloned().ok_or(());
    match text("op") {
        Some("test") if document.pointer(path) == Some(&value()?) => Ok(()),
        Some("add") => add(document, path, value()?),
        Some("replace") if path.is_empty() => {
            *document = value()?;
            Ok(())
        }
        // The library that API servers use replaces what is not there, in a map.
        Some("replace") => match document.pointer_mut(path) {
            Some(place) => {
                *place = value()?;
                Ok(())
            }
            None => match parent(document, path)?.0 {
                Value::Object(_) => add(document, path, value()?),
                _ => Err(()),
            },
        },
        Some("remove") => remove(document, path).map(|_| ()),
        Some("move") => {
            let moved = remove(document, text("from").ok_or(())?)?;
            add(document, path, moved)
        }
        Some("copy") => {
            let copied = document.pointer(text("from").ok_or(())?).cloned().ok_or(())?;
            add(document, path, copied)
        }
        _ => Err(()),
    }
}

fn parent<'a>(document: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), ()> {
    let (parent, last) = path.rsplit_once('/').ok_or(())?;
    let last = last.replace("~1", "/").replace("~0", "~");
    Ok((document.pointer_mut(parent).ok_or(())?, last))
}

fn add(document: &mut Value, path: &str, value: Value) -> Result<(), ()> {
    let (parent, last) = parent(document, path)?;
    match parent {
        Value::Object(map) => {
            map.insert(last, value);
        }
        Value::Array(list) if last == "-" => list.push(value),
        Value::Array(list) => {
            let place: usize = last.parse().map_err(|_| ())?;
            if place > list.len() {
                return Err(());
            }
            list.insert(place, value);
        }
        _ => return Err(()),
    }
    Ok(())
}

fn remove(document: &mut Value, path: &str) -> Result<Value, ()> {
    let (parent, last) = parent(document, path)?;
    match parent {
        Value::Object(map) => map.remove(&last).ok_or(()),
        Value::Array(list) => {
            let place: usize = last.parse().map_err(|_| ())?;
            if place < list.len() { Ok(list.remove(place)) } else { Err(()) }
        }
        _ => Err(()),
    }
}

fn merge(document: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *document = patch.clone();
        return;
    };
    if !document.is_object() {
        *document = Value::Object(serde_json::Map::new());
    }
    let Value::Object(map) = document else { return };
    for (name, value) in changes {
        if value.is_null() {
            map.remove(name);
        } else {
            merge(map.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Lists with keys are merged by their elements; `$patch: delete` takes one out.
fn strategic(document: &mut Value, patch: &Value, schema: Schema<'_>) {
    let Value::Object(changes) = patch else {
        *document = patch.clone();
        return;
    };
    if changes.get("$patch") == Some(&"replace".into()) || !document.is_object() {
        *document = Value::Object(serde_json::Map::new());
    }
    let Value::Object(map) = document else { return };
    for (name, value) in changes.iter().filter(|(name, _)| !name.starts_with('$')) {
        let inner = schema.field(name);
        match (map.get_mut(name), value, inner.list()) {
            (_, Value::Null, _) => {
                map.remove(name);
            }
            (Some(Value::Array(list)), Value::Array(changes), List::Keys(keys)) => {
                strategic_list(list, changes, keys.first().copied().unwrap_or("name"), inner);
            }
            (Some(Value::Array(list)), Value::Array(more), List::Set) => {
                list.extend(
                    more.iter().filter(|item| !list.contains(item)).cloned().collect::<Vec<_>>(),
                );
            }
            (Some(before), value, _) => strategic(before, value, inner),
            (None, value, _) => {
                let mut fresh = Value::Null;
                strategic(&mut fresh, value, inner);
                map.insert(name.clone(), fresh);
            }
        }
    }
}

fn strategic_list(list: &mut Vec<Value>, changes: &[Value], key: &str, schema: Schema<'_>) {
    for change in changes {
        let place = list.iter().position(|item| item.get(key) == change.get(key));
        match (place, change.get("$patch").and_then(Value::as_str)) {
            (Some(place), Some("delete")) => {
                list.remove(place);
            }
            (None, Some("delete")) => {}
            (Some(place), _) => {
                if let Some(item) = list.get_mut(place) {
                    strategic(item, change, schema.element());
                }
            }
            (None, _) => list.push(change.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(content_type: &str, change: Value, expected: Value) {
        let mut document = json!({"spec": {"containers": [{"name": "a", "image": "1"}], "x": 1}});
        patch(&mut document, content_type, &change, Schema::BUILTIN).unwrap();
        assert_eq!(document, expected);
    }

    #[test]
    fn each_format() {
        check(
            "application/merge-patch+json",
            json!({"spec": {"x": null, "y": {"z": 1}}}),
            json!({"spec": {"containers": [{"name": "a", "image": "1"}], "y": {"z": 1}}}),
        );
        check(
            "application/strategic-merge-patch+json",
            json!({"spec": {"containers": [{"name": "b"}, {"name": "a", "tty": true}]}}),
            json!({"spec": {"containers": [{"name": "a", "image": "1", "tty": true}, {"name": "b"}],
                "x": 1}}),
        );
        check(
            "application/json-patch+json",
            json!([
                {"op": "test", "path": "/spec/x", "value": 1},
                {"op": "add", "path": "/spec/containers/-", "value": {"name": "c"}},
                {"op": "remove", "path": "/spec/containers/0"},
                {"op": "replace", "path": "/spec/x", "value": 2},
            ]),
            json!({"spec": {"containers": [{"name": "c"}], "x": 2}}),
        );
    }
}
