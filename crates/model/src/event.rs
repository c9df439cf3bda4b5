//! Events: what came of carrying out an action.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Digest, ResourceId, Verb};

/// What came of one action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// To what.
    pub id: ResourceId,
    /// What was to be done.
    pub verb: Verb,
    /// When it ended.
    pub at: Timestamp,
    /// What came of it.
    pub result: EventResult,
}

/// The ways in which an action ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EventResult {
    /// It was done; the resource now has this identity and was made from this content.
    Done {
        /// Identity of the incarnation; empty for a deletion.
        uid: String,
        /// Digest of the document that was applied; `None` for a deletion.
        content: Option<Digest>,
        /// What else is worth telling (`3 old releases were removed`).
        note: Option<String>,
    },
    /// The deletion was accepted; that it is gone is for a later look to confirm.
    Deleting,
    /// A job or task ran to its end with success.
    Completed {
        /// Identity of the incarnation, if it still exists.
        uid: String,
        /// Digest of the content it ran for.
        content: Digest,
    },
    /// The precondition did not hold any more; nothing was done.
    Moved(String),
    /// It failed, or it cannot be told whether it took effect: the next look tells.
    Failed {
        /// What went wrong, where, and what to do.
        message: String,
        /// Whether trying again without a change is pointless.
        permanent: bool,
    },
}

impl EventResult {
    /// Whether the action did what it was for.
    pub fn succeeded(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Deleting | Self::Completed { .. })
    }
}
