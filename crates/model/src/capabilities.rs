//! What a target is and can do: an input of rendering and planning that is not a commit.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which target this is. Plans, inventories and approvals hold it; another one is refused.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct TargetId {
    /// `host` or `kubernetes`.
    pub kind: String,
    /// What cannot be copied by accident: the uid of the `kube-system` namespace; machine-id and
    /// state folder.
    pub identity: String,
}

/// What is known of one kind of resource in a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KindInfo {
    /// Versions served, the preferred one first.
    pub versions: Vec<String>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

/// What a target is and can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Which target answered.
    pub target: TargetId,
    /// Kubernetes version, `v1.37.2`; empty on a host.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kube_version: String,
    /// `group/version` and `group/version/Kind`, as Helm's `.Capabilities.APIVersions` wants them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_versions: Vec<String>,
    /// Known kinds by `group/Kind` (`/Service` in the core group). A kind that is not in it may
    /// still come: its definition may be part of the app.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<String, KindInfo>,
    /// Groups that did not answer: kinds in them are unknown, not absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unanswered_groups: Vec<String>,
}

impl Capabilities {
    /// Capabilities of a target about which nothing more is known.
    pub fn bare(kind: &str, identity: &str) -> Self {
        Self {
            target: TargetId { kind: kind.to_owned(), identity: identity.to_owned() },
            kube_version: String::new(),
            api_versions: Vec::new(),
            kinds: BTreeMap::new(),
            unanswered_groups: Vec::new(),
        }
    }

    /// What is known of a kind.
    pub fn kind(&self, group: &str, kind: &str) -> Option<&KindInfo> {
        self.kinds.get(&format!("{group}/{kind}"))
    }
}
