//! How often things are looked at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trueup_model::app::Duration;

/// How often things are looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Intervals {
    /// A remote repository is asked for news.
    pub poll: Duration,
    /// An app is looked at though nothing happened.
    pub resync: Duration,
    /// What failed is tried again; doubles up to three minutes, for repositories up to `poll`.
    pub retry: Duration,
}

impl Default for Intervals {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(60),
            resync: Duration::from_secs(3600),
            retry: Duration::from_secs(2),
        }
    }
}
