//! Names: of apps and of resources.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of an app: unique in an installation, a DNS label of at most 63 characters, so that it
/// can stand in a Kubernetes label and in a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct AppName(String);

impl AppName {
    /// Checks a name. The error says what is wrong with it.
    pub fn new(name: impl Into<String>) -> Result<Self, String> {
        let name = name.into();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 63 {
            return Err(format!(
                "an app's name has 1 to 63 characters; `{name}` has {}",
                name.len()
            ));
        }
        if !name.chars().all(fits) || name.starts_with('-') || name.ends_with('-') {
            return Err(format!(
                "an app's name has lower-case letters, digits and inner dashes only; `{name}` does not"
            ));
        }
        Ok(Self(name))
    }

    /// Makes a name of any text: what does not fit becomes a dash.
    pub fn from_text(text: &str) -> Self {
        let mut name = String::new();
        for c in text.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_alphanumeric() {
                name.push(c);
            } else if !name.ends_with('-') && !name.is_empty() {
                name.push('-');
            }
        }
        name.truncate(63);
        let name = name.trim_matches('-');
        Self(if name.is_empty() { "app".to_owned() } else { name.to_owned() })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AppName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What makes a resource itself in a target. The version is not part of it: the same object can be
/// read at several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    /// API group; empty for Kubernetes' core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty where there is none (cluster-scoped objects, host resources).
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ResourceId {
    /// An id.
    pub fn new(group: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// With its group, as the ledger and JSON write it: `apps/Deployment/shop/web`,
    /// `/Service/shop/web`, `host.trueup.dev/File//settings`.
    pub fn key(&self) -> String {
        format!("{}/{}/{}/{}", self.group, self.kind, self.namespace, self.name)
    }

    /// Reads what [`Self::key`] writes.
    pub fn parse_key(key: &str) -> Option<Self> {
        let mut parts = key.splitn(4, '/');
        let mut next = || parts.next();
        Some(Self::new(next()?, next()?, next()?, next()?))
    }
}

impl fmt::Display for ResourceId {
    /// For people: `Deployment/shop/web`, or `File/settings` without a namespace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{}/{}", self.kind, self.name)
        } else {
            write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
        }
    }
}

impl Serialize for ResourceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.key())
    }
}

impl JsonSchema for ResourceId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ResourceId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "group/kind/namespace/name",
        })
    }
}

impl<'de> Deserialize<'de> for ResourceId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_key(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is not group/kind/namespace/name"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        assert!(AppName::new("shop-2").is_ok());
        for bad in ["", "Shop", "-a", "a_b", &"a".repeat(64)] {
            assert!(AppName::new(bad).is_err(), "{bad}");
        }
        assert_eq!(AppName::from_text("My Shop/deploy_prod/").as_str(), "my-shop-deploy-prod");
        assert_eq!(AppName::from_text("//").as_str(), "app");
    }

    #[test]
    fn keys_are_read_back() {
        let id = ResourceId::new("apps", "Deployment", "shop", "web");
        assert_eq!(ResourceId::parse_key(&id.key()), Some(id));
        let id = ResourceId::new("rbac", "ClusterRole", "", "system:node/x");
        assert_eq!(ResourceId::parse_key(&id.key()), Some(id));
    }
}
