//! `trueup.yaml`: how this machine lets TrueUp reach things. It never says what is desired; that is
//! Git's to say.
//!
//! There are three sources, and a later one wins field by field: what is built in, the first file of
//! `--config`, `$TRUEUP_CONFIG`, `trueup/trueup.yaml` below the user's configuration folder and
//! `/etc/trueup/trueup.yaml` that is there, and the command line (`--configure FIELD=VALUE`, `--state`).
//! Each source is checked for itself, so that an error names the line or flag that is wrong.
//!
//! A section is a file here and a field of [`Config`]. All of it is plain values: what a section
//! means for an adapter is said where the adapters are wired together, in `state.rs`.

mod clusters;
mod credentials;
mod host;
mod intervals;
mod ledger;
mod limits;
mod path;
mod read;
mod secret;
mod share;
mod telemetry;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use clusters::{Cluster, connection};
pub use credentials::CredentialRule;
pub use host::Host;
pub use intervals::Intervals;
pub use ledger::Ledger;
pub use limits::Limits;
pub use path::MachinePath;
pub use read::{Given, Loaded};
pub use secret::SecretSource;
pub use share::Sharing;
pub use telemetry::{LogFormat, LogLevel, Telemetry, Traces};

/// The controller's configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// `trueup.dev/v1`; may be left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<ApiVersion>,
    /// `Config`; may be left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The state folder; left out: `trueup` below the user's state folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<MachinePath>,
    /// What is remembered, where, and how much of it.
    pub ledger: Ledger,
    /// What repositories may do on this machine.
    pub host: Host,
    /// How servers are reached, by the beginning of their URLs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CredentialRule>,
    /// The clusters that Apps name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<Cluster>,
    /// How often things are looked at.
    pub intervals: Intervals,
    /// How much is done and read at most.
    pub limits: Limits,
    /// The HTTP listener: health, metrics, the read-only API, webhooks.
    pub listen: trueup_server::Listen,
    /// The secrets by which webhooks are known to be genuine.
    pub webhooks: trueup_server::Webhooks,
    /// Who is told of what.
    pub notifications: trueup_controller::notify::Notifications,
    /// What is logged, and where traces go.
    pub telemetry: Telemetry,
    /// Other controllers that keep the same apps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Sharing>,
}

/// The version this document may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// The only one.
    #[serde(rename = "trueup.dev/v1")]
    V1,
}

/// The kind this document may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Kind {
    /// The only one.
    Config,
}
