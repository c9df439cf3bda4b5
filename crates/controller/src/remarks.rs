//! Remarks beside objects, where the target keeps such (Kubernetes Events): what `kubectl describe`
//! shows of what TrueUp did to an object, and why.
//!
//! They are few on purpose, for each costs a request: what drifted and was put back, what could not be
//! done, and, on an app's workloads, that it is not healthy or was rolled back. That something was
//! applied stands in the object itself. Like notifications they are made beside the controller; what
//! does not fit is dropped.

use tokio::sync::broadcast;
use trueup_model::ports::Remark;
use trueup_model::record::Inventory;
use trueup_model::{LedgerEntry, LedgerKind, ResourceId};

use crate::run::Subjects;
use crate::{Notice, SharedWorlds};

/// Objects that one entry is remarked on at most.
const OBJECTS_MAX: usize = 20;
/// Longest message; the API server takes 1,024 bytes.
const MESSAGE_MAX: usize = 1000;

/// Remarks on what `notices` say until they end.
pub async fn listen(
    mut notices: broadcast::Receiver<Notice>,
    worlds: SharedWorlds,
    subjects: Subjects,
) {
    loop {
        let entry = match notices.recv().await {
            Ok(Notice::Entry(entry)) => entry,
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        if !is_remarkable(&entry) {
            continue;
        }
        let subject = subjects.read().await.get(&entry.app).cloned();
        let Some(subject) = subject.filter(|s| s.declaration.target == "kubernetes") else {
            continue;
        };
        let Ok(world) = worlds.world(&subject.declaration) else { continue };
        let Ok(record) = world.store.record(&entry.app).await else { continue };
        world.target.remark(&remarks(&entry, &record.inventory)).await;
    }
}

fn is_remarkable(entry: &LedgerEntry) -> bool {
    match entry.kind {
        LedgerKind::Drifted | LedgerKind::Degraded | LedgerKind::RolledBack => true,
        LedgerKind::Executed => entry.events.iter().any(|event| !event.result.succeeded()),
        _ => false,
    }
}

/// What is remarked on which objects. Pure.
fn remarks(entry: &LedgerEntry, inventory: &Inventory) -> Vec<Remark> {
    let remark = |id: &ResourceId, warning, reason, message: String| Remark {
        id: id.clone(),
        api_version: inventory.get(id).map(|item| item.api_version.clone()).unwrap_or_default(),
        uid: inventory.get(id).map(|item| item.uid.clone()).unwrap_or_default(),
        at: entry.at,
        warning,
        reason,
        message: message.chars().take(MESSAGE_MAX).collect(),
    };
    let on_workloads = |reason| {
        let workloads = inventory.keys().filter(|id| is_workload(id));
        workloads.map(|id| remark(id, true, reason, entry.message.clone())).collect()
    };
    let mut remarks: Vec<Remark> = match entry.kind {
        LedgerKind::Drifted => entry
            .actions
            .iter()
            .map(|action| {
                let fields: Vec<&str> = action.changes.iter().map(|c| c.path.as_str()).collect();
                let message = format!("{}; put back: {}", action.reason, fields.join(", "));
                remark(&action.id, false, "DriftHealed", message)
            })
            .collect(),
        LedgerKind::Executed => entry
            .events
            .iter()
            .filter_map(|event| match &event.result {
                trueup_model::EventResult::Failed { message, .. } => {
                    Some(remark(&event.id, true, "ApplyFailed", message.clone()))
                }
                _ => None,
            })
            .collect(),
        LedgerKind::Degraded => on_workloads("Degraded"),
        LedgerKind::RolledBack => on_workloads("RolledBack"),
        _ => Vec::new(),
    };
    // What carries no version cannot be referred to.
    remarks.retain(|remark| !remark.api_version.is_empty());
    remarks.truncate(OBJECTS_MAX);
    remarks
}

fn is_workload(id: &ResourceId) -> bool {
    matches!(
        (id.group.as_str(), id.kind.as_str()),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet") | ("batch", "Job" | "CronJob")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use trueup_model::record::InventoryItem;
    use trueup_model::{AppName, Event, EventResult, Verb};

    fn id(group: &str, kind: &str) -> ResourceId {
        ResourceId::new(group, kind, "shop", "web")
    }

    fn inventory() -> Inventory {
        let item = |version: &str, uid: &str| InventoryItem {
            api_version: version.to_owned(),
            uid: uid.to_owned(),
            content: None,
            intended: false,
            keep: false,
            stage: 0,
            hook: false,
        };
        [(id("apps", "Deployment"), item("apps/v1", "u1")), (id("", "ConfigMap"), item("v1", "u2"))]
            .into()
    }

    fn entry(kind: LedgerKind) -> LedgerEntry {
        LedgerEntry::new(&AppName::from_text("shop"), Timestamp::UNIX_EPOCH, kind, "said")
    }

    #[test]
    fn a_rollback_is_remarked_on_workloads() {
        let remarks = remarks(&entry(LedgerKind::RolledBack), &inventory());
        assert_eq!(remarks.len(), 1);
        assert_eq!((remarks[0].uid.as_str(), remarks[0].reason), ("u1", "RolledBack"));
    }

    #[test]
    fn a_failure_is_remarked_on_what_failed() {
        let mut entry = entry(LedgerKind::Executed);
        let event = |id, result| Event { id, verb: Verb::Patch, at: Timestamp::UNIX_EPOCH, result };
        let failed = EventResult::Failed { message: "no".to_owned(), permanent: false };
        entry.events = vec![
            event(id("apps", "Deployment"), EventResult::Deleting),
            event(id("", "ConfigMap"), failed.clone()),
            event(id("", "Secret"), failed),
        ];
        assert!(is_remarkable(&entry));
        let remarks = remarks(&entry, &inventory());
        let on: Vec<&str> = remarks.iter().map(|remark| remark.id.kind.as_str()).collect();
        assert_eq!(on, ["ConfigMap"], "a Secret that is not there yet cannot be referred to");
    }
}
