//! The kinds that are served: those built in, and those that definitions add.

use std::sync::Arc;

use serde_json::Value;

use super::schema::Schema;

/// One version of a kind.
#[derive(Clone, Debug, Default)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: String,
    /// Version.
    pub version: String,
    /// As in paths: `deployments`.
    pub plural: String,
    /// `Deployment`.
    pub kind: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether it has a status of its own.
    pub status: bool,
    /// Whether it can be scaled.
    pub scale: bool,
    /// The schema of its definition; `None` for what is built in.
    pub schema: Option<Arc<Value>>,
}

impl Kind {
    /// `deployments.apps`, as messages name it.
    pub fn resource(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// How its fields merge.
    pub fn merging(&self) -> Schema<'_> {
        self.schema.as_deref().map_or(Schema::BUILTIN, Schema::Custom)
    }

    /// Whether changes of what is wanted are counted.
    pub fn counts_generations(&self) -> bool {
        self.schema.is_some()
            || matches!(
                self.group.as_str(),
                "apps"
                    | "batch"
                    | "networking.k8s.io"
                    | "policy"
                    | "apiextensions.k8s.io"
                    | "admissionregistration.k8s.io"
            )
    }
}

/// Group, version, then the kinds: name in paths, kind, where (`n`amespace or `c`luster), and
/// whether it has a `s`tatus and can be `z`oomed by the scale subresource.
type Table = &'static [(
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str, &'static str)],
)];

const BUILT_IN: Table = &[
    (
        "",
        "v1",
        &[
            ("configmaps", "ConfigMap", "n"),
            ("endpoints", "Endpoints", "n"),
            ("events", "Event", "n"),
            ("limitranges", "LimitRange", "n"),
            ("namespaces", "Namespace", "cs"),
            ("nodes", "Node", "cs"),
            ("persistentvolumeclaims", "PersistentVolumeClaim", "ns"),
            ("persistentvolumes", "PersistentVolume", "cs"),
            ("pods", "Pod", "ns"),
            ("resourcequotas", "ResourceQuota", "ns"),
            ("secrets", "Secret", "n"),
            ("serviceaccounts", "ServiceAccount", "n"),
            ("services", "Service", "ns"),
        ],
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        &[
            ("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", "c"),
            ("validatingwebhookconfigurations", "ValidatingWebhookConfiguration", "c"),
        ],
    ),
    (
        "apiextensions.k8s.io",
        "v1",
        &[("customresourcedefinitions", "CustomResourceDefinition", "cs")],
    ),
    (
        "apps",
        "v1",
        &[
            ("daemonsets", "DaemonSet", "ns"),
            ("deployments", "Deployment", "nsz"),
            ("replicasets", "ReplicaSet", "nsz"),
            ("statefulsets", "StatefulSet", "nsz"),
        ],
    ),
    ("autoscaling", "v2", &[("horizontalpodautoscalers", "HorizontalPodAutoscaler", "ns")]),
    ("batch", "v1", &[("cronjobs", "CronJob", "ns"), ("jobs", "Job", "ns")]),
    ("discovery.k8s.io", "v1", &[("endpointslices", "EndpointSlice", "n")]),
    (
        "networking.k8s.io",
        "v1",
        &[("ingresses", "Ingress", "ns"), ("networkpolicies", "NetworkPolicy", "n")],
    ),
    ("policy", "v1", &[("poddisruptionbudgets", "PodDisruptionBudget", "ns")]),
    (
        "rbac.authorization.k8s.io",
        "v1",
        &[
            ("clusterrolebindings", "ClusterRoleBinding", "c"),
            ("clusterroles", "ClusterRole", "c"),
            ("rolebindings", "RoleBinding", "n"),
            ("roles", "Role", "n"),
        ],
    ),
    ("storage.k8s.io", "v1", &[("storageclasses", "StorageClass", "c")]),
];

/// What every cluster serves.
pub fn built_in() -> Vec<Arc<Kind>> {
    let mut all = Vec::new();
    for (group, version, kinds) in BUILT_IN {
        for (plural, kind, traits) in *kinds {
            all.push(Arc::new(Kind {
                group: (*group).to_owned(),
                version: (*version).to_owned(),
                plural: (*plural).to_owned(),
                kind: (*kind).to_owned(),
                namespaced: traits.starts_with('n'),
                status: traits.contains('s'),
                scale: traits.contains('z'),
                schema: None,
            }));
        }
    }
    all
}
