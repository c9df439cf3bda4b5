//! One machine for one test.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use trueup_host::shim::protocol::Report;
use trueup_host::{HostConfig, HostTarget};
use trueup_model::observed::ObservedResource;
use trueup_model::ports::Foresight;
use trueup_model::{
    Event, EventResult, HealthStatus, InstallationKey, Resource, ResourceId, Target,
};

use crate::converge::{Kept, context, resource};

/// The app that tests declare.
pub const APP: &str = "shop";

/// Whatever a test waits for comes within this time, or never.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// One machine: a state folder, a target, and what the engine would keep.
pub struct World {
    pub target: HostTarget,
    pub kept: Kept,
    pub folder: tempfile::TempDir,
}

/// The program that answers to `shim`: the example, which is built along with the tests.
pub fn driver() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let target = test.ancestors().nth(2).expect("a target folder");
    let path = target.join("examples/drive");
    assert!(path.exists(), "{} is missing: build the examples (cargo test does)", path.display());
    path
}

pub fn config(state: &Path) -> HostConfig {
    HostConfig::new(state, driver(), InstallationKey::from_bytes([7; 32]))
}

impl World {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut HostConfig)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = config(&folder.path().join("state"));
        change(&mut config);
        let target = HostTarget::open(config).expect("a new state folder");
        Self { target, kept: Kept::default(), folder }
    }

    /// The app's own folder.
    pub fn own(&self) -> PathBuf {
        self.folder.path().join("state/apps").join(APP)
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.own().join(path)).unwrap_or_else(|error| format!("{error}"))
    }

    /// Makes the machine as declared; everything must succeed.
    pub async fn apply(&mut self, resources: &[Resource]) -> Vec<Event> {
        let events = self.round(resources).await;
        for event in &events {
            assert!(event.result.succeeded(), "{event:?}");
        }
        events
    }

    pub async fn round(&mut self, resources: &[Resource]) -> Vec<Event> {
        self.kept.round(&self.target, APP, resources).await
    }

    /// What there is of one resource, of all these.
    pub async fn look(&self, resources: &[Resource], at: usize) -> ObservedResource {
        let mut resources = resources.to_vec();
        trueup_model::host::bind_uses(&mut resources);
        let desired: Vec<_> = resources.into_iter().map(std::sync::Arc::new).collect();
        let (context, inventory) = (context(APP), &self.kept.inventory);
        let look = self.target.observe(&context, &desired, inventory, Foresight::Changes);
        look.await.expect("a machine that is there")[&desired[at].id].clone()
    }

    /// Waits, on the target's own changes, until a resource is as healthy as is said.
    pub async fn wait_for(
        &self,
        resources: &[Resource],
        at: usize,
        good: impl Fn(&ObservedResource) -> bool,
    ) -> ObservedResource {
        use futures::StreamExt;
        let mut changes = self.target.changes();
        let waits = async {
            loop {
                let seen = self.look(resources, at).await;
                if good(&seen) {
                    return seen;
                }
                // A shim is listened to from a moment after it was started; what it said before is
                // seen by looking.
                let _ = tokio::time::timeout(Duration::from_millis(100), changes.next()).await;
            }
        };
        match tokio::time::timeout(DEADLINE, waits).await {
            Ok(seen) => seen,
            Err(_) => panic!("it never came: {:?}", self.look(resources, at).await),
        }
    }

    pub async fn wait_healthy(&self, resources: &[Resource], at: usize) {
        let healthy = |seen: &ObservedResource| {
            seen.health.status == HealthStatus::Healthy && seen.synced.is_some()
        };
        self.wait_for(resources, at, healthy).await;
    }

    /// The only report of one resource.
    pub async fn report(&self, kind: &str, name: &str) -> Report {
        let id = id(kind, name);
        let running = self.target.running(&context(APP).app).await.expect("an app");
        running.get(&id).unwrap_or_else(|| panic!("{id} runs: {running:?}")).clone()
    }

    /// Ends all that runs.
    pub async fn end(&self) {
        self.target.stop_all().await.expect("everything stops");
    }
}

/// Also a test that fails leaves nothing running.
impl Drop for World {
    fn drop(&mut self) {
        let run = self.folder.path().join("state/host").join(APP).join("run");
        for file in std::fs::read_dir(run).into_iter().flatten().flatten() {
            let text = std::fs::read(file.path()).unwrap_or_default();
            let Ok(report) = serde_json::from_slice::<Report>(&text) else { continue };
            for process in std::iter::once(report.shim).chain(report.status.main) {
                if let Some(pid) = rustix::process::Pid::from_raw(process.pid)
                    && process.runs()
                {
                    let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
                }
            }
        }
    }
}

pub fn id(kind: &str, name: &str) -> ResourceId {
    ResourceId::new("host.trueup.dev", kind, "", name)
}

pub fn declare(kind: &str, name: &str, spec: Value) -> Resource {
    resource(json!({
        "apiVersion": "host.trueup.dev/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }))
}

pub fn failure(event: &Event) -> &str {
    match &event.result {
        EventResult::Failed { message, .. } | EventResult::Moved(message) => message,
        other => panic!("it did not fail: {other:?}"),
    }
}
