//! How one resource does, and why: a pure function from a live document with its `status` to a
//! [`Health`].
//!
//! Targets call it while they observe, so that the planner and the loop see health values and know
//! no kinds. Each kind has a file of its own, named after it; a new rule is a new file and one line
//! in the table of its group. The reason is written for the person on call: what is wrong, in the
//! words of the target, with the number, exit code or log line that says it.
//!
//! Nothing here has a clock. What depends on time (a deadline that passed) is either in the
//! document, because its controller says so, or is decided by the planner, which is given the time.

pub mod host;

use serde_json::Value;
use trueup_model::Health;
use trueup_model::kinds::HOST_GROUP;

/// How the resource of this document does. A document that has no rule is healthy when it exists:
/// there is nothing in it that could say otherwise.
pub fn of(document: &Value) -> Health {
    match group(document) {
        HOST_GROUP => host::of(document),
        _ => Health::healthy(),
    }
}

/// The group of a document's `apiVersion`; empty for Kubernetes' core group.
fn group(document: &Value) -> &str {
    let api_version = text(document, "/apiVersion");
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// The text at a JSON pointer, or nothing.
pub(crate) fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a JSON pointer, or 0.
pub(crate) fn number(document: &Value, pointer: &str) -> i64 {
    document.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}
