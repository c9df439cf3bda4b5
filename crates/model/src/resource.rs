//! Resources: one declared thing each.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tree::Tree;
use crate::{Digest, Location, ResourceId};

/// Where a resource was declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// File and line of the document, template or base.
    pub at: Location,
}

/// Files that belong to a resource but do not fit into its document: the folder of a `Directory`.
/// They are named by digest, and read when they are needed.
#[derive(Clone)]
pub struct Payload {
    /// Digest of the folder's content.
    pub digest: Digest,
    /// The tree that holds it.
    pub tree: Arc<dyn Tree>,
    /// The folder in that tree.
    pub path: String,
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("digest", &self.digest).field("path", &self.path).finish()
    }
}

/// One declared thing: an admitted document.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// What it is in the target.
    pub id: ResourceId,
    /// `group/version`, or `version` in the core group.
    pub api_version: String,
    /// The whole document, admitted: what is sent to the target.
    pub body: Value,
    /// Digest of the body ([`canonical_digest`]); payloads are in it through their digests, which
    /// stand in the body.
    pub digest: Digest,
    /// Where it was declared.
    pub origin: Origin,
    /// JSON pointers (of whole subtrees) whose content is secret, apart from what the kind says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<String>,
    /// JSON pointers of what templates drew at random: it is secret too, and nothing that Git says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub random: Vec<String>,
    /// Files that belong to it; not part of what is recorded.
    #[serde(skip)]
    pub payload: Option<Payload>,
}

impl Resource {
    /// A resource of an admitted document.
    pub fn new(id: ResourceId, api_version: String, body: Value, origin: Origin) -> Self {
        let digest = canonical_digest(&body);
        Self {
            id,
            api_version,
            body,
            digest,
            origin,
            sensitive: Vec::new(),
            random: Vec::new(),
            payload: None,
        }
    }

    /// The value of an annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        annotation(&self.body, name)
    }
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
            && self.api_version == other.api_version
            && self.digest == other.digest
            && self.origin == other.origin
            && self.sensitive == other.sensitive
            && self.random == other.random
    }
}

/// The value of an annotation of any Kubernetes-style document.
pub fn annotation<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get("metadata")?.get("annotations")?.get(name)?.as_str()
}

/// The digest of a JSON value, independent of the order of keys.
pub fn canonical_digest(value: &Value) -> Digest {
    let mut text = Vec::new();
    write_canonical(value, &mut text);
    Digest::of(&text)
}

/// Writes a JSON value with sorted keys and no white space. Depth is bounded by whoever made the
/// value: the YAML reader limits it.
fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            out.push(b'{');
            for (n, key) in keys.into_iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                write_scalar(key, out);
                out.push(b':');
                write_canonical(&map[key], out);
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                write_canonical(item, out);
            }
            out.push(b']');
        }
        scalar => write_scalar(scalar, out),
    }
}

fn write_scalar(scalar: &impl Serialize, out: &mut Vec<u8>) {
    // Writing a text, number or boolean to memory cannot fail.
    let _ = serde_json::to_writer(out, scalar);
}

/// The digest of a rendered set: what it declares, whatever the order in which it was rendered.
pub fn set_digest<'a>(resources: impl IntoIterator<Item = &'a Resource>) -> Digest {
    let mut parts: Vec<Vec<u8>> = resources
        .into_iter()
        .map(|resource| {
            let mut part = resource.id.key().into_bytes();
            part.push(0);
            part.extend_from_slice(resource.api_version.as_bytes());
            part.push(0);
            part.extend_from_slice(resource.digest.as_bytes());
            part
        })
        .collect();
    parts.sort_unstable();
    Digest::of_parts(parts.iter().map(Vec::as_slice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn digests_do_not_depend_on_key_order() {
        let a: Value = serde_json::from_str(r#"{"a":1,"b":[{"c":null,"d":"x"}]}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{"b":[{"d":"x","c":null}],"a":1}"#).unwrap();
        assert_eq!(canonical_digest(&a), canonical_digest(&b));
        assert_ne!(canonical_digest(&a), canonical_digest(&json!({"a": 1})));
    }
}
