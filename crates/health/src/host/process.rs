//! `Process`: healthy when it runs and its probes pass; degraded when it gave up or keeps
//! restarting.
//!
//! Status, as its shim writes it: `phase` (`Starting`, `Running`, `Ready`, `NotReady`, `Backoff`,
//! `Stopping`, `Stopped`, `Completed`, `GaveUp`, `Failed`), `failures` (ends in a row without it
//! having run well between), `lastExit` (`code` or `signal`), `lastLine`, `probe` (what the probe
//! last said against it), `message` (where it could not be started) and `notes` (what is not as it
//! should be and yet no reason to be unwell: a limit that cannot be set here).

use serde_json::Value;
use trueup_model::{Health, HealthStatus};

use super::ending;
use crate::{number, text};

/// After so many ends in a row it "keeps restarting": one can be chance, and two can be a
/// dependency that was not there yet.
const KEEPS_RESTARTING: i64 = 3;

pub(super) fn of(document: &Value) -> Health {
    let failures = number(document, "/status/failures");
    match text(document, "/status/phase") {
        "Ready" | "Running" => {
            Health::new(HealthStatus::Healthy, text(document, "/status/notes/0"))
        }
        "Completed" => Health::new(HealthStatus::Healthy, "it ended with success"),
        "Starting" | "Backoff" if failures >= KEEPS_RESTARTING => Health::new(
            HealthStatus::Degraded,
            format!("it keeps restarting ({failures} times): it {}", ended(document)),
        ),
        "Starting" => Health::new(
            HealthStatus::Progressing,
            with_probe(document, "it is starting; its probe says", "it is starting"),
        ),
        "Backoff" => Health::new(
            HealthStatus::Progressing,
            format!("it {}; it is started again soon", ended(document)),
        ),
        "NotReady" => Health::new(
            HealthStatus::Degraded,
            with_probe(document, "it runs and is not ready", "it runs and is not ready"),
        ),
        "GaveUp" => Health::new(
            HealthStatus::Degraded,
            format!("it {}, and its restart policy does not start it again", ended(document)),
        ),
        "Failed" => Health::new(HealthStatus::Degraded, text(document, "/status/message")),
        "Stopping" => Health::new(HealthStatus::Progressing, "it is stopping"),
        "Stopped" => Health::new(HealthStatus::Missing, "it is stopped"),
        _ => Health::new(HealthStatus::Missing, "it does not run"),
    }
}

/// How it ended, or why it could not be started at all.
fn ended(document: &Value) -> String {
    match text(document, "/status/message") {
        "" => ending(document, "/status/lastExit"),
        message => format!("could not be started: {message}"),
    }
}

fn with_probe(document: &Value, lead: &str, otherwise: &str) -> String {
    match text(document, "/status/probe") {
        "" => otherwise.to_owned(),
        probe => format!("{lead}: {probe}"),
    }
}
