//! The invariants of every plan, in the words of SEMANTICS. This shares no code with the planner:
//! a plan that breaks one is our bug, and its app is stopped.

use std::collections::BTreeSet;
use std::fmt;

use trueup_model::observed::{Owner, Presence};
use trueup_model::plan::{Action, Plan, Precondition, Purpose, Verb};
use trueup_model::{FieldValue, ResourceId, kinds};

use crate::Input;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Of which resource.
    pub id: ResourceId,
    /// Which rule.
    pub rule: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.rule)
    }
}

/// Which rules the plan breaks; none, if all is well.
pub fn check(plan: &Plan, input: &Input<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut seen = BTreeSet::new();
    for action in &plan.actions {
        let mut rules = action_rules(action, input);
        if !seen.insert(&action.id) {
            rules.push("a resource is acted on once");
        }
        violations.extend(rules.into_iter().map(|rule| Violation { id: action.id.clone(), rule }));
    }
    let skipped: BTreeSet<&ResourceId> = plan.skips.iter().map(|skip| &skip.id).collect();
    for resource in input.desired {
        if !seen.contains(&resource.id) && !skipped.contains(&resource.id) {
            let rule = "each declared resource is acted on or reported";
            violations.push(Violation { id: resource.id.clone(), rule });
        }
    }
    violations.extend(deletions_last(plan));
    violations
}

fn action_rules(action: &Action, input: &Input<'_>) -> Vec<&'static str> {
    let mut broken = Vec::new();
    let mut must = |holds: bool, rule| {
        if !holds {
            broken.push(rule);
        }
    };
    let observed = input.observed.get(&action.id);
    let presence = observed.map(|o| &o.presence);
    let ours = observed.is_some_and(|o| o.owner == Owner::Ours);
    let owned = input.record.inventory.get(&action.id);
    must(
        !matches!(presence, None | Some(Presence::Unknown(_) | Presence::Terminating)),
        "nothing is done to what cannot be seen or is being deleted",
    );
    match action.verb {
        Verb::Create => {
            must(presence == Some(&Presence::Absent), "only what is absent is created");
            must(action.precondition == Precondition::Absent, "a creation requires absence");
        }
        Verb::Patch | Verb::Replace | Verb::Repair => {
            must(ours, "nothing foreign is changed");
        }
        Verb::Adopt => {
            let writes =
                observed.is_some_and(|o| matches!(o.owner, Owner::Tool { writes: true, .. }));
            must(!ours && !writes, "only what nobody writes to any more is adopted");
        }
        Verb::Delete => {
            must(ours, "nothing foreign is deleted");
            must(owned.is_some(), "only what is in the inventory is deleted");
            let declared = input.desired.iter().any(|r| r.id == action.id);
            must(!declared || is_hook(action), "what is declared is not deleted, but for hooks");
            must(
                input.purpose != Purpose::Rollback || !kinds::of(&action.id).survives_rollback,
                "going back deletes no namespace, volume, claim or definition",
            );
        }
    }
    let digest = action.content.as_ref().map(|content| content.digest);
    must(digest == action.content_digest, "the content is the one that the digest names");
    if action.verb != Verb::Create {
        must(
            matches!(&action.precondition, Precondition::Present { .. }),
            "what exists is changed under the identity that was looked at",
        );
    }
    must(hides_secrets(action), "secret content appears by its digest only");
    broken
}

fn is_hook(action: &Action) -> bool {
    action.hook.is_some()
}

fn hides_secrets(action: &Action) -> bool {
    let Some(content) = &action.content else { return true };
    action.changes.iter().all(|change| {
        let plain = |value: &FieldValue| matches!(value, FieldValue::Plain(_));
        !crate::diff::is_sensitive(content, &change.path)
            || !(plain(&change.old) || plain(&change.new))
    })
}

fn deletions_last(plan: &Plan) -> Vec<Violation> {
    let after = |a: &&Action| plan.purpose == Purpose::Delete && is_hook(a);
    let writes = plan.actions.iter().filter(|a| a.verb != Verb::Delete && !after(a));
    let last = writes.map(|a| a.stage).max();
    plan.actions
        .iter()
        .filter(|a| a.verb == Verb::Delete && last.is_some_and(|last| a.stage <= last))
        .map(|a| Violation { id: a.id.clone(), rule: "deletions come after everything else" })
        .collect()
}
