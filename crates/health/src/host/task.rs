//! `Task`: healthy when its last run succeeded.
//! Status: `phase` (`Running`, `Succeeded`, `Failed`), `lastExit`, `lastLine`, and `message` where
//! it was not the command's own end (a timeout, a crash).

use serde_json::Value;
use trueup_model::{Health, HealthStatus};

use super::ending;
use crate::text;

pub(super) fn of(document: &Value) -> Health {
    match text(document, "/status/phase") {
        "Succeeded" => Health::healthy(),
        "Running" => Health::new(HealthStatus::Progressing, "it is running"),
        "Failed" => Health::new(HealthStatus::Degraded, failure(document)),
        _ => Health::new(HealthStatus::Missing, "it has not run yet"),
    }
}

/// Why a run failed.
pub(super) fn failure(document: &Value) -> String {
    match text(document, "/status/message") {
        "" => format!("it {}", ending(document, "/status/lastExit")),
        message => message.to_owned(),
    }
}
