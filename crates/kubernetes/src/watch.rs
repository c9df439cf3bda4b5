//! Watches: one a kind, limited to our label; each event is reduced and dropped.
//!
//! A watch is cluster-wide where that is allowed, else one for each namespace that is asked for. Only
//! a watch that is live vouches for what is remembered: while it is broken, everything is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::task::AbortHandle;
use trueup_model::ports::Change;
use trueup_model::{AppName, ResourceId};

use crate::catalog::Served;
use crate::feed::{Feed, State, Taker};
use crate::target::Shared;
use crate::{APP_LABEL, INSTALLATION_LABEL, document};

/// What a watch is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    installation: String,
    group: String,
    kind: String,
    version: String,
    namespace: Option<String>,
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

    fn state(&self, key: &Key) -> State {
        self.lock().get(key).map_or(State::Broken, |running| running.state)
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
            let feed = Feed {
                shared: Arc::downgrade(shared),
                collection: served.collection(key.namespace.as_deref()),
                selector: format!("{INSTALLATION_LABEL}={installation}"),
                user: None,
                taker: Reducer { key: key.clone(), listed: BTreeSet::new() },
            };
            Running { state: State::Broken, task: tokio::spawn(feed.run()).abort_handle() }
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

/// Takes the objects of a watch in, each reduced to digests.
struct Reducer {
    key: Key,
    listed: BTreeSet<ResourceId>,
}

impl Taker for Reducer {
    fn begin(&mut self) {
        self.listed.clear();
    }

    fn there(&mut self, shared: &Arc<Shared>, object: &Value) {
        let id = self.id(object);
        if shared.watches.state(&self.key) != State::Live {
            self.listed.insert(id.clone());
        }
        if shared.memory.note_seen(&id, object) {
            tell(shared, app_of(object), id);
        }
    }

    fn listed(&mut self, shared: &Arc<Shared>, version: &str) {
        let version = version.parse().unwrap_or(0);
        let listed = std::mem::take(&mut self.listed);
        let concerns = |id: &ResourceId| {
            id.kind == self.key.kind
                && id.group == self.key.group
                && self.key.namespace.as_ref().is_none_or(|namespace| *namespace == id.namespace)
        };
        for (id, app) in shared.memory.sweep(&listed, version, concerns) {
            tell(shared, &app, id);
        }
    }

    fn gone(&mut self, shared: &Arc<Shared>, object: &Value) {
        let id = self.id(object);
        shared.memory.note_gone(&id);
        tell(shared, app_of(object), id);
    }

    fn stands(&mut self, shared: &Arc<Shared>, state: State) {
        shared.watches.set(&self.key, state);
    }
}

impl Reducer {
    fn id(&self, object: &Value) -> ResourceId {
        let metadata = |name| document::metadata(object, name);
        ResourceId::new(&self.key.group, &self.key.kind, metadata("namespace"), metadata("name"))
    }
}

fn app_of(object: &Value) -> &str {
    document::label(object, APP_LABEL).unwrap_or_default()
}

/// Nobody may be listening: then there is nobody to tell.
fn tell(shared: &Shared, app: &str, id: ResourceId) {
    if let Ok(app) = AppName::new(app) {
        let _ = shared.changes.send(Change { app, id: Some(id) });
    }
}
