//! What a running controller and its commands say to each other, and what `-o json` prints.
//!
//! A command sends one [`Request`] as a line of JSON over the Unix socket in the state folder; the
//! controller answers with [`Reply`] lines, the last of which ends the conversation. The shapes are
//! versioned by [`VERSION`]: a field may be added, none changes its meaning.

pub mod openapi;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trueup_model::plan::Plan;
use trueup_model::record::Freeze;
use trueup_model::{AppName, Diagnostic, Digest, Health, LedgerEntry, Revision};

/// Version of these shapes; `apiVersion` of everything that `-o json` prints.
pub const VERSION: &str = "trueup.dev/v1";

/// What a command asks of a running controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "do")]
pub enum Request {
    /// How do all apps, or this one, stand?
    Status {
        /// Of this app.
        app: Option<AppName>,
    },
    /// Look at an app now, and say how far it comes.
    Reconcile {
        /// The app.
        app: AppName,
    },
    /// What would be done?
    Plan {
        /// The app.
        app: AppName,
        /// At this commit in place of what its reference says.
        revision: Option<String>,
    },
    /// Carry out exactly the plan with this digest, or say what changed since.
    Apply {
        /// The app.
        app: AppName,
        /// The plan's digest, or its beginning; left out: whatever the plan is now.
        digest: Option<String>,
        /// Who asks.
        by: String,
    },
    /// Go back and stay there.
    Rollback {
        /// The app.
        app: AppName,
        /// A commit or a digest; left out: the healthy state before the present one.
        to: Option<String>,
        /// Until when.
        until: Option<Timestamp>,
        /// Why.
        why: String,
        /// Who asks.
        by: String,
    },
    /// Draw everything anew that templates draw at random.
    Rotate {
        /// The app.
        app: AppName,
        /// Who asks.
        by: String,
    },
    /// Let a pin, a hold or a pause go.
    Release {
        /// The app.
        app: AppName,
        /// Who asks.
        by: String,
    },
    /// Heal and apply nothing for a while.
    Pause {
        /// The app.
        app: AppName,
        /// Until when.
        until: Timestamp,
        /// Why.
        why: String,
        /// Who asks.
        by: String,
    },
    /// Apply nothing new anywhere.
    Freeze {
        /// Until when; left out: until somebody lets it go.
        until: Option<Timestamp>,
        /// Why.
        why: String,
        /// Who asks.
        by: String,
    },
    /// Let the installation go again.
    Unfreeze {
        /// Who asks.
        by: String,
    },
    /// What does an app wait for, down to the object that is to blame?
    Why {
        /// The app.
        app: AppName,
    },
    /// Accept what is there: after the record was lost, or history was rewritten.
    Accept {
        /// The app.
        app: AppName,
        /// Who asks.
        by: String,
    },
    /// Let go all apps that left Git at once and wait for a person's consent.
    AcceptLeaving {
        /// Who asks.
        by: String,
    },
    /// Delete an app.
    Delete {
        /// The app.
        app: AppName,
        /// Whether what it owns stays.
        keep: bool,
        /// Who asks.
        by: String,
    },
    /// What happened?
    History {
        /// Of this app.
        app: Option<AppName>,
        /// At most so many entries, the newest.
        limit: usize,
    },
    /// End: stop the processes too, or leave them running.
    Stop {
        /// Whether processes are stopped.
        processes: bool,
    },
}

/// What the controller answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum Reply {
    /// To `status`, and to everything that ends with an app's standing.
    Status(StatusList),
    /// To `plan`.
    Plan(Box<PlanReport>),
    /// To `apply`: the plan is another one now; nothing was done.
    Changed(Box<PlanReport>),
    /// To `why`.
    Why(WhyReport),
    /// To `history`.
    History(HistoryList),
    /// It is done.
    Done {
        /// In a sentence.
        message: String,
    },
    /// It could not be done.
    Failed {
        /// What went wrong, and what to do.
        message: String,
    },
}

/// How the apps stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusList {
    /// [`VERSION`].
    pub api_version: String,
    /// One for each app, by name.
    pub apps: Vec<AppStatus>,
    /// Set while the whole installation is frozen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Freeze>,
    /// One for each repository and reference that apps use, where a controller runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceStatus>,
}

/// How a reference of a repository stands, and what its newest commit meant for the apps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// The repository.
    pub repo: String,
    /// The reference as the apps name it; empty: the repository's own HEAD.
    pub reference: String,
    /// Its newest commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// How many apps use it.
    pub apps: usize,
    /// How many of these the newest commit touches; left out until a commit came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<usize>,
    /// Why it cannot be read; empty where it can.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// When it was last asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Timestamp>,
}

/// How one app stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppStatus {
    /// Its name.
    pub app: AppName,
    /// In a word: `healthy`, `waiting`, `blocked`, `awaiting-approval`, `degraded`, `held`,
    /// `rolled-back`, `pinned`, `paused`, `shut`, `unreadable`, `careful`, `failed`, `left`,
    /// `leaving`, `elsewhere`, `unknown`.
    pub state: String,
    /// Why, as a sentence; empty where there is nothing to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// When it goes on by itself, where time alone brings that: a window opens, a pause ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What the person can type; empty where nothing is to be done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
    /// What Git says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wants: Option<Revision>,
    /// What runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Revision>,
    /// Digest of the rendered set that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rendered: Option<Digest>,
    /// Since when that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The worst health of its resources.
    pub health: Health,
    /// How many resources it owns.
    pub resources: usize,
    /// What is wrong with what was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
    /// When it was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked: Option<Timestamp>,
}

/// Why a request over HTTP was not answered as asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// [`VERSION`].
    pub api_version: String,
    /// What went wrong, and what to do.
    pub message: String,
}

/// What an app waits for, through the apps it depends on down to the cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhyReport {
    /// [`VERSION`].
    pub api_version: String,
    /// The app that was asked about.
    pub app: AppName,
    /// The answer, in one sentence.
    pub sentence: String,
    /// What to type about the cause; empty where nothing is to be done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
    /// The app itself, the app it waits for, and so on: the last is the cause.
    pub chain: Vec<WhyLink>,
}

/// One app on the way to the cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhyLink {
    /// The app.
    pub app: AppName,
    /// How it stands, in a word, as in [`AppStatus`].
    pub state: String,
    /// Why: the object and its reason, where it is an object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// A plan, and what is wrong with what it was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanReport {
    /// [`VERSION`].
    pub api_version: String,
    /// The plan; `None` where nothing could be read.
    pub plan: Option<Plan>,
    /// How the app stands.
    pub status: AppStatus,
    /// What is wrong with what was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
}

/// Entries of the ledger, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryList {
    /// [`VERSION`].
    pub api_version: String,
    /// The entries.
    pub entries: Vec<LedgerEntry>,
}
