//! Which Helm is reproduced.
//!
//! Helm 3.17.2 and Helm 4.1.4 render the same charts to the same bytes but for a short list of
//! differences. Everything on that list asks the [`Profile`] here, so that the list can be read by
//! searching for its uses.

/// The version of Helm whose output is reproduced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Helm 3.17.2.
    Helm3,
    /// Helm 4.1.4.
    #[default]
    Helm4,
}

impl Profile {
    /// The profile of that name: `helm3` or `helm4`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "helm3" => Some(Self::Helm3),
            "helm4" => Some(Self::Helm4),
            _ => None,
        }
    }

    /// The name that [`Profile::parse`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Helm3 => "helm3",
            Self::Helm4 => "helm4",
        }
    }

    /// The kinds in the order in which they are installed; kinds that are not listed come after
    /// these, by name. Helm 4 added the two webhook configurations.
    pub(crate) fn install_order(self) -> &'static [&'static str] {
        match self {
            Self::Helm3 => &INSTALL_ORDER[..INSTALL_ORDER.len() - 2],
            Self::Helm4 => &INSTALL_ORDER,
        }
    }
}

/// `InstallOrder` of Helm 4.1.4; Helm 3.17.2 has all but the last two.
const INSTALL_ORDER: [&str; 38] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];
