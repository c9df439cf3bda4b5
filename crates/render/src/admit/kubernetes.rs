//! Admission of Kubernetes objects.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Value, json};
use trueup_model::resource::canonical_digest;
use trueup_model::{Capabilities, Diagnostic, Resource, ResourceId, applyset};

use super::{name, resource};
use crate::decode::locate;
use crate::{Document, Request};

/// Built-in kinds that live outside of namespaces: for rendering without a cluster.
const CLUSTER_SCOPED: &[(&str, &str)] = &[
    ("", "Namespace"),
    ("", "Node"),
    ("", "PersistentVolume"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("networking.k8s.io", "IngressClass"),
    ("node.k8s.io", "RuntimeClass"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "VolumeAttachment"),
];

/// Which kinds live in namespaces: as the cluster says, as definitions in the same set say, else as
/// Kubernetes has it.
pub struct Scopes(BTreeMap<(String, String), bool>);

impl Scopes {
    pub fn of(capabilities: &Capabilities, documents: &[Document]) -> Self {
        let mut scopes: BTreeMap<(String, String), bool> = CLUSTER_SCOPED
            .iter()
            .map(|(group, kind)| ((String::from(*group), String::from(*kind)), false))
            .collect();
        for document in documents {
            let at = |pointer: &str| document.body.pointer(pointer).and_then(Value::as_str);
            if at("/kind") == Some("CustomResourceDefinition")
                && let (Some(group), Some(kind)) = (at("/spec/group"), at("/spec/names/kind"))
            {
                let namespaced = at("/spec/scope") != Some("Cluster");
                scopes.insert((group.to_owned(), kind.to_owned()), namespaced);
            }
        }
        for (name, info) in &capabilities.kinds {
            if let Some((group, kind)) = name.rsplit_once('/') {
                scopes.insert((group.to_owned(), kind.to_owned()), info.namespaced);
            }
        }
        Self(scopes)
    }

    fn namespaced(&self, group: &str, kind: &str) -> bool {
        self.0.get(&(group.to_owned(), kind.to_owned())).copied().unwrap_or(true)
    }
}

pub fn admit(
    request: &Request<'_>,
    scopes: &Scopes,
    mut document: Document,
    group: &str,
    kind: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Resource, Diagnostic> {
    name_generated(&mut document);
    let name = name(&document)?;
    let namespace = if scopes.namespaced(group, kind) {
        place_in_namespace(&mut document, request.namespace)?
    } else {
        String::new()
    };
    if namespace.is_empty()
        && let Some(metadata) = document.body.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.remove("namespace");
    }
    if group.is_empty() && kind == "Secret" {
        string_data_to_data(&mut document);
    }
    let id = ResourceId::new(group, kind, &namespace, &name);
    report_equal_keys(&document, &id, diagnostics);
    label(&mut document.body, request);
    let api_version =
        document.body.get("apiVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(resource(document, id, api_version))
}

/// `generateName` alone cannot be applied: such hooks are named by the digest of their content.
fn name_generated(document: &mut Document) {
    let digest = canonical_digest(&document.body).short();
    let Some(metadata) = document.body.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    if metadata.contains_key("name") {
        return;
    }
    if let Some(Value::String(prefix)) = metadata.remove("generateName") {
        metadata.insert("name".to_owned(), format!("{prefix}{digest}").into());
    }
}

fn place_in_namespace(document: &mut Document, default: &str) -> Result<String, Diagnostic> {
    match document.body.pointer("/metadata/namespace") {
        Some(Value::String(namespace)) if !namespace.is_empty() => return Ok(namespace.clone()),
        None | Some(Value::String(_)) => {}
        Some(_) => {
            return Err(Diagnostic::error("metadata.namespace must be a text")
                .at(locate(document, "/metadata/namespace"))
                .field("/metadata/namespace"));
        }
    }
    if let Some(metadata) = document.body.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("namespace".to_owned(), default.into());
    }
    Ok(default.to_owned())
}

/// An API server merges `stringData` into `data` and forgets where it came from; owning `data`
/// instead lets a change of it be seen.
fn string_data_to_data(document: &mut Document) {
    let Some(body) = document.body.as_object_mut() else { return };
    let Some(Value::Object(texts)) = body.remove("stringData") else { return };
    let data = body.entry("data").or_insert_with(|| json!({}));
    let Some(data) = data.as_object_mut() else { return };
    for (key, text) in texts {
        let text = match text {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        data.insert(key, encoded.into());
    }
}

/// The label by which TrueUp's watches select, the one that says which app it belongs to, and the
/// same for other tools.
fn label(body: &mut Value, request: &Request<'_>) {
    let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    if let Some(labels) = labels.as_object_mut() {
        labels.insert("trueup.dev/app".to_owned(), request.app.as_str().into());
        labels.insert("trueup.dev/installation".to_owned(), request.installation.into());
        let parent = applyset::parent(request.app, request.installation);
        labels
            .insert(applyset::PART_OF.to_owned(), applyset::id(&parent, request.namespace).into());
    }
}

/// Lists that an API server merges by a key must not hold it twice: it answers such an apply with
/// an error 500 that names no line.
fn report_equal_keys(document: &Document, id: &ResourceId, diagnostics: &mut Vec<Diagnostic>) {
    let Some(pod) = pod_spec(&id.kind) else { return };
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        let pointer = format!("{pod}/{list}");
        let containers = document.body.pointer(&pointer).and_then(Value::as_array);
        report_list(document, id, &pointer, &["name"], diagnostics);
        for n in 0..containers.map_or(0, Vec::len) {
            report_list(document, id, &format!("{pointer}/{n}/env"), &["name"], diagnostics);
            let ports = format!("{pointer}/{n}/ports");
            report_list(document, id, &ports, &["containerPort", "protocol"], diagnostics);
            let mounts = format!("{pointer}/{n}/volumeMounts");
            report_list(document, id, &mounts, &["mountPath"], diagnostics);
        }
    }
    report_list(document, id, &format!("{pod}/volumes"), &["name"], diagnostics);
}

fn pod_spec(kind: &str) -> Option<&'static str> {
    match kind {
        "Pod" => Some("/spec"),
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "Job"
        | "ReplicationController" => Some("/spec/template/spec"),
        "CronJob" => Some("/spec/jobTemplate/spec/template/spec"),
        _ => None,
    }
}

fn report_list(
    document: &Document,
    id: &ResourceId,
    pointer: &str,
    keys: &[&str],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(items) = document.body.pointer(pointer).and_then(Value::as_array) else { return };
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (n, item) in items.iter().enumerate() {
        let parts: Vec<String> = keys
            .iter()
            .map(|key| match item.get(key) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None if *key == "protocol" => "TCP".to_owned(),
                None => String::new(),
            })
            .collect();
        let key = parts.join("/");
        if let Some(first) = seen.insert(key.clone(), n) {
            let at = format!("{pointer}/{n}");
            diagnostics.push(
                Diagnostic::error(format!(
                    "two elements have the same {}: {key}",
                    keys.join(" and ")
                ))
                .at(locate(document, &at))
                .about(id.to_string())
                .field(at)
                .hint(format!("remove one; the other is element {first}")),
            );
        }
    }
}
