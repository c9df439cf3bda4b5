//! Taking over what another tool, or a person, made; and putting our own bookkeeping right. Both
//! rewrite `managedFields`, exactly at the version that was looked at: a patch that sets an older
//! `resourceVersion` is answered with a conflict.

use http::Method;
use serde_json::{Value, json};
use trueup_fields::Set;
use trueup_fields::managed::Entry;
use trueup_model::ResourceId;
use trueup_model::resource::annotation;

use crate::catalog::Catalog;
use crate::owner::writes_as;
use crate::predict::Place;
use crate::status::Answer;
use crate::wire::{Ask, NoAnswer, Wire, escape};
use crate::{MANAGER, document, writers};

const JSON_PATCH: &str = "application/json-patch+json";

/// Whether an entry is part of what is taken over from a tool.
pub fn takes(tool: &str, entry: &Entry) -> bool {
    document::is_of_object(entry)
        && (writes_as(tool, &entry.manager) || entry.manager == "before-first-apply")
}

/// Rewrites the entries of an object that was just read: what `takes` says becomes ours.
pub async fn rewrite(
    wire: &Wire,
    place: &Place<'_>,
    object: &Value,
    entries: &[Entry],
    owned: &Set,
    takes: impl Fn(&Entry) -> bool,
) -> Result<Answer, NoAnswer> {
    let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let after: Vec<Value> =
        writers::rewritten(entries, api_version, owned, takes).iter().map(Entry::to_json).collect();
    let version = document::metadata(object, "resourceVersion");
    let patch = json!([
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/metadata/managedFields", "value": after},
    ]);
    let path = format!("{}?fieldManager={MANAGER}", place.served.path(place.id));
    let ask = Ask::with(Method::PATCH, path, JSON_PATCH, patch);
    wire.ask(&ask.acting_as(place.user.clone())).await
}

/// Removes fields, by JSON pointer, from an object at exactly this version.
pub async fn remove(
    wire: &Wire,
    place: &Place<'_>,
    version: &str,
    pointers: &[&str],
) -> Result<Answer, NoAnswer> {
    // From the end, so that a place in a list is still that place when its turn comes.
    let mut pointers = pointers.to_vec();
    pointers.sort_by_key(|pointer| std::cmp::Reverse(in_order(pointer)));
    let mut patch =
        vec![json!({"op": "replace", "path": "/metadata/resourceVersion", "value": version})];
    patch.extend(pointers.iter().map(|path| json!({"op": "remove", "path": path})));
    let path = format!("{}?fieldManager={MANAGER}", place.served.path(place.id));
    let ask = Ask::with(Method::PATCH, path, JSON_PATCH, Value::Array(patch));
    wire.ask(&ask.acting_as(place.user.clone())).await
}

fn in_order(pointer: &str) -> Vec<(u64, String)> {
    let parts = pointer.split('/');
    parts.map(|part| (part.parse().unwrap_or(0), part.to_owned())).collect()
}

/// Whether a tool still writes to an object: Flux while its Kustomization or HelmRelease is there
/// and not suspended, Argo CD while its Application is there. kubectl and Helm write only when a
/// person runs them. What cannot be told counts as writing.
pub async fn still_writes(wire: &Wire, catalog: &Catalog, tool: &str, object: &Value) -> bool {
    match tool {
        "flux" => match flux_owner(object) {
            Some((id, version)) => {
                read(wire, catalog, &id, version).await.is_none_or(|answer| match answer.code {
                    404 => false,
                    200 => answer.body.pointer("/spec/suspend") != Some(&Value::Bool(true)),
                    _ => true,
                })
            }
            None => false,
        },
        "argocd" => argo_application(wire, catalog, object).await,
        _ => false,
    }
}

fn flux_owner(object: &Value) -> Option<(ResourceId, &'static str)> {
    let of = |group: &str, kind: &str| {
        let name = document::label(object, &format!("{group}/name"))?;
        let namespace = document::label(object, &format!("{group}/namespace"))?;
        Some(ResourceId::new(group, kind, namespace, name))
    };
    let kustomization = of("kustomize.toolkit.fluxcd.io", "Kustomization");
    let kustomization = kustomization.map(|id| (id, "kustomize.toolkit.fluxcd.io/v1"));
    kustomization.or_else(|| {
        of("helm.toolkit.fluxcd.io", "HelmRelease").map(|id| (id, "helm.toolkit.fluxcd.io/v2"))
    })
}

/// `None`: it could not be told. A kind that is not served any more writes nothing.
async fn read(wire: &Wire, catalog: &Catalog, id: &ResourceId, version: &str) -> Option<Answer> {
    match catalog.find(id, version) {
        Ok(served) => wire.ask(&Ask::get(served.path(id))).await.ok(),
        Err(crate::catalog::NotServed::Kind(_)) => Some(Answer { code: 404, body: Value::Null }),
        Err(_) => None,
    }
}

async fn argo_application(wire: &Wire, catalog: &Catalog, object: &Value) -> bool {
    let Some(tracking) = annotation(object, "argocd.argoproj.io/tracking-id") else { return false };
    let app = tracking.split(':').next().unwrap_or_default();
    let name = app.rsplit('_').next().unwrap_or(app);
    let id = ResourceId::new("argoproj.io", "Application", "", name);
    let served = match catalog.find(&id, "argoproj.io/v1alpha1") {
        Ok(served) => served,
        Err(crate::catalog::NotServed::Kind(_)) => return false,
        Err(_) => return true,
    };
    let selector = format!("metadata.name={name}");
    let path = format!("{}?fieldSelector={}", served.collection(None), escape(&selector));
    match wire.ask(&Ask::get(path)).await {
        Ok(answer) if answer.succeeded() => {
            answer.body.pointer("/items").and_then(Value::as_array).is_none_or(|l| !l.is_empty())
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_lists_go_from_the_end() {
        let mut pointers = ["/a/2", "/a/10", "/b"];
        pointers.sort_by_key(|pointer| std::cmp::Reverse(in_order(pointer)));
        assert_eq!(pointers, ["/b", "/a/10", "/a/2"]);
    }
}
