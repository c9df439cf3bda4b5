//! What a server refuses: the rules that the loop can run into.

use serde_json::Value;

use super::answer::{Refusal, Wrong};
use super::kinds::Kind;

const IMMUTABLE: &str = "field is immutable";

/// Holds an object against the rules of its kind; `old` is what it replaces.
pub fn validate(kind: &Kind, name: &str, old: Option<&Value>, new: &Value) -> Result<(), Refusal> {
    let mut wrong = Vec::new();
    metadata(kind, name, old, new, &mut wrong);
    match &kind.schema {
        Some(schema) => by_schema(new, schema, "", &mut wrong),
        None => builtin(kind, old, new, &mut wrong),
    }
    if wrong.is_empty() { Ok(()) } else { Err(Refusal::invalid(kind, name, &wrong)) }
}

fn metadata(kind: &Kind, name: &str, old: Option<&Value>, new: &Value, wrong: &mut Vec<Wrong>) {
    let fits = |name: &str| {
        let part = |part: &str| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            part.starts_with(plain)
                && part.ends_with(plain)
                && part.chars().all(|c| plain(c) || c == '-')
        };
        name.split('.').all(part)
    };
    if old.is_none() && kind.group != "rbac.authorization.k8s.io" && !fits(name) {
        let why = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
        wrong.push(Wrong::value("metadata.name", &name.into(), why));
    }
    let finalizers = |object: &Value| -> Vec<String> {
        let list = object.pointer("/metadata/finalizers").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    for (n, finalizer) in finalizers(new).iter().enumerate() {
        let standard = matches!(finalizer.as_str(), "foregroundDeletion" | "orphan" | "kubernetes");
        if !standard
            && !finalizer.contains('/')
            && kind.schema.is_none()
            && !finalizer.contains('.')
        {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            let field = format!("metadata.finalizers[{n}]");
            wrong.push(Wrong::value(&field, &finalizer.as_str().into(), why));
        }
    }
    let Some(old) = old else { return };
    if let Some(uid) = new.pointer("/metadata/uid").filter(|uid| old["metadata"]["uid"] != **uid) {
        wrong.push(Wrong::value("metadata.uid", uid, IMMUTABLE));
    }
    if old.pointer("/metadata/deletionTimestamp").is_some() {
        let before = finalizers(old);
        let more: Vec<String> = finalizers(new)
            .into_iter()
            .filter(|finalizer| !before.contains(finalizer))
            .map(|finalizer| format!("{finalizer:?}"))
            .collect();
        if !more.is_empty() {
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                more.join(", ")
            );
            wrong.push(Wrong::forbidden("metadata.finalizers", &why));
        }
    }
}

fn builtin(kind: &Kind, old: Option<&Value>, new: &Value, wrong: &mut Vec<Wrong>) {
    let changed = |pointer: &str| {
        let old = old.filter(|old| old.pointer(pointer) != new.pointer(pointer));
        old.map(|_| new.pointer(pointer).cloned().unwrap_or(Value::Null))
    };
    let mut fixed = |pointer: &str, field: &str, why: &str| {
        if let Some(value) = changed(pointer) {
            wrong.push(Wrong::value(field, &value, why));
        }
    };
    match kind.kind.as_str() {
        "Deployment" | "DaemonSet" | "ReplicaSet" => {
            let selector = fixed_selector(new);
            fixed("/spec/selector", "spec.selector", IMMUTABLE);
            wrong.extend(selector);
            replicas(new, wrong);
        }
        "StatefulSet" => {
            let before = old.and_then(|old| old.get("spec")).and_then(Value::as_object);
            let after = new.get("spec").and_then(Value::as_object);
            const OPEN: &[&str] = &[
                "replicas",
                "ordinals",
                "template",
                "updateStrategy",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
            ];
            if let (Some(before), Some(after)) = (before, after) {
                let differs = |name: &String| before.get(name) != after.get(name);
                let names = before.keys().chain(after.keys());
                if names.into_iter().any(|name| !OPEN.contains(&name.as_str()) && differs(name)) {
                    let why = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
                    wrong.push(Wrong::forbidden("spec", why));
                }
            }
            replicas(new, wrong);
        }
        "Job" => {
            fixed("/spec/selector", "spec.selector", IMMUTABLE);
            fixed("/spec/template", "spec.template", IMMUTABLE);
            fixed("/spec/completions", "spec.completions", IMMUTABLE);
        }
        "Service" => {
            let set = old.is_some_and(|old| {
                old.pointer("/spec/clusterIP").is_some_and(|ip| ip.as_str() != Some(""))
            });
            if set && changed("/spec/clusterIP").is_some() {
                let value = serde_json::json!([new.pointer("/spec/clusterIP")]);
                wrong.push(Wrong::value("spec.clusterIPs[0]", &value, "may not change once set"));
            }
            ports(new, wrong);
        }
        "RoleBinding" | "ClusterRoleBinding" => fixed("/roleRef", "roleRef", IMMUTABLE),
        "ConfigMap" | "Secret" => {
            if kind.kind == "Secret" {
                fixed("/type", "type", IMMUTABLE);
            }
            let closed = old.is_some_and(|old| old.get("immutable") == Some(&Value::Bool(true)));
            if closed && changed("/data").is_some() {
                let why = "field is immutable when `immutable` is set";
                wrong.push(Wrong::forbidden("data", why));
            }
        }
        _ => {}
    }
}

fn replicas(new: &Value, wrong: &mut Vec<Wrong>) {
    let replicas = new.pointer("/spec/replicas");
    if let Some(value) = replicas.filter(|value| value.as_i64().is_some_and(|n| n < 0)) {
        wrong.push(Wrong::value("spec.replicas", value, "must be greater than or equal to 0"));
    }
}

/// A selector is there, and selects the pods of the template.
fn fixed_selector(new: &Value) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let selector = new.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let labels = new.pointer("/spec/template/metadata/labels");
    if new.pointer("/spec/selector").is_none() {
        wrong.push(Wrong::required("spec.selector"));
    }
    let matches = selector.is_none_or(|selector| {
        selector.iter().all(|(name, value)| labels.and_then(|l| l.get(name)) == Some(value))
    });
    if !matches || selector.is_none() && new.pointer("/spec/selector").is_none() {
        let labels = labels.cloned().unwrap_or(Value::Null);
        let why = "`selector` does not match template `labels`";
        wrong.push(Wrong::value("spec.template.metadata.labels", &labels, why));
    }
    let containers = new.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    if containers.is_none_or(Vec::is_empty) {
        wrong.push(Wrong::required("spec.template.spec.containers"));
    }
    wrong
}

fn ports(new: &Value, wrong: &mut Vec<Wrong>) {
    let ports = new.pointer("/spec/ports").and_then(Value::as_array);
    for (n, port) in ports.into_iter().flatten().enumerate() {
        for name in ["port", "targetPort"] {
            let value = port.get(name).filter(|value| value.is_number());
            if let Some(value) =
                value.filter(|v| !v.as_i64().is_some_and(|n| (1..65536).contains(&n)))
            {
                let field = format!("spec.ports[{n}].{name}");
                let why = "must be between 1 and 65535, inclusive";
                wrong.push(Wrong::value(&field, value, why));
            }
        }
    }
}

/// The rules of a schema that tests use: bounds, choices, what is required.
fn by_schema(value: &Value, schema: &Value, path: &str, wrong: &mut Vec<Wrong>) {
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if let Some(name) = name.as_str().filter(|name| value.get(name).is_none()) {
            wrong.push(Wrong::required(&at(name)));
        }
    }
    let minimum = schema.get("minimum").and_then(Value::as_f64);
    if let (Some(minimum), Some(number)) = (minimum, value.as_f64())
        && number < minimum
    {
        let why = format!("{path} in body should be greater than or equal to {minimum}");
        wrong.push(Wrong::value(path, value, &why));
    }
    for (name, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if let Some(value) = value.get(name) {
            by_schema(value, inner, &at(name), wrong);
        }
    }
}
