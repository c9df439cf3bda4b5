//! What becomes of an apply that is over: settled, held, or rolled back. Pure.

use std::collections::BTreeSet;

use jiff::Timestamp;
use trueup_model::app::Otherwise;
use trueup_model::plan::Purpose;
use trueup_model::record::{AppliedSet, Followed, Hold, Pin, Record, Run};
use trueup_model::{AppName, LedgerEntry, LedgerKind, ResourceId};

use crate::fold::set_of;
use crate::goal::Goal;
use crate::{Subject, tell};

/// How many automatic rollbacks in a row make a pin.
const ROLLBACKS_MAX: u32 = 3;
/// How many healthy states before the present one are kept to go back to.
const HEALTHY_KEPT: usize = 10;

/// All actions are done: what was applied is written down, once a run.
pub fn applied(
    record: &mut Record,
    app: &Subject,
    goal: &Goal,
    now: Timestamp,
) -> Option<LedgerEntry> {
    let set = set_of(goal, now);
    // A commit that renders the same is the same state: nothing is written for it.
    let same = |other: &AppliedSet| other.rendered == set.rendered && other.inputs == set.inputs;
    if record.applied.as_ref().is_some_and(same) {
        return None;
    }
    let new_content = record.applied.as_ref().map(|applied| applied.rendered) != Some(set.rendered);
    if goal.purpose == Purpose::Apply {
        record.followed = Some(Followed {
            repo: app.source().repo.clone(),
            reference: app.source().reference.clone(),
            commit: set.revision.commit.clone(),
        });
    }
    record.applied = Some(set);
    if record.run.is_none() && new_content {
        record.hooks.clear();
    }
    new_content.then(|| {
        let verb = if goal.purpose == Purpose::Rollback { "went back to" } else { "applied" };
        entry(app, now, LedgerKind::Applied, goal, format!("{verb} {}", describe(goal)))
    })
}

/// Everything is as declared, and healthy.
pub fn settled(
    record: &mut Record,
    app: &Subject,
    goal: &Goal,
    now: Timestamp,
) -> Option<LedgerEntry> {
    record.run = None;
    if goal.purpose != Purpose::Apply || goal.only_heal {
        return None;
    }
    let set = set_of(goal, now);
    let news = record.healthy.as_ref().map(|healthy| healthy.rendered) != Some(set.rendered);
    if !news {
        if let Some(healthy) = record.healthy.as_mut().filter(|other| other.inputs != set.inputs) {
            healthy.revision = set.revision;
            healthy.inputs = set.inputs;
        }
        return None;
    }
    if let Some(before) = record.healthy.replace(set) {
        record.healthy_before.retain(|other| other.rendered != before.rendered);
        record.healthy_before.insert(0, before);
        record.healthy_before.truncate(HEALTHY_KEPT);
    }
    record.rollbacks = 0;
    record.hold = None;
    record.approved = None;
    Some(entry(app, now, LedgerKind::Healthy, goal, format!("{} is healthy", describe(goal))))
}

/// It is not healthy, and waiting will not help. Answers what was written down; empty where nothing
/// new is to be said. Where the record now holds a `hold` with `rollback`, the next round goes back.
pub fn unhealthy(
    record: &mut Record,
    app: &Subject,
    goal: &Goal,
    why: &str,
    resources: &[ResourceId],
    now: Timestamp,
) -> Vec<LedgerEntry> {
    let Some(run) = record.run.take() else { return Vec::new() };
    let mut entries = vec![entry(
        app,
        now,
        LedgerKind::Degraded,
        goal,
        format!("{} is not healthy: {why}", describe(goal)),
    )];
    if run.rollback {
        let message =
            format!("the state gone back to is not healthy either: {why}; a person must look");
        entries.push(entry(app, now, LedgerKind::Refused, goal, message));
        return entries;
    }
    if goal.purpose == Purpose::Delete {
        return entries;
    }
    let by_this_plan = resources.iter().any(|id| run.changed.contains(id));
    let cannot = cannot_go_back(&run, goal);
    let goes_back = by_this_plan
        && cannot.is_none()
        && app.spec().policy.health.otherwise == Otherwise::Rollback
        && record.healthy.as_ref().is_some_and(|healthy| healthy.rendered != goal.rendered);
    hold(record, goal, why, goes_back, now);
    let back = record.healthy.as_ref().map(|healthy| healthy.revision.short().to_owned());
    let message = match back.filter(|_| goes_back) {
        Some(back) => {
            format!("going back to {back}, because {} is not healthy: {why}", describe(goal))
        }
        None => {
            let cannot = cannot.map(|id| format!("; it does not go back by itself, because {id} was changed (trueup.dev/rollback: never)"));
            format!("{} is held: {why}{}", describe(goal), cannot.unwrap_or_default())
        }
    };
    let kind = if goes_back { LedgerKind::RolledBack } else { LedgerKind::Held };
    entries.push(entry(app, now, kind, goal, message));
    if goes_back {
        record.rollbacks = record.rollbacks.saturating_add(1);
        entries.extend(pin_after_too_many(record, &app.name, now));
    }
    entries
}

/// What this run changed that is marked never to go back: then nothing goes back by itself.
fn cannot_go_back(run: &Run, goal: &Goal) -> Option<ResourceId> {
    let never = |id: &&ResourceId| {
        let resource = goal.resources.iter().find(|r| r.id == **id);
        resource.is_some_and(|r| r.annotation(trueup_plan::decide::ROLLBACK) == Some("never"))
    };
    run.changed.iter().find(never).cloned()
}

fn hold(record: &mut Record, goal: &Goal, why: &str, rollback: bool, now: Timestamp) {
    let mut rendered: BTreeSet<_> =
        record.hold.take().map(|hold| hold.rendered).unwrap_or_default();
    rendered.insert(goal.rendered);
    record.hold = Some(Hold {
        rendered,
        revision: goal.revision.clone(),
        since: now,
        why: why.to_owned(),
        rollback,
    });
}

fn pin_after_too_many(record: &mut Record, app: &AppName, now: Timestamp) -> Option<LedgerEntry> {
    let set = record.healthy.clone().filter(|_| record.rollbacks >= ROLLBACKS_MAX)?;
    let why = format!("{} automatic rollbacks without a healthy apply between", record.rollbacks);
    let message =
        format!("pinned to {}: {why} (`trueup release {app}` lets it go)", set.revision.short());
    record.pin = Some(Pin { set, since: now, until: None, by: "trueup".to_owned(), why });
    Some(LedgerEntry::new(app, now, LedgerKind::Pinned, message))
}

/// An entry about a goal.
pub fn entry(
    app: &Subject,
    now: Timestamp,
    kind: LedgerKind,
    goal: &Goal,
    message: impl Into<String>,
) -> LedgerEntry {
    let mut entry = LedgerEntry::new(&app.name, now, kind, message);
    entry.revision = Some(goal.revision.clone());
    entry.rendered = Some(goal.rendered);
    entry
}

fn describe(goal: &Goal) -> String {
    tell::revision(&goal.revision)
}
