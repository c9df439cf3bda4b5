//! What a server fills in: the defaults of built-in kinds that tests can see, those of a custom
//! resource's schema, and the pruning of what its schema does not know.

use serde_json::{Map, Value, json};

use super::kinds::Kind;

/// Fills in what is left out, and drops nulls.
pub fn fill_in(object: &mut Value, kind: &Kind) {
    drop_nulls(object);
    if let Some(schema) = &kind.schema {
        prune(object, schema);
        by_schema(object, schema);
        return;
    }
    match kind.kind.as_str() {
        "Namespace" => namespace(object),
        "Secret" => secret(object),
        "Service" => service(object),
        "Deployment" => {
            let spec = part(object, "spec");
            put(spec, "replicas", 1);
            put(spec, "revisionHistoryLimit", 10);
            put(spec, "progressDeadlineSeconds", 600);
            let strategy = part(spec, "strategy");
            put(strategy, "type", "RollingUpdate");
            if strategy["type"] == "RollingUpdate" {
                let rolling = part(strategy, "rollingUpdate");
                put(rolling, "maxUnavailable", "25%");
                put(rolling, "maxSurge", "25%");
            }
            pod_template(spec);
        }
        "StatefulSet" => {
            let spec = part(object, "spec");
            put(spec, "replicas", 1);
            put(spec, "revisionHistoryLimit", 10);
            put(spec, "podManagementPolicy", "OrderedReady");
            put(part(spec, "updateStrategy"), "type", "RollingUpdate");
            pod_template(spec);
        }
        "DaemonSet" => {
            let spec = part(object, "spec");
            put(spec, "revisionHistoryLimit", 10);
            put(part(spec, "updateStrategy"), "type", "RollingUpdate");
            pod_template(spec);
        }
        "ReplicaSet" => {
            let spec = part(object, "spec");
            put(spec, "replicas", 1);
            pod_template(spec);
        }
        "Job" => job(part(object, "spec")),
        "CronJob" => {
            let spec = part(object, "spec");
            put(spec, "concurrencyPolicy", "Allow");
            put(spec, "suspend", false);
            job(part(part(spec, "jobTemplate"), "spec"));
        }
        "CustomResourceDefinition" => definition(object),
        _ => {}
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, inner| !inner.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn part<'a>(value: &'a mut Value, name: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let part = &mut value[name];
    if !part.is_object() {
        *part = Value::Object(Map::new());
    }
    part
}

fn put(value: &mut Value, name: &str, default: impl Into<Value>) {
    if value.get(name).is_none() {
        value[name] = default.into();
    }
}

fn namespace(object: &mut Value) {
    let name = object["metadata"]["name"].clone();
    let metadata = part(object, "metadata");
    part(metadata, "labels")["kubernetes.io/metadata.name"] = name;
    put(part(object, "spec"), "finalizers", json!(["kubernetes"]));
    put(part(object, "status"), "phase", "Active");
}

fn secret(object: &mut Value) {
    let Value::Object(map) = object else { return };
    if let Some(Value::Object(plain)) = map.remove("stringData") {
        let data = map.entry("data").or_insert_with(|| json!({}));
        for (name, text) in plain {
            data[name] = base64(text.as_str().unwrap_or_default().as_bytes()).into();
        }
    }
    put(object, "type", "Opaque");
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .enumerate()
            .fold(0u32, |bits, (n, byte)| bits | u32::from(*byte) << (16 - 8 * n));
        for n in 0..4 {
            let place = (bits >> (18 - 6 * n)) & 63;
            let letter = ALPHABET.get(place as usize).copied().unwrap_or(b'=');
            text.push(if n > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

fn service(object: &mut Value) {
    let spec = part(object, "spec");
    for port in spec["ports"].as_array_mut().into_iter().flatten() {
        put(port, "protocol", "TCP");
        let number = port["port"].clone();
        put(port, "targetPort", number);
    }
    put(spec, "type", "ClusterIP");
    put(spec, "sessionAffinity", "None");
    put(spec, "internalTrafficPolicy", "Cluster");
    if spec["ports"].is_null() {
        spec.as_object_mut().map(|spec| spec.remove("ports"));
    }
}

fn job(spec: &mut Value) {
    put(spec, "parallelism", 1);
    put(spec, "completions", 1);
    put(spec, "backoffLimit", 6);
    put(spec, "completionMode", "NonIndexed");
    put(spec, "suspend", false);
    put(spec, "podReplacementPolicy", "TerminatingOrFailed");
    pod_template(spec);
}

fn pod_template(spec: &mut Value) {
    let pod = part(part(spec, "template"), "spec");
    put(pod, "restartPolicy", "Always");
    put(pod, "terminationGracePeriodSeconds", 30);
    put(pod, "dnsPolicy", "ClusterFirst");
    put(pod, "securityContext", json!({}));
    put(pod, "schedulerName", "default-scheduler");
    for list in ["containers", "initContainers"] {
        let containers = pod.get_mut(list).and_then(Value::as_array_mut);
        containers.into_iter().flatten().for_each(container);
    }
}

fn container(container: &mut Value) {
    put(container, "resources", json!({}));
    put(container, "terminationMessagePath", "/dev/termination-log");
    put(container, "terminationMessagePolicy", "File");
    let latest =
        container["image"].as_str().is_some_and(|i| i.ends_with(":latest") || !i.contains(':'));
    put(container, "imagePullPolicy", if latest { "Always" } else { "IfNotPresent" });
    for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        put(port, "protocol", "TCP");
    }
}

fn definition(object: &mut Value) {
    let spec = part(object, "spec");
    let names = part(spec, "names");
    let kind = names["kind"].as_str().unwrap_or_default().to_owned();
    put(names, "singular", kind.to_lowercase());
    put(names, "listKind", format!("{kind}List"));
    put(part(spec, "conversion"), "strategy", "None");
    let stored = spec["versions"].as_array().into_iter().flatten();
    let stored: Vec<Value> =
        stored.filter(|v| v["storage"] == true).map(|v| v["name"].clone()).collect();
    put(part(object, "status"), "storedVersions", stored);
}

/// Drops what a schema does not know.
fn prune(value: &mut Value, schema: &Value) {
    if schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true))
        && schema.get("properties").is_none()
    {
        return;
    }
    let keeps = schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true))
        || schema.get("additionalProperties").is_some();
    let known = schema.get("properties");
    match value {
        Value::Object(map) if schema.get(super::schema::METADATA).is_none() => {
            map.retain(|name, _| keeps || known.is_some_and(|known| known.get(name).is_some()));
            for (name, inner) in map.iter_mut() {
                let declared = known.and_then(|known| known.get(name));
                if let Some(schema) = declared.or_else(|| schema.get("additionalProperties"))
                    && schema.is_object()
                {
                    prune(inner, schema);
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = schema.get("items") {
                list.iter_mut().for_each(|item| prune(item, items));
            }
        }
        _ => {}
    }
}

fn by_schema(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(map) => {
            for (name, inner) in
                schema.get("properties").and_then(Value::as_object).into_iter().flatten()
            {
                if let (None, Some(default)) = (map.get(name), inner.get("default")) {
                    map.insert(name.clone(), default.clone());
                }
                if let Some(value) = map.get_mut(name) {
                    by_schema(value, inner);
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = schema.get("items") {
                list.iter_mut().for_each(|item| by_schema(item, items));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (text, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }
}
