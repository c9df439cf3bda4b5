//! What is remembered, where, and how much of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trueup_model::app::Duration;

use super::SecretSource;

/// What is remembered, where, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Ledger {
    /// `postgres://user@host/database`; left out: a file in the state folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The password for the ledger, where its URL holds none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretSource>,
    /// Of how many applied states of each app the contents are kept, beside the last healthy one;
    /// older ones are kept by digest.
    pub keep: u32,
    /// How often what need not be kept is dropped.
    pub sweep: Duration,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { url: None, password: None, keep: 50, sweep: Duration::from_secs(3600) }
    }
}
