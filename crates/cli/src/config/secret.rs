//! Where secrets come from: never from this file itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trueup_http::SecretFrom;

use super::MachinePath;

/// Where a secret is read each time it is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SecretSource {
    /// A file.
    File(MachinePath),
    /// A variable of the environment that TrueUp is started with.
    Env(String),
    /// What a command prints, given with its arguments.
    Command(Vec<String>),
}

impl From<&SecretSource> for SecretFrom {
    fn from(source: &SecretSource) -> Self {
        match source {
            SecretSource::File(path) => Self::File(path.as_path().to_owned()),
            SecretSource::Env(name) => Self::Environment(name.clone()),
            SecretSource::Command(command) => Self::Command(command.clone()),
        }
    }
}
