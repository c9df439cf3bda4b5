//! What is remembered, as pure functions: (record, what happened) → record.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use trueup_model::app::RetryPolicy;
use trueup_model::hook;
use trueup_model::observed::{Observed, ObservedResource, Owner, Presence};
use trueup_model::plan::{Action, Plan, Purpose, Verb};
use trueup_model::ports::Content;
use trueup_model::record::{AppliedSet, Attempt, Completion, Fight, InventoryItem, Record, Run};
use trueup_model::{Digest, Event, EventResult, HealthStatus, Resource, ResourceId, kinds};

use crate::goal::Goal;
use crate::hooks;

/// How many contents of one job or task are remembered as run.
const COMPLETIONS_KEPT: usize = 100;

/// Takes in what was seen: what is confirmed gone, or somebody else's by now, leaves the inventory
/// if it is not declared; what a crash left as intended, or made anew without telling, and is there,
/// is ours. `None`: nothing changed.
pub fn absorb(
    record: &Record,
    observed: &Observed,
    desired: &[std::sync::Arc<Resource>],
) -> Option<Record> {
    let mut record = record.clone();
    let mut changed = false;
    let declared: BTreeSet<&ResourceId> = desired.iter().map(|r| &r.id).collect();
    record.inventory.retain(|id, item| {
        let Some(seen) = observed.get(id) else { return true };
        let undeclared = !declared.contains(id);
        let leaves = match seen.presence {
            Presence::Absent => undeclared || item.hook,
            Presence::Present => undeclared && seen.owner != Owner::Ours,
            Presence::Terminating | Presence::Unknown(_) => false,
        };
        if leaves {
            changed = true;
            return false;
        }
        if seen.presence == Presence::Present && seen.owner == Owner::Ours && is_news(item, seen) {
            item.intended = false;
            item.uid.clone_from(&seen.uid);
            item.content = seen.synced.or(item.content);
            changed = true;
        }
        true
    });
    changed |= hooks::absorb(&mut record, observed);
    let keeps_its_end =
        |r: &&std::sync::Arc<Resource>| kinds::of(&r.id).runs_once && hook::of(&r.body).is_none();
    for resource in desired.iter().filter(keeps_its_end) {
        changed |= absorb_completion(&mut record, resource, observed);
    }
    changed.then_some(record)
}

fn is_news(item: &InventoryItem, seen: &ObservedResource) -> bool {
    item.intended || item.uid != seen.uid
}

/// A job or task that ran to its end, of which nobody could be told: it is not run again.
fn absorb_completion(record: &mut Record, resource: &Resource, observed: &Observed) -> bool {
    let Some(seen) = observed.get(&resource.id) else { return false };
    let ran = seen.owner == Owner::Ours
        && seen.synced == Some(resource.digest)
        && seen.health.status == HealthStatus::Healthy;
    let known = record.completions.get(&resource.id);
    if !ran || known.is_some_and(|known| known.contents.contains(&resource.digest)) {
        return false;
    }
    let at = record.run.as_ref().map_or(Timestamp::UNIX_EPOCH, |run| run.last_write);
    complete(record, &resource.id, resource.digest, at);
    true
}

fn complete(record: &mut Record, id: &ResourceId, content: Digest, at: Timestamp) {
    let completion = record
        .completions
        .entry(id.clone())
        .or_insert_with(|| Completion { contents: Vec::new(), at });
    completion.contents.retain(|other| *other != content);
    completion.contents.push(content);
    let surplus = completion.contents.len().saturating_sub(COMPLETIONS_KEPT);
    completion.contents.drain(..surplus);
    completion.at = at;
}

/// The set that a goal is towards, as it is recorded.
pub fn set_of(goal: &Goal, at: Timestamp) -> AppliedSet {
    AppliedSet {
        rendered: goal.rendered,
        revision: goal.revision.clone(),
        at,
        inputs: goal.inputs.clone(),
        contents: goal.resources.iter().map(|r| (r.id.clone(), r.digest)).collect(),
    }
}

/// The contents that a set needs to be gone back to, but for those that a set of the record names:
/// these are kept already.
pub fn contents_of(goal: &Goal, record: &Record) -> Vec<Content> {
    let run = record.run.as_ref().map(|run| &run.set);
    let sets = run.into_iter().chain(&record.applied);
    let kept: HashSet<Digest> = sets.flat_map(|set| set.contents.values().copied()).collect();
    goal.resources
        .iter()
        .filter(|resource| !kept.contains(&resource.digest))
        .map(|resource| Content {
            digest: resource.digest,
            bytes: serde_json::to_vec(resource.as_ref()).unwrap_or_default(),
            secret: !resource.sensitive.is_empty()
                || !resource.random.is_empty()
                || !kinds::of(&resource.id).sensitive.is_empty(),
        })
        .collect()
}

/// Begins a run: what it is towards, and all it may do.
pub fn begin(record: &mut Record, goal: &Goal, plan: &Plan, now: Timestamp) {
    record.run = Some(Run {
        plan: plan.digest,
        set: set_of(goal, now),
        rollback: goal.purpose == Purpose::Rollback,
        began: now,
        last_write: now,
        allowed: plan.actions.iter().map(Action::permit).collect(),
        changed: BTreeSet::new(),
        first: record.applied.is_none(),
        failing: None,
    });
    record.attempts.clear();
    record.hooks.clear();
}

/// A person consented to more than the run began with.
pub fn permit_more(record: &mut Record, plan: &Plan) {
    if record.approved != Some(plan.digest) {
        return;
    }
    if let Some(run) = &mut record.run {
        run.allowed.extend(plan.actions.iter().map(Action::permit));
    }
}

/// Writes ahead what a stage is about to do: whatever it creates is in the inventory before it can
/// exist.
pub fn intend(record: &mut Record, stage: &[Action], goal: &Goal, now: Timestamp) {
    for action in stage {
        hooks::intend(record, action, goal, now);
        let owned = record.inventory.get(&action.id);
        if owned.is_some_and(|item| !item.intended) || action.verb == Verb::Delete {
            continue;
        }
        let item = InventoryItem {
            api_version: action.api_version.clone(),
            uid: String::new(),
            content: action.content_digest,
            intended: true,
            keep: false,
            stage: action.stage,
            hook: action.hook.is_some(),
        };
        record.inventory.insert(action.id.clone(), item);
    }
}

/// Takes in what came of a stage.
pub fn fold(record: &mut Record, stage: &[Action], events: &[Event], retry: &RetryPolicy) {
    for event in events {
        let Some(action) = stage.iter().find(|action| action.id == event.id) else { continue };
        fold_event(record, action, event, retry);
        if let Some(run) = &mut record.run
            && !action.heals
        {
            run.last_write = run.last_write.max(event.at);
            run.changed.insert(event.id.clone());
        }
    }
}

fn fold_event(record: &mut Record, action: &Action, event: &Event, retry: &RetryPolicy) {
    hooks::fold(record, action, event);
    if event.result.succeeded() {
        record.attempts.remove(&event.id);
        if action.heals {
            note_fight(record, action, event.at);
        } else {
            record.fights.remove(&event.id);
        }
    }
    match &event.result {
        EventResult::Done { .. } if action.verb == Verb::Delete => {
            record.inventory.remove(&event.id);
        }
        EventResult::Done { uid, content, .. } => own(record, action, uid, *content),
        EventResult::Completed { uid, content } => {
            own(record, action, uid, Some(*content));
            if action.hook.is_none() {
                complete(record, &event.id, *content, event.at);
            }
        }
        EventResult::Deleting => {}
        EventResult::Moved(message) => {
            fail(record, action, event.at, message, false, retry);
            look_again_at_once(record, &event.id, event.at);
        }
        EventResult::Failed { message, permanent } => {
            fail(record, action, event.at, message, *permanent, retry);
        }
    }
}

fn own(record: &mut Record, action: &Action, uid: &str, content: Option<Digest>) {
    let keep = action.content.as_ref().is_some_and(|r| trueup_plan::prune::is_kept(&r.body));
    let item = InventoryItem {
        api_version: action.api_version.clone(),
        uid: uid.to_owned(),
        content: content.or(action.content_digest),
        intended: false,
        keep,
        stage: action.stage,
        hook: action.hook.is_some(),
    };
    record.inventory.insert(action.id.clone(), item);
}

fn note_fight(record: &mut Record, action: &Action, at: Timestamp) {
    let with = action.takes.first().map(|taken| taken.manager.clone()).unwrap_or_default();
    let fight = record.fights.entry(action.id.clone()).or_insert(Fight {
        count: 0,
        last: at,
        with: String::new(),
    });
    let quiet = at.duration_since(fight.last).as_secs() > 600;
    fight.count = if quiet { 1 } else { fight.count.saturating_add(1) };
    fight.last = at;
    fight.with = with;
}

/// What moved meanwhile is planned anew from what is there now, at once; not for ever, though.
fn look_again_at_once(record: &mut Record, id: &ResourceId, at: Timestamp) {
    if let Some(attempt) = record.attempts.get_mut(id).filter(|attempt| attempt.count <= 3) {
        attempt.next = at;
    }
}

fn fail(
    record: &mut Record,
    action: &Action,
    at: Timestamp,
    message: &str,
    permanent: bool,
    retry: &RetryPolicy,
) {
    let before = record.attempts.get(&action.id).filter(|a| a.content == action.content_digest);
    let count = before.map_or(0, |attempt| attempt.count).saturating_add(1);
    let initial = retry.backoff.initial.as_std();
    let pause = initial.saturating_mul(1 << (count - 1).min(16)).min(retry.backoff.max.as_std());
    let attempt = Attempt {
        count,
        next: at.checked_add(pause).unwrap_or(at),
        content: action.content_digest,
        message: message.to_owned(),
        permanent,
    };
    record.attempts.insert(action.id.clone(), attempt);
}
