//! What apps wait for of each other. Pure: how they stand comes in.

use std::collections::{BTreeMap, BTreeSet};

use trueup_api::AppStatus;
use trueup_engine::{Stand, Subject, Waits};
use trueup_model::AppName;
use trueup_model::app::Dependency;

/// What an app waits for. `is_pending` says of which apps a look is due or under way: how these stood
/// before says nothing of what Git says now.
pub fn waits(
    subject: &Subject,
    subjects: &BTreeMap<AppName, Subject>,
    statuses: &BTreeMap<AppName, AppStatus>,
    is_pending: impl Fn(&AppName) -> bool,
) -> Option<Waits> {
    if subject.spec().depends_on.is_empty() {
        return None;
    }
    trueup_engine::waits(&subject.name, &graph(subjects), |other| {
        let stand = stand(statuses.get(other)?);
        Some(if is_pending(other) && stand.ready {
            Stand { ready: false, why: "it is being looked at".to_owned(), ..stand }
        } else {
            stand
        })
    })
}

fn graph(subjects: &BTreeMap<AppName, Subject>) -> BTreeMap<AppName, Vec<Dependency>> {
    let edges = |subject: &Subject| subject.spec().depends_on.clone();
    subjects.iter().map(|(name, subject)| (name.clone(), edges(subject))).collect()
}

/// How an app stands for those that depend on it.
pub fn stand(status: &AppStatus) -> Stand {
    let settled = matches!(status.state.as_str(), "healthy" | "drifted");
    let why = match (status.why.as_str(), status.health.reason.as_str()) {
        ("", "") => format!("it is {}", status.state),
        ("", reason) => reason.to_owned(),
        (why, _) => why.to_owned(),
    };
    Stand {
        ready: settled && status.health.lets_go_on(),
        why,
        document: serde_json::to_value(status).unwrap_or_default(),
    }
}

/// Which apps are to be looked at once another one was.
#[derive(Debug, Default)]
pub struct Waiting(BTreeMap<AppName, BTreeSet<AppName>>);

impl Waiting {
    /// An app waits for one of those it depends on: whichever is looked at next may be the one.
    pub fn note(&mut self, subject: &Subject) {
        for dependency in &subject.spec().depends_on {
            self.0.entry(dependency.app.clone()).or_default().insert(subject.name.clone());
        }
    }

    /// The apps that waited for this one, which was looked at.
    pub fn take(&mut self, app: &AppName) -> BTreeSet<AppName> {
        self.0.remove(app).unwrap_or_default()
    }
}
