//! The checks that Argo CD has built in, in its own words. A kind that it does not check has no
//! opinion here: `None`.

mod workloads;

use serde_json::Value;
use trueup_model::{Health, HealthStatus};

use crate::document::{Condition, condition, conditions, group, list, text};

/// Objects that only this holds are hooks, and are judged until they are gone.
const HOOK_FINALIZER: &str = "argocd.argoproj.io/hook-finalizer";
/// Reasons for which an autoscaler does not scale.
const BROKEN_SCALING: &[&str] = &[
    "FailedGetResourceMetric",
    "FailedGetObjectMetric",
    "FailedGetPodsMetric",
    "FailedGetExternalMetric",
    "FailedComputeMetricsReplicas",
    "InvalidSelector",
];

/// What Argo CD says of an object.
///
/// # Errors
/// A part of it is not what Kubernetes' types say.
pub fn of(object: &Value) -> Result<Option<Health>, String> {
    let deleted = object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null());
    if deleted && !list(object, "/metadata/finalizers").contains(&HOOK_FINALIZER.into()) {
        return Ok(Some(progressing("Pending deletion")));
    }
    is_supported(object)?;
    let health = match (group(object), text(object, "/kind")) {
        ("apps", "Deployment") => workloads::deployment(object),
        ("apps", "StatefulSet") => workloads::stateful_set(object),
        ("apps", "ReplicaSet") => workloads::replica_set(object),
        ("apps", "DaemonSet") => workloads::daemon_set(object),
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

/// Kinds that are read by their types: at these versions alone.
fn is_supported(object: &Value) -> Result<(), String> {
    let (api_version, kind) = (text(object, "/apiVersion"), text(object, "/kind"));
    let versions: &[&str] = match (group(object), kind) {
        ("apps", "Deployment" | "StatefulSet" | "ReplicaSet" | "DaemonSet") => &["apps/v1"],
        ("", "Service" | "PersistentVolumeClaim" | "Pod") => &["v1"],
        ("batch", "Job") => &["batch/v1"],
        ("apiregistration.k8s.io", "APIService") => {
            &["apiregistration.k8s.io/v1", "apiregistration.k8s.io/v1beta1"]
        }
        ("autoscaling", "HorizontalPodAutoscaler") => {
            &["autoscaling/v1", "autoscaling/v2beta1", "autoscaling/v2beta2", "autoscaling/v2"]
        }
        _ => return Ok(()),
    };
    if versions.contains(&api_version) {
        return Ok(());
    }
    let name = if kind == "HorizontalPodAutoscaler" { "HPA" } else { kind };
    // The core group's versions have no group to be named with.
    let version =
        if api_version.contains('/') { api_version.to_owned() } else { format!("/{api_version}") };
    Err(format!("unsupported {name} GVK: {version}, Kind={kind}"))
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

/// A job that was suspended once counts as complete when it is resumed: that is Argo CD's rule.
fn job(object: &Value) -> Health {
    let mut failed = None;
    let mut ended = None;
    let mut suspended = false;
    for found in conditions(object) {
        match found.kind {
            "Failed" => failed = Some(found.message),
            "Complete" => ended = Some(found.message),
            "Suspended" => {
                ended = Some(found.message);
                suspended |= found.is_true();
            }
            _ => {}
        }
    }
    match (failed, ended) {
        (Some(message), _) => degraded(message),
        (None, Some(message)) if suspended => Health::new(HealthStatus::Suspended, message),
        (None, Some(message)) => healthy(message),
        (None, None) => progressing(""),
    }
}

fn pod(object: &Value) -> Health {
    let message = text(object, "/status/message");
    let policy = text(object, "/spec/restartPolicy");
    let runs_on = policy == "Always" || ignores_restart_policy(object);
    if runs_on && let Some(stuck) = stuck_containers(object) {
        return degraded(stuck);
    }
    match text(object, "/status/phase") {
        "Pending" => progressing(message),
        "Succeeded" => healthy(message),
        "Failed" => degraded(failure(object)),
        "Running" if runs_on => always_running(object),
        "Running" if matches!(policy, "OnFailure" | "Never") => progressing(message),
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

/// A pod with an end of its own may be asked to count as one that runs on, unless it is a hook.
fn ignores_restart_policy(object: &Value) -> bool {
    let annotation = |name: &str| trueup_model::resource::annotation(object, name);
    annotation("argocd.argoproj.io/ignore-restart-policy") == Some("true") && !is_hook(object)
}

/// Whether Argo CD takes an object for a hook: by its own annotation, else by Helm's.
fn is_hook(object: &Value) -> bool {
    let annotation = |name: &str| trueup_model::resource::annotation(object, name);
    match annotation("argocd.argoproj.io/hook") {
        Some(types) => !types.split(',').any(|kind| kind.trim() == "Skip"),
        None => annotation("helm.sh/hook").is_some_and(|hook| hook != "crd-install"),
    }
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
            "ScalingActive" => BROKEN_SCALING.contains(&found.reason),
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(object: Value, status: HealthStatus, message: &str) {
        assert_eq!(of(&object), Ok(Some(Health::new(status, message))));
    }

    #[test]
    fn a_pod_may_be_asked_to_run_on() {
        let pod = |annotations: Value| {
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": annotations},
                "spec": {"restartPolicy": "Never"}, "status": {"phase": "Running", "containerStatuses":
                [{"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}}]}})
        };
        let ignores = json!({"argocd.argoproj.io/ignore-restart-policy": "true"});
        check(pod(ignores.clone()), HealthStatus::Degraded, "back-off");
        check(pod(json!({})), HealthStatus::Progressing, "");
        let mut hook = ignores;
        hook["helm.sh/hook"] = "pre-install".into();
        check(pod(hook), HealthStatus::Progressing, "");
    }

    #[test]
    fn a_job_that_is_resumed_counts_as_complete() {
        let job = |status: &str| {
            json!({"apiVersion": "batch/v1", "kind": "Job", "status": {"conditions":
                [{"type": "Suspended", "status": status, "message": "Job resumed"}]}})
        };
        check(job("False"), HealthStatus::Healthy, "Job resumed");
        check(job("True"), HealthStatus::Suspended, "Job resumed");
    }

    #[test]
    fn other_versions_are_not_judged() {
        let object = json!({"apiVersion": "apps/v1beta1", "kind": "Deployment"});
        let message = "unsupported Deployment GVK: apps/v1beta1, Kind=Deployment";
        assert_eq!(of(&object), Err(message.to_owned()));
        assert_eq!(
            of(&json!({"apiVersion": "extensions/v1beta1", "kind": "Deployment"})),
            Ok(None)
        );
    }
}
