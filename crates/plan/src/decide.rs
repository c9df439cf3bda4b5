//! One declared resource → an action, or the reason why nothing is done.

use std::sync::Arc;

use trueup_model::app::{AddedPolicy, DriftPolicy};
use trueup_model::hook::{self, Phase};
use trueup_model::observed::{ForeignField, ObservedResource, Owner, Prediction, Presence};
use trueup_model::plan::{Action, FieldChange, Precondition, Purpose, Skip, SkipKind, Verb};
use trueup_model::{Resource, kinds};

use crate::Input;
use crate::diff::{self, Ignored};
use crate::hooks::{Hooks, Standing};

/// Annotation that allows deleting and making again where a field cannot be changed in place.
pub const REPLACE: &str = "trueup.dev/replace";
/// Annotation that keeps a resource out of rollbacks.
pub const ROLLBACK: &str = "trueup.dev/rollback";
/// Where admission writes the digests of what a host resource uses.
const USES: &str = "/spec/usesDigests/";

/// What becomes of one resource.
pub enum Decision {
    /// It is acted on.
    Act(Box<Action>),
    /// It is not, and why.
    Skip(Box<Skip>),
}

/// What becomes of a declared resource that is kept.
pub fn decide(input: &Input<'_>, resource: &Arc<Resource>) -> Decision {
    let missing = ObservedResource::unknown("the target did not say");
    let observed = input.observed.get(&resource.id).unwrap_or(&missing);
    let case = Case { input, resource, observed };
    case.excluded().or_else(|| case.completed()).unwrap_or_else(|| case.by_presence())
}

/// What becomes of a hook.
pub fn decide_hook(input: &Input<'_>, hooks: &Hooks<'_>, resource: &Arc<Resource>) -> Decision {
    let missing = ObservedResource::unknown("the target did not say");
    let observed = input.observed.get(&resource.id).unwrap_or(&missing);
    let case = Case { input, resource, observed };
    match hooks.standing(resource) {
        Some(Standing::Due(phase)) => case.hook(phase),
        Some(Standing::Ended { phase, failed }) => case.hook_ended(phase, failed.as_deref()),
        Some(Standing::Running { .. }) => case.skip(SkipKind::Waiting, "it runs"),
        Some(Standing::NotNow(why)) => case.skip(SkipKind::Excluded, why),
        Some(Standing::Rests) | None => {
            case.skip(SkipKind::Completed, "hooks run once for each set that is applied")
        }
    }
}

struct Case<'a> {
    input: &'a Input<'a>,
    resource: &'a Arc<Resource>,
    observed: &'a ObservedResource,
}

impl Case<'_> {
    fn skip(&self, kind: SkipKind, why: impl Into<String>) -> Decision {
        Decision::Skip(Box::new(Skip {
            id: self.resource.id.clone(),
            kind,
            why: why.into(),
            changes: Vec::new(),
            added: self.observed.added.clone(),
        }))
    }

    /// What must not take part in going back.
    fn excluded(&self) -> Option<Decision> {
        let back = self.input.purpose == Purpose::Rollback;
        let never = back && self.resource.annotation(ROLLBACK) == Some("never");
        never.then(|| {
            self.skip(SkipKind::Excluded, "it never goes back (trueup.dev/rollback: never)")
        })
    }

    /// A hook whose turn it is: it is made, and made again where one of an earlier run is left.
    fn hook(&self, phase: Phase) -> Decision {
        let decision = match &self.observed.presence {
            Presence::Unknown(_) | Presence::Terminating => self.by_presence(),
            Presence::Absent => match self.refused() {
                Some(refused) => refused,
                None => {
                    let reason = format!("its turn has come ({})", phase.as_str());
                    self.act(Verb::Create, Vec::new(), &reason, Precondition::Absent, false)
                }
            },
            Presence::Present if self.observed.owner == Owner::Ours => self.hook_again(phase),
            Presence::Present => self.not_ours(&self.observed.owner),
        };
        match decision {
            Decision::Act(action) => {
                Decision::Act(Box::new(Action { hook: Some(phase), ..*action }))
            }
            skip => skip,
        }
    }

    fn hook_again(&self, phase: Phase) -> Decision {
        if let Some(Prediction::Refused { message, .. }) = &self.observed.prediction {
            return self.skip(SkipKind::Blocked, message.clone());
        }
        let stays = hook::of(&self.resource.body).is_some_and(|hook| !hook.delete_before);
        let runs = kinds::of(&self.resource.id).runs_once || self.resource.id.kind == "Pod";
        let verb = if stays && !runs { Verb::Patch } else { Verb::Replace };
        let reason = format!("its turn has come again ({})", phase.as_str());
        self.act(verb, Vec::new(), &reason, self.precondition(verb == Verb::Replace), false)
    }

    /// A hook that has ended stays, or is cleared away at the end of the run.
    fn hook_ended(&self, phase: Phase, failed: Option<&str>) -> Decision {
        let wanted = hook::of(&self.resource.body).is_some_and(|hook| match failed {
            None => hook.delete_succeeded,
            Some(_) => hook.delete_failed,
        });
        let clears = wanted || self.input.purpose == Purpose::Delete;
        let there = self.observed.presence == Presence::Present
            && self.observed.owner == Owner::Ours
            && self.input.record.inventory.contains_key(&self.resource.id);
        if clears && there && !self.cannot_be_cleared() {
            return self.clear(phase);
        }
        if self.input.purpose == Purpose::Delete && self.observed.presence == Presence::Terminating
        {
            return self.skip(SkipKind::Waiting, "it is being deleted");
        }
        match failed {
            None => self.skip(SkipKind::Completed, "it ran in this run"),
            Some(why) => self.skip(SkipKind::Completed, format!("it failed: {why}")),
        }
    }

    /// Clearing a hook away is tried like everything else, and then left: it is no part of the app.
    fn cannot_be_cleared(&self) -> bool {
        let attempt = self.input.record.attempts.get(&self.resource.id);
        attempt.is_some_and(|a| a.permanent || a.count > self.input.policy.retry.limit)
    }

    fn clear(&self, phase: Phase) -> Decision {
        let reason = "the hook has ended (hook-delete)";
        let Decision::Act(action) =
            self.act(Verb::Delete, Vec::new(), reason, self.precondition(true), false)
        else {
            return self.skip(SkipKind::Completed, "it has ended");
        };
        Decision::Act(Box::new(Action {
            content: None,
            content_digest: None,
            unpredicted: None,
            takes: Vec::new(),
            hook: Some(phase),
            ..*action
        }))
    }

    /// Jobs and tasks run once for each content.
    fn completed(&self) -> Option<Decision> {
        if !kinds::of(&self.resource.id).runs_once {
            return None;
        }
        let completion = self.input.record.completions.get(&self.resource.id)?;
        if !completion.contents.contains(&self.resource.digest) {
            return None;
        }
        let newest = completion.contents.last() == Some(&self.resource.digest);
        let rerun = self.resource.body.pointer("/spec/rerunOnRollback") == Some(&true.into());
        if self.input.purpose == Purpose::Rollback && rerun && !newest {
            return None;
        }
        Some(
            self.skip(SkipKind::Completed, format!("it ran for this content at {}", completion.at)),
        )
    }

    fn by_presence(&self) -> Decision {
        match &self.observed.presence {
            Presence::Unknown(why) => {
                self.skip(SkipKind::Blocked, format!("it cannot be seen: {why}"))
            }
            Presence::Terminating => self
                .skip(SkipKind::Waiting, "it is being deleted; it is made again when it is gone"),
            Presence::Absent => self.absent(),
            Presence::Present => self.present(),
        }
    }

    fn absent(&self) -> Decision {
        if let Some(refused) = self.refused() {
            return refused;
        }
        let owned = self.input.record.inventory.get(&self.resource.id);
        let vanished = owned.is_some_and(|item| !item.intended);
        let same = owned.is_some_and(|item| item.content == Some(self.resource.digest));
        if vanished && same {
            return match self.input.policy.drift {
                DriftPolicy::Heal => self.act(
                    Verb::Create,
                    Vec::new(),
                    "it was deleted by hand",
                    Precondition::Absent,
                    true,
                ),
                DriftPolicy::Report => {
                    self.skip(SkipKind::Reported, "it was deleted by hand (policy.drift: report)")
                }
                DriftPolicy::Ignore => self.skip(SkipKind::Excluded, "policy.drift: ignore"),
            };
        }
        self.act(Verb::Create, Vec::new(), "Git declares it", Precondition::Absent, false)
    }

    fn present(&self) -> Decision {
        match &self.observed.owner {
            Owner::Ours => self.ours(),
            owner => self.not_ours(owner),
        }
    }

    fn not_ours(&self, owner: &Owner) -> Decision {
        let id = &self.resource.id;
        let host = id.group == kinds::HOST_GROUP;
        let (allowed, whose, remedy) = match owner {
            Owner::App(app) => (false, format!("app {app}"), "let one app declare it".to_owned()),
            Owner::Installation(other) => (
                false,
                format!("installation {other} of TrueUp"),
                "remove it there first".to_owned(),
            ),
            Owner::Tool { name, writes: true } => (
                false,
                format!("{name}, which still writes to it"),
                format!("stop {name} for it, then set `adopt: {name}` in the App"),
            ),
            Owner::Tool { name, writes: false } => (
                self.input.adopt.is_some_and(|from| from.as_str() == name),
                name.clone(),
                format!("set `adopt: {name}` in the App to take it over"),
            ),
            Owner::Nobody | Owner::Ours if host => (
                self.resource.body.pointer("/spec/adopt") == Some(&true.into()),
                "somebody else: it was there before".to_owned(),
                "set `adopt: true` in its spec to take it over, or move it away".to_owned(),
            ),
            Owner::Nobody | Owner::Ours => (
                self.input.adopt.is_some(),
                "somebody else: it was made by hand".to_owned(),
                "set `adopt: kubectl` in the App to take it over, or delete it".to_owned(),
            ),
        };
        if !allowed {
            return self.skip(SkipKind::NotOurs, format!("it belongs to {whose} ({remedy})"));
        }
        if let Some(refused) = self.refused() {
            return refused;
        }
        self.act(
            Verb::Adopt,
            self.changes(),
            &format!("it is taken over from {whose}"),
            self.precondition(true),
            false,
        )
    }

    fn ours(&self) -> Decision {
        if let Some(why) = &self.observed.repair {
            return self.act(Verb::Repair, Vec::new(), why, self.precondition(true), false);
        }
        let removes = self.removes_additions();
        if self.observed.synced == Some(self.resource.digest) && !removes {
            return self.skip(SkipKind::Unchanged, "it is as declared");
        }
        if let Some(refused) = self.refused() {
            return refused;
        }
        let changes = self.changes();
        if changes.is_empty()
            && matches!(self.observed.prediction, Some(Prediction::Exact(_)))
            && !removes
        {
            return self.skip(SkipKind::Unchanged, "it is as declared");
        }
        if self.applied_before() { self.drifted(changes) } else { self.changed(changes) }
    }

    /// Whether this very content was applied before: then a difference is drift.
    fn applied_before(&self) -> bool {
        self.input
            .record
            .inventory
            .get(&self.resource.id)
            .is_some_and(|item| !item.intended && item.content == Some(self.resource.digest))
    }

    fn drifted(&self, changes: Vec<FieldChange>) -> Decision {
        let reported = |kind, why: &str| {
            let skip = Skip {
                id: self.resource.id.clone(),
                kind,
                why: why.to_owned(),
                changes: changes.clone(),
                added: self.observed.added.clone(),
            };
            Decision::Skip(Box::new(skip))
        };
        match self.input.policy.drift {
            DriftPolicy::Report => {
                reported(SkipKind::Reported, "it was changed by hand (policy.drift: report)")
            }
            DriftPolicy::Ignore => self.skip(SkipKind::Excluded, "policy.drift: ignore"),
            DriftPolicy::Heal if self.only_controllers() => {
                reported(SkipKind::Reported, "a controller holds these fields")
            }
            DriftPolicy::Heal => {
                let verb = self.verb();
                let precondition =
                    self.precondition(verb == Verb::Replace || !self.takes().is_empty());
                self.act(verb, changes, &self.drift_reason(), precondition, true)
            }
        }
    }

    /// Healing takes back from people; from controllers only if the policy says so.
    fn only_controllers(&self) -> bool {
        !self.observed.conflicts.is_empty()
            && self.observed.conflicts.iter().all(|field| !field.person)
    }

    fn drift_reason(&self) -> String {
        match self.observed.conflicts.iter().find(|field| field.person) {
            Some(field) if field.time.is_empty() => format!("{} changed it by hand", field.manager),
            Some(field) => format!("{} changed it by hand at {}", field.manager, field.time),
            None => "it was changed by hand".to_owned(),
        }
    }

    fn changed(&self, changes: Vec<FieldChange>) -> Decision {
        let verb = self.verb();
        let reason = change_reason(&changes);
        let precondition = self.precondition(verb == Verb::Replace || !self.takes().is_empty());
        self.act(verb, changes, &reason, precondition, false)
    }

    fn verb(&self) -> Verb {
        match self.observed.prediction {
            Some(Prediction::Immutable { .. }) => Verb::Replace,
            _ if self.resource.id.group == "batch" && self.resource.id.kind == "Job" => {
                Verb::Replace
            }
            _ => Verb::Patch,
        }
    }

    /// What the target, or a rule, does not allow.
    fn refused(&self) -> Option<Decision> {
        if let Some(wrong) = self.ignored().wrong_with(&self.resource.body) {
            return Some(self.skip(SkipKind::Blocked, format!("policy.ignore: {wrong}")));
        }
        match &self.observed.prediction {
            Some(Prediction::Refused { message, .. }) => {
                Some(self.skip(SkipKind::Blocked, message.clone()))
            }
            Some(Prediction::Immutable { fields, message })
                if self.resource.annotation(REPLACE) != Some("allowed")
                    && !kinds::of(&self.resource.id).runs_once =>
            {
                Some(self.skip(
                    SkipKind::Blocked,
                    format!(
                        "{} cannot be changed in place: {message} (annotate it `trueup.dev/replace: allowed` to delete and make it again)",
                        fields.join(", ")
                    ),
                ))
            }
            _ => None,
        }
    }

    fn changes(&self) -> Vec<FieldChange> {
        let (Some(live), Some(new)) = (&self.observed.live, self.predicted()) else {
            return Vec::new();
        };
        diff::changes(self.resource, live, new, &self.ignored(), self.input.key)
    }

    fn ignored(&self) -> Ignored<'_> {
        Ignored::of(self.resource, &self.input.policy.ignore, &self.observed.conflicts)
    }

    /// Fields that a person added, but for those that the policy leaves out.
    fn added_by_people(&self) -> impl Iterator<Item = &ForeignField> {
        let ignored = self.ignored();
        self.observed.added.iter().filter(move |field| field.person && !ignored.has_added(field))
    }

    fn predicted(&self) -> Option<&serde_json::Value> {
        match self.observed.prediction.as_ref()? {
            Prediction::Exact(document) => Some(document),
            Prediction::Immutable { .. } | Prediction::Unpredicted(_) => Some(&self.resource.body),
            Prediction::Refused { .. } => None,
        }
    }

    fn precondition(&self, exact: bool) -> Precondition {
        let resource_version =
            if exact { self.observed.resource_version.clone() } else { String::new() };
        Precondition::Present { uid: self.observed.uid.clone(), resource_version }
    }

    fn removes_additions(&self) -> bool {
        self.input.policy.added == AddedPolicy::Remove && self.added_by_people().next().is_some()
    }

    fn takes(&self) -> Vec<ForeignField> {
        let mut takes = self.observed.conflicts.clone();
        if self.removes_additions() {
            takes.extend(self.added_by_people().cloned());
        }
        takes
    }

    fn act(
        &self,
        verb: Verb,
        changes: Vec<FieldChange>,
        reason: &str,
        precondition: Precondition,
        heals: bool,
    ) -> Decision {
        let unpredicted = match &self.observed.prediction {
            Some(Prediction::Unpredicted(why)) => Some(why.clone()),
            _ => None,
        };
        Decision::Act(Box::new(Action {
            id: self.resource.id.clone(),
            api_version: self.resource.api_version.clone(),
            verb,
            stage: 0,
            content: Some(Arc::clone(self.resource)),
            content_digest: Some(self.resource.digest),
            changes,
            unpredicted,
            takes: self.takes(),
            precondition,
            reason: reason.to_owned(),
            heals,
            hook: None,
            declared_at: Some(self.resource.origin.at.clone()),
        }))
    }
}

fn change_reason(changes: &[FieldChange]) -> String {
    let own = changes.iter().filter(|change| !change.path.starts_with(USES)).count();
    let used: Vec<&str> =
        changes.iter().filter_map(|change| change.path.strip_prefix(USES)).collect();
    match (own, used.as_slice()) {
        (0, []) => "Git changed it".to_owned(),
        (0, used) => format!("{}, which it uses, changes", used.join(", ").replace("~1", "/")),
        (1, _) => format!("Git changed {}", changes[0].path),
        (n, _) => format!("Git changed {n} fields"),
    }
}
