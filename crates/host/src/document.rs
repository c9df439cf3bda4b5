//! Reading and making documents.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use trueup_model::{Health, Resource, ResourceId, host};

use crate::error::HostError;

/// The `spec` of a document, as its kind's type.
pub fn spec<T: DeserializeOwned>(resource: &Resource) -> Result<T, HostError> {
    spec_of(&resource.id, &resource.body)
}

/// The `spec` of a body.
pub fn spec_of<T: DeserializeOwned>(id: &ResourceId, body: &Value) -> Result<T, HostError> {
    let spec = body.get("spec").unwrap_or(&Value::Null);
    T::deserialize(spec).map_err(|error| HostError::Refused(format!("{id}: spec: {error}")))
}

/// A document of which nothing but its spec is known.
pub fn bare(id: &ResourceId, spec: Value) -> Value {
    json!({
        "apiVersion": host::API_VERSION,
        "kind": id.kind,
        "metadata": {"name": id.name},
        "spec": spec,
    })
}

/// How a resource of this kind with this status does.
pub fn health(kind: &str, status: Value) -> Health {
    let document = json!({"apiVersion": host::API_VERSION, "kind": kind, "status": status});
    trueup_health::of(&document)
}
