//! The smallest planner that can drive the target: what is not as declared is made so, in the order
//! of the kinds; what is not declared any more goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use trueup_model::observed::{Owner, Prediction, Presence};
use trueup_model::ports::{AppContext, Foresight};
use trueup_model::record::{Inventory, InventoryItem};
use trueup_model::resource::Origin;
use trueup_model::{
    Action, AppName, Digest, Event, EventResult, Observed, Precondition, Resource, ResourceId,
    Target, Verb, host, kinds,
};

/// A resource of a document.
pub fn resource(document: Value) -> Resource {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let id = ResourceId::new(kinds::HOST_GROUP, text("/kind"), "", text("/metadata/name"));
    Resource::new(id, host::API_VERSION.to_owned(), document, Origin::default())
}

/// For whom.
pub fn context(app: &str) -> AppContext {
    AppContext {
        app: AppName::new(app).expect("a name for tests"),
        installation: "test".to_owned(),
        namespace: String::new(),
        service_account: None,
        revision: "0123456789abcdef".to_owned(),
        rendered: Digest::of(b"rendered"),
        adopt: None,
        formerly: Vec::new(),
    }
}

/// What an app has, as the engine would keep it.
#[derive(Default)]
pub struct Kept {
    pub inventory: Inventory,
}

impl Kept {
    /// One round: looks, and carries out everything that differs, kind by kind. Answers what came
    /// of it.
    pub async fn round(
        &mut self,
        target: &dyn Target,
        app: &str,
        resources: &[Resource],
    ) -> Vec<Event> {
        let mut resources = resources.to_vec();
        let wrong = host::bind_uses(&mut resources);
        assert!(wrong.is_empty(), "{wrong:?}");
        let desired: Vec<Arc<Resource>> = resources.into_iter().map(Arc::new).collect();
        let context = context(app);
        let look = target.observe(&context, &desired, &self.inventory, Foresight::Changes);
        let observed = look.await.expect("a machine that is there");
        let mut stages: BTreeMap<u32, Vec<Action>> = BTreeMap::new();
        for action in actions(&desired, &observed, &self.inventory) {
            stages.entry(stage(&action)).or_default().push(action);
        }
        let mut events = Vec::new();
        for actions in stages.into_values() {
            for action in actions.iter().filter(|action| action.verb != Verb::Delete) {
                let item = item(action, true, String::new());
                self.inventory.entry(action.id.clone()).or_insert(item);
            }
            let of_stage = target.execute(&context, &actions).await;
            self.learn(&actions, &of_stage);
            events.extend(of_stage);
        }
        events
    }

    fn learn(&mut self, actions: &[Action], events: &[Event]) {
        for event in events {
            let Some(action) = actions.iter().find(|action| action.id == event.id) else {
                continue;
            };
            match &event.result {
                EventResult::Done { uid, .. } if action.verb == Verb::Delete => {
                    assert_eq!(uid, "");
                    self.inventory.remove(&event.id);
                }
                EventResult::Done { uid, .. } | EventResult::Completed { uid, .. } => {
                    self.inventory.insert(event.id.clone(), item(action, false, uid.clone()));
                }
                _ => {}
            }
        }
    }
}

fn item(action: &Action, intended: bool, uid: String) -> InventoryItem {
    InventoryItem {
        api_version: host::API_VERSION.to_owned(),
        uid,
        content: action.content_digest,
        intended,
        keep: false,
        stage: 0,
        hook: false,
    }
}

fn stage(action: &Action) -> u32 {
    let rank = kinds::of(&action.id).rank;
    if action.verb == Verb::Delete { 100 - rank } else { rank }
}

fn actions(desired: &[Arc<Resource>], observed: &Observed, inventory: &Inventory) -> Vec<Action> {
    let mut actions = Vec::new();
    for resource in desired {
        let seen = &observed[&resource.id];
        let refused = matches!(seen.prediction, Some(Prediction::Refused { .. }));
        if refused || seen.synced == Some(resource.digest) {
            continue;
        }
        let (verb, precondition) = match (&seen.presence, &seen.owner) {
            (Presence::Absent, _) => (Verb::Create, Precondition::Absent),
            (Presence::Present, owner) => {
                let verb = if *owner == Owner::Ours { Verb::Patch } else { Verb::Adopt };
                (verb, present(&seen.uid, &seen.resource_version))
            }
            _ => continue,
        };
        let content = Some(resource.clone());
        actions.push(action(resource.id.clone(), verb, content, precondition));
    }
    for id in inventory.keys().filter(|id| desired.iter().all(|resource| resource.id != **id)) {
        let seen = &observed[id];
        let precondition = present(&seen.uid, &seen.resource_version);
        actions.push(action(id.clone(), Verb::Delete, None, precondition));
    }
    actions
}

fn present(uid: &str, version: &str) -> Precondition {
    Precondition::Present { uid: uid.to_owned(), resource_version: version.to_owned() }
}

/// An action, without what only people read.
pub fn action(
    id: ResourceId,
    verb: Verb,
    content: Option<Arc<Resource>>,
    precondition: Precondition,
) -> Action {
    Action {
        id,
        api_version: host::API_VERSION.to_owned(),
        verb,
        stage: 0,
        content_digest: content.as_ref().map(|resource| resource.digest),
        content,
        changes: Vec::new(),
        unpredicted: None,
        takes: Vec::new(),
        precondition,
        reason: String::new(),
        heals: false,
        hook: None,
        declared_at: None,
    }
}
