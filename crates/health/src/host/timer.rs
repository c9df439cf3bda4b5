//! `Timer`: healthy when its last run succeeded, or none was due yet.
//! Status: `phase` (`Waiting`, `Running`), `lastRun.ok`, and the fields of a task for that run.

use serde_json::Value;
use trueup_model::{Health, HealthStatus};

use super::ending;
use crate::text;

pub(super) fn of(document: &Value) -> Health {
    let last_failed = document.pointer("/status/lastRun/ok") == Some(&Value::Bool(false));
    match text(document, "/status/phase") {
        "Waiting" | "Running" if last_failed => {
            Health::new(HealthStatus::Degraded, failure(document))
        }
        "Waiting" | "Running" => Health::healthy(),
        _ => Health::new(HealthStatus::Missing, "it does not run"),
    }
}

fn failure(document: &Value) -> String {
    match text(document, "/status/message") {
        "" => format!("its last run {}", ending(document, "/status/lastExit")),
        message => format!("its last run failed: {message}"),
    }
}
