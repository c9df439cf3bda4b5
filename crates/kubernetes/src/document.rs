//! Documents: what of an object is ours to compare, and what is not sent.

use serde_json::{Value, json};

use trueup_fields::managed::{Entry, Operation};
use trueup_model::ResourceId;

use crate::writers::is_person;

/// What a server sets itself in `metadata`.
const SERVER_METADATA: &[&str] = &[
    "managedFields",
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "generation",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// An object without its status and what the server manages.
pub fn live(object: &Value) -> Value {
    let mut live = object.clone();
    if let Value::Object(map) = &mut live {
        map.remove("status");
        if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
            for name in SERVER_METADATA {
                metadata.remove(*name);
            }
        }
    }
    live
}

/// A text in an object's metadata.
pub fn metadata<'a>(object: &'a Value, name: &str) -> &'a str {
    object.pointer("/metadata").and_then(|m| m.get(name)?.as_str()).unwrap_or_default()
}

/// A label.
pub fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(name)?.as_str()
}

/// A text of the owner that has the object as its controller.
pub fn controller<'a>(object: &'a Value, field: &str) -> &'a str {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let is_controller = |owner: &&Value| owner.get("controller") == Some(&Value::Bool(true));
    let owner = owners.into_iter().flatten().find(is_controller);
    owner.and_then(|owner| owner.get(field)?.as_str()).unwrap_or_default()
}

/// The version number of an object. Servers order them as numbers (KEP-5504).
pub fn version(object: &Value) -> u64 {
    metadata(object, "resourceVersion").parse().unwrap_or(0)
}

/// What holds an object back that is being deleted.
pub fn finalizers(object: &Value) -> String {
    let names = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    let names: Vec<&str> = names.into_iter().flatten().filter_map(Value::as_str).collect();
    names.join(", ")
}

/// JSON pointers of the fields that are left to others from the start: `rules` of a ClusterRole
/// that is aggregated; `replicas` that something other than a person sets through the `scale`
/// subresource; `caBundle`s that somebody else put in.
pub fn handed_over(id: &ResourceId, body: &Value, entries: &[Entry]) -> Vec<String> {
    let mut pointers = Vec::new();
    if id.kind == "ClusterRole" && body.get("aggregationRule").is_some() {
        pointers.push("/rules".to_owned());
    }
    let scaled = |entry: &Entry| entry.subresource == "scale" && !is_person(&entry.manager);
    if body.pointer("/spec/replicas").is_some() && entries.iter().any(scaled) {
        pointers.push("/spec/replicas".to_owned());
    }
    for entry in entries.iter().filter(|e| e.manager != crate::MANAGER && !is_person(&e.manager)) {
        for path in entry.set.paths() {
            let shown = trueup_fields::values::shown(&path);
            if !shown.ends_with(".caBundle") {
                continue;
            }
            if let Some(pointer) = trueup_fields::values::pointer(body, &path)
                && !pointers.contains(&pointer)
            {
                pointers.push(pointer);
            }
        }
    }
    pointers.retain(|pointer| body.pointer(pointer).is_some());
    pointers
}

/// What is sent: the document without what is handed over.
pub fn to_send(body: &Value, handed_over: &[String]) -> Value {
    let mut body = body.clone();
    for pointer in handed_over {
        let Some((parent, name)) = pointer.rsplit_once('/') else { continue };
        if let Some(Value::Object(map)) = body.pointer_mut(parent) {
            map.remove(&name.replace("~1", "/").replace("~0", "~"));
        }
    }
    body
}

/// The document with what it may be applied to: an object of this uid, and, if given, this version.
pub fn on_condition(mut body: Value, uid: &str, resource_version: &str) -> Value {
    if let Some(Value::Object(metadata)) = body.get_mut("metadata") {
        for (name, text) in [("uid", uid), ("resourceVersion", resource_version)] {
            if !text.is_empty() {
                metadata.insert(name.to_owned(), text.into());
            }
        }
    }
    body
}

/// The least document of an object: applied, it gives up everything that we own in it.
pub fn nothing_of(body: &Value) -> Value {
    let name = metadata(body, "name");
    let mut nothing = json!({
        "apiVersion": body.get("apiVersion"), "kind": body.get("kind"), "metadata": {"name": name},
    });
    let namespace = metadata(body, "namespace");
    if !namespace.is_empty() {
        nothing["metadata"]["namespace"] = namespace.into();
    }
    nothing
}

/// Whether an entry says what a writer set in the object itself, not in a subresource.
pub fn is_of_object(entry: &Entry) -> bool {
    entry.subresource.is_empty() || entry.subresource == "scale"
}

/// Whether an entry is our own, written otherwise than by apply.
pub fn is_our_update(entry: &Entry) -> bool {
    entry.manager == crate::MANAGER
        && entry.operation == Operation::Update
        && entry.subresource.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueup_fields::Set;

    fn entry(manager: &str, subresource: &str, set: Value) -> Entry {
        Entry {
            operation: Operation::Update,
            subresource: subresource.to_owned(),
            ..Entry::apply(manager, "v1", Set::parse(&set).expect("well-formed"))
        }
    }

    #[test]
    fn replicas_go_to_whoever_scales() {
        let id = ResourceId::new("apps", "Deployment", "x", "y");
        let body = json!({"metadata": {"name": "y"}, "spec": {"replicas": 2, "paused": true}});
        let set = json!({"f:spec": {"f:replicas": {}}});
        let by = |manager: &str| handed_over(&id, &body, &[entry(manager, "scale", set.clone())]);
        assert_eq!(by("kube-controller-manager"), ["/spec/replicas"]);
        assert!(by("kubectl").is_empty());
        assert_eq!(
            to_send(&body, &by("kube-controller-manager")),
            json!({"metadata": {"name": "y"}, "spec": {"paused": true}})
        );
    }

    #[test]
    fn bundles_go_to_whoever_injects_them() {
        let id = ResourceId::new("admissionregistration.k8s.io", "X", "", "y");
        let body = json!({"webhooks": [{"name": "a", "clientConfig": {"caBundle": ""}}]});
        let set =
            json!({"f:webhooks": {"k:{\"name\":\"a\"}": {"f:clientConfig": {"f:caBundle": {}}}}});
        let entries = [entry("cert-manager-cainjector", "", set)];
        assert_eq!(handed_over(&id, &body, &entries), ["/webhooks/0/clientConfig/caBundle"]);
    }

    #[test]
    fn rules_go_to_the_aggregation_controller() {
        let id = ResourceId::new("rbac.authorization.k8s.io", "ClusterRole", "", "y");
        let body = json!({"aggregationRule": {}, "rules": []});
        assert_eq!(handed_over(&id, &body, &[]), ["/rules"]);
    }
}
