//! How the hooks of a set stand: whose turn it is, which run, which have ended.
//!
//! A hook runs once for each rendered set that is applied, and only while that set is on its way: it
//! is not kept, so that it is no drift when it is gone. How far each came stands in the record.

use std::time::Duration;

use jiff::Timestamp;
use trueup_model::hook::{self, Course, Hook, HookEnd, HookRun, Phase};
use trueup_model::observed::{Owner, Presence};
use trueup_model::plan::Purpose;
use trueup_model::{Resource, ResourceId};

use crate::Input;

/// So often a hook is begun that vanishes before its end was seen.
const BEGUN_MAX: u32 = 3;

/// How a hook stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has no occasion in this run, and why.
    NotNow(&'static str),
    /// Nothing is applied now.
    Rests,
    /// It is its turn, once everything before it is healthy.
    Due(Phase),
    /// It runs.
    Running {
        /// In which part of the run.
        phase: Phase,
        /// When it must have ended, where it says so itself.
        deadline: Option<Timestamp>,
    },
    /// It ended; `failed` says why, if it failed.
    Ended {
        /// In which part of the run.
        phase: Phase,
        /// Why it failed.
        failed: Option<String>,
    },
}

impl Standing {
    /// The part of the run that it belongs to.
    pub fn phase(&self) -> Phase {
        match self {
            Self::Due(phase) | Self::Running { phase, .. } | Self::Ended { phase, .. } => *phase,
            Self::NotNow(_) | Self::Rests => Phase::During,
        }
    }
}

/// The hooks of one plan.
#[derive(Clone, Copy)]
pub struct Hooks<'a> {
    input: &'a Input<'a>,
    /// Whether the set is on its way.
    under_way: bool,
}

impl<'a> Hooks<'a> {
    /// `changes`: whether the plan changes anything that is declared, apart from healing. Going back
    /// to what is recorded as applied is a change only then.
    pub fn of(input: &'a Input<'a>, changes: bool) -> Self {
        let applied = input.record.applied.as_ref().map(|applied| applied.rendered);
        let back = input.purpose == Purpose::Rollback && changes;
        let under_way = runs(input) || applied != Some(input.rendered) || back;
        Self { input, under_way }
    }

    /// How a resource stands, if it is a hook.
    pub fn standing(&self, resource: &Resource) -> Option<Standing> {
        let hook = hook::of(&resource.body)?;
        if !self.under_way {
            return Some(Standing::Rests);
        }
        let phases: Vec<Phase> = hook.phases(self.course());
        let wanted = |phase: &&Phase| (**phase == Phase::Failure) == self.is_failing();
        let mut standing = Standing::NotNow(self.why_not(&hook));
        if self.is_failing() && !phases.contains(&Phase::Failure) {
            return Some(self.ended(resource).unwrap_or(standing));
        }
        for phase in phases.iter().filter(wanted) {
            standing = self.in_phase(resource, &hook, *phase);
            if !matches!(standing, Standing::Ended { failed: None, .. }) {
                break;
            }
        }
        Some(standing)
    }

    fn course(&self) -> Course {
        let input = self.input;
        match input.purpose {
            Purpose::Rollback => Course::Rollback,
            Purpose::Delete => Course::Delete,
            Purpose::Apply => Course::Apply {
                first: match input.record.run.as_ref().filter(|_| runs(input)) {
                    Some(run) => run.first,
                    None => input.record.applied.is_none(),
                },
            },
        }
    }

    fn why_not(&self, hook: &Hook) -> &'static str {
        match self.input.purpose {
            Purpose::Rollback => "going back runs hooks of its own only",
            Purpose::Apply | Purpose::Delete => hook.when(),
        }
    }

    /// Whether the run has failed and its failure hooks have their turn.
    pub fn is_failing(&self) -> bool {
        runs(self.input) && self.input.record.run.as_ref().is_some_and(|run| run.failing.is_some())
    }

    /// What is remembered of a hook in this run.
    fn remembered(&self, id: &ResourceId) -> impl Iterator<Item = &'a HookRun> {
        let input = self.input;
        let back = input.purpose == Purpose::Rollback;
        let counts = input.purpose != Purpose::Delete || runs(input);
        let of_this_run =
            move |run: &&HookRun| counts && run.set == input.rendered && run.back == back;
        input.record.hooks.get(id).into_iter().flatten().filter(of_this_run)
    }

    fn ended(&self, resource: &Resource) -> Option<Standing> {
        let last = self.remembered(&resource.id).last()?;
        Some(Standing::Ended { phase: last.phase, failed: failure(last.ended.as_ref()?) })
    }

    fn in_phase(&self, resource: &Resource, hook: &Hook, phase: Phase) -> Standing {
        let Some(run) = self.remembered(&resource.id).find(|run| run.phase == phase) else {
            return Standing::Due(phase);
        };
        if let Some(end) = &run.ended {
            return Standing::Ended { phase, failed: failure(end) };
        }
        let observed = self.input.observed.get(&resource.id);
        let gone = observed.is_some_and(|seen| seen.presence == Presence::Absent);
        if gone && run.begun >= BEGUN_MAX && !run.uid.is_empty() {
            let why = format!("it was gone {BEGUN_MAX} times before its end was seen");
            return Standing::Ended { phase, failed: Some(why) };
        }
        let begun = observed.is_some_and(|seen| {
            seen.presence == Presence::Present && seen.owner == Owner::Ours && is_of(run, &seen.uid)
        });
        if begun {
            Standing::Running { phase, deadline: deadline(resource, hook, run.began) }
        } else {
            Standing::Due(phase)
        }
    }
}

/// Whether an incarnation is the one that this run of a hook made.
pub fn is_of(run: &HookRun, uid: &str) -> bool {
    if run.uid.is_empty() { run.replaces != uid } else { run.uid == uid }
}

/// Whether the run that is under way is the one towards this goal.
fn runs(input: &Input<'_>) -> bool {
    let back = input.purpose == Purpose::Rollback;
    let run = input.record.run.as_ref();
    run.is_some_and(|run| run.set.rendered == input.rendered && run.rollback == back)
}

fn failure(end: &HookEnd) -> Option<String> {
    match end {
        HookEnd::Succeeded => None,
        HookEnd::Failed(why) => Some(why.clone()),
    }
}

/// As the hook says; a Job with a deadline of its own is left a minute longer.
fn deadline(resource: &Resource, hook: &Hook, began: Timestamp) -> Option<Timestamp> {
    let own = || resource.body.pointer("/spec/activeDeadlineSeconds")?.as_u64();
    let timeout = match hook.timeout {
        Some(timeout) => timeout.as_std(),
        None => Duration::from_secs(own()?.saturating_add(60).min(31_536_000)),
    };
    began.checked_add(timeout).ok()
}
