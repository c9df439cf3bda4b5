//! What must survive of an app: everything else can be lost and is read back.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hook::HookRun;
use crate::plan::Inputs;
use crate::{AppName, AppSpec, Digest, ResourceId, Revision, SourceSpec, TargetId};

/// One live thing that an app owns, or is about to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryItem {
    /// The version it was applied at.
    pub api_version: String,
    /// Identity of the incarnation; empty while it is only intended.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Digest of the document last applied, or about to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
    /// Whether writing it was only begun: it may or may not be there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub intended: bool,
    /// Whether it stays when it leaves Git (`trueup.dev/prune: never` and its like), as last applied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep: bool,
    /// The stage it was applied in: deletions go the other way.
    #[serde(default)]
    pub stage: u32,
    /// Whether it is a hook: what becomes of it counts for no prune budget.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hook: bool,
}

/// What an app owns.
pub type Inventory = BTreeMap<ResourceId, InventoryItem>;

/// A rendered set that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppliedSet {
    /// Digest of the rendered set.
    pub rendered: Digest,
    /// The commit it came from.
    pub revision: Revision,
    /// When it was applied, or became healthy.
    pub at: Timestamp,
    /// What else decided it.
    #[serde(default)]
    pub inputs: Inputs,
    /// The resources' contents, by id: what a rollback goes back to.
    pub contents: BTreeMap<ResourceId, Digest>,
}

/// An apply that has begun and is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Digest of the plan, as it was when the run began.
    pub plan: Digest,
    /// What it is towards.
    pub set: AppliedSet,
    /// Whether it goes back.
    pub rollback: bool,
    /// When it began: the health deadline counts from the last write.
    pub began: Timestamp,
    /// When something was last written.
    pub last_write: Timestamp,
    /// What it may do: the actions of all rounds, as `verb key content-digest`.
    pub allowed: BTreeSet<String>,
    /// The resources it changed: only what it changed can call for going back.
    pub changed: BTreeSet<ResourceId>,
    /// Whether nothing was applied in full before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first: bool,
    /// Set once it has failed and its failure hooks run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
}

/// Why a run failed, while its failure hooks run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failing {
    /// What was not healthy.
    pub why: String,
    /// Which resources.
    pub resources: Vec<ResourceId>,
}

/// "Do not apply this rendered result again."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The rendered sets that failed.
    pub rendered: BTreeSet<Digest>,
    /// The commit that failed.
    pub revision: Revision,
    /// Since when.
    pub since: Timestamp,
    /// What was not healthy.
    pub why: String,
    /// Whether the last healthy state is gone back to. Without it the app stays as it is.
    pub rollback: bool,
}

/// "Stay here until released."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// Where to stay.
    pub set: AppliedSet,
    /// Since when.
    pub since: Timestamp,
    /// Until when, if it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Who set it; `trueup` after three automatic rollbacks.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// "Heal and apply nothing for a while."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// Until when.
    pub until: Timestamp,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
}

/// "Apply nothing new anywhere": of the whole installation, until a person lets it go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Freeze {
    /// Since when.
    pub since: Timestamp,
    /// Until when, if it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
}

impl Freeze {
    /// Whether it holds at this time.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

/// A job or task that ran to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Completion {
    /// The contents it ran for, the newest last; going back does not run an earlier one again.
    pub contents: Vec<Digest>,
    /// When it last ended.
    pub at: Timestamp,
}

/// A failure that is tried again later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// How often it failed in a row.
    pub count: u32,
    /// Not before this.
    pub next: Timestamp,
    /// For which content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
    /// What went wrong.
    pub message: String,
    /// Whether only a change can help.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub permanent: bool,
}

/// Healing the same resource again and again: somebody else writes to it too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fight {
    /// How often it was healed of late.
    pub count: u32,
    /// When it was last healed.
    pub last: Timestamp,
    /// Who else writes, where the target tells.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub with: String,
}

/// Where an app is declared, with every default filled in: what a command goes by that finds no
/// running controller, and what starts offline after a boot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Declaration {
    /// Its document's spec.
    pub spec: AppSpec,
    /// The source.
    pub source: SourceSpec,
    /// The folder.
    pub path: String,
    /// `host` or `kubernetes`, where the spec leaves it to `run --target`.
    pub target: String,
    /// Its document's labels: notifications are chosen by them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The root that declares it, as people know it; empty where no root does. An app that its root
    /// does not declare any more has left.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub root: String,
    /// The AppSet that yields it, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<SetMember>,
}

/// That an AppSet yields an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetMember {
    /// The AppSet's name.
    pub name: AppName,
    /// Whether it may yield nothing: then its apps leave without consent, however many.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_be_empty: bool,
}

impl Declaration {
    /// The target that it names, as a text: the same for all apps of one target.
    pub fn place(&self) -> String {
        let kubernetes = self.spec.target.as_ref().and_then(|target| target.kubernetes.as_ref());
        match kubernetes.and_then(|target| target.cluster.as_deref()) {
            Some(cluster) => format!("{} {cluster}", self.target),
            None => self.target.clone(),
        }
    }
}

/// An app whose document is not in Git any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// Since when.
    pub since: Timestamp,
    /// The root that declared it.
    pub root: String,
    /// Whether what it owns is being deleted. Else it stays, and nothing is done to it any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delete: bool,
}

/// What must survive of an app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Record {
    /// Where it is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declaration: Option<Declaration>,
    /// The target it was applied to; another one is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetId>,
    /// What it owns.
    pub inventory: Inventory,
    /// The apply that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// What was last applied in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<AppliedSet>,
    /// What was last healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthy: Option<AppliedSet>,
    /// What was healthy before that, the newest first: where `rollback` goes.
    pub healthy_before: Vec<AppliedSet>,
    /// What is held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Where it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// How long it rests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// Jobs and tasks that ran.
    pub completions: BTreeMap<ResourceId, Completion>,
    /// The hooks of the present run, or of the last one: one entry a phase, the newest last.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hooks: BTreeMap<ResourceId, Vec<HookRun>>,
    /// What failed and is tried again.
    pub attempts: BTreeMap<ResourceId, Attempt>,
    /// What is healed again and again.
    pub fights: BTreeMap<ResourceId, Fight>,
    /// Automatic rollbacks since the last healthy apply of something new.
    pub rollbacks: u32,
    /// The commit up to which Git's state was taken: a branch that goes elsewhere is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub followed: Option<Followed>,
    /// The plan that a person approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved: Option<Digest>,
    /// How often a person had everything random drawn anew.
    #[serde(skip_serializing_if = "is_zero")]
    pub rotation: u64,
    /// Set when both copies of what must survive were lost: nothing is applied until a person says
    /// `trueup accept`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub careful: bool,
    /// Set when its document left Git.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Left>,
    /// What it was called before, the latest last: what carries such a name is its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub formerly: Vec<AppName>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The last commit that was taken from a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Followed {
    /// The repository as the App names it.
    pub repo: String,
    /// The reference as the App names it.
    pub reference: String,
    /// The commit.
    pub commit: String,
}
