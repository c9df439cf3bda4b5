//! Which kinds a cluster serves, as its discovery documents say.

use std::collections::BTreeMap;

use serde_json::Value;
use trueup_model::capabilities::{KindInfo, TargetId};
use trueup_model::{Capabilities, ResourceId};

/// One version of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// API group.
    pub group: String,
    /// Version.
    pub version: String,
    /// Resource name, as in paths: `deployments`.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

impl Served {
    /// Where its objects are, in one namespace or in all.
    pub fn collection(&self, namespace: Option<&str>) -> String {
        let root = match self.group.as_str() {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        match namespace.filter(|namespace| self.namespaced && !namespace.is_empty()) {
            Some(namespace) => {
                format!("{root}/namespaces/{}/{}", crate::wire::escape(namespace), self.plural)
            }
            None => format!("{root}/{}", self.plural),
        }
    }

    /// Where one object is.
    pub fn path(&self, id: &ResourceId) -> String {
        format!("{}/{}", self.collection(Some(&id.namespace)), crate::wire::escape(&id.name))
    }
}

/// Why a kind cannot be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotServed {
    /// Its group did not answer: nothing can be said.
    Unanswered(String),
    /// The cluster does not know the kind.
    Kind(String),
    /// It knows it, at other versions.
    Version(String),
}

impl NotServed {
    /// Why, in words.
    pub fn message(&self) -> &str {
        match self {
            Self::Unanswered(text) | Self::Kind(text) | Self::Version(text) => text,
        }
    }
}

/// What a cluster serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    version: String,
    kinds: BTreeMap<(String, String), Vec<Served>>,
    group_versions: Vec<String>,
    unanswered: Vec<String>,
}

impl Catalog {
    /// Of an API server of this version; nothing is served yet.
    pub fn of_version(version: &str) -> Self {
        Self { version: version.to_owned(), ..Self::default() }
    }

    /// Takes in an `APIGroupDiscoveryList` (`/api` and `/apis` answer one each).
    pub fn add_aggregated(&mut self, list: &Value) {
        for group in array(list, "/items") {
            let name = text(group, "/metadata/name");
            for version in array(group, "/versions") {
                if text(version, "/freshness") == "Stale" {
                    self.add_unanswered(name);
                }
                let at = text(version, "/version");
                self.add_version(name, at);
                for resource in array(version, "/resources") {
                    let kind = text(resource, "/responseKind/kind");
                    let plural = text(resource, "/resource");
                    let namespaced = text(resource, "/scope") == "Namespaced";
                    self.add_kind(name, at, kind, plural, namespaced);
                }
            }
        }
    }

    /// Takes in a plain `APIResourceList` of one group and version.
    pub fn add_plain(&mut self, group: &str, version: &str, list: &Value) {
        self.add_version(group, version);
        for resource in array(list, "/resources") {
            let plural = text(resource, "/name");
            let namespaced = resource.pointer("/namespaced") == Some(&Value::Bool(true));
            self.add_kind(group, version, text(resource, "/kind"), plural, namespaced);
        }
    }

    /// Notes a group that did not answer.
    pub fn add_unanswered(&mut self, group: &str) {
        if !self.unanswered.iter().any(|other| other == group) {
            self.unanswered.push(group.to_owned());
        }
    }

    fn add_version(&mut self, group: &str, version: &str) {
        let name = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        self.group_versions.push(name);
    }

    /// Subresources (`deployments/scale`) are no kinds of their own.
    fn add_kind(&mut self, group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) {
        if kind.is_empty() || plural.is_empty() || plural.contains('/') {
            return;
        }
        let served = Served {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: plural.to_owned(),
            namespaced,
        };
        self.kinds.entry((group.to_owned(), kind.to_owned())).or_default().push(served);
    }

    /// How a kind is reached at the version a resource was declared or applied at.
    pub fn find(&self, id: &ResourceId, api_version: &str) -> Result<&Served, NotServed> {
        let version = api_version.rsplit('/').next().unwrap_or(api_version);
        let versions = self.kinds.get(&(id.group.clone(), id.kind.clone()));
        if let Some(served) = versions.and_then(|all| all.iter().find(|s| s.version == version)) {
            return Ok(served);
        }
        if self.unanswered.contains(&id.group) {
            return Err(NotServed::Unanswered(format!(
                "API group {} does not answer; `kubectl get apiservices` says why",
                id.group
            )));
        }
        match versions {
            Some(all) => {
                let served: Vec<&str> = all.iter().map(|s| s.version.as_str()).collect();
                Err(NotServed::Version(format!(
                    "{} is not served at {api_version}; the cluster serves it at {}",
                    id.kind,
                    served.join(", ")
                )))
            }
            None => Err(NotServed::Kind(format!(
                "the cluster knows no {} at {api_version}; is its CustomResourceDefinition missing?",
                id.kind
            ))),
        }
    }

    /// Whether this version of a group is served: entries of managedFields at others are stale.
    pub fn serves(&self, api_version: &str) -> bool {
        self.group_versions.iter().any(|served| served == api_version)
    }

    /// As what rendering and admission are told.
    pub fn capabilities(&self, identity: String) -> Capabilities {
        let mut api_versions = self.group_versions.clone();
        let mut kinds = BTreeMap::new();
        for ((group, kind), served) in &self.kinds {
            let at = |s: &Served| match group.as_str() {
                "" => format!("{}/{kind}", s.version),
                group => format!("{group}/{}/{kind}", s.version),
            };
            api_versions.extend(served.iter().map(at));
            let info = KindInfo {
                versions: served.iter().map(|s| s.version.clone()).collect(),
                namespaced: served.iter().any(|s| s.namespaced),
            };
            kinds.insert(format!("{group}/{kind}"), info);
        }
        api_versions.sort_unstable();
        api_versions.dedup();
        Capabilities {
            target: TargetId { kind: "kubernetes".to_owned(), identity },
            kube_version: self.version.clone(),
            api_versions,
            kinds,
            unanswered_groups: self.unanswered.clone(),
        }
    }
}

fn array<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        catalog.add_aggregated(&json!({"items": [
            {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "freshness": "Current",
                "resources": [{"resource": "deployments", "scope": "Namespaced",
                    "responseKind": {"group": "", "version": "", "kind": "Deployment"}}]}]},
            {"metadata": {"name": "metrics.k8s.io"}, "versions":
                [{"version": "v1beta1", "freshness": "Stale"}]},
        ]}));
        catalog.add_plain(
            "",
            "v1",
            &json!({"resources": [
                {"name": "namespaces", "kind": "Namespace", "namespaced": false},
                {"name": "namespaces/status", "kind": "Namespace", "namespaced": false},
            ]}),
        );
        catalog
    }

    #[test]
    fn kinds_are_found_at_their_version() {
        let catalog = catalog();
        let web = ResourceId::new("apps", "Deployment", "shop", "web");
        let path = catalog.find(&web, "apps/v1").map(|served| served.path(&web));
        assert_eq!(path.as_deref(), Ok("/apis/apps/v1/namespaces/shop/deployments/web"));
        let shop = ResourceId::new("", "Namespace", "", "shop");
        let path = catalog.find(&shop, "v1").map(|served| served.path(&shop));
        assert_eq!(path.as_deref(), Ok("/api/v1/namespaces/shop"));
    }

    #[test]
    fn what_is_not_served_says_why() {
        let catalog = catalog();
        let find = |group: &str, kind: &str, api_version: &str| {
            catalog.find(&ResourceId::new(group, kind, "x", "y"), api_version).map(|_| ())
        };
        assert!(matches!(find("apps", "Deployment", "apps/v1beta1"), Err(NotServed::Version(_))));
        assert!(matches!(find("x.io", "X", "x.io/v1"), Err(NotServed::Kind(_))));
        let unanswered = find("metrics.k8s.io", "NodeMetrics", "metrics.k8s.io/v1beta1");
        assert!(matches!(unanswered, Err(NotServed::Unanswered(_))));
    }

    #[test]
    fn capabilities_are_as_helm_wants_them() {
        let capabilities = catalog().capabilities("uid".to_owned());
        assert_eq!(
            capabilities.api_versions,
            ["apps/v1", "apps/v1/Deployment", "metrics.k8s.io/v1beta1", "v1", "v1/Namespace"]
        );
        assert_eq!(capabilities.unanswered_groups, ["metrics.k8s.io"]);
    }
}
