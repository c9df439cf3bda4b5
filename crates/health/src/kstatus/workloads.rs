//! What keeps a number of pods. Each rule compares what is wanted with what is there, in the order
//! in which a rollout goes.

use serde_json::Value;

use super::Verdict;
use crate::document::{conditions, number, text};

fn spec_replicas(object: &Value) -> i64 {
    number(object, "/spec/replicas").unwrap_or(1)
}

fn status(object: &Value, field: &str) -> i64 {
    number(object, &format!("/status/{field}")).unwrap_or(0)
}

/// `label: is/wanted`, if there are fewer than wanted.
fn fewer(reason: &str, label: &str, is: i64, wanted: i64) -> Option<Verdict> {
    (wanted > is).then(|| Verdict::in_progress(reason, format!("{label}: {is}/{wanted}")))
}

fn surplus(is: i64, wanted: i64) -> Option<Verdict> {
    let surplus = is.saturating_sub(wanted);
    (surplus > 0)
        .then(|| Verdict::in_progress("ExtraPods", format!("Pending termination: {surplus}")))
}

pub fn stateful_set(object: &Value) -> Verdict {
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return Verdict::current("StatefulSet is using the ondelete update strategy");
    }
    let wanted = spec_replicas(object);
    let replicas = status(object, "replicas");
    let incomplete = fewer("LessReplicas", "Replicas", replicas, wanted)
        .or_else(|| fewer("LessReady", "Ready", status(object, "readyReplicas"), wanted))
        .or_else(|| surplus(replicas, wanted));
    if let Some(verdict) = incomplete {
        return verdict;
    }
    let updated = status(object, "updatedReplicas");
    let partition = number(object, "/spec/updateStrategy/rollingUpdate/partition");
    if let Some(partition) = partition.filter(|partition| *partition != -1) {
        let wanted = wanted.saturating_sub(partition);
        return fewer("PartitionRollout", "updated", updated, wanted).unwrap_or_else(|| {
            Verdict::current(format!("Partition rollout complete. updated: {updated}"))
        });
    }
    if let Some(verdict) =
        fewer("LessCurrent", "current", status(object, "currentReplicas"), wanted)
    {
        return verdict;
    }
    if text(object, "/status/currentRevision") != text(object, "/status/updateRevision") {
        let message = "Waiting for updated revision to match current";
        return Verdict::in_progress("RevisionMismatch", message);
    }
    Verdict::current(format!("All replicas scheduled as expected. Replicas: {replicas}"))
}

/// Without a deadline (or with the largest one) the controller keeps no `Progressing` condition.
const NO_DEADLINE: i64 = i32::MAX as i64;

pub fn deployment(object: &Value) -> Verdict {
    let deadline = number(object, "/spec/progressDeadlineSeconds").unwrap_or(NO_DEADLINE);
    let (mut progressing, mut available) = (deadline == NO_DEADLINE, false);
    for found in conditions(object) {
        match found.kind {
            "Progressing" if found.reason == "ProgressDeadlineExceeded" => {
                let mut verdict = Verdict::failed(found.reason, found.message);
                verdict.message = "Progress deadline exceeded".to_owned();
                return verdict;
            }
            "Progressing" if found.is_true() && found.reason == "NewReplicaSetAvailable" => {
                progressing = true;
            }
            "Available" if found.is_true() => available = true,
            _ => {}
        }
    }
    let wanted = spec_replicas(object);
    let replicas = status(object, "replicas");
    let updated = status(object, "updatedReplicas");
    let incomplete = fewer("LessReplicas", "Replicas", replicas, wanted)
        .or_else(|| fewer("LessUpdated", "Updated", updated, wanted))
        .or_else(|| surplus(replicas, wanted))
        .or_else(|| {
            fewer("LessAvailable", "Available", status(object, "availableReplicas"), updated)
        })
        .or_else(|| fewer("LessReady", "Ready", status(object, "readyReplicas"), wanted));
    if let Some(verdict) = incomplete {
        return verdict;
    }
    if !progressing {
        return Verdict::in_progress("ReplicaSetNotAvailable", "ReplicaSet not Available");
    }
    if !available {
        return Verdict::in_progress("DeploymentNotAvailable", "Deployment not Available");
    }
    Verdict::current(format!("Deployment is available. Replicas: {replicas}"))
}

pub fn replica_set(object: &Value) -> Verdict {
    if conditions(object).any(|found| found.kind == "ReplicaFailure" && found.is_true()) {
        return Verdict::in_progress("ReplicaFailure", "Replica Failure condition. Check Pods");
    }
    let wanted = spec_replicas(object);
    let replicas = status(object, "replicas");
    fewer("LessLabelled", "Labelled", status(object, "fullyLabeledReplicas"), wanted)
        .or_else(|| {
            fewer("LessAvailable", "Available", status(object, "availableReplicas"), wanted)
        })
        .or_else(|| fewer("LessReady", "Ready", status(object, "readyReplicas"), wanted))
        .or_else(|| surplus(replicas, wanted))
        .unwrap_or_else(|| {
            Verdict::current(format!("ReplicaSet is available. Replicas: {replicas}"))
        })
}

pub fn daemon_set(object: &Value) -> Verdict {
    let missing = |pointer: &str, name: &str, reason| {
        let message = format!("{} {name} not found", text(object, "/kind"));
        number(object, pointer).is_none().then(|| Verdict::in_progress(reason, message))
    };
    let unobserved = missing("/metadata/generation", "metadata.generation", "NoGeneration")
        .or_else(|| {
            missing(
                "/status/observedGeneration",
                "status.observedGeneration",
                "NoObservedGeneration",
            )
        });
    if let Some(verdict) = unobserved {
        return verdict;
    }
    let Some(wanted) = number(object, "/status/desiredNumberScheduled").filter(|n| *n != -1) else {
        let message = "Missing .status.desiredNumberScheduled";
        return Verdict::in_progress("NoDesiredNumber", message);
    };
    let is = |field: &str| status(object, field);
    fewer("LessCurrent", "Current", is("currentNumberScheduled"), wanted)
        .or_else(|| fewer("LessUpdated", "Updated", is("updatedNumberScheduled"), wanted))
        .or_else(|| fewer("LessAvailable", "Available", is("numberAvailable"), wanted))
        .or_else(|| fewer("LessReady", "Ready", is("numberReady"), wanted))
        .unwrap_or_else(|| {
            Verdict::current(format!("All replicas scheduled as expected. Replicas: {wanted}"))
        })
}
