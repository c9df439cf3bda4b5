//! A Kubernetes API server in memory: what the adapter for clusters is tested against, in simulated
//! time and with faults between any two requests.
//!
//! It is a tower service over plain `http` types, so that a client of any kind can be put on it. Its
//! answers are those of a real API server as far as the loop can tell them apart: status codes,
//! reasons and causes, managedFields with their conflicts, versions and generations, finalizers,
//! garbage collection, watches with bookmarks and 410. The scripts of [`crate::script`] are run
//! against this server and against a real one; where the two differ, this one is wrong.
//!
//! - pure: `request` (a request, read), `cluster` (what becomes of it), `write` and `patch`,
//!   `manage` and `merge` (who holds which field), `schema`, `defaults`, `validate`, `kinds`,
//!   `definitions`, `discovery`, `objects` (what is stored, and the log of it), `watch`
//! - `controllers`: one pass of the controllers of a cluster over what is stored
//! - here: the service, its faults, and time

mod answer;
mod cluster;
mod controllers;
mod defaults;
mod definitions;
mod discovery;
mod kinds;
mod manage;
mod merge;
mod objects;
mod patch;
mod request;
mod schema;
mod service;
mod validate;
mod watch;
mod write;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::{Request, header};
use serde_json::{Value, json};
use trueup_model::ports::Clock as _;

use crate::clock::SimulatedClock;
use crate::faults::Faults;
use answer::Answer;
use request::Call;

pub use cluster::{Cluster, Forbidden};
pub use controllers::BEHAVIOUR;
pub use objects::{Key, Objects};
pub use service::{Body, Broken};

/// How far the controllers of a cluster are behind.
const BEHIND: Duration = Duration::from_millis(10);

/// An API server. Clones are the same server.
#[derive(Clone)]
pub struct ApiServer {
    shared: Arc<Shared>,
}

struct Shared {
    cluster: Mutex<Cluster>,
    clock: Arc<SimulatedClock>,
    faults: Arc<Faults>,
    /// The version of the newest write.
    version: tokio::sync::watch::Sender<u64>,
    /// Counts up when all watches break.
    breaks: tokio::sync::watch::Sender<u64>,
    /// How late watches tell.
    lag: Mutex<Duration>,
}

/// A request by a person or by another tool, for [`ApiServer::ask`].
#[derive(Clone, Debug, Default)]
pub struct Ask<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// `apply`, `merge`, `strategic`, `json`; else as it is.
    pub content_type: &'a str,
    /// Content, if there is one.
    pub content: Option<Value>,
    /// The name of the client.
    pub agent: &'a str,
}

impl Ask<'_> {
    /// As a request.
    pub fn request(&self) -> Request<Vec<u8>> {
        let kind = match self.content_type {
            "apply" => "application/apply-patch+yaml",
            "merge" => "application/merge-patch+json",
            "strategic" => "application/strategic-merge-patch+json",
            "json" => "application/json-patch+json",
            "" => "application/json",
            other => other,
        };
        let content = self.content.as_ref().map(|content| content.to_string().into_bytes());
        Request::builder()
            .method(self.method)
            .uri(self.path)
            .header(header::CONTENT_TYPE, kind)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, self.agent)
            .body(content.unwrap_or_default())
            .expect("a test's request is well-formed")
    }
}

impl ApiServer {
    /// One in whose cluster there is nothing yet.
    pub fn new(clock: Arc<SimulatedClock>, faults: Arc<Faults>) -> Self {
        let cluster = Cluster::new(clock.now());
        let version = tokio::sync::watch::Sender::new(cluster.objects.version());
        Self {
            shared: Arc::new(Shared {
                cluster: Mutex::new(cluster),
                clock,
                faults,
                version,
                breaks: tokio::sync::watch::Sender::new(0),
                lag: Mutex::new(Duration::ZERO),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.shared.cluster.lock().expect("no test panics while it holds the cluster")
    }

    /// Looks at the cluster, or changes it, at once and without a fault.
    pub fn cluster<R>(&self, with: impl FnOnce(&mut Cluster, jiff::Timestamp) -> R) -> R {
        let mut cluster = self.lock();
        let result = with(&mut cluster, self.shared.clock.now());
        let version = cluster.objects.version();
        drop(cluster);
        self.shared.version.send_if_modified(|known| std::mem::replace(known, version) != version);
        result
    }

    /// A request of somebody else, at once and without a fault: code and document.
    pub fn ask(&self, ask: &Ask<'_>) -> (u16, Value) {
        match self.serve(&ask.request()) {
            Answer::Document(code, document) => (code, document),
            Answer::Text(code, text) => (code, text.into()),
            Answer::Watch(_) => (200, json!({})),
        }
    }

    fn serve(&self, request: &Request<Vec<u8>>) -> Answer {
        match Call::read(request) {
            Ok(call) => self.cluster(|cluster, now| cluster.serve(&call, now)),
            Err(refusal) => refusal.into(),
        }
    }

    /// Breaks the connection of every watch.
    pub fn break_watches(&self) {
        self.shared.breaks.send_modify(|breaks| *breaks += 1);
    }

    /// Watches tell so late from now on.
    pub fn lag_watches(&self, by: Duration) {
        *self.shared.lag.lock().expect("no test panics while it holds the lag") = by;
    }

    /// The controllers of the cluster, for as long as this is polled.
    pub async fn run_controllers(&self) {
        let mut version = self.shared.version.subscribe();
        loop {
            version.mark_unchanged();
            let (now, again) = self.cluster(|cluster, now| (now, controllers::pass(cluster, now)));
            let wait = async {
                match again {
                    Some(at) => tokio::time::sleep(at.duration_since(now).unsigned_abs()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = version.changed() => if changed.is_err() { return },
                () = wait => {}
            }
            tokio::time::sleep(BEHIND).await;
        }
    }
}
