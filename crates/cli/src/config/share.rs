//! Several controllers that share the apps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where controllers that share the apps meet. All of them need one ledger (PostgreSQL): what one
/// leaves, the next one takes up as its record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sharing {
    /// The namespace in which their Leases lie. Left out: that of our own pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Context of the kubeconfig of the cluster that holds the Leases. Left out: the current one, or
    /// the cluster that we run in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// What they are called together: those with another name do not share with us.
    #[serde(default = "usual_name")]
    pub name: String,
}

fn usual_name() -> String {
    "trueup".to_owned()
}
