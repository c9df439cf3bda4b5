//! The checks that Argo CD has built in, in its own words. A kind that it does not check has no
//! opinion here: `None`.

mod workloads;

use serde_json::Value;
use trueup_model::{Health, HealthStatus};

use crate::document::{Condition, condition, conditions, group, list, text};

/// What Argo CD says of an object.
///
/// # Errors
/// A part of it is not what Kubernetes' types say.
pub fn of(object: &Value) -> Result<Option<Health>, String> {
    if object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null()) {
        return Ok(Some(progressing("Pending deletion")));
    }
    let health = match (group(object), text(object, "/kind")) {
        ("apps" | "extensions", "Deployment") => workloads::deployment(object),
        ("apps", "StatefulSet") => workloads::stateful_set(object),
        ("apps" | "extensions", "ReplicaSet") => workloads::replica_set(object),
        ("apps" | "extensions", "DaemonSet") => workloads::daemon_set(object),
        ("networking.k8s.io" | "extensions", "Ingress") => balanced(object),
        ("argoproj.io", "Workflow") => workflow(object),
        ("apiregistration.k8s.io", "APIService") => api_service(object),
        ("", "Service") if text(object, "/spec/type") == "LoadBalancer" => balanced(object),
        ("", "Service") => healthy(""),
        ("", "PersistentVolumeClaim") => claim(object),
        ("", "Pod") => pod(object),
        ("batch", "Job") => job(object),
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaler(object)?,
        _ => return Ok(None),
    };
    Ok(Some(health))
}

fn healthy(message: impl Into<String>) -> Health {
    Health::new(HealthStatus::Healthy, message)
}

fn progressing(message: impl Into<String>) -> Health {
    Health::new(HealthStatus::Progressing, message)
}

fn degraded(message: impl Into<String>) -> Health {
    Health::new(HealthStatus::Degraded, message)
}

fn balanced(object: &Value) -> Health {
    if list(object, "/status/loadBalancer/ingress").is_empty() {
        progressing("")
    } else {
        healthy("")
    }
}

fn claim(object: &Value) -> Health {
    match text(object, "/status/phase") {
        "Lost" => degraded(""),
        "Pending" => progressing(""),
        "Bound" => healthy(""),
        _ => Health::new(HealthStatus::Unknown, ""),
    }
}

fn workflow(object: &Value) -> Health {
    let message = text(object, "/status/message");
    match text(object, "/status/phase") {
        "" | "Pending" | "Running" => progressing(message),
        "Succeeded" => healthy(message),
        "Failed" | "Error" => degraded(message),
        _ => Health::new(HealthStatus::Unknown, message),
    }
}

fn api_service(object: &Value) -> Health {
    match condition(object, "Available") {
        None => progressing("Waiting to be processed"),
        Some(found) => {
            let message = format!("{}: {}", found.reason, found.message);
            if found.is_true() { healthy(message) } else { progressing(message) }
        }
    }
}

fn job(object: &Value) -> Health {
    let found = |kind: &str| condition(object, kind);
    if let Some(failed) = found("Failed") {
        return degraded(failed.message);
    }
    if let Some(suspended) = found("Suspended").filter(|suspended| suspended.is_true()) {
        return Health::new(HealthStatus::Suspended, suspended.message);
    }
    match found("Complete") {
        Some(complete) => healthy(complete.message),
        None => progressing(""),
    }
}

fn pod(object: &Value) -> Health {
    let message = text(object, "/status/message");
    let policy = text(object, "/spec/restartPolicy");
    if policy == "Always"
        && let Some(stuck) = stuck_containers(object)
    {
        return degraded(stuck);
    }
    match text(object, "/status/phase") {
        "Pending" => progressing(message),
        "Succeeded" => healthy(message),
        "Failed" => degraded(failure(object)),
        "Running" => match policy {
            "Always" => always_running(object),
            "OnFailure" | "Never" if ignores_restart_policy(object) => healthy(message),
            "OnFailure" | "Never" => progressing(message),
            _ => Health::new(HealthStatus::Unknown, message),
        },
        _ => Health::new(HealthStatus::Unknown, message),
    }
}

fn stuck_containers(object: &Value) -> Option<String> {
    let is_error = |reason: &str| {
        reason.starts_with("Err") || reason.ends_with("Error") || reason.ends_with("BackOff")
    };
    let messages: Vec<&str> = list(object, "/status/containerStatuses")
        .iter()
        .filter(|container| is_error(text(container, "/state/waiting/reason")))
        .map(|container| text(container, "/state/waiting/message"))
        .collect();
    (!messages.is_empty()).then(|| messages.join(", "))
}

fn failure(object: &Value) -> String {
    let message = text(object, "/status/message");
    if !message.is_empty() {
        return message.to_owned();
    }
    let init = list(object, "/status/initContainerStatuses");
    let containers = init.iter().chain(list(object, "/status/containerStatuses"));
    containers.filter_map(failure_of).next().unwrap_or_default()
}

fn failure_of(container: &Value) -> Option<String> {
    let ended = container.pointer("/state/terminated")?;
    let (message, reason) = (text(ended, "/message"), text(ended, "/reason"));
    if !message.is_empty() {
        return Some(message.to_owned());
    }
    if reason == "OOMKilled" {
        return Some(reason.to_owned());
    }
    let code = ended.get("exitCode")?.as_i64().filter(|code| *code != 0)?;
    let name = text(container, "/name");
    Some(format!("container {name:?} failed with exit code {code}"))
}

fn always_running(object: &Value) -> Health {
    let message = text(object, "/status/message");
    if condition(object, "Ready").is_some_and(Condition::is_true) {
        return healthy(message);
    }
    let ended = |container: &Value| container.pointer("/lastState/terminated").is_some();
    if list(object, "/status/containerStatuses").iter().any(ended) {
        return degraded(message);
    }
    progressing(message)
}

/// A pod with an end of its own may be asked to count as healthy while it runs, unless it is a hook.
fn ignores_restart_policy(object: &Value) -> bool {
    let annotation = |name: &str| trueup_model::resource::annotation(object, name);
    let is_hook =
        annotation("argocd.argoproj.io/hook").is_some() || annotation("helm.sh/hook").is_some();
    annotation("argocd.argoproj.io/ignore-restart-policy") == Some("true") && !is_hook
}

/// In version 1 the conditions stand in an annotation.
fn autoscaler(object: &Value) -> Result<Health, String> {
    let waiting = || progressing("Waiting to Autoscale");
    if text(object, "/apiVersion") != "autoscaling/v1" {
        return Ok(by_conditions(conditions(object)).unwrap_or_else(waiting));
    }
    let name = "autoscaling.alpha.kubernetes.io/conditions";
    let Some(annotation) = trueup_model::resource::annotation(object, name) else {
        return Ok(waiting());
    };
    let list: Vec<Value> = serde_json::from_str(annotation)
        .map_err(|error| format!("failed to convert conditions annotation to typed: {error}"))?;
    Ok(by_conditions(list.iter().map(Condition::of)).unwrap_or_else(waiting))
}

fn by_conditions<'a>(conditions: impl Iterator<Item = Condition<'a>>) -> Option<Health> {
    let mut well = None;
    for found in conditions {
        let broken = match found.kind {
            "AbleToScale" => matches!(found.reason, "FailedGetScale" | "FailedUpdateScale"),
            "ScalingActive" => {
                found.reason.starts_with("FailedGet") || found.reason == "InvalidSelector"
            }
            _ => false,
        };
        if broken {
            return Some(degraded(found.message));
        }
        if matches!(found.kind, "AbleToScale" | "ScalingLimited")
            && found.is_true()
            && well.is_none()
        {
            well = Some(healthy(found.message));
        }
    }
    well
}
