//! What there is to tell: from what the controller notices to an occasion. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trueup_api::AppStatus;
use trueup_model::record::Declaration;
use trueup_model::{AppName, LedgerEntry, LedgerKind};

use crate::Notice;

/// What sets a message off.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Trigger {
    /// All of a commit is applied; whether it is healthy is not known yet.
    Applied,
    /// What was applied became healthy.
    Healthy,
    /// Something could not be read, rendered or applied.
    Failed,
    /// What was applied is not healthy, and waiting will not help.
    Degraded,
    /// Live state differed from what was applied.
    Drifted,
    /// The last healthy state is gone back to.
    RolledBack,
    /// A person must approve a plan.
    WaitingForApproval,
}

impl Trigger {
    /// As people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Healthy => "healthy",
            Self::Failed => "failed",
            Self::Degraded => "degraded",
            Self::Drifted => "drifted",
            Self::RolledBack => "rolled back",
            Self::WaitingForApproval => "waiting for approval",
        }
    }
}

/// Something to tell. Its JSON is what templates see and what a webhook sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Occasion {
    /// What sets it off.
    pub trigger: Trigger,
    /// The app.
    pub app: AppName,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When.
    pub at: Timestamp,
    /// What happened, in a sentence.
    pub message: String,
    /// What a person can do; empty where there is nothing to do.
    pub hint: String,
    /// The repository.
    pub repository: String,
    /// The commit, in full; empty where there is none.
    pub commit: String,
    /// The first line of its message.
    pub subject: String,
    /// Who wrote it.
    pub author: String,
    /// Where to read more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Occasion {
    /// What a notice gives to tell, if anything.
    pub fn of(notice: &Notice, now: Timestamp) -> Option<Self> {
        match notice {
            Notice::Entry(entry) => Self::of_entry(entry),
            Notice::Status(status) => Self::of_status(status, now),
            Notice::Root { .. } => None,
        }
    }

    fn of_entry(entry: &LedgerEntry) -> Option<Self> {
        let trigger = match entry.kind {
            LedgerKind::Applied => Trigger::Applied,
            LedgerKind::Healthy => Trigger::Healthy,
            LedgerKind::Degraded => Trigger::Degraded,
            LedgerKind::Drifted => Trigger::Drifted,
            LedgerKind::RolledBack => Trigger::RolledBack,
            LedgerKind::Refused => Trigger::Failed,
            LedgerKind::Executed if entry.events.iter().any(|e| !e.result.succeeded()) => {
                Trigger::Failed
            }
            _ => return None,
        };
        let revision = entry.revision.as_ref();
        Some(Self {
            trigger,
            app: entry.app.clone(),
            labels: BTreeMap::new(),
            at: entry.at,
            message: entry.message.clone(),
            hint: hint(trigger, &entry.app),
            repository: String::new(),
            commit: revision.map(|revision| revision.commit.clone()).unwrap_or_default(),
            subject: revision.map(|revision| revision.subject.clone()).unwrap_or_default(),
            author: revision.map(|revision| revision.author.clone()).unwrap_or_default(),
            link: None,
        })
    }

    /// What no ledger tells: what could not even be read, what waits for a person, and drift that is
    /// reported and left alone.
    fn of_status(status: &AppStatus, now: Timestamp) -> Option<Self> {
        let trigger = match status.state.as_str() {
            "failed" | "unreadable" | "blocked" => Trigger::Failed,
            "awaiting-approval" => Trigger::WaitingForApproval,
            "drifted" => Trigger::Drifted,
            _ => return None,
        };
        let revision = status.wants.as_ref().or(status.runs.as_ref());
        Some(Self {
            trigger,
            app: status.app.clone(),
            labels: BTreeMap::new(),
            at: status.looked.unwrap_or(now),
            message: status.why.clone(),
            hint: status.hint.clone(),
            repository: String::new(),
            commit: revision.map(|revision| revision.commit.clone()).unwrap_or_default(),
            subject: revision.map(|revision| revision.subject.clone()).unwrap_or_default(),
            author: revision.map(|revision| revision.author.clone()).unwrap_or_default(),
            link: None,
        })
    }

    /// Adds what its declaration says: labels and repository.
    pub fn declared(&mut self, declaration: &Declaration) {
        self.labels.clone_from(&declaration.labels);
        self.repository.clone_from(&declaration.source.repo);
    }

    /// A link with the app's name filled in.
    pub fn linked(&self, link: &str) -> String {
        link.replace("{app}", self.app.as_str())
    }

    /// An example, for trying a sink out.
    pub fn example(now: Timestamp) -> Self {
        Self {
            trigger: Trigger::Degraded,
            app: AppName::from_text("trueup-test"),
            labels: BTreeMap::new(),
            at: now,
            message: "this is a test: notifications of TrueUp arrive here".to_owned(),
            hint: "nothing has to be done".to_owned(),
            repository: String::new(),
            commit: String::new(),
            subject: String::new(),
            author: String::new(),
            link: None,
        }
    }

    /// The first digits of the commit.
    pub fn short(&self) -> &str {
        self.commit.get(..7).unwrap_or(&self.commit)
    }
}

fn hint(trigger: Trigger, app: &AppName) -> String {
    match trigger {
        Trigger::Degraded => format!("trueup status {app}"),
        Trigger::Failed => format!("trueup plan {app}"),
        Trigger::RolledBack => {
            format!("fix it with a new commit, or `trueup release {app}` to try again")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueup_model::{Event, EventResult, ResourceId, Verb};

    fn entry(kind: LedgerKind) -> LedgerEntry {
        LedgerEntry::new(&AppName::from_text("shop"), Timestamp::UNIX_EPOCH, kind, "said")
    }

    fn trigger(entry: LedgerEntry) -> Option<Trigger> {
        Occasion::of(&Notice::Entry(Box::new(entry)), Timestamp::UNIX_EPOCH).map(|o| o.trigger)
    }

    #[test]
    fn a_stage_is_told_of_only_if_something_failed() {
        let mut stage = entry(LedgerKind::Executed);
        let event = |result| Event {
            id: ResourceId::new("", "ConfigMap", "x", "y"),
            verb: Verb::Create,
            at: Timestamp::UNIX_EPOCH,
            result,
        };
        stage.events = vec![event(EventResult::Deleting)];
        assert_eq!(trigger(stage.clone()), None);
        let failed = EventResult::Failed { message: "no".to_owned(), permanent: false };
        stage.events.push(event(failed));
        assert_eq!(trigger(stage), Some(Trigger::Failed));
    }

    #[test]
    fn what_is_told_twice_in_the_ledger_is_told_once() {
        assert_eq!(trigger(entry(LedgerKind::Degraded)), Some(Trigger::Degraded));
        assert_eq!(trigger(entry(LedgerKind::Held)), None);
        assert_eq!(trigger(entry(LedgerKind::RolledBack)), Some(Trigger::RolledBack));
        assert_eq!(trigger(entry(LedgerKind::Planned)), None);
    }

    #[test]
    fn a_state_is_told_of_where_no_entry_is() {
        let app = AppName::from_text("shop");
        let check = |state: &str, expected| {
            let mut status = crate::status::of_record(&app, &Default::default());
            status.state = state.to_owned();
            let told = Occasion::of(&Notice::Status(Box::new(status)), Timestamp::UNIX_EPOCH);
            assert_eq!(told.map(|occasion| occasion.trigger), expected, "{state}");
        };
        check("awaiting-approval", Some(Trigger::WaitingForApproval));
        check("unreadable", Some(Trigger::Failed));
        check("drifted", Some(Trigger::Drifted));
        check("healthy", None);
        check("degraded", None);
    }
}
