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
//! - [`prune`][]: what is owned and no longer declared
//! - [`diff`][]: old → new for each field
//! - [`mod@next`][]: the stage that is due, or what it waits for
//! - [`mod@check`][]: the invariants

pub mod check;
pub mod decide;
pub mod diff;
mod digest;
pub mod next;
pub mod order;
pub mod prune;

use std::sync::Arc;

use jiff::Timestamp;
use trueup_model::app::{AdoptFrom, Policy};
use trueup_model::plan::{Inputs, Plan, Purpose};
use trueup_model::{
    AppName, Digest, InstallationKey, Observed, Record, Resource, Revision, TargetId,
};

pub use check::{Violation, check};
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
    let stages = order::Stages::of(input.desired);
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
    for resource in input.desired {
        let stage = stages.of_resource(&resource.id).unwrap_or(0);
        match decide::decide(input, resource, stage) {
            decide::Decision::Act(action) => plan.actions.push(*action),
            decide::Decision::Skip(skip) => plan.skips.push(*skip),
        }
    }
    prune::prune(input, stages.count(), &mut plan);
    plan.actions.sort_by(|a, b| (a.stage, &a.id).cmp(&(b.stage, &b.id)));
    plan.digest = digest::of(&plan);
    prune::withhold_without_consent(input, &mut plan);
    plan
}
