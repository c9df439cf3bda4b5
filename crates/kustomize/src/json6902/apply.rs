//! The operations, one function each.

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::node::DEPTH_MAX;

type Operation = Map<String, Value>;

const MISSING: &str = "missing value";
const BAD_INDEX: &str = "invalid index referenced";
const TEST_FAILED: &str = "test failed";
/// How many values an operation may put into a document.
const VALUES_MAX: usize = 2_000_000;

/// Applies operations in their order; the first that fails ends it.
pub(super) fn apply(document: &mut Value, operations: &[Operation]) -> Result<()> {
    operations.iter().try_for_each(|operation| {
        match operation.get("op").and_then(Value::as_str).unwrap_or("unknown") {
            "add" => add(document, operation),
            "remove" => remove(document, operation),
            "replace" => replace(document, operation),
            "move" => move_value(document, operation),
            "test" => test(document, operation),
            "copy" => copy(document, operation),
            other => Err(Error::new(format!("Unexpected kind: {other}"))),
        }
    })
}

/// A text field of an operation.
fn text<'o>(operation: &'o Operation, field: &str, what: &str) -> Result<&'o str> {
    let value = operation.get(field).filter(|value| !value.is_null());
    value.and_then(Value::as_str).ok_or_else(|| {
        Error::new(match value {
            Some(_) => format!("{what} operation failed to decode {field}"),
            None => format!("{what} operation failed to decode {field}: {MISSING}"),
        })
    })
}

fn value(operation: &Operation) -> Value {
    operation.get("value").cloned().unwrap_or_default()
}

/// An error if a value is too large to be put into the document, or too deep for its place there.
fn check_size(value: &Value, path: &str) -> Result<()> {
    fn fits(value: &Value, depth: usize, budget: &mut usize) -> bool {
        if depth > DEPTH_MAX || *budget == 0 {
            return false;
        }
        *budget -= 1;
        match value {
            Value::Array(items) => items.iter().all(|item| fits(item, depth + 1, budget)),
            Value::Object(fields) => fields.values().all(|field| fits(field, depth + 1, budget)),
            _ => true,
        }
    }
    if fits(value, path.matches('/').count(), &mut { VALUES_MAX }) {
        return Ok(());
    }
    Err(Error::new(format!(
        "the value for path '{path}' has more than {VALUES_MAX} values or is nested more than {DEPTH_MAX} levels deep"
    )))
}

fn add(document: &mut Value, operation: &Operation) -> Result<()> {
    let path = text(operation, "path", "add")?;
    let (container, key) = find(document, path).ok_or_else(|| {
        Error::new(format!(
            "add operation does not apply: doc is missing path: \"{path}\": {MISSING}"
        ))
    })?;
    let value = value(operation);
    check_size(&value, path)?;
    container
        .add(&key, value)
        .map_err(|error| error.context(format!("error in add for path: '{path}'")))
}

fn remove(document: &mut Value, operation: &Operation) -> Result<()> {
    let path = text(operation, "path", "remove")?;
    let (mut container, key) = find(document, path).ok_or_else(|| {
        Error::new(format!(
            "remove operation does not apply: doc is missing path: \"{path}\": {MISSING}"
        ))
    })?;
    container
        .remove(&key)
        .map_err(|error| error.context(format!("error in remove for path: '{path}'")))
        .map(|_| ())
}

fn replace(document: &mut Value, operation: &Operation) -> Result<()> {
    let path = text(operation, "path", "replace")?;
    if path.is_empty() {
        let value = value(operation);
        if !value.is_object() && !value.is_array() {
            return Err(Error::new("replace operation value must be object or array"));
        }
        *document = value;
        return Ok(());
    }
    let missing =
        |what: &str| format!("replace operation does not apply: doc is missing {what}: {path}");
    let value = value(operation);
    check_size(&value, path)?;
    let (container, key) = find(document, path)
        .ok_or_else(|| Error::new(format!("{}: {MISSING}", missing("path"))))?;
    match container {
        Container::Object(object) if !object.contains_key(&key) => {
            Err(Error::new(format!("{}: {MISSING}", missing("key"))))
        }
        Container::Object(object) => {
            object.insert(key, value);
            Ok(())
        }
        Container::Array(items) => {
            let place = present(items.len(), &key).ok().and_then(|index| items.get_mut(index));
            match place {
                Some(place) => {
                    *place = value;
                    Ok(())
                }
                None => Err(Error::new(format!("{}: {MISSING}", missing("key")))),
            }
        }
    }
}

fn move_value(document: &mut Value, operation: &Operation) -> Result<()> {
    let from = text(operation, "from", "move")?;
    let (mut container, key) = find(document, from).ok_or_else(|| {
        Error::new(format!(
            "move operation does not apply: doc is missing from path: {from}: {MISSING}"
        ))
    })?;
    let moved = container
        .get(&key)
        .cloned()
        .and_then(|moved| container.remove(&key).map(|_| moved))
        .map_err(|error| error.context(format!("error in move for path: '{key}'")))?;
    let path = text(operation, "path", "move")?;
    let (container, key) = find(document, path).ok_or_else(|| {
        Error::new(format!(
            "move operation does not apply: doc is missing destination path: {path}: {MISSING}"
        ))
    })?;
    check_size(&moved, path)?;
    container
        .add(&key, moved)
        .map_err(|error| error.context(format!("error in move for path: '{path}'")))
}

fn copy(document: &mut Value, operation: &Operation) -> Result<()> {
    let from = text(operation, "from", "copy")?;
    let (container, key) = find(document, from).ok_or_else(|| {
        Error::new(format!(
            "copy operation does not apply: doc is missing from path: {from}: {MISSING}"
        ))
    })?;
    let copied = container
        .get(&key)
        .map_err(|error| error.context(format!("error in copy for from: '{from}'")))?
        .clone();
    let path = text(operation, "path", "copy")?;
    let (container, key) = find(document, path).ok_or_else(|| {
        Error::new(format!(
            "copy operation does not apply: doc is missing destination path: {path}: {MISSING}"
        ))
    })?;
    check_size(&copied, path)?;
    container
        .add(&key, copied)
        .map_err(|error| error.context("error while adding value during copy"))
}

fn test(document: &mut Value, operation: &Operation) -> Result<()> {
    let path = text(operation, "path", "test")?;
    let expected = operation.get("value").filter(|value| !value.is_null());
    let is_equal = if path.is_empty() {
        Some(&*document) == expected
    } else {
        let (container, key) = find(document, path).ok_or_else(|| {
            Error::new(format!("test operation does not apply: is missing path: {path}: {MISSING}"))
        })?;
        let actual = match &container {
            Container::Object(object) => object.get(&key),
            Container::Array(_) => Some(
                container
                    .get(&key)
                    .map_err(|error| error.context(format!("error in test for path: '{path}'")))?,
            ),
        };
        actual.filter(|value| !value.is_null()) == expected
    };
    if is_equal {
        return Ok(());
    }
    Err(Error::new(format!("testing value {path} failed: {TEST_FAILED}")))
}

/// An object or array that a path's last part is looked up in.
enum Container<'d> {
    Object(&'d mut Map<String, Value>),
    Array(&'d mut Vec<Value>),
}

/// The container that a path leads to, and the last part of the path. What stands before the first
/// slash is ignored.
fn find<'d>(document: &'d mut Value, path: &str) -> Option<(Container<'d>, String)> {
    let (_, path) = path.split_once('/')?;
    let (parents, key) = path.rsplit_once('/').map_or((None, path), |(p, key)| (Some(p), key));
    let mut value = document;
    for part in parents.into_iter().flat_map(|parents| parents.split('/')) {
        let part = unescape(part);
        value = match value {
            Value::Object(object) => object.get_mut(&part)?,
            Value::Array(items) => {
                let index = present(items.len(), &part).ok()?;
                items.get_mut(index)?
            }
            _ => return None,
        };
    }
    let container = match value {
        Value::Object(object) => Container::Object(object),
        Value::Array(items) => Container::Array(items),
        _ => return None,
    };
    Some((container, unescape(key)))
}

fn unescape(part: &str) -> String {
    // In one pass: what `~0` becomes is not looked at again.
    let mut out = String::with_capacity(part.len());
    let mut rest = part;
    while let Some(tilde) = rest.find('~') {
        out.push_str(&rest[..tilde]);
        rest = &rest[tilde + 1..];
        let (c, after) = match rest.as_bytes().first() {
            Some(b'1') => ('/', &rest[1..]),
            Some(b'0') => ('~', &rest[1..]),
            _ => ('~', rest),
        };
        out.push(c);
        rest = after;
    }
    out.push_str(rest);
    out
}

impl Container<'_> {
    fn get(&self, key: &str) -> Result<&Value> {
        let found = match self {
            Self::Object(object) => object.get(key),
            Self::Array(items) => items.get(present(items.len(), key)?),
        };
        found.ok_or_else(|| Error::new(format!("unable to get nonexistent key: {key}: {MISSING}")))
    }

    fn add(self, key: &str, value: Value) -> Result<()> {
        match self {
            Self::Object(object) => {
                object.insert(key.to_owned(), value);
            }
            Self::Array(items) if key == "-" => items.push(value),
            Self::Array(items) => {
                let index = number(key).map_err(|error| {
                    error.context(format!("value was not a proper array index: '{key}'"))
                })?;
                items.insert(within(items.len() + 1, index)?, value);
            }
        }
        Ok(())
    }

    fn remove(&mut self, key: &str) -> Result<Value> {
        match self {
            Self::Object(object) => object.remove(key).ok_or_else(|| {
                Error::new(format!("unable to remove nonexistent key: {key}: {MISSING}"))
            }),
            Self::Array(items) => Ok(items.remove(present(items.len(), key)?)),
        }
    }
}

/// The position that a key names among so many items; a negative one counts from the end.
fn present(count: usize, key: &str) -> Result<usize> {
    within(count, number(key)?)
}

fn within(count: usize, index: i64) -> Result<usize> {
    let position = match usize::try_from(index) {
        Ok(position) => Some(position),
        Err(_) => usize::try_from(index.unsigned_abs())
            .ok()
            .and_then(|from_end| count.checked_sub(from_end)),
    };
    position
        .filter(|position| *position < count)
        .ok_or_else(|| Error::new(format!("Unable to access invalid index: {index}: {BAD_INDEX}")))
}

/// Go's `strconv.Atoi`.
fn number(key: &str) -> Result<i64> {
    key.parse().map_err(|_| {
        Error::new(format!("strconv.Atoi: parsing {}: invalid syntax", crate::go_text::quote(key)))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(document: Value, operation: Value, expected: std::result::Result<Value, &str>) {
        let Value::Object(operation) = operation else { panic!("an operation is an object") };
        let mut document = document;
        let result = apply(&mut document, &[operation]);
        let result = result.map(|()| document).map_err(|error| error.chain());
        assert_eq!(result, expected.map_err(str::to_owned));
    }

    #[test]
    fn operations_are_as_lenient_as_upstream_s() {
        let list = || json!({"a": [1, 2, 3]});
        check(
            list(),
            json!({"op": "add", "path": "/a/-1", "value": 9}),
            Ok(json!({"a": [1, 2, 3, 9]})),
        );
        check(list(), json!({"op": "remove", "path": "/a/-1"}), Ok(json!({"a": [1, 2]})));
        check(
            list(),
            json!({"op": "add", "path": "/a/-", "value": 9}),
            Ok(json!({"a": [1, 2, 3, 9]})),
        );
        check(
            json!({"b": 0}),
            json!({"op": "replace", "path": "/b", "value": 1}),
            Ok(json!({"b": 1})),
        );
        check(json!({}), json!({"op": "test", "path": "/b", "value": null}), Ok(json!({})));
        check(
            json!({"a/b": {"m~n": 1}}),
            json!({"op": "move", "from": "/a~1b/m~0n", "path": "/c"}),
            Ok(json!({"a/b": {}, "c": 1})),
        );
    }

    #[test]
    fn a_value_that_is_copied_into_itself_does_not_grow_without_end() {
        let copy = json!({"op": "copy", "from": "/a", "path": "/a/-"});
        let Value::Object(copy) = copy else { panic!("an operation is an object") };
        let mut document = json!({"a": [1]});
        assert!(apply(&mut document, &vec![copy; 100]).is_err());
    }

    #[test]
    fn failures_are_worded_as_upstream_s() {
        check(
            json!({}),
            json!({"op": "remove", "path": "/a"}),
            Err(
                "error in remove for path: '/a': unable to remove nonexistent key: a: missing value",
            ),
        );
        check(
            json!({"a": []}),
            json!({"op": "add", "path": "/a/x", "value": 1}),
            Err(
                "error in add for path: '/a/x': value was not a proper array index: 'x': strconv.Atoi: parsing \"x\": invalid syntax",
            ),
        );
        check(
            json!({"a": 1}),
            json!({"op": "test", "path": "/a", "value": 2}),
            Err("testing value /a failed: test failed"),
        );
        check(
            json!({}),
            json!({"op": "replace", "path": "/b", "value": 1}),
            Err("replace operation does not apply: doc is missing key: /b: missing value"),
        );
        check(
            json!({}),
            json!({"op": "copy", "from": "/x", "path": "/b"}),
            Err("error in copy for from: '/x': unable to get nonexistent key: x: missing value"),
        );
        check(json!({}), json!({"op": "jump", "path": "/a"}), Err("Unexpected kind: jump"));
    }
}
