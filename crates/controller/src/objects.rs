//! `App` objects of the cluster: a root like others, whose documents are objects and which is told how
//! its apps stand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, mpsc};
use trueup_api::AppStatus;
use trueup_model::app::{App, KubernetesTarget};
use trueup_model::ports::{AppObject, AppObjects};
use trueup_model::{AppName, Diagnostic, HealthStatus, Location, SourceSpec};
use trueup_render::apps::AppDocument;
use trueup_render::{Document, decode};

use crate::discover::{Discovered, subject};
use crate::roster::RootView;
use crate::{Root, Signal};

/// How the root of objects is called.
pub const TITLE: &str = "App objects of the cluster";
/// How long to wait after statuses could not be written.
const PAUSE: Duration = Duration::from_secs(5);

/// What is known of the objects.
pub(crate) struct Objects {
    pub(crate) view: RootView,
    known: BTreeMap<AppName, AppObject>,
    told: BTreeMap<AppName, Value>,
    pending: Arc<Pending>,
}

/// Statuses that wait to be written; of each object only the newest.
#[derive(Default)]
struct Pending {
    statuses: Mutex<BTreeMap<(String, String), Value>>,
    news: Notify,
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Value>> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Objects {
    /// Begins to follow the objects, and to tell them.
    pub(crate) fn follow(objects: Arc<dyn AppObjects>, signals: mpsc::Sender<Signal>) -> Self {
        let pending = Arc::new(Pending::default());
        tokio::spawn(listen(objects.clone(), signals));
        tokio::spawn(tell(objects, pending.clone()));
        let view = RootView { name: TITLE.to_owned(), ..RootView::default() };
        Self { view, known: BTreeMap::new(), told: BTreeMap::new(), pending }
    }

    /// Takes in what there is now. Answers what is wrong.
    pub(crate) fn learn(&mut self, found: Vec<AppObject>) -> Vec<Diagnostic> {
        let mut discovered = Discovered::default();
        self.known.clear();
        for object in found {
            match read(&object) {
                Ok(document) => {
                    let name = document.app.name().clone();
                    if self.known.contains_key(&name) {
                        let error = format!("App {name} stands in two namespaces of the cluster");
                        discovered.diagnostics.push(Diagnostic::error(error).at(document.at));
                        continue;
                    }
                    let mut subject = subject(&root(&object), document);
                    TITLE.clone_into(&mut subject.declaration.root);
                    discovered.subjects.push(subject);
                    self.known.insert(name, object);
                }
                Err(diagnostic) => {
                    let status = refused(&object, &diagnostic.to_string(), Timestamp::now());
                    self.say(&object, status);
                    discovered.diagnostics.push(*diagnostic);
                }
            }
        }
        let diagnostics = discovered.diagnostics.clone();
        self.view.found = Some(discovered);
        self.view.is_current = true;
        diagnostics
    }

    /// Tells an app's object how it stands, if it has one and that is news.
    pub(crate) fn tell(&mut self, standing: &AppStatus) {
        let Some(object) = self.known.get(&standing.app) else { return };
        let before = self.told.get(&standing.app).or_else(|| object.document.get("status"));
        let status = status(standing, object, before, Timestamp::now());
        if before == Some(&status) {
            return;
        }
        self.say(object, status.clone());
        self.told.insert(standing.app.clone(), status);
    }

    fn say(&self, object: &AppObject, status: Value) {
        let at = (object.namespace.clone(), object.name.clone());
        self.pending.lock().insert(at, status);
        self.pending.news.notify_one();
    }
}

async fn listen(objects: Arc<dyn AppObjects>, signals: mpsc::Sender<Signal>) {
    loop {
        match objects.list().await {
            Ok(found) => {
                let signal = Signal::Objects { found: found.unwrap_or_default() };
                if signals.send(signal).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::warn!("{}", error.message),
        }
        tokio::select! {
            () = objects.changed() => {}
            () = signals.closed() => return,
        }
    }
}

/// Writes statuses. What cannot be written now is written later, unless something newer came.
async fn tell(objects: Arc<dyn AppObjects>, pending: Arc<Pending>) {
    loop {
        pending.news.notified().await;
        let statuses = std::mem::take(&mut *pending.lock());
        let mut failed = false;
        for ((namespace, name), status) in statuses {
            match objects.tell(&namespace, &name, &status).await {
                Ok(()) => {}
                Err(error) if error.permanent => tracing::warn!("{}", error.message),
                Err(error) => {
                    tracing::warn!("{}", error.message);
                    pending.lock().entry((namespace, name)).or_insert(status);
                    failed = true;
                }
            }
        }
        if failed {
            tokio::time::sleep(PAUSE).await;
            pending.news.notify_one();
        }
    }
}

/// Where the defaults of an object's App come from: it lives in its own namespace.
fn root(object: &AppObject) -> Root {
    Root {
        source: SourceSpec { repo: String::new(), reference: String::new() },
        path: String::new(),
        target: "kubernetes".to_owned(),
        kubernetes: KubernetesTarget {
            namespace: Some(object.namespace.clone()),
            ..KubernetesTarget::default()
        },
        name: None,
    }
}

fn read(object: &AppObject) -> Result<AppDocument, Box<Diagnostic>> {
    let at = Location::file(format!("App {}/{}", object.namespace, object.name));
    let mut metadata = Map::new();
    for field in ["name", "labels"] {
        if let Some(value) = object.document.pointer(&format!("/metadata/{field}")) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let body = json!({
        "apiVersion": object.document.get("apiVersion"),
        "kind": object.document.get("kind"),
        "metadata": metadata,
        "spec": object.document.get("spec").cloned().unwrap_or_else(|| json!({})),
    });
    let document = Document::new(body, at.clone());
    let app: App = decode::decode(&document, "", &document.body).map_err(Box::new)?;
    if app.spec.source.as_ref().and_then(|source| source.repo.as_ref()).is_none() {
        return Err(Box::new(
            Diagnostic::error("an App object stands in no repository: it must name one")
                .at(at)
                .field("/spec/source/repo"),
        ));
    }
    Ok(AppDocument { app, folder: String::new(), at, set: None })
}

fn refused(object: &AppObject, why: &str, now: Timestamp) -> Value {
    let before = object.document.get("status");
    json!({
        "observedGeneration": object.generation,
        "state": "invalid",
        "why": why,
        "conditions": [condition("Ready", "False", "Invalid", why, object, before, now)],
    })
}

/// How an app stands, in the conventions of Kubernetes' API.
fn status(
    standing: &AppStatus,
    object: &AppObject,
    before: Option<&Value>,
    now: Timestamp,
) -> Value {
    let condition = |kind: &str, is: &str, reason: &str, message: &str| {
        condition(kind, is, reason, message, object, before, now)
    };
    let is_ready = matches!(standing.state.as_str(), "healthy" | "drifted");
    let ready = if is_ready { "True" } else { "False" };
    let healthy = match standing.health.status {
        HealthStatus::Healthy => "True",
        HealthStatus::Degraded => "False",
        _ => "Unknown",
    };
    let commit = |of: &Option<trueup_model::Revision>| {
        of.as_ref().map(|revision| revision.commit.clone()).unwrap_or_default()
    };
    let (runs, wants) = (commit(&standing.runs), commit(&standing.wants));
    let synced = if !runs.is_empty() && runs == wants { "True" } else { "False" };
    let health = format!("{:?}", standing.health.status);
    json!({
        "observedGeneration": object.generation,
        "state": standing.state,
        "why": standing.why,
        "revision": runs,
        "digest": standing.rendered.map(|digest| digest.to_string()).unwrap_or_default(),
        "resources": standing.resources,
        "conditions": [
            condition("Ready", ready, &reason(&standing.state), &standing.why),
            condition("Healthy", healthy, &health, &standing.health.reason),
            condition("Synced", synced, if synced == "True" { "Applied" } else { "Behind" }, &wants),
        ],
    })
}

/// A condition. Its time is when it last became what it is.
fn condition(
    kind: &str,
    is: &str,
    reason: &str,
    message: &str,
    object: &AppObject,
    before: Option<&Value>,
    now: Timestamp,
) -> Value {
    let conditions = before.and_then(|status| status.get("conditions")?.as_array());
    let known = conditions.and_then(|all| all.iter().find(|known| known["type"] == kind));
    let since =
        known.filter(|known| known["status"] == is).map(|known| &known["lastTransitionTime"]);
    let now = format!("{:.0}", now);
    json!({
        "type": kind,
        "status": is,
        "reason": reason,
        "message": message,
        "observedGeneration": object.generation,
        "lastTransitionTime": since.and_then(Value::as_str).unwrap_or(&now),
    })
}

/// `awaiting-approval` as a reason: `AwaitingApproval`.
fn reason(state: &str) -> String {
    let capital = |part: &str| {
        let mut letters = part.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    state.split('-').map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueup_model::Record;

    fn object(spec: Value) -> AppObject {
        AppObject {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            generation: 3,
            document: json!({
                "apiVersion": "trueup.dev/v1", "kind": "App",
                "metadata": {"name": "web", "namespace": "shop", "uid": "u", "managedFields": []},
                "spec": spec,
            }),
        }
    }

    #[test]
    fn an_object_is_an_app_in_its_namespace() {
        let object =
            object(json!({"source": {"repo": "https://git.example.com/web.git", "path": "p"}}));
        let subject = subject(&root(&object), read(&object).expect("it is right"));
        assert_eq!(subject.declaration.path, "p");
        let target = subject.spec().target.as_ref().and_then(|target| target.kubernetes.as_ref());
        assert_eq!(target.and_then(|target| target.namespace.as_deref()), Some("shop"));
    }

    #[test]
    fn what_is_wrong_with_an_object_is_said() {
        for (spec, expected) in
            [(json!({}), "it must name one"), (json!({"sorce": {}}), "did you mean `source`?")]
        {
            let said = read(&object(spec)).expect_err("it is wrong").to_string();
            assert!(said.contains(expected) && said.contains("App shop/web"), "{said}");
        }
    }

    #[test]
    fn conditions_keep_their_time_until_they_change() {
        let object = object(json!({}));
        let name = AppName::new("web").expect("a name");
        let mut standing = crate::status::of_record(&name, &Record::default());
        standing.state = "awaiting-approval".to_owned();
        let first = Timestamp::from_second(1_800_000_000).expect("a time");
        let later = Timestamp::from_second(1_800_000_100).expect("a time");
        let before = status(&standing, &object, None, first);
        assert_eq!(before["conditions"][0]["reason"], "AwaitingApproval");
        assert_eq!(status(&standing, &object, Some(&before), later), before);
        standing.state = "healthy".to_owned();
        let after = status(&standing, &object, Some(&before), later);
        let time = |of: &Value, n: usize| of["conditions"][n]["lastTransitionTime"].clone();
        assert_ne!(time(&after, 0), time(&before, 0));
        assert_eq!(time(&after, 1), time(&before, 1));
    }
}
