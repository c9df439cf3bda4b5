//! What is owned and no longer declared: it goes, last, and only by inventory.

use std::collections::BTreeSet;

use trueup_model::app::Budget;
use trueup_model::observed::{ObservedResource, Owner, Presence};
use trueup_model::plan::{Action, Consent, Plan, Precondition, Purpose, Skip, SkipKind, Verb};
use trueup_model::record::InventoryItem;
use trueup_model::resource::annotation;
use trueup_model::{ResourceId, kinds};

use crate::Input;

/// A share counts only from so many resources on: an app of three may lose one.
const BUDGET_FLOOR: usize = 5;

/// Adds to the plan what becomes of everything that is owned and not declared. Deletions stand in
/// the stages from `stages` on, in reverse of the order they were applied in.
pub fn prune(input: &Input<'_>, stages: u32, plan: &mut Plan) {
    let declared: BTreeSet<&ResourceId> = input.desired.iter().map(|r| &r.id).collect();
    let last = input.record.inventory.values().map(|item| item.stage).max().unwrap_or(0);
    for (id, item) in &input.record.inventory {
        if declared.contains(id) {
            continue;
        }
        let stage = stages.saturating_add(last.saturating_sub(item.stage));
        match judge(input, id, item, stage) {
            Fate::Delete(action) => plan.actions.push(*action),
            Fate::Stays(kind, why) => plan.skips.push(Skip {
                id: id.clone(),
                kind,
                why,
                changes: Vec::new(),
                added: Vec::new(),
            }),
            Fate::Gone => {}
        }
    }
    plan.consents = consents(input, plan);
}

enum Fate {
    Delete(Box<Action>),
    Stays(SkipKind, String),
    Gone,
}

fn judge(input: &Input<'_>, id: &ResourceId, item: &InventoryItem, stage: u32) -> Fate {
    let stays = |kind, why: &str| Fate::Stays(kind, why.to_owned());
    let Some(observed) = input.observed.get(id) else {
        return stays(SkipKind::Blocked, "the target did not say whether it is there");
    };
    match &observed.presence {
        Presence::Absent => return Fate::Gone,
        Presence::Terminating => return stays(SkipKind::Waiting, "it is being deleted"),
        Presence::Unknown(why) => {
            return Fate::Stays(SkipKind::Blocked, format!("it cannot be seen: {why}"));
        }
        Presence::Present => {}
    }
    if observed.owner != Owner::Ours || (!item.uid.is_empty() && item.uid != observed.uid) {
        return stays(SkipKind::NotOurs, "it is not ours any more, so it stays");
    }
    if item.keep || keeps(observed) {
        return stays(SkipKind::Excluded, "it is marked to be kept, so it stays");
    }
    if input.purpose == Purpose::Rollback && kinds::of(id).survives_rollback {
        return stays(SkipKind::Excluded, "going back does not delete it");
    }
    if input.purpose == Purpose::Apply && has_successor(input, id) && of_last_healthy(input, id) {
        return stays(SkipKind::Waiting, "it stays one apply longer, for going back");
    }
    Fate::Delete(Box::new(Action {
        id: id.clone(),
        api_version: item.api_version.clone(),
        verb: Verb::Delete,
        stage,
        content: None,
        content_digest: None,
        changes: Vec::new(),
        unpredicted: None,
        takes: Vec::new(),
        precondition: Precondition::Present {
            uid: observed.uid.clone(),
            resource_version: observed.resource_version.clone(),
        },
        reason: match input.purpose {
            Purpose::Delete => "the app is deleted".to_owned(),
            Purpose::Apply | Purpose::Rollback => "it is not declared any more".to_owned(),
        },
        heals: false,
        hook: None,
        declared_at: None,
    }))
}

/// Annotations that keep a live resource: ours, Helm's, Argo CD's and Flux's.
fn keeps(observed: &ObservedResource) -> bool {
    observed.live.as_ref().is_some_and(is_kept)
}

/// Whether a document is marked to stay when it is no longer declared.
pub fn is_kept(document: &serde_json::Value) -> bool {
    let is = |name: &str, value: &str| annotation(document, name) == Some(value);
    let options = annotation(document, "argocd.argoproj.io/sync-options").unwrap_or_default();
    is("trueup.dev/prune", "never")
        || is("helm.sh/resource-policy", "keep")
        || is("kustomize.toolkit.fluxcd.io/prune", "disabled")
        || options.split(',').any(|option| option.trim() == "Prune=false")
}

/// Whether the desired set holds the same thing under another generated hash.
fn has_successor(input: &Input<'_>, id: &ResourceId) -> bool {
    let Some(stem) = without_hash(&id.name) else { return false };
    input.desired.iter().any(|r| {
        r.id.kind == id.kind
            && r.id.group == id.group
            && r.id.namespace == id.namespace
            && r.id.name != id.name
            && without_hash(&r.id.name) == Some(stem)
    })
}

/// A name without the hash that Kustomize (10 characters) or a Deployment-like suffix (8 to 10)
/// generated.
fn without_hash(name: &str) -> Option<&str> {
    let (stem, hash) = name.rsplit_once('-')?;
    let fits = (8..=10).contains(&hash.len())
        && hash.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        && hash.chars().any(|c| c.is_ascii_digit());
    fits.then_some(stem)
}

fn of_last_healthy(input: &Input<'_>, id: &ResourceId) -> bool {
    let record = input.record;
    let sets = record.healthy.iter().chain(record.healthy_before.first());
    sets.into_iter().any(|set| set.contents.contains_key(id))
}

/// What the plan's deletions need a person's consent for.
fn consents(input: &Input<'_>, plan: &Plan) -> Vec<Consent> {
    let deletes = |action: &&Action| action.verb == Verb::Delete && action.hook.is_none();
    let deleted: Vec<&Action> = plan.actions.iter().filter(deletes).collect();
    let is_hook = |id: &ResourceId| input.record.inventory.get(id).is_some_and(|item| item.hook);
    let mut consents = Vec::new();
    let precious: Vec<ResourceId> = deleted
        .iter()
        .filter(|action| {
            kinds::of(&action.id).delete_needs_consent
                || input.policy.prune.kinds.contains(&action.id.kind)
        })
        .map(|action| action.id.clone())
        .collect();
    if !precious.is_empty() {
        let what = format!("{} would be deleted, and what is in it is lost", list(&precious));
        consents.push(Consent { what, resources: precious });
    }
    let counted: Vec<ResourceId> = deleted
        .iter()
        .filter(|action| !has_successor(input, &action.id) && !is_hook(&action.id))
        .map(|action| action.id.clone())
        .collect();
    let owned = input.record.inventory.values().filter(|i| !i.intended && !i.hook).count();
    if input.purpose != Purpose::Rollback
        && is_too_much(counted.len(), owned, input.policy.prune.budget)
    {
        let what = format!("{} of {owned} resources would be deleted", counted.len());
        consents.push(Consent { what, resources: counted });
    }
    consents
}

fn is_too_much(deleted: usize, owned: usize, budget: Budget) -> bool {
    if deleted == 0 {
        return false;
    }
    if deleted >= owned {
        return true;
    }
    match budget {
        Budget::Percent(share) => {
            deleted >= BUDGET_FLOOR
                && deleted.saturating_mul(100) > owned.saturating_mul(share as usize)
        }
        Budget::Number(number) => deleted > number as usize,
    }
}

fn list(ids: &[ResourceId]) -> String {
    let shown: Vec<String> = ids.iter().take(3).map(ToString::to_string).collect();
    match ids.len().saturating_sub(3) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Takes deletions that need a consent which was not given out of what is done. The digest is that
/// of the whole plan: approving it is the consent, and holds for the rest of the run that it began.
pub fn withhold_without_consent(input: &Input<'_>, plan: &mut Plan) {
    let given = input.purpose == Purpose::Delete || input.record.approved == Some(plan.digest);
    if plan.consents.is_empty() || given {
        return;
    }
    let needed: BTreeSet<ResourceId> =
        plan.consents.iter().flat_map(|consent| consent.resources.iter().cloned()).collect();
    let permitted = |action: &Action| {
        let run = input.record.run.as_ref().filter(|run| run.set.rendered == plan.rendered);
        run.is_some_and(|run| run.allowed.contains(&action.permit()))
    };
    let withheld = |action: &Action| {
        action.verb == Verb::Delete && needed.contains(&action.id) && !permitted(action)
    };
    let (withheld, kept): (Vec<Action>, Vec<Action>) =
        std::mem::take(&mut plan.actions).into_iter().partition(withheld);
    plan.actions = kept;
    if withheld.is_empty() {
        plan.consents.clear();
    }
    plan.skips.extend(withheld.into_iter().map(|action| Skip {
        id: action.id,
        kind: SkipKind::Blocked,
        why: "deleting it needs a person's consent".to_owned(),
        changes: Vec::new(),
        added: Vec::new(),
    }));
}
