//! What becomes of an app's record when its document leaves Git, is there again, or calls it
//! otherwise. Each is one change of the record with one entry in the ledger, made in the app's own
//! turn, so that no run of it writes at the same time; the run that follows acts on it.

use jiff::Timestamp;
use trueup_model::ports::{Commit, PortError};
use trueup_model::record::{Left, Record};
use trueup_model::resource::canonical_digest;
use trueup_model::{AppName, LedgerEntry, LedgerKind, Resource, kinds};

use crate::World;

/// Label that says which app a Kubernetes object belongs to; admission writes it.
const APP_LABEL: &str = "/metadata/labels/trueup.dev~1app";

/// What changed about an app as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// Its document is not in its root any more.
    Left {
        /// The root.
        root: String,
        /// Whether what it owns is deleted.
        delete: bool,
    },
    /// Its document is there again.
    Returned,
    /// It was called so before.
    Renamed {
        /// The former name.
        from: AppName,
    },
}

/// Writes the change down. Answers the entry; `None` where there was nothing to change, as after a
/// crash right behind it.
pub async fn carry_out(
    app: &AppName,
    change: &Membership,
    world: &World,
) -> Result<Option<LedgerEntry>, PortError> {
    let store = world.store.as_ref();
    let (now, mut record) = (world.clock.now(), store.record(app).await?);
    let (entry, replaces) = match change {
        Membership::Left { root, delete } => {
            if !left(&mut record, root, *delete, now) {
                return Ok(None);
            }
            let fate = if *delete { "what it owns is deleted" } else { "what it owns stays" };
            let message = format!("its App is not in {root} any more; {fate}");
            (LedgerEntry::new(app, now, LedgerKind::Left, message), None)
        }
        Membership::Returned => {
            if record.left.take().is_none() {
                return Ok(None);
            }
            (LedgerEntry::new(app, now, LedgerKind::Returned, "its App is in Git again"), None)
        }
        Membership::Renamed { from } => {
            let former = store.record(from).await?;
            if former == Record::default() || owns_something(&record) {
                return Ok(None);
            }
            world.target.rename(from, app).await?;
            record = former;
            record.formerly.push(from.clone());
            record.left = None;
            let message = format!("it was called {from}; what that owned is its own");
            (LedgerEntry::new(app, now, LedgerKind::Renamed, message), Some(from.clone()))
        }
    };
    let entries = vec![entry.clone()];
    store.commit(app, Commit { record, entries, replaces, ..Commit::default() }).await?;
    Ok(Some(entry))
}

fn owns_something(record: &Record) -> bool {
    !record.inventory.is_empty() || record.applied.is_some()
}

/// Whether that is news.
fn left(record: &mut Record, root: &str, delete: bool, now: Timestamp) -> bool {
    if record.left.as_ref().is_some_and(|left| left.delete == delete) {
        return false;
    }
    record.left = Some(Left { since: now, root: root.to_owned(), delete });
    true
}

/// After a rename the label in each document is another one, and so is its digest; a job that ran
/// under the former name has run. `None`: nothing changes.
pub fn keep_completions(record: &Record, desired: &[std::sync::Arc<Resource>]) -> Option<Record> {
    let mut changed = None;
    let jobs = desired.iter().filter(|resource| kinds::of(&resource.id).runs_once);
    for resource in jobs {
        let Some(completion) = record.completions.get(&resource.id) else { continue };
        if completion.contents.contains(&resource.digest) {
            continue;
        }
        let former = record.formerly.iter().any(|name| {
            as_of(resource, name).is_some_and(|digest| completion.contents.contains(&digest))
        });
        if former {
            let record = changed.get_or_insert_with(|| record.clone());
            if let Some(completion) = record.completions.get_mut(&resource.id) {
                completion.contents.push(resource.digest);
            }
            if let Some(item) = record.inventory.get_mut(&resource.id) {
                item.content = Some(resource.digest);
            }
        }
    }
    changed
}

/// The digest that a document had under another name of its app.
fn as_of(resource: &Resource, name: &AppName) -> Option<trueup_model::Digest> {
    let mut body = resource.body.clone();
    *body.pointer_mut(APP_LABEL)? = name.as_str().into();
    Some(canonical_digest(&body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;
    use trueup_model::record::Completion;
    use trueup_model::{Origin, ResourceId};

    fn job(app: &str, command: &str) -> Resource {
        let body = json!({
            "kind": "Job",
            "metadata": {"name": "migrate", "labels": {"trueup.dev/app": app}},
            "spec": {"command": command},
        });
        let id = ResourceId::new("batch", "Job", "x", "migrate");
        Resource::new(id, "batch/v1".to_owned(), body, Origin::default())
    }

    #[test]
    fn a_job_that_ran_under_the_former_name_has_run() {
        let before = job("store", "migrate");
        let completion = Completion { contents: vec![before.digest], at: Timestamp::UNIX_EPOCH };
        let record = Record {
            formerly: vec![AppName::new("store").expect("a name")],
            completions: [(before.id.clone(), completion)].into(),
            ..Record::default()
        };
        let ran = |desired: Resource| {
            let digest = desired.digest;
            let record = keep_completions(&record, &[Arc::new(desired)])?;
            record.completions[&before.id].contents.contains(&digest).then_some(())
        };
        assert_eq!(ran(job("shop", "migrate")), Some(()));
        assert_eq!(ran(job("shop", "another")), None);
        assert_eq!(ran(before.clone()), None, "nothing changes");
    }
}
