//! The digest of a plan: what a person approves.

use serde_json::json;
use trueup_model::Digest;
use trueup_model::plan::{Action, Plan, Precondition};
use trueup_model::resource::canonical_digest;

/// Covers the target's identity, and for each action the resource, its incarnation, the verb and
/// old → new for each path; the content to send where the effect cannot be predicted. Never
/// versions, status, reasons or time: the same work always has the same digest.
pub fn of(plan: &Plan) -> Digest {
    let actions: Vec<_> = plan.actions.iter().map(action).collect();
    canonical_digest(&json!({
        "app": plan.app,
        "target": plan.target,
        "purpose": plan.purpose,
        "actions": actions,
    }))
}

fn action(action: &Action) -> serde_json::Value {
    let uid = match &action.precondition {
        Precondition::Absent => "",
        Precondition::Present { uid, .. } => uid,
    };
    json!({
        "id": action.id,
        "verb": action.verb,
        "uid": uid,
        "changes": action.changes,
        "content": action.content_digest,
        "takes": action.takes.iter().map(|taken| (&taken.path, &taken.manager)).collect::<Vec<_>>(),
        "stage": action.stage,
    })
}
