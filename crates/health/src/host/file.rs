//! `File` and `Directory`: healthy when what stands there is what was written.
//! Status: `differs`, a clause that says how it is not.

use serde_json::Value;
use trueup_model::{Health, HealthStatus};

use crate::text;

pub(super) fn of(document: &Value) -> Health {
    match text(document, "/status/differs") {
        "" => Health::healthy(),
        why => Health::new(HealthStatus::Degraded, why),
    }
}
