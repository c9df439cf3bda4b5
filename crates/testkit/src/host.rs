//! A host in memory. Its resources do as their documents say: a `Process` or `Task` whose
//! environment has `FATE` set is `slow` (ready after ten seconds), `broken` (fails at once) or
//! `stuck` (never ready); everything else is healthy when it is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use trueup_model::observed::{ObservedResource, Owner, Prediction};
use trueup_model::plan::{Action, Precondition, Verb};
use trueup_model::ports::{AppContext, Changes, Clock as _, Foresight, PortError, Target};
use trueup_model::record::Inventory;
use trueup_model::resource::canonical_digest;
use trueup_model::{
    AppName, Capabilities, Digest, Event, EventResult, Health, HealthStatus, Observed, Resource,
    ResourceId,
};

use crate::clock::SimulatedClock;
use crate::faults::{Fault, Faults};

/// How long a slow process takes.
const SLOW: Duration = Duration::from_secs(10);

/// One live resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// Its incarnation.
    pub uid: String,
    /// The app that made it; `None` for what was there before.
    pub app: Option<AppName>,
    /// Its document, as it stands now.
    pub body: Value,
    /// When it was made or last changed by an app.
    pub since: Timestamp,
}

/// A task that ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Which.
    pub id: ResourceId,
    /// For which content.
    pub content: Digest,
}

#[derive(Default)]
struct World {
    live: BTreeMap<ResourceId, Live>,
    ran: Vec<Ran>,
    next: u64,
}

/// A host in memory.
pub struct MemoryHost {
    faults: Arc<Faults>,
    clock: Arc<SimulatedClock>,
    world: Mutex<World>,
}

impl MemoryHost {
    /// An empty one.
    pub fn new(faults: Arc<Faults>, clock: Arc<SimulatedClock>) -> Self {
        Self { faults, clock, world: Mutex::default() }
    }

    fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().expect("no test panics while it holds the host")
    }

    /// Everything that is there.
    pub fn live(&self) -> BTreeMap<ResourceId, Live> {
        self.world().live.clone()
    }

    /// Every task that ran, in order.
    pub fn ran(&self) -> Vec<Ran> {
        self.world().ran.clone()
    }

    /// Somebody puts something there that is nobody's.
    pub fn put_foreign(&self, id: ResourceId, body: Value) {
        let now = self.clock.now();
        let mut world = self.world();
        world.next += 1;
        let uid = format!("u{}", world.next);
        world.live.insert(id, Live { uid, app: None, body, since: now });
    }

    /// Somebody changes a document by hand; `None` deletes it.
    pub fn tamper(&self, id: &ResourceId, change: Option<Value>) {
        let mut world = self.world();
        match change {
            None => {
                world.live.remove(id);
            }
            Some(body) => {
                if let Some(live) = world.live.get_mut(id) {
                    live.body = body;
                }
            }
        }
    }

    /// The machine starts anew: processes are gone, files are not.
    pub fn reboot(&self) {
        self.world().live.retain(|id, _| id.kind != "Process");
    }

    fn look(
        &self,
        context: &AppContext,
        id: &ResourceId,
        desired: Option<&Resource>,
    ) -> ObservedResource {
        let world = self.world();
        let Some(live) = world.live.get(id) else { return ObservedResource::absent() };
        let owner = match &live.app {
            Some(app) if *app == context.app || context.formerly.contains(app) => Owner::Ours,
            Some(app) => Owner::App(app.to_string()),
            None => Owner::Nobody,
        };
        let digest = canonical_digest(&live.body);
        let synced = desired.map(|r| r.digest).filter(|wanted| *wanted == digest);
        ObservedResource {
            presence: trueup_model::Presence::Present,
            owner,
            uid: live.uid.clone(),
            synced: synced.or_else(|| desired.is_none().then_some(digest)),
            live: Some(live.body.clone()),
            prediction: desired.map(|r| Prediction::Exact(r.body.clone())),
            health: health(live, self.clock.now()),
            ..ObservedResource::absent()
        }
    }

    async fn carry_out(&self, context: &AppContext, action: &Action) -> EventResult {
        let failed = |message: &str| EventResult::Failed {
            message: format!("{message} (simulated)"),
            permanent: false,
        };
        match self.faults.step().await {
            Some(Fault::Before) => return failed("it could not be written"),
            Some(Fault::After) => {
                self.effect(context, action);
                return failed("nobody knows whether it was written");
            }
            None => {}
        }
        let result = self.effect(context, action);
        // A crash here is one after the effect.
        self.faults.step().await;
        result
    }

    fn effect(&self, context: &AppContext, action: &Action) -> EventResult {
        let now = self.clock.now();
        let mut world = self.world();
        let found = world.live.get(&action.id).map(|live| live.uid.clone());
        match (&action.precondition, &found) {
            (Precondition::Absent, Some(_)) => {
                return EventResult::Moved("it is there by now".into());
            }
            (Precondition::Present { uid, .. }, found) if Some(uid) != found.as_ref() => {
                return EventResult::Moved("it is another one by now".into());
            }
            _ => {}
        }
        if action.verb == Verb::Delete {
            world.live.remove(&action.id);
            return EventResult::Done { uid: String::new(), content: None, note: None };
        }
        let Some(resource) = &action.content else {
            return EventResult::Failed { message: "nothing to write".into(), permanent: true };
        };
        let uid = match found {
            Some(uid) if action.verb != Verb::Replace => uid,
            _ => {
                world.next += 1;
                format!("u{}", world.next)
            }
        };
        let live = Live {
            uid: uid.clone(),
            app: Some(context.app.clone()),
            body: resource.body.clone(),
            since: now,
        };
        world.live.insert(action.id.clone(), live);
        if action.id.kind != "Task" {
            return EventResult::Done { uid, content: Some(resource.digest), note: None };
        }
        world.ran.push(Ran { id: action.id.clone(), content: resource.digest });
        match fate(&resource.body) {
            Some("broken") => {
                EventResult::Failed { message: "it exited with 1".into(), permanent: false }
            }
            _ => EventResult::Completed { uid, content: resource.digest },
        }
    }
}

fn fate(body: &Value) -> Option<&str> {
    let env = body.pointer("/spec/env")?.as_array()?;
    env.iter().find(|variable| variable["name"] == "FATE")?.get("value")?.as_str()
}

fn health(live: &Live, now: Timestamp) -> Health {
    let progressing = |why: &str| Health::new(HealthStatus::Progressing, why);
    match fate(&live.body) {
        Some("broken") => Health::new(HealthStatus::Degraded, "it exits with 1 again and again"),
        Some("stuck") => progressing("it is not ready"),
        Some("slow") if now.duration_since(live.since).unsigned_abs() < SLOW => {
            progressing("it is starting")
        }
        _ => Health::healthy(),
    }
}

#[async_trait]
impl Target for MemoryHost {
    async fn capabilities(&self) -> Result<Capabilities, PortError> {
        self.faults.reading("the host").await?;
        Ok(Capabilities::bare("host", "simulated"))
    }

    async fn observe(
        &self,
        context: &AppContext,
        desired: &[Arc<Resource>],
        inventory: &Inventory,
        _: Foresight,
    ) -> Result<Observed, PortError> {
        self.faults.reading("the host").await?;
        let mut observed: Observed = desired
            .iter()
            .map(|resource| (resource.id.clone(), self.look(context, &resource.id, Some(resource))))
            .collect();
        for id in inventory.keys() {
            observed.entry(id.clone()).or_insert_with(|| self.look(context, id, None));
        }
        Ok(observed)
    }

    async fn execute(&self, context: &AppContext, actions: &[Action]) -> Vec<Event> {
        let mut events = Vec::with_capacity(actions.len());
        for action in actions {
            let result = self.carry_out(context, action).await;
            let (id, verb, at) = (action.id.clone(), action.verb, self.clock.now());
            events.push(Event { id, verb, at, result });
        }
        events
    }

    async fn forget(&self, _: &AppName) {}

    fn changes(&self) -> Changes {
        Box::pin(futures::stream::pending())
    }
}
