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

pub mod argocd;
mod document;
pub mod host;
pub mod kstatus;
pub mod kubernetes;

use jiff::Timestamp;
use serde_json::Value;
use trueup_model::Health;
use trueup_model::kinds::HOST_GROUP;

pub(crate) use document::text;

/// How the resource of this document does, as of `now`. A document that has no rule is healthy when
/// it exists: there is nothing in it that could say otherwise.
pub fn at(document: &Value, now: Timestamp) -> Health {
    match document::group(document) {
        HOST_GROUP => host::of(document),
        _ => kubernetes::of(document, now),
    }
}

/// How a host resource, or an object whose age does not matter, does.
pub fn of(document: &Value) -> Health {
    at(document, Timestamp::UNIX_EPOCH)
}

/// The number at a JSON pointer, or 0.
pub(crate) fn number(document: &Value, pointer: &str) -> i64 {
    document::number(document, pointer).unwrap_or_default()
}
