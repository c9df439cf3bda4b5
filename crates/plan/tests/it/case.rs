//! One plan, from documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use trueup_model::app::Policy;
use trueup_model::observed::{ObservedResource, Owner, Prediction, Presence};
use trueup_model::plan::{Inputs, Plan, Purpose};
use trueup_model::record::InventoryItem;
use trueup_model::{
    AppName, Digest, Health, InstallationKey, Observed, Record, Resource, ResourceId, Revision,
    TargetId,
};
use trueup_plan::{Input, Next};

/// What a plan is made from; a test changes what it is about.
pub struct Case {
    pub desired: Vec<Arc<Resource>>,
    pub observed: Observed,
    pub record: Record,
    pub policy: Policy,
    pub purpose: Purpose,
}

impl Case {
    /// These documents are desired, and nothing is there.
    pub fn of(documents: &[Value]) -> Self {
        let desired: Vec<Arc<Resource>> = documents.iter().map(|d| Arc::new(resource(d))).collect();
        let absent = |r: &Arc<Resource>| (r.id.clone(), ObservedResource::absent());
        Self {
            observed: desired.iter().map(absent).collect(),
            desired,
            record: Record::default(),
            policy: Policy::default(),
            purpose: Purpose::Apply,
        }
    }

    /// Something is there that was applied from this document, in this stage; it is healthy.
    pub fn owns(&mut self, document: &Value, stage: u32) {
        let resource = resource(document);
        let item = InventoryItem {
            api_version: resource.api_version.clone(),
            uid: "u".to_owned(),
            content: Some(resource.digest),
            intended: false,
            keep: false,
            stage,
            hook: false,
        };
        self.record.inventory.insert(resource.id.clone(), item);
        let seen = ObservedResource::synced("u", resource.digest, Health::healthy());
        self.observed.insert(resource.id, seen);
    }

    /// A desired resource that was applied is there with this content instead.
    pub fn drifts(&mut self, document: &Value, live: Value) -> &mut ObservedResource {
        self.owns(document, 0);
        let resource = resource(document);
        let seen = ObservedResource {
            presence: Presence::Present,
            owner: Owner::Ours,
            synced: None,
            live: Some(live),
            prediction: Some(Prediction::Exact(document.clone())),
            health: Health::healthy(),
            uid: "u".to_owned(),
            ..ObservedResource::absent()
        };
        self.observed.insert(resource.id.clone(), seen);
        self.observed.get_mut(&resource.id).expect("it was just put there")
    }

    fn with<T>(&self, then: impl FnOnce(&Input<'_>) -> T) -> T {
        let app = AppName::new("shop").expect("a fitting name");
        let target = TargetId { kind: "kubernetes".to_owned(), identity: "here".to_owned() };
        let revision = Revision {
            commit: "1".repeat(40),
            reference: "main".to_owned(),
            time: Timestamp::UNIX_EPOCH,
            author: String::new(),
            subject: String::new(),
            notes: Vec::new(),
        };
        then(&Input {
            app: &app,
            policy: &self.policy,
            adopt: None,
            target: &target,
            purpose: self.purpose,
            revision: &revision,
            rendered: Digest::of(b"set"),
            inputs: &Inputs::default(),
            desired: &self.desired,
            observed: &self.observed,
            record: &self.record,
            key: &InstallationKey::from_bytes([1; 32]),
            now: Timestamp::UNIX_EPOCH,
        })
    }

    /// The plan, which keeps the rules.
    pub fn plan(&self) -> Plan {
        self.with(|input| {
            let plan = trueup_plan::plan(input);
            assert_eq!(trueup_plan::check(&plan, input), []);
            plan
        })
    }

    /// What is due first.
    pub fn next(&self) -> Next {
        self.with(|input| trueup_plan::next(&trueup_plan::plan(input), input))
    }

    /// The actions by stage: `create Job/ns/migrate`, those of one stage in one line.
    pub fn stages(&self) -> Vec<String> {
        let mut stages: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for action in self.plan().actions {
            let line = format!("{} {}", action.verb.as_str(), action.id);
            stages.entry(action.stage).or_default().push(line);
        }
        stages.into_values().map(|lines| lines.join(", ")).collect()
    }

    /// Why nothing is done to a resource of this name.
    pub fn why_not(&self, name: &str) -> String {
        let plan = self.plan();
        let skip = plan.skips.iter().find(|skip| skip.id.name == name);
        skip.map(|skip| format!("{:?}: {}", skip.kind, skip.why)).unwrap_or_default()
    }
}

fn resource(document: &Value) -> Resource {
    let text = |pointer: &str| {
        document.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let api_version = text("/apiVersion");
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let id = ResourceId::new(
        group,
        &text("/kind"),
        &text("/metadata/namespace"),
        &text("/metadata/name"),
    );
    Resource::new(id, api_version.clone(), document.clone(), Default::default())
}
