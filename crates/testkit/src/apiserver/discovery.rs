//! What a cluster says it serves: aggregated where it is asked for so, else plain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::answer::{Answer, Refusal};
use super::kinds::Kind;
use super::request::Call;

/// The version that it says it is.
pub const VERSION: &str = "v1.37.2";

const VERBS: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// The kinds by group and version.
#[derive(Debug)]
pub struct Documents {
    groups: BTreeMap<String, BTreeMap<String, Vec<Arc<Kind>>>>,
    core: Value,
    rest: Value,
}

/// Of these kinds.
pub fn of(kinds: &[Arc<Kind>]) -> Documents {
    let mut groups: BTreeMap<String, BTreeMap<String, Vec<Arc<Kind>>>> = BTreeMap::new();
    for kind in kinds {
        let versions = groups.entry(kind.group.clone()).or_default();
        versions.entry(kind.version.clone()).or_default().push(Arc::clone(kind));
    }
    let (core, rest): (Vec<_>, Vec<_>) = groups.iter().partition(|(group, _)| group.is_empty());
    let (core, rest) = (aggregated(&core), aggregated(&rest));
    Documents { groups, core, rest }
}

type Group<'a> = (&'a String, &'a BTreeMap<String, Vec<Arc<Kind>>>);

fn aggregated(groups: &[Group<'_>]) -> Value {
    let items: Vec<Value> = groups
        .iter()
        .map(|(name, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|(version, kinds)| {
                    let resources: Vec<Value> =
                        kinds.iter().map(|kind| aggregated_kind(kind)).collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = if name.is_empty() { json!({}) } else { json!({"name": name}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {}, "items": items})
}

fn aggregated_kind(kind: &Kind) -> Value {
    json!({
        "resource": kind.plural,
        "responseKind": {"group": "", "version": "", "kind": kind.kind},
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.kind.to_lowercase(),
        "verbs": VERBS,
    })
}

/// What is answered to a path that names no objects. `down`: groups that do not answer.
pub fn answer(documents: &Documents, call: &Call, down: &BTreeSet<String>) -> Answer {
    let at = &call.at;
    let wants_all = call.accept.contains("APIGroupDiscoveryList");
    let document = match (at.root.as_str(), at.group.as_str(), at.version.as_str()) {
        ("version", ..) => json!({"major": "1", "minor": "37", "gitVersion": VERSION}),
        ("livez" | "readyz" | "healthz", ..) => return Answer::Text(200, "ok"),
        ("api", ..) if wants_all => documents.core.clone(),
        ("api", ..) => json!({"kind": "APIVersions", "versions": ["v1"]}),
        ("apis", ..) if wants_all => stale(documents.rest.clone(), down),
        ("apis", ..) => plain_groups(documents),
        ("", group, version) if !version.is_empty() => {
            if down.contains(group) {
                return Answer::Text(503, "service unavailable\n");
            }
            let kinds = documents.groups.get(group).and_then(|versions| versions.get(version));
            let Some(kinds) = kinds else { return Answer::Text(404, "404 page not found\n") };
            plain_kinds(group, version, kinds)
        }
        ("", group, _) => match documents.groups.get(group) {
            Some(versions) => plain_group(group, versions),
            None => return Answer::Text(404, "404 page not found\n"),
        },
        _ => return Refusal::unknown_kind().into(),
    };
    Answer::Document(200, document)
}

/// A group that does not answer is told from memory, as stale and without its kinds.
fn stale(mut list: Value, down: &BTreeSet<String>) -> Value {
    for group in list["items"].as_array_mut().into_iter().flatten() {
        let name = group.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        if down.contains(name) {
            for version in group["versions"].as_array_mut().into_iter().flatten() {
                version["freshness"] = "Stale".into();
                version["resources"] = json!([]);
            }
        }
    }
    list
}

fn plain_groups(documents: &Documents) -> Value {
    let named = documents.groups.iter().filter(|(group, _)| !group.is_empty());
    let groups: Vec<Value> = named.map(|(group, versions)| plain_group(group, versions)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

fn plain_group(group: &str, versions: &BTreeMap<String, Vec<Arc<Kind>>>) -> Value {
    let of = |version: &String| json!({"groupVersion": format!("{group}/{version}"), "version": version});
    let versions: Vec<Value> = versions.keys().map(of).collect();
    json!({"kind": "APIGroup", "apiVersion": "v1", "name": group,
        "preferredVersion": versions.first(), "versions": versions})
}

fn plain_kinds(group: &str, version: &str, kinds: &[Arc<Kind>]) -> Value {
    let mut resources = Vec::new();
    for kind in kinds {
        let one = |name: String, kind_name: &str, verbs: &[&str]| {
            json!({"name": name, "singularName": kind.kind.to_lowercase(),
                "namespaced": kind.namespaced, "kind": kind_name, "verbs": verbs})
        };
        resources.push(one(kind.plural.clone(), &kind.kind, VERBS));
        let verbs = ["get", "patch", "update"];
        for (part, has, name) in
            [("status", kind.status, kind.kind.as_str()), ("scale", kind.scale, "Scale")]
        {
            if has {
                resources.push(one(format!("{}/{part}", kind.plural), name, &verbs));
            }
        }
    }
    let group_version =
        if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version,
        "resources": resources})
}
