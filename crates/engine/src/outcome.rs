//! How far a run came.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use trueup_model::plan::Plan;
use trueup_model::record::Record;
use trueup_model::{AppName, Diagnostic, Digest, Health, LedgerEntry, Revision};

/// How an app stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum State {
    /// Everything is as declared, and healthy.
    Settled,
    /// It waits: for health, for a pause between tries, for something to go away.
    Waiting {
        /// When to look again, if time alone can bring it.
        until: Option<Timestamp>,
        /// For what.
        why: String,
    },
    /// There are changes, and they are not let in now: the installation is frozen, or a window of
    /// the policy is shut.
    Shut {
        /// Why.
        why: String,
        /// Until when, if it ends by itself.
        until: Option<Timestamp>,
    },
    /// A person must act: something is in the way.
    Blocked {
        /// What.
        why: String,
    },
    /// A person must approve the plan.
    AwaitingApproval {
        /// By this digest.
        digest: Digest,
    },
    /// Applied, and not healthy; nothing more is tried.
    Degraded {
        /// What, and why.
        why: String,
    },
    /// What Git says is held back: it failed before.
    Held {
        /// What failed.
        why: String,
        /// Whether the last healthy state runs instead.
        rolled_back: bool,
    },
    /// It stays where a person, or the third rollback, put it.
    Pinned {
        /// Why and by whom.
        why: String,
        /// Until when, if it ends by itself.
        until: Option<Timestamp>,
    },
    /// A person paused it.
    Paused {
        /// Until when.
        until: Timestamp,
        /// Why.
        why: String,
    },
    /// What Git says cannot be read or rendered; what was applied before goes on.
    Unreadable {
        /// Why.
        why: String,
        /// Whether trying again without a change is pointless.
        permanent: bool,
    },
    /// The record of what it owns was lost: a person must accept what is there.
    Careful,
    /// Everything it owned is gone.
    Deleted,
    /// Its document left Git: nothing is done to what it owns any more.
    Left {
        /// Since when, and from where.
        why: String,
    },
}

/// How far a run came, and what it saw.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The app.
    pub app: AppName,
    /// How it stands.
    pub state: State,
    /// What Git says now, if that could be read.
    pub declared: Option<Declaration>,
    /// The last plan that was made: what is still to be done, and why not.
    pub plan: Option<Plan>,
    /// The worst health of what is desired, with its reason.
    pub health: Health,
    /// What is wrong with what was read.
    pub diagnostics: Vec<Diagnostic>,
    /// What was written to the ledger on the way.
    pub entries: Vec<LedgerEntry>,
    /// What is remembered now.
    pub record: Record,
}

/// What Git says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Declaration {
    /// The commit.
    pub revision: Revision,
    /// Digest of what it renders to.
    pub rendered: Digest,
    /// How many resources that are.
    pub resources: usize,
}
