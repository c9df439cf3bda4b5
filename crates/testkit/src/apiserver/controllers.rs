//! The controllers of a cluster, in small: definitions are established, workloads become
//! available, jobs complete, what is deleted takes its dependents and contents along.
//!
//! A pod template can ask to go wrong, as on the testbed, with the annotation
//! `testbed.trueup.dev/pod`: `crash-loop`, `never-ready`, `fail`, or `ready-after=SECONDSs`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::kinds::Kind;
use super::objects::Key;
use super::write::{finalizers, stamp};

/// The annotation of a pod template that says how its pods do.
pub const BEHAVIOUR: &str = "testbed.trueup.dev/pod";
const FOREGROUND: &str = "foregroundDeletion";
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// One pass over everything. Gives when to look again though nothing happens.
pub fn pass(cluster: &mut Cluster, now: Timestamp) -> Option<Timestamp> {
    let before = cluster.objects.version();
    let mut again: Option<Timestamp> = None;
    let all: Vec<(Key, Arc<Value>)> =
        cluster.objects.iter().map(|(key, object)| (key.clone(), Arc::clone(object))).collect();
    for (key, object) in &all {
        if let Some(at) = one(cluster, key, object, now) {
            again = Some(again.map_or(at, |other| other.min(at)));
        }
    }
    collect(cluster, now);
    // What was just written may need a further step.
    if cluster.objects.version() == before { again } else { Some(now) }
}

fn one(cluster: &mut Cluster, key: &Key, object: &Value, now: Timestamp) -> Option<Timestamp> {
    let deleting = object.pointer("/metadata/deletionTimestamp").is_some();
    match key.plural.as_str() {
        "namespaces" if deleting => {
            empty_namespace(cluster, key, now);
            None
        }
        "customresourcedefinitions" if deleting => {
            clean_up(cluster, key, object, now);
            None
        }
        _ if deleting => {
            release(cluster, key, object, now);
            None
        }
        "customresourcedefinitions" => {
            establish(cluster, key, object, now);
            None
        }
        "deployments" | "statefulsets" | "daemonsets" | "replicasets" => {
            workload(cluster, key, object, now)
        }
        "jobs" => job(cluster, key, object, now),
        _ => None,
    }
}

fn kind(cluster: &Cluster, key: &Key) -> Option<Arc<Kind>> {
    let fits = |kind: &&Arc<Kind>| kind.group == key.group && kind.plural == key.plural;
    cluster.kinds.iter().find(fits).cloned()
}

/// Everything in a namespace that is being deleted goes; then it does.
fn empty_namespace(cluster: &mut Cluster, key: &Key, now: Timestamp) {
    let inside = |cluster: &Cluster| -> Vec<(Key, Arc<Value>)> {
        let inside = cluster.objects.iter().filter(|(other, _)| other.namespace == key.name);
        inside.map(|(key, object)| (key.clone(), Arc::clone(object))).collect()
    };
    for (inner, object) in inside(cluster) {
        if object.pointer("/metadata/deletionTimestamp").is_none()
            && let Some(kind) = kind(cluster, &inner)
        {
            cluster.begin_deletion(&kind, &inner, "Background", false, now);
        }
    }
    if inside(cluster).is_empty() {
        cluster.take_out(key);
    }
}

fn establish(cluster: &mut Cluster, key: &Key, object: &Value, now: Timestamp) {
    let known = object.pointer("/status/acceptedNames").is_some();
    let Some(kind) = kind(cluster, key).filter(|_| !known) else { return };
    cluster.change(&kind, key, "status", now, |object| {
        let condition = |kind: &str, reason: &str, message: &str| {
            json!({"type": kind, "status": "True", "reason": reason, "message": message,
                "lastTransitionTime": stamp(now)})
        };
        object["status"]["acceptedNames"] = object["spec"]["names"].clone();
        object["status"]["conditions"] = json!([
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition(
                "Established",
                "InitialNamesAccepted",
                "the initial names have been accepted"
            ),
        ]);
    });
}

/// All objects of a definition that is being deleted go; then it does.
fn clean_up(cluster: &mut Cluster, key: &Key, object: &Value, now: Timestamp) {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (group, plural) = (text("/spec/group"), text("/spec/names/plural"));
    let inside: Vec<Key> =
        cluster.objects.of_kind(group, plural, "").map(|(key, _)| key.clone()).collect();
    for inner in &inside {
        let kind = Kind { group: group.to_owned(), plural: plural.to_owned(), ..Kind::default() };
        cluster.begin_deletion(&kind, inner, "Background", false, now);
    }
    let Some(kind) = kind(cluster, key) else { return };
    if cluster.objects.of_kind(group, plural, "").next().is_none() {
        drop_finalizer(cluster, &kind, key, CLEANUP, now);
    }
}

/// What waits for its dependents, goes when they are gone.
fn release(cluster: &mut Cluster, key: &Key, object: &Value, now: Timestamp) {
    let held = finalizers(object);
    let Some(kind) = kind(cluster, key) else { return };
    if held.iter().any(|finalizer| finalizer == FOREGROUND) {
        let uid = object["metadata"]["uid"].clone();
        for (inner, _) in dependents(cluster, &uid) {
            if let Some(kind) = self::kind(cluster, &inner) {
                cluster.begin_deletion(&kind, &inner, "Background", false, now);
            }
        }
        if dependents(cluster, &uid).is_empty() {
            drop_finalizer(cluster, &kind, key, FOREGROUND, now);
        }
    }
    if held.iter().any(|finalizer| finalizer == "orphan") {
        let uid = object["metadata"]["uid"].clone();
        for (inner, _) in dependents(cluster, &uid) {
            if let Some(kind) = self::kind(cluster, &inner) {
                cluster.change(&kind, &inner, "", now, |object| forget_owner(object, &uid));
            }
        }
        drop_finalizer(cluster, &kind, key, "orphan", now);
    }
}

fn drop_finalizer(cluster: &mut Cluster, kind: &Arc<Kind>, key: &Key, name: &str, now: Timestamp) {
    cluster.change(kind, key, "", now, |object| {
        let mut rest = finalizers(object);
        rest.retain(|other| other != name);
        object["metadata"]["finalizers"] = rest.into();
    });
}

fn owners(object: &Value) -> impl Iterator<Item = &Value> {
    object.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten()
}

fn forget_owner(object: &mut Value, uid: &Value) {
    let owners = object.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut);
    if let Some(owners) = owners {
        owners.retain(|owner| owner["uid"] != *uid);
    }
}

fn dependents(cluster: &Cluster, uid: &Value) -> Vec<(Key, Arc<Value>)> {
    let of = |object: &Value| owners(object).any(|owner| owner["uid"] == *uid);
    let all = cluster.objects.iter().filter(|(_, object)| of(object));
    all.map(|(key, object)| (key.clone(), Arc::clone(object))).collect()
}

/// What all owners of are gone, goes.
fn collect(cluster: &mut Cluster, now: Timestamp) {
    let uids: BTreeSet<String> = cluster
        .objects
        .iter()
        .filter_map(|(_, object)| object["metadata"]["uid"].as_str().map(str::to_owned))
        .collect();
    let lives = |owner: &Value| owner["uid"].as_str().is_some_and(|uid| uids.contains(uid));
    let garbage: Vec<Key> = cluster
        .objects
        .iter()
        .filter(|(_, object)| owners(object).next().is_some() && !owners(object).any(lives))
        .map(|(key, _)| key.clone())
        .collect();
    for key in garbage {
        if let Some(kind) = kind(cluster, &key) {
            cluster.begin_deletion(&kind, &key, "Background", false, now);
        }
    }
}

/// How the pods of a template do.
enum Pods {
    Ready,
    NotYet(Timestamp),
    Never,
    Fail,
}

fn pods(object: &Value, since: Timestamp, now: Timestamp) -> Pods {
    let annotations = object.pointer("/spec/template/metadata/annotations");
    let behaviour = annotations.and_then(|all| all.get(BEHAVIOUR)?.as_str()).unwrap_or_default();
    let wait = behaviour.strip_prefix("ready-after=").and_then(|text| text.strip_suffix('s'));
    let wait = wait.and_then(|text| text.parse().ok()).map(Duration::from_secs);
    match (behaviour, wait) {
        ("never-ready" | "crash-loop" | "image-pull-error", _) => Pods::Never,
        ("fail", _) => Pods::Fail,
        (_, Some(wait)) if since + wait > now => Pods::NotYet(since + wait),
        _ => Pods::Ready,
    }
}

fn time_of(object: &Value, pointer: &str) -> Option<Timestamp> {
    object.pointer(pointer).and_then(Value::as_str)?.parse().ok()
}

/// Deployments and their like. A rollout starts with the generation that is first observed.
fn workload(cluster: &mut Cluster, key: &Key, object: &Value, now: Timestamp) -> Option<Timestamp> {
    let kind = kind(cluster, key)?;
    let generation = object.pointer("/metadata/generation").cloned().unwrap_or(1.into());
    let observed = object.pointer("/status/observedGeneration") == Some(&generation);
    let condition = object.pointer("/status/conditions/0").filter(|_| observed);
    let started = condition.and_then(|condition| time_of(condition, "/lastUpdateTime"));
    let started = started.unwrap_or(now);
    let (ready, again) = match pods(object, started, now) {
        Pods::Ready => (true, None),
        Pods::NotYet(at) => (false, Some(at)),
        Pods::Never | Pods::Fail => (false, None),
    };
    let deadline = object.pointer("/spec/progressDeadlineSeconds").and_then(Value::as_u64);
    let deadline = started + Duration::from_secs(deadline.unwrap_or(600));
    let late = !ready && now >= deadline;
    let status = if kind.kind == "DaemonSet" {
        daemons(&generation, ready)
    } else {
        replicas(object, &generation, ready, late, started)
    };
    cluster.change(&kind, key, "status", now, |object| object["status"] = status);
    again.or_else(|| (!ready && !late && kind.kind == "Deployment").then_some(deadline))
}

fn daemons(generation: &Value, ready: bool) -> Value {
    let count = u32::from(ready);
    json!({"observedGeneration": generation, "desiredNumberScheduled": 1,
        "currentNumberScheduled": 1, "updatedNumberScheduled": 1, "numberMisscheduled": 0,
        "numberReady": count, "numberAvailable": count})
}

fn replicas(
    object: &Value,
    generation: &Value,
    ready: bool,
    late: bool,
    started: Timestamp,
) -> Value {
    let wanted = object.pointer("/spec/replicas").cloned().unwrap_or(1.into());
    let count = if ready { wanted.clone() } else { 0.into() };
    let condition = |kind: &str, status: bool, reason: &str| {
        json!({"type": kind, "status": if status { "True" } else { "False" }, "reason": reason,
            "message": "", "lastUpdateTime": stamp(started), "lastTransitionTime": stamp(started)})
    };
    let available = if ready { "MinimumReplicasAvailable" } else { "MinimumReplicasUnavailable" };
    let progress = match (ready, late) {
        (true, _) => "NewReplicaSetAvailable",
        (false, true) => "ProgressDeadlineExceeded",
        (false, false) => "ReplicaSetUpdated",
    };
    json!({
        "observedGeneration": generation, "replicas": wanted, "updatedReplicas": wanted,
        "currentReplicas": wanted, "fullyLabeledReplicas": wanted,
        "readyReplicas": count, "availableReplicas": count,
        "conditions": [
            condition("Available", ready, available),
            condition("Progressing", !late, progress),
        ],
    })
}

/// Jobs run for a second, and are removed when their time has come.
fn job(cluster: &mut Cluster, key: &Key, object: &Value, now: Timestamp) -> Option<Timestamp> {
    const RUNS: Duration = Duration::from_secs(1);
    let kind = kind(cluster, key)?;
    if let Some(ended) = time_of(object, "/status/completionTime") {
        let keep = object.pointer("/spec/ttlSecondsAfterFinished").and_then(Value::as_u64)?;
        let until = ended + Duration::from_secs(keep.max(1));
        if until > now {
            return Some(until);
        }
        cluster.begin_deletion(&kind, key, "Foreground", false, now);
        return None;
    }
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    if conditions.is_some_and(|conditions| !conditions.is_empty()) {
        return None;
    }
    let Some(started) = time_of(object, "/status/startTime") else {
        let status = json!({"active": 1, "ready": 0, "startTime": stamp(now)});
        cluster.change(&kind, key, "status", now, |object| object["status"] = status);
        return Some(now + RUNS);
    };
    let condition = |kind: &str, reason: &str| {
        json!([{"type": kind, "status": "True", "reason": reason, "message": "",
            "lastProbeTime": stamp(now), "lastTransitionTime": stamp(now)}])
    };
    let mut status = json!({"startTime": stamp(started)});
    match pods(object, started, now) {
        _ if started + RUNS > now => return Some(started + RUNS),
        Pods::NotYet(at) => return Some(at),
        Pods::Never => return None,
        Pods::Ready => {
            status["succeeded"] = 1.into();
            status["completionTime"] = stamp(now).into();
            status["conditions"] = condition("Complete", "CompletionsReached");
        }
        Pods::Fail => {
            status["failed"] = 1.into();
            status["conditions"] = condition("Failed", "BackoffLimitExceeded");
        }
    }
    cluster.change(&kind, key, "status", now, |object| object["status"] = status);
    None
}
