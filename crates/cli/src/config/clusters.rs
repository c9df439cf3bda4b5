//! Clusters by name.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trueup_kubernetes::{ClusterSecret, Connection};

use super::MachinePath;

/// How a cluster is reached that Apps name (`target.kubernetes.cluster`). A name that is not listed
/// is a context of the kubeconfig; or, in a pod, the Secret of its namespace that has the label
/// `trueup.dev/cluster` with this name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cluster {
    /// What Apps call it.
    pub name: String,
    /// A kubeconfig; left out: the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<MachinePath>,
    /// Its context; left out: the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// A Secret with a kubeconfig under the key `kubeconfig`, in the cluster that the fields above
    /// lead to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretName>,
    /// For AppSets to choose by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// The way to the cluster that an App names, or to the usual one.
pub fn connection(clusters: &[Cluster], named: Option<&str>) -> Connection {
    let listed = clusters.iter().find(|cluster| Some(cluster.name.as_str()) == named);
    let Some(cluster) = listed else {
        return Connection { context: named.map(str::to_owned), ..Connection::default() };
    };
    let secret = cluster.secret.as_ref().map(|secret| ClusterSecret {
        namespace: secret.namespace.clone(),
        name: secret.name.clone(),
    });
    Connection {
        kubeconfig: cluster.kubeconfig.as_ref().map(|path| path.as_path().to_owned()),
        context: cluster.context.clone(),
        secret,
    }
}
