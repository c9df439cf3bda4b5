//! The rules of kstatus (sigs.k8s.io/cli-utils), in its own words: what kubectl's successors, Flux
//! and Config Sync say of an object.
//!
//! First what holds for every object: deletion, an observed generation that is behind, the
//! conditions `Reconciling` and `Stalled`. Then the rule of its kind, else its `Ready` condition; an
//! object that says nothing is current.

mod workloads;

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::document::{condition, conditions, group, list, number, text};

/// What kstatus says of an object, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Status {
    /// It is as its spec says.
    Current,
    /// It is on its way.
    InProgress,
    /// It failed, or makes no progress.
    Failed,
    /// It is being deleted.
    Terminating,
    /// It is not there.
    NotFound,
    /// It cannot be told.
    Unknown,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// A condition of kstatus' own: `Reconciling` or `Stalled`, always `True`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StandardCondition {
    /// `Reconciling` or `Stalled`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// `True`.
    pub status: &'static str,
    /// A word for programs.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
}

/// What kstatus says of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// In a word.
    pub status: Status,
    /// In a sentence.
    pub message: String,
    /// As conditions.
    pub conditions: Vec<StandardCondition>,
}

impl Verdict {
    fn current(message: impl Into<String>) -> Self {
        Self { status: Status::Current, message: message.into(), conditions: Vec::new() }
    }

    fn in_progress(reason: &str, message: impl Into<String>) -> Self {
        Self::with(Status::InProgress, "Reconciling", reason, message.into())
    }

    fn failed(reason: &str, message: impl Into<String>) -> Self {
        Self::with(Status::Failed, "Stalled", reason, message.into())
    }

    fn with(status: Status, kind: &'static str, reason: &str, message: String) -> Self {
        let condition = StandardCondition {
            kind,
            status: "True",
            reason: reason.to_owned(),
            message: message.clone(),
        };
        Self { status, message, conditions: vec![condition] }
    }
}

/// Says of an object how it is. `now` decides how long a pod may stay unscheduled.
///
/// # Errors
/// A pod is in a phase that Kubernetes does not have.
pub fn of(object: &Value, now: Timestamp) -> Result<Verdict, String> {
    if let Some(verdict) = of_any(object) {
        return Ok(verdict);
    }
    if let Some(verdict) = of_kind(object, now) {
        return verdict;
    }
    Ok(by_ready_condition(object).unwrap_or_else(|| Verdict::current("Resource is current")))
}

fn of_any(object: &Value) -> Option<Verdict> {
    if object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null()) {
        return Some(Verdict {
            status: Status::Terminating,
            message: "Resource scheduled for deletion".to_owned(),
            conditions: Vec::new(),
        });
    }
    let observed = number(object, "/status/observedGeneration");
    let generation = number(object, "/metadata/generation");
    if let (Some(observed), Some(generation)) = (observed, generation)
        && observed != generation
    {
        let kind = text(object, "/kind");
        let message = format!(
            "{kind} generation is {generation}, but latest observed generation is {observed}"
        );
        return Some(Verdict::in_progress("LatestGenerationNotObserved", message));
    }
    conditions(object).find_map(|found| match found.kind {
        "Reconciling" if found.is_true() => Some(Verdict::in_progress(found.reason, found.message)),
        "Stalled" if found.is_true() => Some(Verdict::failed(found.reason, found.message)),
        _ => None,
    })
}

fn of_kind(object: &Value, now: Timestamp) -> Option<Result<Verdict, String>> {
    let verdict = match (group(object), text(object, "/kind")) {
        ("", "Service") => service(object),
        ("", "Pod") => return Some(pod(object, now)),
        ("", "Secret" | "ConfigMap") | ("batch", "CronJob") => {
            Verdict::current("Resource is always ready")
        }
        ("", "PersistentVolumeClaim") => claim(object),
        ("apps", "StatefulSet") => workloads::stateful_set(object),
        ("apps" | "extensions", "DaemonSet") => workloads::daemon_set(object),
        ("apps" | "extensions", "Deployment") => workloads::deployment(object),
        ("apps" | "extensions", "ReplicaSet") => workloads::replica_set(object),
        ("policy", "PodDisruptionBudget") => {
            Verdict::current("AllowedDisruptions has been computed.")
        }
        ("batch", "Job") => job(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(object),
        _ => return None,
    };
    Some(Ok(verdict))
}

fn by_ready_condition(object: &Value) -> Option<Verdict> {
    let ready = condition(object, "Ready")?;
    Some(match ready.status {
        "True" => Verdict::current("Resource is Ready"),
        "False" | "Unknown" => Verdict::in_progress(ready.reason, ready.message),
        _ => return None,
    })
}

fn service(object: &Value) -> Verdict {
    let balancer = text(object, "/spec/type") == "LoadBalancer";
    if balancer && text(object, "/spec/clusterIP").is_empty() {
        return Verdict::in_progress(
            "NoIPAssigned",
            "ClusterIP not set. Service type: LoadBalancer",
        );
    }
    Verdict::current("Service is ready")
}

fn claim(object: &Value) -> Verdict {
    match text(object, "/status/phase") {
        "Bound" => Verdict::current("PVC is Bound"),
        phase => {
            let phase = if phase.is_empty() { "unknown" } else { phase };
            Verdict::in_progress("NotBound", format!("PVC is not Bound. phase: {phase}"))
        }
    }
}

/// How long a pod may be unschedulable before that counts as failure.
const SCHEDULE_SECONDS: i64 = 15;

fn pod(object: &Value, now: Timestamp) -> Result<Verdict, String> {
    Ok(match text(object, "/status/phase") {
        "Succeeded" => Verdict::current("Pod has completed successfully"),
        "Failed" => Verdict::current("Pod has completed, but not successfully"),
        "Running" => running_pod(object),
        "Pending" => pending_pod(object, now),
        "" => Verdict::in_progress("PodNotObserved", "Pod phase not available"),
        phase => return Err(format!("unknown phase {phase}")),
    })
}

fn running_pod(object: &Value) -> Verdict {
    if condition(object, "Ready").is_some_and(|ready| ready.is_true()) {
        return Verdict::current("Pod is Ready");
    }
    let looping: Vec<&str> = list(object, "/status/containerStatuses")
        .iter()
        .filter(|container| text(container, "/state/waiting/reason") == "CrashLoopBackOff")
        .filter_map(|container| container.get("name")?.as_str())
        .collect();
    if looping.is_empty() {
        return Verdict::in_progress("PodRunningNotReady", "Pod is running but is not Ready");
    }
    let names = looping.join(",");
    Verdict::failed("ContainerCrashLooping", format!("Containers in CrashLoop state: {names}"))
}

fn pending_pod(object: &Value, now: Timestamp) -> Verdict {
    let unschedulable = condition(object, "PodScheduled")
        .is_some_and(|scheduled| scheduled.is_false() && scheduled.reason == "Unschedulable");
    if !unschedulable {
        return Verdict::in_progress("PodPending", "Pod is in the Pending phase");
    }
    let created: Option<Timestamp> = text(object, "/metadata/creationTimestamp").parse().ok();
    let young = created.is_some_and(|at| now.duration_since(at).as_secs() < SCHEDULE_SECONDS);
    if young {
        Verdict::in_progress("PodNotScheduled", "Pod has not been scheduled")
    } else {
        Verdict::failed("PodUnschedulable", "Pod could not be scheduled")
    }
}

fn job(object: &Value) -> Verdict {
    let status = |field: &str| number(object, &format!("/status/{field}")).unwrap_or(0);
    let (succeeded, active, failed) = (status("succeeded"), status("active"), status("failed"));
    let parallelism = number(object, "/spec/parallelism").unwrap_or(1);
    let completions = number(object, "/spec/completions").unwrap_or(parallelism);
    for found in conditions(object).filter(|found| found.is_true()) {
        match found.kind {
            "Complete" => {
                return Verdict::current(format!(
                    "Job Completed. succeeded: {succeeded}/{completions}"
                ));
            }
            "Failed" => {
                return Verdict::failed(
                    "JobFailed",
                    format!("Job Failed. failed: {failed}/{completions}"),
                );
            }
            // One that is being resumed still has the condition for a moment.
            "Suspended" if object.pointer("/spec/suspend") == Some(&Value::Bool(true)) => {
                return Verdict::current("Job is suspended");
            }
            _ => {}
        }
    }
    if text(object, "/status/startTime").is_empty() {
        return Verdict::in_progress("JobNotStarted", "Job not started");
    }
    Verdict::current(format!(
        "Job in progress. success:{succeeded}, active: {active}, failed: {failed}"
    ))
}

fn definition(object: &Value) -> Verdict {
    for found in conditions(object) {
        match found.kind {
            "NamesAccepted" if found.is_false() => {
                return Verdict::failed(found.reason, found.message);
            }
            "Established" if found.is_false() && found.reason != "Installing" => {
                return Verdict::failed(found.reason, found.message);
            }
            "Established" if found.is_true() => return Verdict::current("CRD is established"),
            _ => {}
        }
    }
    Verdict::in_progress("Installing", "Install in progress")
}

/// The conditions `Reconciling` and `Stalled` that an object holds once kstatus has added its own to
/// those that are there: where one of them is there already, nothing is added.
pub fn augmented(object: &Value, now: Timestamp) -> Result<Vec<Value>, String> {
    let mut all = list(object, "/status/conditions").to_vec();
    for own in of(object, now)?.conditions {
        if !conditions(object).any(|found| found.kind == own.kind) {
            all.push(serde_json::to_value(&own).unwrap_or_default());
        }
    }
    Ok(all)
}

/// The status of many: failed if one is, unknown if one is, what is desired if all are, else on the
/// way.
pub fn aggregate(statuses: &[Status], desired: Status) -> Status {
    if statuses.contains(&Status::Failed) {
        return Status::Failed;
    }
    if statuses.contains(&Status::Unknown) {
        return Status::Unknown;
    }
    if statuses.iter().all(|status| *status == desired) { desired } else { Status::InProgress }
}
