//! Watches: one a kind, limited to our label; each event is reduced and dropped.
//!
//! A watch is cluster-wide where that is allowed, else one for each namespace that is asked for. It
//! lists in pages, then follows; where the server forgot (410) it lists again. Only a watch that is
//! live vouches for what is remembered: while it is broken, everything is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures::StreamExt;
use http::{Request, header};
use kube::core::WatchEvent;
use serde_json::Value;
use tokio::task::AbortHandle;
use trueup_model::ports::Change;
use trueup_model::{AppName, ResourceId};

use crate::catalog::Served;
use crate::target::Shared;
use crate::wire::{Ask, escape};
use crate::{APP_LABEL, INSTALLATION_LABEL, document};

const PAGE: usize = 500;
/// A server ends a watch after this many seconds; it is then resumed where it was.
const LASTS: u64 = 280;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a watch is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    installation: String,
    group: String,
    kind: String,
    version: String,
    namespace: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Broken,
    Live,
    Forbidden,
}

struct Running {
    state: State,
    task: AbortHandle,
}

/// The watches of a cluster.
#[derive(Default)]
pub struct Watches {
    running: Mutex<BTreeMap<Key, Running>>,
}

impl Watches {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, key: &Key, state: State) {
        if let Some(running) = self.lock().get_mut(key) {
            running.state = state;
        }
    }

    /// Ends all.
    pub fn stop(&self) {
        for (_, running) in std::mem::take(&mut *self.lock()) {
            running.task.abort();
        }
    }
}

/// Whether a live watch vouches for what is remembered of the objects of a kind in a namespace.
pub fn covers(shared: &Shared, installation: &str, id: &ResourceId, served: &Served) -> bool {
    let keys = keys(installation, id, served);
    let running = shared.watches.lock();
    keys.iter().any(|key| running.get(key).is_some_and(|watch| watch.state == State::Live))
}

/// Starts the watch of the objects of a kind in a namespace, where there is none.
pub fn start(shared: &Arc<Shared>, installation: &str, id: &ResourceId, served: &Served) {
    let mut running = shared.watches.lock();
    for key in keys(installation, id, served) {
        let state = running.entry(key).or_insert_with_key(|key| {
            let shared = Arc::downgrade(shared);
            let watch = Watch { shared, key: key.clone(), served: served.clone() };
            Running { state: State::Broken, task: tokio::spawn(watch.run()).abort_handle() }
        });
        if state.state != State::Forbidden {
            return;
        }
    }
}

/// The watches that can cover an object: of everywhere, and, where that is forbidden, of its
/// namespace.
fn keys(installation: &str, id: &ResourceId, served: &Served) -> Vec<Key> {
    let everywhere = Key {
        installation: installation.to_owned(),
        group: id.group.clone(),
        kind: id.kind.clone(),
        version: served.version.clone(),
        namespace: None,
    };
    if id.namespace.is_empty() {
        return vec![everywhere];
    }
    let here = Key { namespace: Some(id.namespace.clone()), ..everywhere.clone() };
    vec![everywhere, here]
}

/// Why a watch stops following.
enum Ended {
    /// The server forgot where it was, or its connection broke: list again.
    Lost,
    /// It is not allowed.
    Forbidden,
    /// Nobody needs it any more.
    Dropped,
}

struct Watch {
    shared: Weak<Shared>,
    key: Key,
    served: Served,
}

impl Watch {
    async fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let ended = match self.list().await {
                Ok(version) => {
                    pause = FIRST_PAUSE;
                    self.follow(version).await
                }
                Err(ended) => ended,
            };
            let Some(shared) = self.shared.upgrade() else { return };
            match ended {
                Ended::Dropped => return,
                Ended::Forbidden => shared.watches.set(&self.key, State::Forbidden),
                Ended::Lost => shared.watches.set(&self.key, State::Broken),
            }
            drop(shared);
            let wait = if matches!(ended, Ended::Forbidden) { LONGEST_PAUSE } else { pause };
            tokio::time::sleep(wait).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    fn path(&self, query: &str) -> String {
        let collection = self.served.collection(self.key.namespace.as_deref());
        let selector = escape(&format!("{INSTALLATION_LABEL}={}", self.key.installation));
        format!("{collection}?labelSelector={selector}{query}")
    }

    /// Lists in pages; gives the version to follow from.
    async fn list(&self) -> Result<String, Ended> {
        let mut listed = BTreeSet::new();
        let mut next = String::new();
        loop {
            let shared = self.shared.upgrade().ok_or(Ended::Dropped)?;
            let path = self.path(&format!("&limit={PAGE}&continue={}", escape(&next)));
            let answer = shared.wire.ask(&Ask::get(path)).await.map_err(|_| Ended::Lost)?;
            if !answer.succeeded() {
                return Err(if answer.code == 403 { Ended::Forbidden } else { Ended::Lost });
            }
            let items = answer.body.pointer("/items").and_then(Value::as_array);
            for object in items.into_iter().flatten() {
                listed.insert(self.id(object));
                self.take_in(&shared, object);
            }
            next = document::metadata(&answer.body, "continue").to_owned();
            if next.is_empty() {
                let version = document::metadata(&answer.body, "resourceVersion").to_owned();
                self.sweep(&shared, &listed, &version);
                shared.watches.set(&self.key, State::Live);
                return Ok(version);
            }
        }
    }

    fn sweep(&self, shared: &Shared, listed: &BTreeSet<ResourceId>, version: &str) {
        let version = version.parse().unwrap_or(0);
        let concerns = |id: &ResourceId| {
            id.kind == self.key.kind
                && id.group == self.key.group
                && self.key.namespace.as_ref().is_none_or(|namespace| *namespace == id.namespace)
        };
        for (id, app) in shared.memory.sweep(listed, version, concerns) {
            tell(shared, &app, id);
        }
    }

    /// Follows until it is lost. A connection that ends in time is resumed where it was.
    async fn follow(&self, mut version: String) -> Ended {
        loop {
            let Some(shared) = self.shared.upgrade() else { return Ended::Dropped };
            let client = shared.wire.client().await;
            drop(shared);
            let Ok(client) = client else { return Ended::Lost };
            let path = self.path(&format!(
                "&watch=true&allowWatchBookmarks=true&timeoutSeconds={LASTS}&resourceVersion={}",
                escape(&version)
            ));
            let request = Request::get(path).header(header::ACCEPT, "application/json");
            let Ok(request) = request.body(Vec::new()) else { return Ended::Lost };
            let Ok(events) = client.request_events::<Value>(request).await else {
                return Ended::Lost;
            };
            let mut events = pin!(events);
            let mut told = false;
            while let Some(event) = events.next().await {
                let Ok(event) = event else { return Ended::Lost };
                let Some(shared) = self.shared.upgrade() else { return Ended::Dropped };
                match self.event(&shared, event) {
                    Some(seen) => version = seen,
                    None => return Ended::Lost,
                }
                told = true;
            }
            // A server tells at least bookmarks. One that says nothing and ends is not asked at once.
            if !told {
                return Ended::Lost;
            }
        }
    }

    /// Takes an event in; gives the version it brings the watch to. `None`: the server gave up.
    fn event(&self, shared: &Shared, event: WatchEvent<Value>) -> Option<String> {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                self.take_in(shared, &object);
                Some(document::metadata(&object, "resourceVersion").to_owned())
            }
            WatchEvent::Deleted(object) => {
                let id = self.id(&object);
                shared.memory.note_gone(&id);
                let app = document::label(&object, APP_LABEL).unwrap_or_default();
                tell(shared, app, id);
                Some(document::metadata(&object, "resourceVersion").to_owned())
            }
            WatchEvent::Bookmark(mark) => Some(mark.metadata.resource_version),
            WatchEvent::Error(_) => None,
        }
    }

    fn take_in(&self, shared: &Shared, object: &Value) {
        let id = self.id(object);
        if shared.memory.note_seen(&id, object) {
            let app = document::label(object, APP_LABEL).unwrap_or_default();
            tell(shared, app, id);
        }
    }

    fn id(&self, object: &Value) -> ResourceId {
        let metadata = |name| document::metadata(object, name);
        ResourceId::new(&self.key.group, &self.key.kind, metadata("namespace"), metadata("name"))
    }
}

/// Nobody may be listening: then there is nobody to tell.
fn tell(shared: &Shared, app: &str, id: ResourceId) {
    if let Ok(app) = AppName::new(app) {
        let _ = shared.changes.send(Change { app, id: Some(id) });
    }
}
