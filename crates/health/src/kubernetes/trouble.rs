//! What keeps a pod from becoming ready, as its own status says it. Its workload only counts pods;
//! this is the reason behind the number.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::document::{condition, list, number, text};

/// What is wrong with a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// In a word.
    pub what: What,
    /// Which container; empty where it is the pod as a whole.
    pub container: String,
    /// As a clause: `container web keeps crashing: exit code 1, 4 restarts`.
    pub message: String,
    /// Since when, where the pod tells.
    pub since: Option<Timestamp>,
}

/// Kinds of trouble, the most telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A container ends again and again; its log says why.
    Crashing,
    /// The image cannot be had.
    Image,
    /// The container cannot be made of what the pod says: a Secret, ConfigMap or key is missing.
    Config,
    /// No node takes it.
    Unschedulable,
    /// Its containers are not there yet. That is nothing, unless its events say that it fails.
    Starting,
}

/// How long what may pass by itself is let be: an image that is pulled again, a Secret that somebody
/// else writes, a node that comes, a volume that is attached.
const GRACE: Duration = Duration::from_secs(10);

impl Trouble {
    /// When it decides that waiting will not help. A crash loop and an image that was refused
    /// repeatedly have waited already.
    pub fn decides_at(&self) -> Timestamp {
        let since = self.since.unwrap_or(Timestamp::UNIX_EPOCH);
        match self.what {
            What::Crashing | What::Image => since,
            What::Config | What::Unschedulable | What::Starting => {
                since.checked_add(GRACE).unwrap_or(since)
            }
        }
    }
}

/// What is wrong with a pod; `None` where nothing is known to be.
pub fn of(pod: &Value) -> Option<Trouble> {
    let init = list(pod, "/status/initContainerStatuses");
    let containers = init.iter().chain(list(pod, "/status/containerStatuses"));
    let since = || {
        ["/status/startTime", "/metadata/creationTimestamp"]
            .iter()
            .find_map(|time| text(pod, time).parse().ok())
    };
    let of_container = containers.filter_map(|container| {
        let (what, message) = waits(container)?;
        let container = text(container, "/name").to_owned();
        Some(Trouble { what, container, message, since: since() })
    });
    unschedulable(pod).or_else(|| of_container.min_by_key(|trouble| trouble.what))
}

fn unschedulable(pod: &Value) -> Option<Trouble> {
    let scheduled = condition(pod, "PodScheduled")?;
    if !scheduled.is_false() || scheduled.reason != "Unschedulable" {
        return None;
    }
    Some(Trouble {
        what: What::Unschedulable,
        container: String::new(),
        message: format!("no node takes it: {}", scheduled.message.trim_end_matches('.')),
        since: text(pod, "/metadata/creationTimestamp").parse().ok(),
    })
}

fn waits(container: &Value) -> Option<(What, String)> {
    let reason = text(container, "/state/waiting/reason");
    let message = text(container, "/state/waiting/message");
    let name = text(container, "/name");
    let what = match reason {
        "CrashLoopBackOff" => {
            return Some((
                What::Crashing,
                format!("container {name} keeps crashing: {}", end_of(container)),
            ));
        }
        "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => What::Image,
        "ErrImagePull" | "RegistryUnavailable" => What::Config,
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => What::Config,
        "ContainerCreating" => What::Starting,
        _ => return None,
    };
    let image = text(container, "/image");
    let said = match (message, what) {
        ("", What::Image) => format!("{reason}, image {image}"),
        ("", _) => reason.to_owned(),
        (message, What::Image) if !message.contains(image) => {
            format!("{reason}, image {image}: {message}")
        }
        (message, _) => format!("{reason}: {message}"),
    };
    Some((what, format!("container {name} cannot start: {said}")))
}

/// How a container that is waiting to be started again last ended.
fn end_of(container: &Value) -> String {
    let ended = container.pointer("/lastState/terminated").unwrap_or(&Value::Null);
    let mut said = match (text(ended, "/reason"), number(ended, "/exitCode")) {
        ("OOMKilled", _) => "it ran out of memory (OOMKilled)".to_owned(),
        (_, Some(code)) => format!("exit code {code}"),
        ("", None) => text(container, "/state/waiting/message").to_owned(),
        (reason, None) => reason.to_owned(),
    };
    let message = text(ended, "/message").trim();
    if !message.is_empty() {
        said.push_str(&format!(" ({message})"));
    }
    if let Some(restarts) = number(container, "/restartCount").filter(|restarts| *restarts > 0) {
        said.push_str(&format!(", {restarts} restarts"));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(status: Value, expected: Option<(What, &str)>) {
        let pod =
            json!({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}, "status": status});
        let found = of(&pod);
        let found = found.as_ref().map(|trouble| (trouble.what, trouble.message.as_str()));
        assert_eq!(found, expected);
    }

    fn waiting(reason: &str, message: &str) -> Value {
        json!({"containerStatuses": [{"name": "web", "image": "w:1",
            "state": {"waiting": {"reason": reason, "message": message}}}]})
    }

    #[test]
    fn crashes_tell_how_it_ended() {
        let mut status = waiting("CrashLoopBackOff", "back-off 10s");
        check(status.clone(), Some((What::Crashing, "container web keeps crashing: back-off 10s")));
        status["containerStatuses"][0]["restartCount"] = json!(4);
        status["containerStatuses"][0]["lastState"] =
            json!({"terminated": {"exitCode": 3, "reason": "Error"}});
        check(
            status.clone(),
            Some((What::Crashing, "container web keeps crashing: exit code 3, 4 restarts")),
        );
        status["containerStatuses"][0]["lastState"] =
            json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        check(
            status,
            Some((
                What::Crashing,
                "container web keeps crashing: it ran out of memory (OOMKilled), 4 restarts",
            )),
        );
    }

    #[test]
    fn images_and_missing_parts_are_named() {
        check(
            waiting("ImagePullBackOff", "Back-off pulling image"),
            Some((
                What::Image,
                "container web cannot start: ImagePullBackOff, image w:1: Back-off pulling image",
            )),
        );
        check(
            waiting("CreateContainerConfigError", "secret \"s\" not found"),
            Some((
                What::Config,
                "container web cannot start: CreateContainerConfigError: secret \"s\" not found",
            )),
        );
        check(json!({"containerStatuses": [{"name": "web", "state": {"running": {}}}]}), None);
        check(json!({}), None);
    }

    #[test]
    fn a_pod_that_fits_nowhere_says_why() {
        let status = json!({"conditions": [{"type": "PodScheduled", "status": "False",
            "reason": "Unschedulable", "message": "0/1 nodes are available."}]});
        check(
            status.clone(),
            Some((What::Unschedulable, "no node takes it: 0/1 nodes are available")),
        );
        let pod =
            json!({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}, "status": status});
        let decides = of(&pod).map(|trouble| trouble.decides_at().to_string());
        assert_eq!(decides.as_deref(), Some("2026-01-01T00:00:10Z"));
    }
}
