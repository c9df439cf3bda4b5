//! What resources are called: group, version and kind; and with name and namespace, an id.
//!
//! Two ids are the same when their *effective* namespaces are: an empty namespace is `default`, and
//! a kind that is known to be cluster-scoped has none, whatever its manifest says.

use std::fmt;

use crate::decode::go_struct;

/// Group, version and kind of a resource. As a selector, an empty part matches anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Gvk {
    /// API group; empty for the core group.
    pub group: String,
    /// API version within the group.
    pub version: String,
    /// Kind.
    pub kind: String,
}

go_struct!(Gvk, "Gvk", "resid.Gvk", {
    "group" at "group" => group,
    "version" at "version" => version,
    "kind" at "kind" => kind,
});

/// The effective namespace of what has none.
pub const CLUSTER_SCOPED: &str = "_non_namespaceable_";
/// The effective namespace of what names none but could.
pub const DEFAULT_NAMESPACE: &str = "default";

impl Gvk {
    /// From the `apiVersion` and `kind` fields of a manifest.
    pub fn new(api_version: &str, kind: &str) -> Self {
        let (group, version) = split_api_version(api_version);
        Self { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
    }

    /// A selector for one kind.
    pub fn of_kind(kind: &str) -> Self {
        Self { kind: kind.to_owned(), ..Self::default() }
    }

    /// The `apiVersion` field.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Whether `selector` covers this: each of its parts is empty or the same.
    pub fn is_selected(&self, selector: &Gvk) -> bool {
        covers(&selector.group, &self.group)
            && covers(&selector.version, &self.version)
            && covers(&selector.kind, &self.kind)
    }

    /// The text that legacy orders compare, with `~G`, `~V` and `~K` for what is empty.
    pub(crate) fn sort_text(&self) -> String {
        let or = |part: &'_ str, none: &'static str| -> String {
            if part.is_empty() { none.to_owned() } else { part.to_owned() }
        };
        [or(&self.group, "~G"), or(&self.version, "~V"), or(&self.kind, "~K")].join("_")
    }

    /// Group, version and kind joined by `_`, without the empty ones; used in file names.
    pub fn file_text(&self) -> String {
        let parts = [&self.group, &self.version, &self.kind];
        let parts: Vec<&str> =
            parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        parts.join("_")
    }
}

fn covers(selector: &str, part: &str) -> bool {
    selector.is_empty() || selector == part
}

/// Splits an `apiVersion` at its first slash into group and version.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

fn or_placeholder<'a>(part: &'a str, placeholder: &'static str) -> &'a str {
    if part.is_empty() { placeholder } else { part }
}

impl fmt::Display for Gvk {
    /// `Kind.version.group`, with `[noGrp]` and the like for what is empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = or_placeholder(&self.kind, "[noKind]");
        let version = or_placeholder(&self.version, "[noVer]");
        let group = or_placeholder(&self.group, "[noGrp]");
        write!(f, "{kind}.{version}.{group}")
    }
}

/// A resource's identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResId {
    /// Its type.
    pub gvk: Gvk,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`, as written.
    pub namespace: String,
    /// Whether its type is known to have no namespaces.
    pub cluster_scoped: bool,
}

go_struct!(ResId, "ResId", "resid.ResId", {
    "group" at "Gvk.group" => gvk.group,
    "version" at "Gvk.version" => gvk.version,
    "kind" at "Gvk.kind" => gvk.kind,
    "name" at "name" => name,
    "namespace" at "namespace" => namespace,
});

impl ResId {
    /// The namespace that tells resources apart; never empty.
    pub fn effective_namespace(&self) -> &str {
        if self.cluster_scoped {
            CLUSTER_SCOPED
        } else if self.namespace.is_empty() {
            DEFAULT_NAMESPACE
        } else {
            &self.namespace
        }
    }

    /// Whether type and name are the same.
    pub fn same_type_and_name(&self, other: &ResId) -> bool {
        self.name == other.name && self.gvk == other.gvk
    }

    /// Whether both are in the same effective namespace.
    pub fn same_namespace(&self, other: &ResId) -> bool {
        self.effective_namespace() == other.effective_namespace()
    }

    /// Whether both name the same resource.
    pub fn same(&self, other: &ResId) -> bool {
        self.same_type_and_name(other) && self.same_namespace(other)
    }

    /// Whether `selector` covers this: each of its parts is empty or the same.
    pub fn is_selected_by(&self, selector: &ResId) -> bool {
        covers(&selector.name, &self.name)
            && (selector.namespace.is_empty() || selector.same_namespace(self))
            && self.gvk.is_selected(&selector.gvk)
    }

    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The text that the legacy order compares, with `~X` and `~N` for what is empty.
    pub(crate) fn sort_text(&self) -> String {
        let namespace = or_placeholder(&self.namespace, "~X");
        let name = or_placeholder(&self.name, "~N");
        format!("{}|{namespace}|{name}", self.gvk)
    }

    /// Go's `%#v`, which some of upstream's messages print.
    pub(crate) fn go_syntax(&self) -> String {
        use crate::go_text::quote;
        format!(
            "resid.ResId{{Gvk:resid.Gvk{{Group:{}, Version:{}, Kind:{}, isClusterScoped:{}}}, Name:{}, Namespace:{}}}",
            quote(&self.gvk.group),
            quote(&self.gvk.version),
            quote(&self.gvk.kind),
            self.cluster_scoped,
            quote(&self.name),
            quote(&self.namespace),
        )
    }
}

impl fmt::Display for ResId {
    /// `Kind.version.group/name.namespace`, with `[noNs]` and the like for what is empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = or_placeholder(&self.name, "[noName]");
        let namespace = or_placeholder(&self.namespace, "[noNs]");
        write!(f, "{}/{name}.{namespace}", self.gvk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_as_upstream_prints_them() {
        let id = ResId {
            gvk: Gvk::new("apps/v1", "Deployment"),
            name: "web".to_owned(),
            ..ResId::default()
        };
        assert_eq!(id.to_string(), "Deployment.v1.apps/web.[noNs]");
        assert_eq!(id.gvk.sort_text(), "apps_v1_Deployment");
        assert_eq!(ResId::default().to_string(), "[noKind].[noVer].[noGrp]/[noName].[noNs]");
    }

    #[test]
    fn an_empty_namespace_is_the_default_one() {
        let id = |namespace: &str| ResId { namespace: namespace.to_owned(), ..ResId::default() };
        assert!(id("").same(&id("default")));
        assert!(!id("").same(&id("other")));
    }
}
