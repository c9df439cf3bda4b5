//! The planner: what is desired, what is observed, what is recorded and what the policy says, made
//! into one value that says what would be done and why.
//!
//! It is pure and cannot fail: "it cannot be told" and "it must not be done" are entries of the
//! plan's report. [`plan`] lists the actions of *all* rounds; [`next`] says which of them are due
//! now; [`check`] holds any plan against the rules of SEMANTICS without sharing code with the
//! planner. What the target predicts (defaults, mutations, refusals) comes in with the observation:
//! nothing here emulates a target.
//!
//! - [`order`][]: stages
//! - [`decide`][]: one declared resource → an action, or why not
//! - [`hooks`][]: which hook has its turn
//! - [`windows`][]: when changes may be applied
//! - [`depends`][]: what an app waits for of others
//! - `jq`: fields that are left out of a comparison, as jq names them
//! - [`prune`][]: what is owned and no longer declared
//! - [`diff`][]: old → new for each field
//! - [`mod@next`][]: the stage that is due, or what it waits for
//! - [`mod@check`][]: the invariants

pub mod check;
pub mod decide;
pub mod depends;
pub mod diff;
mod digest;
pub mod hooks;
mod jq;
pub mod next;
pub mod order;
pub mod prune;
pub mod windows;

use std::sync::Arc;

use jiff::Timestamp;
use trueup_model::app::{AdoptFrom, Policy};
use trueup_model::hook;
use trueup_model::plan::{Inputs, Plan, Purpose};
use trueup_model::{
    AppName, Digest, InstallationKey, Observed, Record, Resource, Revision, TargetId,
};

pub use check::{Violation, check};
pub use hooks::Hooks;
pub use next::{Next, next};

/// Everything that a plan depends on.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The app.
    pub app: &'a AppName,
    /// Its policy.
    pub policy: &'a Policy,
    /// Whose resources it may take over.
    pub adopt: Option<AdoptFrom>,
    /// The target that was observed.
    pub target: &'a TargetId,
    /// What the plan is towards.
    pub purpose: Purpose,
    /// The commit it is towards.
    pub revision: &'a Revision,
    /// Digest of the desired set.
    pub rendered: Digest,
    /// What else decided the desired set.
    pub inputs: &'a Inputs,
    /// What is desired.
    pub desired: &'a [Arc<Resource>],
    /// What is there.
    pub observed: &'a Observed,
    /// What is remembered.
    pub record: &'a Record,
    /// Names secret content.
    pub key: &'a InstallationKey,
    /// Now.
    pub now: Timestamp,
}

/// What would be done, in all rounds, and why nothing is done to the rest.
pub fn plan(input: &Input<'_>) -> Plan {
    let mut plan = Plan {
        app: input.app.clone(),
        target: input.target.clone(),
        purpose: input.purpose,
        revision: input.revision.clone(),
        rendered: input.rendered,
        inputs: input.inputs.clone(),
        actions: Vec::new(),
        skips: Vec::new(),
        consents: Vec::new(),
        digest: input.rendered,
    };
    let is_hook = |resource: &&Arc<Resource>| hook::of(&resource.body).is_some();
    let (with_hooks, kept): (Vec<_>, Vec<_>) = input.desired.iter().partition(is_hook);
    for resource in kept {
        take(&mut plan, decide::decide(input, resource));
    }
    let hooks = Hooks::of(input, changes_something(&plan));
    for resource in with_hooks {
        take(&mut plan, decide::decide_hook(input, &hooks, resource));
    }
    let stages = order::Stages::of(input, &hooks);
    prune::prune(input, stages.deletions(), &mut plan);
    stages.number(&mut plan.actions);
    plan.actions.sort_by(|a, b| (a.stage, &a.id).cmp(&(b.stage, &b.id)));
    plan.digest = digest::of(&plan);
    prune::withhold_without_consent(input, &mut plan);
    plan
}

fn take(plan: &mut Plan, decision: decide::Decision) {
    match decision {
        decide::Decision::Act(action) => plan.actions.push(*action),
        decide::Decision::Skip(skip) => plan.skips.push(*skip),
    }
}

/// Whether anything that is declared changes, apart from hooks and healing.
fn changes_something(plan: &Plan) -> bool {
    plan.actions
        .iter()
        .any(|action| !action.heals && action.hook.is_none() && action.content.is_some())
}
