//! What must hold when a world was left in peace.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use trueup_engine::{Outcome, State};
use trueup_model::plan::SkipKind;
use trueup_model::{EventResult, LedgerEntry, LedgerKind, ResourceId};
use trueup_testkit::Outside;
use trueup_testkit::host::{Live, Ran};

/// All rules; the error names the first that does not hold.
pub fn all(outside: &Outside, outcome: &Outcome) -> Result<(), String> {
    let live = outside.host.live();
    foreign_is_untouched(&live)?;
    inventory_covers_the_world(&live, outcome)?;
    nothing_is_orphaned(&live, outcome)?;
    converged(&live, outcome)?;
    tasks_ran_once(&outside.store.ledger())?;
    hooks_ran_once_a_run(&outside.store.ledger())?;
    ledger_is_whole(&outside.store.ledger())?;
    ledger_tells_what_ran(&outside.store.ledger(), &outside.host.ran())?;
    Ok(())
}

type World = BTreeMap<ResourceId, Live>;

fn foreign_is_untouched(live: &World) -> Result<(), String> {
    for name in ["f8", "f9"] {
        let id = ResourceId::new(trueup_model::kinds::HOST_GROUP, "File", "", name);
        match live.get(&id) {
            Some(found) if found.app.is_none() && found.body == json!({"by": "somebody else"}) => {}
            other => return Err(format!("the foreign {id} was touched: {other:?}")),
        }
    }
    Ok(())
}

fn inventory_covers_the_world(live: &World, outcome: &Outcome) -> Result<(), String> {
    for (id, _) in live.iter().filter(|(_, live)| live.app.is_some()) {
        if !outcome.record.inventory.contains_key(id) {
            return Err(format!("{id} is ours and not in the inventory"));
        }
    }
    Ok(())
}

/// Whatever is ours and not wanted any more is gone, but for what the plan says stays, and why.
fn nothing_is_orphaned(live: &World, outcome: &Outcome) -> Result<(), String> {
    let Some(plan) = &outcome.plan else { return Ok(()) };
    if !matches!(outcome.state, State::Settled | State::Held { rolled_back: true, .. }) {
        return Ok(());
    }
    let wanted: BTreeSet<&ResourceId> =
        outcome.record.applied.iter().flat_map(|set| set.contents.keys()).collect();
    let explained: BTreeSet<&ResourceId> = plan
        .skips
        .iter()
        .filter(|skip| !matches!(skip.kind, SkipKind::Unchanged))
        .map(|skip| &skip.id)
        .collect();
    for (id, _) in live.iter().filter(|(_, live)| live.app.is_some()) {
        if !wanted.contains(id) && !explained.contains(id) {
            let skip = plan.skip(id).map(|skip| &skip.why);
            let acts = plan.actions.iter().any(|action| action.id == *id);
            return Err(format!("{id} is an orphan (to be acted on: {acts}; skipped: {skip:?})"));
        }
    }
    Ok(())
}

/// Whether it is where it is meant to be. Going back may itself fail, at a hook say: then it is held,
/// and stays as it is until a person looks.
pub(crate) fn stands(outcome: &Outcome) -> bool {
    matches!(outcome.state, State::Settled | State::Held { rolled_back: true, .. })
}

/// Settled means: what runs is what was applied, document by document.
fn converged(live: &World, outcome: &Outcome) -> Result<(), String> {
    if let State::Paused { .. } = &outcome.state {
        return Err(format!("at rest it is {:?}", outcome.state));
    }
    if !stands(outcome) {
        return Ok(());
    }
    let Some(applied) = &outcome.record.applied else { return Ok(()) };
    for (id, digest) in applied.contents.iter().filter(|(id, _)| !is_hook(id)) {
        let completed = outcome.record.completions.get(id);
        if completed.is_some_and(|completion| completion.contents.contains(digest)) {
            continue;
        }
        let found = live.get(id).map(|live| trueup_model::resource::canonical_digest(&live.body));
        if found != Some(*digest) {
            return Err(format!("{id} is not as it was applied"));
        }
    }
    Ok(())
}

/// A task that ran to its end, as the ledger tells, does not run again for that content.
fn tasks_ran_once(ledger: &[LedgerEntry]) -> Result<(), String> {
    let mut ended = BTreeSet::new();
    for event in ledger.iter().flat_map(|entry| &entry.events) {
        if let EventResult::Completed { content, .. } = &event.result
            && !is_hook(&event.id)
            && !ended.insert((&event.id, *content))
        {
            return Err(format!("{} ran again though it had run to its end", event.id));
        }
    }
    Ok(())
}

/// Stories name hooks so.
fn is_hook(id: &ResourceId) -> bool {
    id.name.starts_with("hook-")
}

/// Hooks of two occasions are named so.
fn runs_twice(id: &ResourceId) -> bool {
    id.name.starts_with("hook-twice-")
}

/// A hook that ran to its end, as the ledger tells, does not run again before another run begins.
fn hooks_ran_once_a_run(ledger: &[LedgerEntry]) -> Result<(), String> {
    let mut ended = BTreeSet::new();
    for entry in ledger {
        if entry.kind == LedgerKind::Planned {
            ended.clear();
        }
        for event in
            entry.events.iter().filter(|event| is_hook(&event.id) && !runs_twice(&event.id))
        {
            if matches!(event.result, EventResult::Completed { .. }) && !ended.insert(&event.id) {
                return Err(format!("{} ran twice in one run", event.id));
            }
        }
    }
    Ok(())
}

/// The chain of the ledger is not broken.
pub(crate) fn ledger_is_whole(ledger: &[LedgerEntry]) -> Result<(), String> {
    let mut previous: Option<&LedgerEntry> = None;
    for entry in ledger {
        let expected = previous.map(|previous| previous.hash);
        if entry.hash != entry.compute_hash() || expected.is_some_and(|hash| hash != entry.previous)
        {
            return Err(format!("entry {} breaks the chain", entry.seq));
        }
        previous = Some(entry);
    }
    Ok(())
}

/// Every task that ran and was told stands in the ledger, unless the crash came before it was
/// written: then it stands there as the run that follows.
fn ledger_tells_what_ran(ledger: &[LedgerEntry], ran: &[Ran]) -> Result<(), String> {
    let told: BTreeSet<&ResourceId> = ledger
        .iter()
        .flat_map(|entry| &entry.events)
        .filter(|event| {
            matches!(event.result, EventResult::Completed { .. } | EventResult::Failed { .. })
        })
        .map(|event| &event.id)
        .collect();
    let planned: BTreeSet<&ResourceId> = ledger
        .iter()
        .flat_map(|entry| entry.planned.iter())
        .flat_map(|plan| plan.actions.iter().map(|action| &action.id))
        .chain(ledger.iter().flat_map(|entry| entry.actions.iter().map(|action| &action.id)))
        .collect();
    for run in ran {
        if !told.contains(&run.id) && !planned.contains(&run.id) {
            return Err(format!("the ledger does not tell that {} ran", run.id));
        }
    }
    Ok(())
}
