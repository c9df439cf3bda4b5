//! What is due now: a stage, or what is waited for.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use trueup_model::observed::Presence;
use trueup_model::plan::{Action, Plan, Skip, SkipKind};
use trueup_model::{HealthStatus, ResourceId};

use crate::{Input, order};

/// What is due.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Everything is as declared, and healthy.
    Nothing,
    /// Nothing can be done until something happens, or until a time.
    Wait {
        /// When to look again, if time alone can bring it.
        until: Option<Timestamp>,
        /// For what, as a clause.
        why: String,
    },
    /// These actions of one stage, all at once.
    Stage(Vec<Action>),
    /// It is not healthy, and waiting will not help.
    Unhealthy {
        /// What, and why.
        why: String,
        /// Which resources.
        resources: Vec<ResourceId>,
    },
    /// A person must act.
    Blocked {
        /// What is in the way.
        why: String,
    },
}

/// How long an app on a host may take to become healthy, unless its policy says otherwise.
pub const HOST_DEADLINE: Duration = Duration::from_secs(60);
/// The least deadline on Kubernetes.
pub const KUBERNETES_DEADLINE: Duration = Duration::from_secs(300);

/// What is due of `plan`, which was made from `input`: what drifted first, then the first stage that
/// is not done, once everything before it is healthy.
pub fn next(plan: &Plan, input: &Input<'_>) -> Next {
    let stages = order::Stages::of(input.desired);
    let due = |heals: bool, stage: u32| -> Vec<Action> {
        let wanted = |a: &&Action| a.heals == heals && a.stage == stage && !is_deferred(a, input);
        plan.actions.iter().filter(wanted).cloned().collect()
    };
    let mut healing = plan.actions.iter().filter(|a| a.heals && !is_deferred(a, input));
    if let Some(first) = healing.next() {
        return Next::Stage(due(true, first.stage));
    }
    let Some(stage) = plan.actions.iter().filter(|a| !a.heals).map(|a| a.stage).min() else {
        return without_actions(plan, input);
    };
    let earlier = |id: &ResourceId| stages.of_resource(id).is_some_and(|of| of < stage);
    if let Some(blocked) = blocked(plan, earlier) {
        return blocked;
    }
    match health_of(input, earlier) {
        Verdict::Healthy => match due(false, stage) {
            due if due.is_empty() => without_actions(plan, input),
            due => Next::Stage(due),
        },
        verdict => verdict.into_next(input),
    }
}

/// Whether an action failed before for the same content and is not due again yet, or fights.
fn is_deferred(action: &Action, input: &Input<'_>) -> bool {
    deferred_until(action, input).is_some_and(|until| until.is_none_or(|until| until > input.now))
}

/// `None`: not deferred. `Some(None)`: until something changes.
fn deferred_until(action: &Action, input: &Input<'_>) -> Option<Option<Timestamp>> {
    if let Some(attempt) = input.record.attempts.get(&action.id)
        && attempt.content == action.content_digest
    {
        let gave_up = attempt.permanent || attempt.count > input.policy.retry.limit;
        return Some((!gave_up).then_some(attempt.next));
    }
    let fight = input.record.fights.get(&action.id).filter(|_| action.heals)?;
    let pause = fight_pause(fight.count)?;
    Some(fight.last.checked_add(pause).ok())
}

/// After three heals of one field the next ones are spaced out: 1 minute, then doubling to an hour.
fn fight_pause(count: u32) -> Option<Duration> {
    let over = count.checked_sub(3)?;
    Some(Duration::from_secs(60 << over.min(6)).min(Duration::from_secs(3600)))
}

fn without_actions(plan: &Plan, input: &Input<'_>) -> Next {
    let deferred = plan.actions.iter().filter_map(|action| {
        let until = deferred_until(action, input)?;
        Some((until, action))
    });
    if let Some((until, action)) = deferred.min_by_key(|(until, _)| until.unwrap_or(Timestamp::MAX))
    {
        return deferral(until, action, input);
    }
    let goes = |skip: &&Skip| skip.kind == SkipKind::Waiting && gone(&skip.id, input);
    if let Some(skip) = plan.skips.iter().find(goes) {
        return Next::Wait { until: None, why: format!("{}: {}", skip.id, skip.why) };
    }
    if let Some(blocked) = blocked(plan, |_| true) {
        return blocked;
    }
    match health_of(input, |_| true) {
        Verdict::Healthy => Next::Nothing,
        verdict => verdict.into_next(input),
    }
}

/// What failed is tried again, until its tries are used up: then the apply has failed.
fn deferral(until: Option<Timestamp>, action: &Action, input: &Input<'_>) -> Next {
    let attempt = input.record.attempts.get(&action.id);
    let message = attempt.map_or_else(
        || format!("{} is changed by somebody else again and again", action.id),
        |attempt| format!("{} failed: {}", action.id, attempt.message),
    );
    match until {
        Some(until) => Next::Wait { until: Some(until), why: format!("another try: {message}") },
        None if action.heals => Next::Blocked { why: message },
        None => Next::Unhealthy { why: message, resources: vec![action.id.clone()] },
    }
}

/// Whether what is waited for is that something goes away.
fn gone(id: &ResourceId, input: &Input<'_>) -> bool {
    input.observed.get(id).is_some_and(|observed| observed.presence == Presence::Terminating)
}

fn blocked(plan: &Plan, concerns: impl Fn(&ResourceId) -> bool) -> Option<Next> {
    if let Some(consent) = plan.consents.iter().find(|c| c.resources.iter().any(&concerns)) {
        let digest = plan.digest.short();
        let why = format!(
            "{}: a person must consent (`trueup apply {} --digest {digest}`)",
            consent.what, plan.app
        );
        return Some(Next::Blocked { why });
    }
    let in_the_way = |kind| matches!(kind, SkipKind::Blocked | SkipKind::NotOurs);
    let mut skips = plan.skips.iter().filter(|s| in_the_way(s.kind) && concerns(&s.id));
    let first = skips.next()?;
    let more = skips.count();
    let mut why = format!("{}: {}", first.id, first.why);
    if more > 0 {
        why.push_str(&format!(" (and {more} more)"));
    }
    Some(Next::Blocked { why })
}

enum Verdict {
    Healthy,
    Progressing(Vec<(ResourceId, String)>),
    Degraded(Vec<(ResourceId, String)>),
}

fn health_of(input: &Input<'_>, concerns: impl Fn(&ResourceId) -> bool) -> Verdict {
    let (mut degraded, mut progressing) = (Vec::new(), Vec::new());
    let completed = |r: &trueup_model::Resource| {
        let done = input.record.completions.get(&r.id);
        done.is_some_and(|completion| completion.contents.contains(&r.digest))
    };
    for resource in input.desired.iter().filter(|r| concerns(&r.id) && !completed(r)) {
        let Some(observed) = input.observed.get(&resource.id) else { continue };
        let health = &observed.health;
        let entry = || (resource.id.clone(), health.reason.clone());
        match health.status {
            HealthStatus::Healthy | HealthStatus::Suspended => {}
            HealthStatus::Missing
                if matches!(resource.annotation(order::HOOK), Some("failure" | "rollback")) => {}
            HealthStatus::Degraded => degraded.push(entry()),
            HealthStatus::Progressing | HealthStatus::Missing | HealthStatus::Unknown => {
                progressing.push(entry());
            }
        }
    }
    if !degraded.is_empty() {
        Verdict::Degraded(degraded)
    } else if !progressing.is_empty() {
        Verdict::Progressing(progressing)
    } else {
        Verdict::Healthy
    }
}

impl Verdict {
    fn into_next(self, input: &Input<'_>) -> Next {
        match self {
            Self::Healthy => Next::Nothing,
            Self::Degraded(which) => unhealthy(which, ""),
            Self::Progressing(which) => {
                let deadline = deadline(input);
                match deadline {
                    Some(deadline) if deadline <= input.now => {
                        unhealthy(which, "it did not become healthy in time: ")
                    }
                    _ => Next::Wait { until: deadline, why: say(&which) },
                }
            }
        }
    }
}

fn unhealthy(which: Vec<(ResourceId, String)>, prefix: &str) -> Next {
    let why = format!("{prefix}{}", say(&which));
    let resources: BTreeSet<ResourceId> = which.into_iter().map(|(id, _)| id).collect();
    Next::Unhealthy { why, resources: resources.into_iter().collect() }
}

fn say(which: &[(ResourceId, String)]) -> String {
    let Some((id, reason)) = which.first() else { return String::new() };
    let mut text = id.to_string();
    if !reason.is_empty() {
        text.push_str(&format!(" ({reason})"));
    }
    match which.len() - 1 {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// When the running apply must be healthy; `None` while no apply runs.
fn deadline(input: &Input<'_>) -> Option<Timestamp> {
    let run = input.record.run.as_ref()?;
    let wanted = input.policy.health.deadline.map(trueup_model::app::Duration::as_std);
    let deadline = wanted.unwrap_or_else(|| default_deadline(input));
    run.last_write.checked_add(deadline).ok()
}

fn default_deadline(input: &Input<'_>) -> Duration {
    if input.target.kind == "host" {
        return HOST_DEADLINE;
    }
    let of = |r: &trueup_model::Resource| r.body.pointer("/spec/progressDeadlineSeconds")?.as_u64();
    let longest = input.desired.iter().filter_map(|r| of(r)).max().unwrap_or(0);
    Duration::from_secs(longest.min(86_400) + 60).max(KUBERNETES_DEADLINE)
}
