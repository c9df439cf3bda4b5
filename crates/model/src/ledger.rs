//! The ledger: the append-only, hash-chained history of plans, outcomes and reasons.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Action, Plan};
use crate::{AppName, Digest, Event, Revision};

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LedgerKind {
    /// A run began: the entry holds its plan.
    Planned,
    /// A stage was carried out: the entry holds the events.
    Executed,
    /// All of a rendered set is applied.
    Applied,
    /// It became healthy.
    Healthy,
    /// It is not healthy, and waiting will not help.
    Degraded,
    /// Live state differed from what was applied.
    Drifted,
    /// A rendered set is held back.
    Held,
    /// An automatic rollback began.
    RolledBack,
    /// A commit that the app went back from was reverted in Git.
    Reverted,
    /// A person, or the third rollback, pinned the app.
    Pinned,
    /// A pin or a hold was released.
    Released,
    /// A person paused the app.
    Paused,
    /// A person froze the whole installation.
    Frozen,
    /// The installation was let go again.
    Unfrozen,
    /// A person approved a plan, or consented to what it deletes.
    Approved,
    /// A person accepted the state of a target whose record was lost.
    Accepted,
    /// A person had everything random drawn anew.
    Rotated,
    /// A job or task ran to its end.
    Completed,
    /// Nothing could be done; the entry says why.
    Refused,
    /// The app was deleted.
    Deleted,
    /// The app's document left Git; the entry says what becomes of what it owns.
    Left,
    /// The app's document is in Git again.
    Returned,
    /// The app is called otherwise from now on.
    Renamed,
    /// The record was lost, and read back from a copy of it.
    Restored,
}

/// One entry. Secret content appears by its keyed digest only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntry {
    /// Its place in the app's chain, from 1; 0 before it is written.
    pub seq: u64,
    /// The app.
    pub app: AppName,
    /// When.
    pub at: Timestamp,
    /// What it is about.
    pub kind: LedgerKind,
    /// The commit it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// The rendered set it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rendered: Option<Digest>,
    /// The plan it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
    /// In a sentence, for people.
    pub message: String,
    /// Who asked for it: a user's name, or empty for TrueUp itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// The whole plan, in `Planned`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Plan>,
    /// What was healed, in `Drifted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// What came of it, in `Executed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// Hash of the entry before it in the app's chain; zeros for the first.
    pub previous: Digest,
    /// Hash over everything above; the store computes it.
    pub hash: Digest,
}

impl LedgerEntry {
    /// An entry that is not written yet.
    pub fn new(app: &AppName, at: Timestamp, kind: LedgerKind, message: impl Into<String>) -> Self {
        Self {
            seq: 0,
            app: app.clone(),
            at,
            kind,
            revision: None,
            rendered: None,
            plan: None,
            message: message.into(),
            by: String::new(),
            planned: None,
            actions: Vec::new(),
            events: Vec::new(),
            previous: Digest::from_bytes([0; 32]),
            hash: Digest::from_bytes([0; 32]),
        }
    }

    /// The hash it must have: over its content and the hash of the entry before it.
    pub fn compute_hash(&self) -> Digest {
        let blank = Self { hash: Digest::from_bytes([0; 32]), ..self.clone() };
        let value = serde_json::to_value(&blank).unwrap_or_default();
        crate::resource::canonical_digest(&value)
    }
}
