//! What keeps a number of pods, as `kubectl rollout status` sees it.

use serde_json::Value;
use trueup_model::{Health, HealthStatus};

use super::{degraded, healthy, progressing};
use crate::document::{condition, conditions, number, text};

fn status(object: &Value, field: &str) -> i64 {
    number(object, &format!("/status/{field}")).unwrap_or(0)
}

fn is_observed(object: &Value) -> bool {
    number(object, "/metadata/generation").unwrap_or(0) <= status(object, "observedGeneration")
}

pub fn deployment(object: &Value) -> Health {
    if object.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return Health::new(HealthStatus::Suspended, "Deployment is paused");
    }
    if !is_observed(object) {
        return progressing(
            "Waiting for rollout to finish: observed deployment generation less than desired generation",
        );
    }
    let progress = condition(object, "Progressing");
    if progress.is_some_and(|found| found.reason == "ProgressDeadlineExceeded") {
        let name = text(object, "/metadata/name");
        return degraded(format!("Deployment {name:?} exceeded its progress deadline"));
    }
    let updated = status(object, "updatedReplicas");
    let (replicas, available) = (status(object, "replicas"), status(object, "availableReplicas"));
    match number(object, "/spec/replicas") {
        Some(wanted) if updated < wanted => progressing(format!(
            "Waiting for rollout to finish: {updated} out of {wanted} new replicas have been updated..."
        )),
        _ if replicas > updated => progressing(format!(
            "Waiting for rollout to finish: {} old replicas are pending termination...",
            replicas - updated
        )),
        _ if available < updated => progressing(format!(
            "Waiting for rollout to finish: {available} of {updated} updated replicas are available..."
        )),
        _ => healthy(""),
    }
}

pub fn stateful_set(object: &Value) -> Health {
    if status(object, "observedGeneration") == 0 || !is_observed(object) {
        return progressing("Waiting for statefulset spec update to be observed...");
    }
    let (ready, updated) = (status(object, "readyReplicas"), status(object, "updatedReplicas"));
    let wanted = number(object, "/spec/replicas");
    if let Some(wanted) = wanted.filter(|wanted| ready < *wanted) {
        return progressing(format!("Waiting for {} pods to be ready...", wanted - ready));
    }
    let strategy = text(object, "/spec/updateStrategy/type");
    let rolling = object.pointer("/spec/updateStrategy/rollingUpdate");
    if strategy == "RollingUpdate" && rolling.is_some() {
        let partition = number(object, "/spec/updateStrategy/rollingUpdate/partition");
        if let (Some(wanted), Some(partition)) = (wanted, partition)
            && updated < wanted.saturating_sub(partition)
        {
            return progressing(format!(
                "Waiting for partitioned roll out to finish: {updated} out of {} new pods have been updated...",
                wanted.saturating_sub(partition)
            ));
        }
        return healthy(format!(
            "partitioned roll out complete: {updated} new pods have been updated..."
        ));
    }
    if strategy == "OnDelete" {
        return healthy(format!("statefulset has {ready} ready pods"));
    }
    let (new, current) =
        (text(object, "/status/updateRevision"), text(object, "/status/currentRevision"));
    if new != current {
        return progressing(format!(
            "waiting for statefulset rolling update to complete {updated} pods at revision {new}..."
        ));
    }
    healthy(format!(
        "statefulset rolling update complete {} pods at revision {current}...",
        status(object, "currentReplicas")
    ))
}

pub fn replica_set(object: &Value) -> Health {
    if !is_observed(object) {
        return progressing(
            "Waiting for rollout to finish: observed replica set generation less than desired generation",
        );
    }
    let failure =
        conditions(object).find(|found| found.kind == "ReplicaFailure" && found.is_true());
    if let Some(failure) = failure {
        return degraded(failure.message);
    }
    let available = status(object, "availableReplicas");
    match number(object, "/spec/replicas") {
        Some(wanted) if available < wanted => progressing(format!(
            "Waiting for rollout to finish: {available} out of {wanted} new replicas are available..."
        )),
        _ => healthy(""),
    }
}

pub fn daemon_set(object: &Value) -> Health {
    if !is_observed(object) {
        return progressing(
            "Waiting for rollout to finish: observed daemon set generation less than desired generation",
        );
    }
    let wanted = status(object, "desiredNumberScheduled");
    let (updated, available) =
        (status(object, "updatedNumberScheduled"), status(object, "numberAvailable"));
    let name = text(object, "/metadata/name");
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return healthy(format!("daemon set {updated} out of {wanted} new pods have been updated"));
    }
    if updated < wanted {
        return progressing(format!(
            "Waiting for daemon set {name:?} rollout to finish: {updated} out of {wanted} new pods have been updated..."
        ));
    }
    if available < wanted {
        return progressing(format!(
            "Waiting for daemon set {name:?} rollout to finish: {available} of {wanted} updated pods are available..."
        ));
    }
    healthy("")
}
