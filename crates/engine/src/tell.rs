//! What the ledger's entries say, in a sentence each. Pure.

use trueup_model::plan::{Action, Plan, Verb};
use trueup_model::{AppName, Event, EventResult, ResourceId, Revision};

/// How many resources are named before "and n more".
const NAMED: usize = 4;

/// A commit, as people know it.
pub fn revision(revision: &Revision) -> String {
    match revision.subject.as_str() {
        "" => revision.short().to_owned(),
        subject => format!("{} ({subject})", revision.short()),
    }
}

/// A run that begins.
pub fn planned(plan: &Plan) -> String {
    let count = |verb| plan.actions.iter().filter(|action| action.verb == verb).count();
    let verbs = [Verb::Create, Verb::Patch, Verb::Replace, Verb::Adopt, Verb::Repair, Verb::Delete];
    let parts: Vec<String> = verbs
        .into_iter()
        .map(|verb| (count(verb), verb))
        .filter(|(count, _)| *count > 0)
        .map(|(count, verb)| format!("{count} to {}", verb.as_str()))
        .collect();
    format!("{}: {}", revision(&plan.revision), parts.join(", "))
}

/// Drift that is put back: what, where, by whom.
pub fn drift(stage: &[Action]) -> String {
    let one = |action: &Action| {
        let fields: Vec<&str> = action.changes.iter().map(|change| change.path.as_str()).collect();
        let fields =
            if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
        format!("{}: {}{fields}", action.id, action.reason)
    };
    format!("{}; it is put back", list(stage.iter().map(one)))
}

/// Resources that other apps declare now.
pub fn handed_over(given: &[(ResourceId, AppName)]) -> String {
    let one = |(id, app): &(ResourceId, AppName)| format!("{id} moves to {app}, which declares it");
    list(given.iter().map(one))
}

/// Resources that other apps declared before.
pub fn taken_over(taken: &[(ResourceId, AppName)]) -> String {
    let one = |(id, app): &(ResourceId, AppName)| {
        format!("{id} moves here from {app}, which declares it no more")
    };
    list(taken.iter().map(one))
}

/// What came of a stage.
pub fn came_of(events: &[Event]) -> String {
    let (done, failed): (Vec<&Event>, Vec<&Event>) =
        events.iter().partition(|event| event.result.succeeded());
    let mut parts = Vec::new();
    if !done.is_empty() {
        parts.push(list(done.iter().map(|event| format!("{} {}", past(event), event.id))));
    }
    for event in failed.iter().take(NAMED) {
        let why = match &event.result {
            EventResult::Failed { message, .. } | EventResult::Moved(message) => message.as_str(),
            _ => "",
        };
        parts.push(format!("{} {} failed: {why}", event.verb.as_str(), event.id));
    }
    if failed.len() > NAMED {
        parts.push(format!("{} more failed", failed.len() - NAMED));
    }
    parts.join("; ")
}

fn past(event: &Event) -> &'static str {
    match (&event.result, event.verb) {
        (EventResult::Completed { .. }, _) => "ran",
        (EventResult::Deleting, _) => "deleting",
        (_, Verb::Create) => "created",
        (_, Verb::Patch) => "changed",
        (_, Verb::Replace) => "replaced",
        (_, Verb::Delete) => "deleted",
        (_, Verb::Adopt) => "adopted",
        (_, Verb::Repair) => "repaired",
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    let shown = items.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
