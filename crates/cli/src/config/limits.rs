//! How much is done and read at most.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trueup_model::app::Duration;

/// How much is done and read at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// How many apps are looked at at once; one repository or target takes at most half of what the
    /// others leave.
    pub apps_at_once: u32,
    /// The largest file of a repository that is read, in MiB.
    pub file_size: u32,
    /// How much one fetch may bring, in MiB.
    pub fetch_size: u32,
    /// How long one fetch may take.
    pub fetch_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            apps_at_once: 32,
            file_size: 512,
            fetch_size: 4096,
            fetch_time: Duration::from_secs(300),
        }
    }
}
