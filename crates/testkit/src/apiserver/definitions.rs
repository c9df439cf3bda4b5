//! Custom resources: what a definition adds to what is served.

use std::sync::Arc;

use serde_json::{Value, json};

use super::kinds::Kind;
use super::schema::METADATA;

/// The kinds of a definition, once it is established.
pub fn kinds(definition: &Value) -> Vec<Arc<Kind>> {
    if !is_established(definition) {
        return Vec::new();
    }
    let text = |pointer: &str| {
        definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array);
    let served = versions.into_iter().flatten().filter(|version| version["served"] == true);
    served
        .map(|version| {
            Arc::new(Kind {
                group: text("/spec/group"),
                version: version["name"].as_str().unwrap_or_default().to_owned(),
                plural: text("/spec/names/plural"),
                kind: text("/spec/names/kind"),
                namespaced: text("/spec/scope") == "Namespaced",
                status: version.pointer("/subresources/status").is_some(),
                scale: version.pointer("/subresources/scale").is_some(),
                schema: Some(Arc::new(schema(version))),
            })
        })
        .collect()
}

/// The schema of a version, with what every object has.
fn schema(version: &Value) -> Value {
    let open = || json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let mut schema = version.pointer("/schema/openAPIV3Schema").cloned().unwrap_or_else(open);
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    schema["properties"]["metadata"] = json!({"type": "object", METADATA: true});
    schema["properties"]["apiVersion"] = json!({"type": "string"});
    schema["properties"]["kind"] = json!({"type": "string"});
    schema
}

fn is_established(definition: &Value) -> bool {
    let conditions = definition.pointer("/status/conditions").and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Established" && condition["status"] == "True")
}
