//! The parent of an app's ApplySet (KEP-3659): a ConfigMap that says which kinds its members have,
//! and carries the copy of what must survive.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use trueup_model::applyset;
use trueup_model::ports::{AppContext, Kept, PortError};
use trueup_model::record::Inventory;

use crate::MANAGER;
use crate::observe::user;
use crate::status::{Answer, Asked, explain};
use crate::wire::{Ask, NoAnswer, Wire, escape};

/// Under which the copy lies in `binaryData`.
const COPY: &str = "record";

fn path(context: &AppContext) -> String {
    let name = applyset::parent(&context.app, &context.installation);
    format!("/api/v1/namespaces/{}/configmaps/{}", escape(&context.namespace), escape(&name))
}

fn refused(context: &AppContext, verb: &str, answer: &Answer) -> PortError {
    let asked = Asked {
        verb,
        group: "",
        plural: "configmaps",
        namespace: &context.namespace,
        secret: false,
    };
    PortError { message: explain(answer, asked), permanent: answer.is_permanent() }
}

fn unanswered(error: &NoAnswer) -> PortError {
    PortError::passing(error.to_string())
}

/// Writes the parent.
pub async fn keep(wire: &Wire, context: &AppContext, kept: &Kept<'_>) -> Result<(), PortError> {
    let path = format!("{}?fieldManager={MANAGER}&force=true", path(context));
    let ask = Ask::with(Method::PATCH, path, crate::predict::APPLY, document(context, kept));
    let answer = wire.ask(&ask.acting_as(user(context))).await.map_err(|e| unanswered(&e))?;
    if answer.succeeded() { Ok(()) } else { Err(refused(context, "patch", &answer)) }
}

/// Removes the parent: its app is no more.
pub async fn drop(wire: &Wire, context: &AppContext) -> Result<(), PortError> {
    let ask = Ask::with(Method::DELETE, path(context), crate::wire::JSON, json!({}));
    let answer = wire.ask(&ask.acting_as(user(context))).await.map_err(|e| unanswered(&e))?;
    match answer.code {
        404 => Ok(()),
        _ if answer.succeeded() => Ok(()),
        _ => Err(refused(context, "delete", &answer)),
    }
}

/// Reads the copy back.
pub async fn kept(wire: &Wire, context: &AppContext) -> Result<Option<Vec<u8>>, PortError> {
    let ask = Ask::get(path(context)).acting_as(user(context));
    let answer = wire.ask(&ask).await.map_err(|e| unanswered(&e))?;
    match answer.code {
        404 => Ok(None),
        _ if answer.succeeded() => Ok(copy(&answer.body)),
        _ => Err(refused(context, "get", &answer)),
    }
}

fn copy(object: &Value) -> Option<Vec<u8>> {
    let encoded = object.get("binaryData")?.get(COPY)?.as_str()?;
    STANDARD.decode(encoded).ok()
}

fn document(context: &AppContext, kept: &Kept<'_>) -> Value {
    let name = applyset::parent(&context.app, &context.installation);
    let mut annotations = BTreeMap::from([(
        "applyset.kubernetes.io/tooling",
        format!("trueup/v{}", env!("CARGO_PKG_VERSION")),
    )]);
    annotations.insert("applyset.kubernetes.io/contains-group-kinds", kinds(kept.inventory));
    let others = namespaces(kept.inventory, &context.namespace);
    if !others.is_empty() {
        annotations.insert("applyset.kubernetes.io/additional-namespaces", others);
    }
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": context.namespace,
            "labels": {
                applyset::ID: applyset::id(&name, &context.namespace),
                "app.kubernetes.io/managed-by": MANAGER,
            },
            "annotations": annotations,
        },
        "binaryData": {COPY: STANDARD.encode(kept.copy)},
    })
}

/// As the KEP writes them: `Deployment.apps`, sorted, with commas.
fn kinds(inventory: &Inventory) -> String {
    let kind = |id: &trueup_model::ResourceId| match id.group.as_str() {
        "" => id.kind.clone(),
        group => format!("{}.{group}", id.kind),
    };
    joined(inventory.keys().map(kind))
}

fn namespaces(inventory: &Inventory, own: &str) -> String {
    let others = inventory.keys().map(|id| id.namespace.clone());
    joined(others.filter(|namespace| !namespace.is_empty() && namespace != own))
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    let texts: BTreeSet<String> = texts.collect();
    texts.into_iter().collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueup_model::record::InventoryItem;
    use trueup_model::{AppName, Digest, ResourceId};

    #[test]
    fn the_parent_says_what_its_members_are() {
        let item = InventoryItem {
            api_version: "v1".to_owned(),
            uid: "u".to_owned(),
            content: None,
            intended: false,
            keep: false,
            stage: 0,
            hook: false,
        };
        let ids =
            [("apps", "Deployment", "shop"), ("", "ConfigMap", "other"), ("", "Namespace", "")];
        let ids =
            ids.map(|(group, kind, ns)| (ResourceId::new(group, kind, ns, "x"), item.clone()));
        let context = AppContext {
            app: AppName::new("web").expect("a name"),
            installation: "0123456789".to_owned(),
            namespace: "shop".to_owned(),
            service_account: None,
            revision: String::new(),
            rendered: Digest::of(b""),
            adopt: None,
            formerly: Vec::new(),
        };
        let inventory = Inventory::from(ids);
        let parent = document(&context, &Kept { inventory: &inventory, copy: b"sealed" });
        let annotations = &parent["metadata"]["annotations"];
        let annotation = |name: &str| annotations[format!("applyset.kubernetes.io/{name}")].clone();
        assert_eq!(annotation("contains-group-kinds"), "ConfigMap,Deployment.apps,Namespace");
        assert_eq!(annotation("additional-namespaces"), "other");
        assert_eq!(parent["metadata"]["name"], "trueup-web-01234567");
        assert_eq!(copy(&parent).as_deref(), Some(b"sealed".as_slice()));
    }
}
