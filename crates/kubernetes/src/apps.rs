//! `App` objects of a cluster, and their status. The CustomResourceDefinition is optional: where it is
//! not installed there are none, and it is looked for again now and then.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use http::{Method, Request, header};
use kube::core::WatchEvent;
use serde_json::{Value, json};
use trueup_model::ports::{AppObject, AppObjects, PortError};

use crate::connect::Connection;
use crate::document::metadata;
use crate::wire::{Ask, Wire, escape};

const COLLECTION: &str = "/apis/trueup.dev/v1/apps";
const PAGE: usize = 500;
/// How long it is waited for changes before everything is listed anew.
const LASTS: u64 = 280;
/// How soon it is looked again for a definition that is not there, or after a lost connection.
const PAUSE: Duration = Duration::from_secs(30);
/// Writer of the status: another one than that of what apps are made of.
const STATUS_MANAGER: &str = "trueup-status";
const APPLY: &str = "application/apply-patch+yaml";

/// The `App` objects of one cluster.
pub struct ClusterApps {
    wire: Wire,
    seen: Mutex<Seen>,
}

/// What the last list showed. A change of status alone, which is our own, leaves the generation.
#[derive(Default)]
struct Seen {
    version: String,
    generations: BTreeMap<String, i64>,
}

impl ClusterApps {
    /// Of this cluster.
    pub fn new(connection: Connection) -> Self {
        Self { wire: Wire::new(connection), seen: Mutex::default() }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, ask: &Ask) -> Result<(u16, Value), PortError> {
        let answer = self.wire.ask(ask).await;
        let answer = answer.map_err(|error| PortError::passing(error.to_string()))?;
        Ok((answer.code, answer.body))
    }

    /// Follows from the last list until something other than a status changes.
    async fn follow(&self) -> Option<()> {
        let version = self.seen().version.clone();
        if version.is_empty() {
            return None;
        }
        let client = self.wire.client().await.ok()?;
        let path = format!(
            "{COLLECTION}?watch=true&timeoutSeconds={LASTS}&resourceVersion={}",
            escape(&version)
        );
        let request = Request::get(path).header(header::ACCEPT, "application/json");
        let events = client.request_events::<Value>(request.body(Vec::new()).ok()?).await.ok()?;
        let mut events = pin!(events);
        while let Some(event) = events.next().await {
            match event.ok()? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    let known = self.seen().generations.get(metadata(&object, "uid")).copied();
                    if known != Some(generation(&object)) {
                        return Some(());
                    }
                }
                WatchEvent::Deleted(_) | WatchEvent::Error(_) => return Some(()),
                WatchEvent::Bookmark(_) => {}
            }
        }
        Some(())
    }
}

fn generation(object: &Value) -> i64 {
    object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default()
}

fn app_object(document: Value) -> AppObject {
    AppObject {
        namespace: metadata(&document, "namespace").to_owned(),
        name: metadata(&document, "name").to_owned(),
        generation: generation(&document),
        document,
    }
}

#[async_trait]
impl AppObjects for ClusterApps {
    async fn list(&self) -> Result<Option<Vec<AppObject>>, PortError> {
        let (mut objects, mut next) = (Vec::new(), String::new());
        loop {
            let path = format!("{COLLECTION}?limit={PAGE}&continue={}", escape(&next));
            let (code, mut body) = self.ask(&Ask::get(path)).await?;
            match code {
                200 => {}
                404 => return Ok(None),
                403 => {
                    let rule = "list and watch apps of trueup.dev";
                    return Err(PortError::passing(format!(
                        "App objects cannot be read: the cluster does not allow to {rule}"
                    )));
                }
                code => {
                    let why = format!("App objects cannot be read: the cluster answers {code}");
                    return Err(PortError::passing(why));
                }
            }
            if let Some(Value::Array(items)) = body.get_mut("items").map(Value::take) {
                objects.extend(items.into_iter().map(app_object));
            }
            next = metadata(&body, "continue").to_owned();
            if next.is_empty() {
                let uid = |object: &AppObject| metadata(&object.document, "uid").to_owned();
                let mut seen = self.seen();
                seen.version = metadata(&body, "resourceVersion").to_owned();
                seen.generations = objects.iter().map(|o| (uid(o), o.generation)).collect();
                return Ok(Some(objects));
            }
        }
    }

    async fn changed(&self) {
        if self.follow().await.is_none() {
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn tell(&self, namespace: &str, name: &str, status: &Value) -> Result<(), PortError> {
        let body = json!({
            "apiVersion": "trueup.dev/v1",
            "kind": "App",
            "metadata": {"name": name, "namespace": namespace},
            "status": status,
        });
        let path = format!(
            "/apis/trueup.dev/v1/namespaces/{}/apps/{}/status?fieldManager={STATUS_MANAGER}&force=true",
            escape(namespace),
            escape(name)
        );
        let (code, body) = self.ask(&Ask::with(Method::PATCH, path, APPLY, body)).await?;
        match code {
            200 => Ok(()),
            // It is gone: there is nobody to tell.
            404 => Ok(()),
            code => {
                let why = body.get("message").and_then(Value::as_str).unwrap_or_default();
                let text = format!("the status of App {namespace}/{name}: {code} {why}");
                Err(if code == 403 { PortError::permanent(text) } else { PortError::passing(text) })
            }
        }
    }
}
