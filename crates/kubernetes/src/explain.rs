//! Why a workload is not healthy: the pod that fails, in its own words.
//!
//! A workload's status only counts pods. Here the pods of its present revision that are in trouble
//! are looked up ([`crate::pods`]), and the worst of them says why: with the last lines of a
//! container that keeps crashing, and the events of one that does not come. Pods of an earlier
//! revision do not count: what replaces them may be just what mends it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use trueup_health::kubernetes::trouble::What;
use trueup_model::observed::{ObservedResource, Owner, Presence};
use trueup_model::resource::annotation;
use trueup_model::{Health, HealthStatus, Resource, ResourceId};

use crate::document;
use crate::pods::{Place, Pod};
use crate::wire::{Ask, Wire, escape};

const LOG_LINES: usize = 5;
const LINE_LENGTH: usize = 200;
const NAMES_ONLY: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// Whether the pods of a resource can tell more than it does.
pub fn may_tell(id: &ResourceId, seen: &ObservedResource) -> bool {
    let waits = matches!(seen.health.status, HealthStatus::Progressing | HealthStatus::Degraded);
    waits && seen.presence == Presence::Present && seen.owner == Owner::Ours && plural(id).is_some()
}

/// Kinds that have pods, as in paths.
fn plural(id: &ResourceId) -> Option<&'static str> {
    Some(match (id.group.as_str(), id.kind.as_str()) {
        ("apps", "Deployment") => "deployments",
        ("apps", "StatefulSet") => "statefulsets",
        ("apps", "DaemonSet") => "daemonsets",
        ("apps", "ReplicaSet") => "replicasets",
        ("batch", "Job") => "jobs",
        ("", "Pod") => "pods",
        _ => return None,
    })
}

/// Asks about the pods of a place.
pub struct Explainer<'a> {
    /// The cluster.
    pub wire: &'a Wire,
    /// The place.
    pub place: &'a Place,
    /// Its pods in trouble.
    pub troubled: &'a [Pod],
    /// The time.
    pub now: Timestamp,
}

impl Explainer<'_> {
    /// How a resource does, as its pods say; `None` where they say nothing that decides.
    pub async fn health(&self, resource: &Resource) -> Option<Health> {
        let decided = |pod: &&Pod| pod.trouble.decides_at() <= self.now;
        let selected = self.troubled.iter().filter(decided).filter(|pod| selects(resource, pod));
        let mut pods: Vec<&Pod> = selected.collect();
        if pods.is_empty() {
            return None;
        }
        let current = self.current(&resource.id).await?;
        pods.retain(|pod| current.has(pod));
        pods.sort_by_key(|pod| pod.trouble.what);
        for pod in pods {
            if let Some(reason) = self.reason(pod).await {
                let reason = format!("pod {}: {reason}", pod.name);
                return Some(Health::new(HealthStatus::Degraded, reason));
            }
        }
        None
    }

    async fn reason(&self, pod: &Pod) -> Option<String> {
        let message = &pod.trouble.message;
        match pod.trouble.what {
            What::Crashing => Some(match self.last_lines(pod).await {
                lines if lines.is_empty() => message.clone(),
                lines => format!("{message}; its last lines: {}", lines.join(" | ")),
            }),
            What::Starting => self.failure(pod).await,
            What::Image | What::Config | What::Unschedulable => Some(message.clone()),
        }
    }

    async fn get(&self, path: String, accept: &'static str) -> Option<Value> {
        let ask = Ask::get(path).accepting(accept).acting_as(self.place.user.clone());
        let answer = self.wire.ask(&ask).await.ok()?;
        answer.succeeded().then_some(answer.body)
    }

    fn path(&self, rest: &str) -> String {
        format!("namespaces/{}/{rest}", escape(&self.place.namespace))
    }

    /// What the container wrote before it last ended.
    async fn last_lines(&self, pod: &Pod) -> Vec<String> {
        let (name, container) = (escape(&pod.name), escape(&pod.trouble.container));
        let query = format!("container={container}&tailLines={LOG_LINES}&previous=true");
        let path = format!("/api/v1/{}?{query}", self.path(&format!("pods/{name}/log")));
        let text = match self.get(path, "*/*").await {
            Some(Value::String(text)) => text,
            Some(json @ (Value::Object(_) | Value::Array(_))) => json.to_string(),
            _ => return Vec::new(),
        };
        let line = |line: &str| line.trim().chars().take(LINE_LENGTH).collect::<String>();
        text.lines().map(line).filter(|line| !line.is_empty()).collect()
    }

    /// The last warning about a pod.
    async fn failure(&self, pod: &Pod) -> Option<String> {
        let selector = escape(&format!("involvedObject.uid={},type=Warning", pod.uid));
        let path = format!("/api/v1/{}?fieldSelector={selector}", self.path("events"));
        let events = self.get(path, crate::wire::JSON).await?;
        let text = |event: &Value, name: &str| {
            event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let events = events.pointer("/items").and_then(Value::as_array)?;
        let failed = events.iter().filter(|event| text(event, "reason").starts_with("Failed"));
        let last = failed.max_by_key(|event| text(event, "lastTimestamp"))?;
        Some(format!("{}: {}", text(last, "reason"), text(last, "message")))
    }

    /// Which pods are of the present revision. `None`: that cannot be told now, for its controller
    /// has not taken in what was applied.
    async fn current(&self, id: &ResourceId) -> Option<Current> {
        let root = if id.group.is_empty() {
            "/api/v1".to_owned()
        } else {
            format!("/apis/{}/v1", id.group)
        };
        let name = escape(&id.name);
        let path = format!("{root}/{}", self.path(&format!("{}/{name}", plural(id)?)));
        let live = self.get(path, crate::wire::JSON).await?;
        let observed = live.pointer("/status/observedGeneration").and_then(Value::as_i64);
        if observed.is_some_and(|seen| {
            Some(seen) != live.pointer("/metadata/generation").and_then(Value::as_i64)
        }) {
            return None;
        }
        let uid = document::metadata(&live, "uid").to_owned();
        match id.kind.as_str() {
            "Deployment" => {
                let revision = annotation(&live, "deployment.kubernetes.io/revision")?;
                self.replica_set(&uid, revision).await.map(Current::Owner)
            }
            "StatefulSet" => {
                let revision = live.pointer("/status/updateRevision").and_then(Value::as_str)?;
                Some(Current::Label("controller-revision-hash", revision.to_owned()))
            }
            "DaemonSet" => {
                let generation = annotation(&live, "deprecated.daemonset.template.generation")?;
                Some(Current::Label("pod-template-generation", generation.to_owned()))
            }
            "Pod" => Some(Current::Itself(uid)),
            _ => Some(Current::Owner(uid)),
        }
    }

    /// The uid of a Deployment's ReplicaSet of a revision.
    async fn replica_set(&self, deployment: &str, revision: &str) -> Option<String> {
        let path = format!("/apis/apps/v1/{}", self.path("replicasets"));
        let sets = self.get(path, NAMES_ONLY).await?;
        let sets = sets.pointer("/items").and_then(Value::as_array)?;
        let current = sets.iter().find(|set| {
            document::controller(set, "uid") == deployment
                && annotation(set, "deployment.kubernetes.io/revision") == Some(revision)
        })?;
        Some(document::metadata(current, "uid").to_owned())
    }
}

/// Which pods are of the present revision.
enum Current {
    /// Those of this controller.
    Owner(String),
    /// Those with this label.
    Label(&'static str, String),
    /// The one with this uid.
    Itself(String),
}

impl Current {
    fn has(&self, pod: &Pod) -> bool {
        match self {
            Self::Owner(uid) => pod.owner == *uid,
            Self::Label(name, value) => pod.labels.get(*name) == Some(value),
            Self::Itself(uid) => pod.uid == *uid,
        }
    }
}

/// Whether a pod may be one of a resource's. Jobs draw their selectors, and own their pods directly.
fn selects(resource: &Resource, pod: &Pod) -> bool {
    match resource.id.kind.as_str() {
        "Pod" => resource.id.name == pod.name,
        "Job" => pod.labels.get("batch.kubernetes.io/job-name") == Some(&resource.id.name),
        _ => {
            let labels = resource.body.pointer("/spec/selector/matchLabels");
            let mut labels = labels.and_then(Value::as_object).into_iter().flatten();
            labels.all(|(name, value)| pod.labels.get(name).map(String::as_str) == value.as_str())
        }
    }
}

/// The places whose pods can tell why something is not healthy, each with its resources.
pub fn places<'a>(
    resources: impl Iterator<Item = (&'a Resource, &'a ObservedResource)>,
    user: Option<&str>,
) -> BTreeMap<Place, BTreeSet<&'a ResourceId>> {
    let mut places: BTreeMap<Place, BTreeSet<&ResourceId>> = BTreeMap::new();
    for (resource, _) in resources.filter(|(resource, seen)| may_tell(&resource.id, seen)) {
        let namespace = resource.id.namespace.clone();
        let place = Place { namespace, user: user.map(str::to_owned) };
        places.entry(place).or_default().insert(&resource.id);
    }
    places
}
