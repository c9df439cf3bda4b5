//! Kubernetes objects, as TrueUp judges them by default.
//!
//! The base is kstatus: it respects observed generations and replica counts throughout. Where Argo
//! CD knows more that a person on call wants to know at once, it decides: a pod whose containers
//! cannot start, a failed pod, a paused Deployment, a lost claim, an autoscaler without metrics, a
//! load balancer without an address. A Job that runs is on its way, not done (kstatus says the
//! opposite), since what comes after it waits for its end.

pub mod trouble;

use jiff::Timestamp;
use serde_json::Value;
use trueup_model::{Health, HealthStatus};

use crate::argocd;
use crate::document::{condition, conditions, group, text};
use crate::kstatus::{self, Status};

/// How a Kubernetes object does. `now` decides how long a pod may stay unscheduled.
pub fn of(object: &Value, now: Timestamp) -> Health {
    let base = match kstatus::of(object, now) {
        Ok(verdict) => Health::new(word(verdict.status), verdict.message),
        Err(why) => Health::new(HealthStatus::Unknown, why),
    };
    let argocd = argocd::of(object).ok().flatten();
    match (group(object), text(object, "/kind")) {
        ("batch", "Job") => job(object, base),
        ("", "Pod" | "PersistentVolumeClaim")
        | ("autoscaling", "HorizontalPodAutoscaler")
        | ("apiregistration.k8s.io", "APIService")
        | ("argoproj.io", "Workflow") => {
            argocd.map_or(base.clone(), |health| explain(health, &base))
        }
        ("", "Service") | ("networking.k8s.io", "Ingress") => argocd
            .filter(|health| {
                health.status == HealthStatus::Progressing && base.status == HealthStatus::Healthy
            })
            .map(|health| Health::new(health.status, "its load balancer has no address yet"))
            .unwrap_or(base),
        ("apps", _) => argocd
            .filter(|health| {
                matches!(health.status, HealthStatus::Suspended | HealthStatus::Degraded)
            })
            .map_or_else(|| quiet(base.clone()), |health| explain(health, &base)),
        _ => quiet(conditions_say(object).unwrap_or(base)),
    }
}

fn word(status: Status) -> HealthStatus {
    match status {
        Status::Current => HealthStatus::Healthy,
        Status::InProgress | Status::Terminating => HealthStatus::Progressing,
        Status::Failed => HealthStatus::Degraded,
        Status::NotFound => HealthStatus::Missing,
        Status::Unknown => HealthStatus::Unknown,
    }
}

/// A verdict without a reason borrows the other's.
fn explain(mut health: Health, base: &Health) -> Health {
    if health.reason.is_empty() && health.status != HealthStatus::Healthy {
        health.reason.clone_from(&base.reason);
    }
    quiet(health)
}

/// What is healthy has nothing to say.
fn quiet(health: Health) -> Health {
    if health.status == HealthStatus::Healthy { Health::healthy() } else { health }
}

fn job(object: &Value, base: Health) -> Health {
    let says = |kind: &str| condition(object, kind).is_some_and(|found| found.is_true());
    if says("Suspended") {
        return Health::new(HealthStatus::Suspended, "it is suspended");
    }
    if let Some(failed) = condition(object, "Failed").filter(|failed| failed.is_true()) {
        let why = if failed.message.is_empty() { base.reason } else { failed.message.to_owned() };
        return Health::new(HealthStatus::Degraded, why);
    }
    if says("Complete") {
        return Health::healthy();
    }
    Health::new(HealthStatus::Progressing, base.reason)
}

/// Custom resources tell by conditions; besides `Ready` some say that they failed for good.
fn conditions_say(object: &Value) -> Option<Health> {
    let failed = conditions(object)
        .find(|found| matches!(found.kind, "Failed" | "Degraded") && found.is_true())?;
    let why = if failed.message.is_empty() { failed.reason } else { failed.message };
    Some(Health::new(HealthStatus::Degraded, why))
}
