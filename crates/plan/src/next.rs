//! What is due now: a stage, or what is waited for.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use trueup_model::hook::Phase;
use trueup_model::observed::Presence;
use trueup_model::plan::{Action, Plan, Skip, SkipKind};
use trueup_model::record::Failing;
use trueup_model::{HealthStatus, Resource, ResourceId};

use crate::hooks::{Hooks, Standing};
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
    let look = Look::at(plan, input);
    if let Some(failing) = look.failing() {
        return look.failing_next(failing);
    }
    let mut healing = plan.actions.iter().filter(|a| a.heals && !is_deferred(a, input));
    if let Some(first) = healing.next() {
        return Next::Stage(look.due(true, first.stage));
    }
    let Some(stage) = plan.actions.iter().filter(|a| !a.heals).map(|a| a.stage).min() else {
        return look.without_actions();
    };
    let earlier = |id: &ResourceId| look.stages.of_resource(id).is_some_and(|of| of < stage);
    if let Some(blocked) = blocked(plan, earlier) {
        return blocked;
    }
    match look.health_of(earlier) {
        Verdict::Healthy => match look.due(false, stage) {
            due if due.is_empty() => look.without_actions(),
            due => Next::Stage(due),
        },
        verdict => verdict.into_next(input),
    }
}

/// A plan, and what it was made from.
struct Look<'a> {
    plan: &'a Plan,
    input: &'a Input<'a>,
    hooks: Hooks<'a>,
    stages: order::Stages,
}

impl<'a> Look<'a> {
    fn at(plan: &'a Plan, input: &'a Input<'a>) -> Self {
        let hooks = Hooks::of(input, crate::changes_something(plan));
        Self { plan, input, hooks, stages: order::Stages::of(input, &hooks) }
    }

    fn due(&self, heals: bool, stage: u32) -> Vec<Action> {
        let wanted =
            |a: &&Action| a.heals == heals && a.stage == stage && !is_deferred(a, self.input);
        self.plan.actions.iter().filter(wanted).cloned().collect()
    }

    fn failing(&self) -> Option<&'a Failing> {
        let run = self.input.record.run.as_ref().filter(|_| self.hooks.is_failing());
        run.and_then(|run| run.failing.as_ref())
    }

    /// The run has failed: its failure hooks, then what hooks left; then it is over.
    fn failing_next(&self, failing: &Failing) -> Next {
        let due = self.plan.actions.iter().filter(|a| a.hook.is_some() && !gave_up(a, self.input));
        let (clears, runs): (Vec<&Action>, Vec<&Action>) = due.partition(|a| a.content.is_none());
        let hooks: Vec<&Action> =
            runs.into_iter().filter(|a| a.hook == Some(Phase::Failure)).collect();
        if let Some(stage) = hooks.iter().map(|a| a.stage).min() {
            return self.or_wait(hooks.into_iter().filter(|a| a.stage == stage).collect());
        }
        let running = self.health_of(|id| self.runs_at_failure(id));
        if let wait @ Next::Wait { .. } = running.into_next(self.input) {
            return wait;
        }
        if !clears.is_empty() {
            return self.or_wait(clears);
        }
        Next::Unhealthy { why: failing.why.clone(), resources: failing.resources.clone() }
    }

    fn or_wait(&self, actions: Vec<&Action>) -> Next {
        let due: Vec<Action> =
            actions.iter().filter(|a| !is_deferred(a, self.input)).copied().cloned().collect();
        let until = actions.iter().filter_map(|a| deferred_until(a, self.input)?).min();
        match actions.first() {
            Some(first) if due.is_empty() => {
                Next::Wait { until, why: format!("another try of the hook {}", first.id) }
            }
            _ => Next::Stage(due),
        }
    }

    fn runs_at_failure(&self, id: &ResourceId) -> bool {
        let resource = self.input.desired.iter().find(|r| r.id == *id);
        let standing = resource.and_then(|resource| self.hooks.standing(resource));
        matches!(standing, Some(Standing::Running { phase: Phase::Failure, .. }))
    }

    fn without_actions(&self) -> Next {
        let (plan, input) = (self.plan, self.input);
        let deferred = plan.actions.iter().filter_map(|action| {
            let until = deferred_until(action, input)?;
            Some((until, action))
        });
        let first = deferred.min_by_key(|(until, _)| until.unwrap_or(Timestamp::MAX));
        if let Some((until, action)) = first {
            return deferral(until, action, input);
        }
        let goes = |skip: &&Skip| skip.kind == SkipKind::Waiting && gone(&skip.id, input);
        if let Some(skip) = plan.skips.iter().find(goes) {
            return Next::Wait { until: None, why: format!("{}: {}", skip.id, skip.why) };
        }
        if let Some(blocked) = blocked(plan, |_| true) {
            return blocked;
        }
        match self.health_of(|_| true) {
            Verdict::Healthy => Next::Nothing,
            verdict => verdict.into_next(input),
        }
    }

    fn health_of(&self, concerns: impl Fn(&ResourceId) -> bool) -> Verdict {
        let (mut degraded, mut progressing) = (Vec::new(), Vec::new());
        for resource in self.input.desired.iter().filter(|r| concerns(&r.id)) {
            match self.hooks.standing(resource) {
                Some(standing) => hook_health(resource, standing, &mut degraded, &mut progressing),
                None => self.kept_health(resource, &mut degraded, &mut progressing),
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

    fn kept_health(
        &self,
        resource: &Resource,
        degraded: &mut Vec<(ResourceId, String)>,
        progressing: &mut Vec<OnItsWay>,
    ) {
        let completion = self.input.record.completions.get(&resource.id);
        if completion.is_some_and(|done| done.contents.contains(&resource.digest)) {
            return;
        }
        let Some(observed) = self.input.observed.get(&resource.id) else { return };
        let (id, reason) = (resource.id.clone(), observed.health.reason.clone());
        match observed.health.status {
            HealthStatus::Healthy | HealthStatus::Suspended => {}
            HealthStatus::Degraded => degraded.push((id, reason)),
            HealthStatus::Progressing | HealthStatus::Missing | HealthStatus::Unknown => {
                progressing.push(OnItsWay { id, reason, deadline: None });
            }
        }
    }
}

fn hook_health(
    resource: &Resource,
    standing: Standing,
    degraded: &mut Vec<(ResourceId, String)>,
    progressing: &mut Vec<OnItsWay>,
) {
    let id = resource.id.clone();
    let on_its_way = |reason: String, deadline| OnItsWay { id: id.clone(), reason, deadline };
    match standing {
        Standing::Ended { failed: Some(why), .. } => {
            degraded.push((id, format!("the hook failed: {why}")));
        }
        Standing::Running { phase, deadline } => {
            progressing.push(on_its_way(format!("the hook `{}` runs", phase.as_str()), deadline));
        }
        Standing::Due(phase) => {
            let reason = format!("the hook `{}` has not run yet", phase.as_str());
            progressing.push(on_its_way(reason, None));
        }
        Standing::Ended { failed: None, .. } | Standing::NotNow(_) | Standing::Rests => {}
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

/// Whether it failed for good, or as often as the policy lets it.
fn gave_up(action: &Action, input: &Input<'_>) -> bool {
    deferred_until(action, input) == Some(None)
}

/// What failed is tried again, until its tries are used up: then the apply has failed.
fn deferral(until: Option<Timestamp>, action: &Action, input: &Input<'_>) -> Next {
    let attempt = input.record.attempts.get(&action.id);
    let message = match attempt {
        Some(attempt) => format!("{} failed: {}", action.id, attempt.message),
        None => fights(action, input),
    };
    match until {
        Some(until) if attempt.is_none() => Next::Wait { until: Some(until), why: message },
        Some(until) => Next::Wait { until: Some(until), why: format!("another try: {message}") },
        None if action.heals => Next::Blocked { why: message },
        None => Next::Unhealthy { why: message, resources: vec![action.id.clone()] },
    }
}

/// Somebody else writes to it too: who, where the target tells, and how often it was put back.
fn fights(action: &Action, input: &Input<'_>) -> String {
    let fight = input.record.fights.get(&action.id);
    let with = fight.map(|fight| fight.with.as_str()).filter(|with| !with.is_empty());
    let times = fight.map_or(0, |fight| fight.count);
    let fields: Vec<&str> =
        action.changes.iter().map(|change| change.path.as_str()).take(3).collect();
    format!(
        "{} is fought over: {} changes {} again and again, and it was put back {times} times",
        action.id,
        with.unwrap_or("somebody else"),
        if fields.is_empty() { "it".to_owned() } else { fields.join(", ") },
    )
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
    Progressing(Vec<OnItsWay>),
    Degraded(Vec<(ResourceId, String)>),
}

/// What is not healthy yet.
struct OnItsWay {
    id: ResourceId,
    reason: String,
    /// By when it must be, where it says so itself.
    deadline: Option<Timestamp>,
}

impl Verdict {
    fn into_next(self, input: &Input<'_>) -> Next {
        match self {
            Self::Healthy => Next::Nothing,
            Self::Degraded(which) => unhealthy(which, ""),
            Self::Progressing(which) => {
                let deadline = deadline(input);
                let of = |one: &OnItsWay| one.deadline.or(deadline);
                let told = |one: &OnItsWay| (one.id.clone(), one.reason.clone());
                let late: Vec<_> = which
                    .iter()
                    .filter(|one| of(one).is_some_and(|deadline| deadline <= input.now))
                    .map(told)
                    .collect();
                if !late.is_empty() {
                    return unhealthy(late, "it did not become healthy in time: ");
                }
                let until = which.iter().filter_map(of).min();
                let which: Vec<_> = which.iter().map(told).collect();
                Next::Wait { until, why: say(&which) }
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
