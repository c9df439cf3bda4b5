//! Reading live documents: what is missing is a default, never an error.

use serde_json::Value;

/// The text at a JSON pointer, or nothing.
pub(crate) fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a JSON pointer, if there is one.
pub(crate) fn number(document: &Value, pointer: &str) -> Option<i64> {
    document.pointer(pointer).and_then(Value::as_i64)
}

/// The elements of the list at a JSON pointer.
pub(crate) fn list<'a>(document: &'a Value, pointer: &str) -> &'a [Value] {
    document.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The group of a document's `apiVersion`; empty for Kubernetes' core group.
pub(crate) fn group(document: &Value) -> &str {
    text(document, "/apiVersion").split_once('/').map_or("", |(group, _)| group)
}

/// One of `status.conditions`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Condition<'a> {
    pub kind: &'a str,
    pub status: &'a str,
    pub reason: &'a str,
    pub message: &'a str,
}

impl<'a> Condition<'a> {
    /// Reads one; what is missing is empty.
    pub fn of(value: &'a Value) -> Self {
        let field = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        Self {
            kind: field("type"),
            status: field("status"),
            reason: field("reason"),
            message: field("message"),
        }
    }

    pub fn is_true(self) -> bool {
        self.status == "True"
    }

    pub fn is_false(self) -> bool {
        self.status == "False"
    }
}

/// The conditions of a document, in order.
pub(crate) fn conditions(document: &Value) -> impl Iterator<Item = Condition<'_>> {
    list(document, "/status/conditions").iter().map(Condition::of)
}

/// The first condition of a type.
pub(crate) fn condition<'a>(document: &'a Value, kind: &str) -> Option<Condition<'a>> {
    conditions(document).find(|condition| condition.kind == kind)
}
