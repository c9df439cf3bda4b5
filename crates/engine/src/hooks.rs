//! What is remembered of hooks, as pure functions: begun, ended, failed.

use jiff::Timestamp;
use trueup_model::hook::{self, Course, HookEnd, HookRun, Phase};
use trueup_model::observed::{Observed, Owner, Presence};
use trueup_model::plan::{Action, Precondition, Purpose};
use trueup_model::record::{Failing, Record};
use trueup_model::{Event, EventResult, HealthStatus, ResourceId};
use trueup_plan::hooks::is_of;

use crate::goal::Goal;

/// Writes ahead that a hook is begun.
pub fn intend(record: &mut Record, action: &Action, goal: &Goal, now: Timestamp) {
    let (Some(phase), Some(_)) = (action.hook, &action.content) else { return };
    let replaces = match &action.precondition {
        Precondition::Absent => String::new(),
        Precondition::Present { uid, .. } => uid.clone(),
    };
    let back = goal.purpose == Purpose::Rollback;
    let runs = record.hooks.entry(action.id.clone()).or_default();
    let same =
        |run: &&mut HookRun| run.set == goal.rendered && run.back == back && run.phase == phase;
    match runs.iter_mut().find(same) {
        Some(run) => {
            run.began = now;
            run.replaces = replaces;
            run.uid.clear();
        }
        None => runs.push(HookRun {
            set: goal.rendered,
            back,
            phase,
            began: now,
            replaces,
            uid: String::new(),
            begun: 0,
            ended: None,
        }),
    }
}

/// Takes in what came of running a hook.
pub fn fold(record: &mut Record, action: &Action, event: &Event) {
    let Some(phase) = action.hook else { return };
    let Some(run) = open(record, &action.id, phase) else { return };
    match &event.result {
        EventResult::Done { uid, .. } => {
            run.uid.clone_from(uid);
            run.begun = run.begun.saturating_add(1);
        }
        EventResult::Completed { uid, .. } => {
            run.uid.clone_from(uid);
            run.ended = Some(HookEnd::Succeeded);
        }
        EventResult::Deleting | EventResult::Moved(_) | EventResult::Failed { .. } => {}
    }
}

fn open<'a>(record: &'a mut Record, id: &ResourceId, phase: Phase) -> Option<&'a mut HookRun> {
    let runs = record.hooks.get_mut(id)?;
    runs.iter_mut().find(|run| run.phase == phase && run.ended.is_none())
}

/// Takes in how the hooks that run have ended, as far as that is seen. Whether anything did.
pub fn absorb(record: &mut Record, observed: &Observed) -> bool {
    let mut changed = false;
    for (id, runs) in &mut record.hooks {
        let Some(seen) = observed.get(id) else { continue };
        if seen.presence != Presence::Present || seen.owner != Owner::Ours {
            continue;
        }
        for run in runs.iter_mut().filter(|run| run.ended.is_none() && is_of(run, &seen.uid)) {
            run.ended = match seen.health.status {
                HealthStatus::Healthy => Some(HookEnd::Succeeded),
                HealthStatus::Degraded => Some(HookEnd::Failed(seen.health.reason.clone())),
                _ => continue,
            };
            changed = true;
        }
    }
    changed
}

/// Whether every hook of this set that was begun has done what it is for.
pub fn are_done(record: &Record, goal: &Goal) -> bool {
    let mut of_set = record.hooks.values().flatten().filter(|run| run.set == goal.rendered);
    of_set.all(|run| run.ended == Some(HookEnd::Succeeded))
}

/// The run has failed: hooks among what was not healthy count as failed. Answers whether failure
/// hooks have their turn now, which is noted.
pub fn fail(record: &mut Record, goal: &Goal, why: &str, resources: &[ResourceId]) -> bool {
    let of_these = record.hooks.iter_mut().filter(|(id, _)| resources.contains(id));
    for run in of_these.flat_map(|(_, runs)| runs) {
        if run.ended.is_none() && run.phase != Phase::Failure {
            run.ended = Some(HookEnd::Failed(why.to_owned()));
        }
    }
    let Some(run) = record.run.as_mut().filter(|run| run.set.rendered == goal.rendered) else {
        return false;
    };
    let course = Course::Apply { first: run.first };
    let runs_at_failure = goal.resources.iter().any(|resource| {
        hook::of(&resource.body).is_some_and(|hook| hook.phases(course).contains(&Phase::Failure))
    });
    if goal.purpose != Purpose::Apply || run.failing.is_some() || !runs_at_failure {
        return false;
    }
    run.failing = Some(Failing { why: why.to_owned(), resources: resources.to_vec() });
    true
}
