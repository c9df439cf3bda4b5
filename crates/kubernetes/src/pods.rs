//! The pods of apps that are not healthy: why they are not.
//!
//! While something of an app is on its way or broken, the pods of its namespace are watched; of each
//! only its trouble is kept, and of one without trouble nothing. When the app is healthy the watch
//! is dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::task::AbortHandle;
use trueup_health::kubernetes::trouble::{self, Trouble, What};
use trueup_model::AppName;
use trueup_model::ports::Change;

use crate::document;
use crate::feed::{Feed, State, Taker};
use crate::target::Shared;

/// How often the events of a pod whose containers do not come are looked at.
const AGAIN: Duration = Duration::from_secs(15);

/// A namespace, as seen by an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The namespace.
    pub namespace: String,
    /// The service account to act as.
    pub user: Option<String>,
}

/// A pod in trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its labels: what workloads select it by.
    pub labels: BTreeMap<String, String>,
    /// The uid of its controller.
    pub owner: String,
    /// What is wrong.
    pub trouble: Trouble,
}

struct Running {
    task: AbortHandle,
    apps: BTreeSet<AppName>,
    troubled: BTreeMap<String, Pod>,
}

/// The watches of pods.
#[derive(Default)]
pub struct Pods {
    running: Mutex<BTreeMap<Place, Running>>,
}

impl Pods {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches the pods of these places for an app, and those of no other.
    pub fn want(shared: &Arc<Shared>, app: &AppName, places: &BTreeSet<Place>) {
        let mut running = shared.pods.lock();
        running.retain(|place, watch| {
            if !places.contains(place) {
                watch.apps.remove(app);
            }
            let needed = !watch.apps.is_empty();
            if !needed {
                watch.task.abort();
            }
            needed
        });
        for place in places {
            let watch = running.entry(place.clone()).or_insert_with(|| start(shared, place));
            watch.apps.insert(app.clone());
        }
    }

    /// The pods in trouble of a place.
    pub fn troubled(&self, place: &Place) -> Vec<Pod> {
        let running = self.lock();
        running
            .get(place)
            .map(|watch| watch.troubled.values().cloned().collect())
            .unwrap_or_default()
    }

    /// Ends all.
    pub fn stop(&self) {
        for (_, running) in std::mem::take(&mut *self.lock()) {
            running.task.abort();
        }
    }

    /// Notes how a pod is; whether that is news.
    fn note(&self, place: &Place, name: &str, pod: Option<Pod>) -> bool {
        let mut running = self.lock();
        let Some(watch) = running.get_mut(place) else { return false };
        let trouble = |pod: &Pod| (pod.uid.clone(), pod.trouble.clone());
        let now = pod.as_ref().map(trouble);
        let before = match pod {
            Some(pod) => watch.troubled.insert(name.to_owned(), pod),
            None => watch.troubled.remove(name),
        };
        before.as_ref().map(trouble) != now
    }

    /// The apps that wait for a place; none where the pod is not in this trouble any more.
    fn waiting(&self, place: &Place, pod: &Pod) -> Vec<AppName> {
        let running = self.lock();
        let Some(watch) = running.get(place) else { return Vec::new() };
        let same = watch.troubled.get(&pod.name).is_some_and(|now| now == pod);
        if same { watch.apps.iter().cloned().collect() } else { Vec::new() }
    }
}

fn start(shared: &Arc<Shared>, place: &Place) -> Running {
    let namespace = crate::wire::escape(&place.namespace);
    let feed = Feed {
        shared: Arc::downgrade(shared),
        collection: format!("/api/v1/namespaces/{namespace}/pods"),
        selector: String::new(),
        user: place.user.clone(),
        taker: Reducer { place: place.clone(), listed: BTreeSet::new() },
    };
    let task = tokio::spawn(feed.run()).abort_handle();
    Running { task, apps: BTreeSet::new(), troubled: BTreeMap::new() }
}

/// Reduces pods to their trouble.
struct Reducer {
    place: Place,
    listed: BTreeSet<String>,
}

impl Taker for Reducer {
    fn begin(&mut self) {
        self.listed.clear();
    }

    fn there(&mut self, shared: &Arc<Shared>, object: &Value) {
        let pod = reduce(object);
        if let Some(pod) = &pod {
            self.listed.insert(pod.name.clone());
        }
        let name = document::metadata(object, "name");
        if shared.pods.note(&self.place, name, pod.clone())
            && let Some(pod) = pod
        {
            tokio::spawn(tell(Arc::downgrade(shared), self.place.clone(), pod));
        }
    }

    fn listed(&mut self, shared: &Arc<Shared>, _version: &str) {
        let listed = std::mem::take(&mut self.listed);
        if let Some(watch) = shared.pods.lock().get_mut(&self.place) {
            watch.troubled.retain(|name, _| listed.contains(name));
        }
    }

    fn gone(&mut self, shared: &Arc<Shared>, object: &Value) {
        shared.pods.note(&self.place, document::metadata(object, "name"), None);
    }

    fn stands(&mut self, _shared: &Arc<Shared>, _state: State) {}
}

fn reduce(object: &Value) -> Option<Pod> {
    if !document::metadata(object, "deletionTimestamp").is_empty() {
        return None;
    }
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    Some(Pod {
        name: document::metadata(object, "name").to_owned(),
        uid: document::metadata(object, "uid").to_owned(),
        labels: labels.into_iter().flatten().filter_map(text).collect(),
        owner: document::controller(object, "uid").to_owned(),
        trouble: trouble::of(object)?,
    })
}

/// Tells the apps that wait, once the trouble decides, if it lasts until then. What only events can
/// tell is told again and again.
async fn tell(shared: std::sync::Weak<Shared>, place: Place, pod: Pod) {
    let now = match shared.upgrade() {
        Some(shared) => shared.clock.now(),
        None => return,
    };
    let wait = pod.trouble.decides_at().duration_since(now);
    let mut wait = Duration::try_from(wait).unwrap_or_default();
    loop {
        tokio::time::sleep(wait).await;
        let Some(shared) = shared.upgrade() else { return };
        let apps = shared.pods.waiting(&place, &pod);
        for app in &apps {
            let _ = shared.changes.send(Change { app: app.clone(), id: None });
        }
        if apps.is_empty() || pod.trouble.what != What::Starting {
            return;
        }
        wait = AGAIN;
    }
}
