//! Plans: what would be done, and why, field by field. A plan is a value; executing it decides
//! nothing.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hook::Phase;
use crate::observed::ForeignField;
use crate::{AppName, Digest, Resource, ResourceId, Revision, TargetId};

/// What is done to a resource.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Verb {
    /// Make it; it must not be there.
    Create,
    /// Change it in place.
    Patch,
    /// Delete and make it again, where a field cannot be changed in place and this is allowed.
    Replace,
    /// Delete it.
    Delete,
    /// Take over what another tool, or a person, made.
    Adopt,
    /// Put its bookkeeping right.
    Repair,
}

impl Verb {
    /// The word, as people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Adopt => "adopt",
            Self::Repair => "repair",
        }
    }
}

/// The value of a field before or after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FieldValue {
    /// There is none.
    Absent,
    /// A value that may be shown.
    Plain(Value),
    /// A secret one, by its keyed digest (`InstallationKey::name_secret`).
    Secret(String),
}

/// One field that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// JSON pointer.
    pub path: String,
    /// What is there.
    pub old: FieldValue,
    /// What will be there.
    pub new: FieldValue,
}

/// What must hold for the action to be carried out; otherwise it ends there and nothing is owned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Precondition {
    /// It is not there.
    Absent,
    /// It is there, and this incarnation. `resource_version` only for takeover, repair, replace and
    /// delete; empty otherwise.
    Present {
        /// The incarnation.
        uid: String,
        /// The exact version that was looked at, or empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        resource_version: String,
    },
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// To what.
    pub id: ResourceId,
    /// At which version.
    pub api_version: String,
    /// What.
    pub verb: Verb,
    /// The stage it belongs to: stages are carried out in order, each when the one before is healthy.
    pub stage: u32,
    /// The exact document to send; `None` for deletions. Not part of what is written down: it is
    /// rendered again from the commit, or read back from the ledger by `content_digest`.
    #[serde(skip)]
    pub content: Option<Arc<Resource>>,
    /// Digest of that document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_digest: Option<Digest>,
    /// Old → new for each field. Empty, with `unpredicted` set, where it cannot be told yet.
    pub changes: Vec<FieldChange>,
    /// Why the effect cannot be told yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpredicted: Option<String>,
    /// Fields that it takes from others, and from whom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub takes: Vec<ForeignField>,
    /// What must hold.
    pub precondition: Precondition,
    /// Why it is done: a clause (`Git changed 2 fields`, `it was changed by hand`).
    pub reason: String,
    /// Whether it only puts back what was applied before: healing, not a change of Git's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub heals: bool,
    /// Set where it runs a hook, or clears one away (`delete`): in which part of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<Phase>,
    /// File and line it was declared at, where it is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_at: Option<crate::Location>,
}

impl Action {
    /// How a run names what it may do: the verb, the resource, and the content to send. A hook is
    /// made, or made again, whichever it turns out to be.
    pub fn permit(&self) -> String {
        let content = self.content_digest.map(|digest| digest.hex()).unwrap_or_default();
        let verb = if self.hook.is_some() { "hook" } else { self.verb.as_str() };
        format!("{verb} {} {content}", self.id.key())
    }
}

/// Why nothing is done to a resource.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum SkipKind {
    /// It already is as declared.
    Unchanged,
    /// A rule or policy says so.
    Excluded,
    /// It waits for something.
    Waiting,
    /// Something is in the way, and a person must act.
    Blocked,
    /// It belongs to somebody else.
    NotOurs,
    /// It differs, and the policy says to report only.
    Reported,
    /// It ran once for this content already (jobs and tasks).
    Completed,
}

/// One "no" of a plan's report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Skip {
    /// To what nothing is done.
    pub id: ResourceId,
    /// Why, as a word.
    pub kind: SkipKind,
    /// Why, as a sentence, with what to do where a person can do something.
    pub why: String,
    /// Differences that are shown and not acted on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// Fields that others added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<ForeignField>,
}

/// A consent that the plan needs and does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// What would happen (`6 of 12 resources would be deleted`).
    pub what: String,
    /// To which resources.
    pub resources: Vec<ResourceId>,
}

/// What a plan is towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// Towards what Git says.
    Apply,
    /// Towards a state that was healthy before, by itself or because a person said so.
    Rollback,
    /// Towards nothing: the app goes.
    Delete,
}

/// What is not a commit and yet decides what is rendered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Inputs {
    /// Version of TrueUp that rendered.
    pub engine: String,
    /// Digest of the capabilities that rendering read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Digest>,
    /// Digests of lookup answers, machine facts and fetched charts, by what was asked.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub answers: std::collections::BTreeMap<String, Digest>,
}

/// What would be done, in which order, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// For which app.
    pub app: AppName,
    /// On which target.
    pub target: TargetId,
    /// Towards what.
    pub purpose: Purpose,
    /// The commit it is towards.
    pub revision: Revision,
    /// Digest of the rendered set it is towards.
    pub rendered: Digest,
    /// What else decided the rendered set.
    pub inputs: Inputs,
    /// What is done, of all rounds, in order.
    pub actions: Vec<Action>,
    /// What is not done, and why.
    pub skips: Vec<Skip>,
    /// Consents it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consents: Vec<Consent>,
    /// Digest of what it would do: target, uid, verb and old → new for each path.
    pub digest: Digest,
}

impl Plan {
    /// Whether it does nothing.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// What it says of a resource to which nothing is done.
    pub fn skip(&self, id: &ResourceId) -> Option<&Skip> {
        self.skips.iter().find(|skip| skip.id == *id)
    }
}
