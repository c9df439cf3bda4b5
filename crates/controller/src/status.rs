//! An outcome in words.

use jiff::Timestamp;
use trueup_api::AppStatus;
use trueup_engine::{Outcome, State};
use trueup_model::plan::SkipKind;
use trueup_model::record::Record;
use trueup_model::{AppName, Health, HealthStatus};

/// How an app stands after a run.
pub fn of_outcome(outcome: &Outcome, now: Timestamp) -> AppStatus {
    let (state, why, hint) = words(outcome);
    let status = of_record(&outcome.app, &outcome.record);
    let wants = outcome.declared.as_ref().map(|declared| declared.revision.clone());
    // What the newest commit renders to runs: that commit runs, whichever first rendered so.
    let same = outcome.declared.as_ref().is_some_and(|d| status.rendered == Some(d.rendered));
    AppStatus {
        state: state.to_owned(),
        why,
        until: until(&outcome.state),
        hint,
        runs: if same { wants.clone() } else { status.runs.clone() },
        wants,
        health: outcome.health.clone(),
        diagnostics: outcome.diagnostics.clone(),
        looked: Some(now),
        ..status
    }
}

/// How an app stands as far as its record tells, before it was looked at.
pub fn of_record(app: &AppName, record: &Record) -> AppStatus {
    let runs = record.applied.as_ref();
    AppStatus {
        app: app.clone(),
        state: "unknown".to_owned(),
        why: "it was not looked at yet".to_owned(),
        until: None,
        hint: String::new(),
        wants: None,
        runs: runs.map(|set| set.revision.clone()),
        rendered: runs.map(|set| set.rendered),
        since: runs.map(|set| set.at),
        health: Health::new(HealthStatus::Unknown, ""),
        resources: record.inventory.values().filter(|item| !item.intended).count(),
        diagnostics: Vec::new(),
        looked: None,
    }
}

/// How an app stands whose run failed.
pub fn of_failure(app: &AppName, record: &Record, why: String, now: Timestamp) -> AppStatus {
    AppStatus { state: "failed".to_owned(), why, looked: Some(now), ..of_record(app, record) }
}

/// When it goes on by itself, where time alone brings that.
fn until(state: &State) -> Option<Timestamp> {
    match state {
        State::Paused { until, .. } => Some(*until),
        State::Waiting { until, .. } | State::Shut { until, .. } | State::Pinned { until, .. } => {
            *until
        }
        _ => None,
    }
}

fn words(outcome: &Outcome) -> (&'static str, String, String) {
    let app = &outcome.app;
    match &outcome.state {
        State::Settled => settled(outcome),
        State::Waiting { why, .. } => ("waiting", format!("waiting for {why}"), String::new()),
        State::Shut { why, until } => {
            let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
            ("shut", format!("changes wait{until}: {why}"), format!("trueup plan {app}"))
        }
        State::Blocked { why } => ("blocked", why.clone(), format!("trueup plan {app}")),
        State::AwaitingApproval { digest } => (
            "awaiting-approval",
            format!("plan {} waits for a person's approval", digest.short()),
            format!("trueup apply {app} --digest {}", digest.short()),
        ),
        State::Degraded { why } => ("degraded", why.clone(), format!("trueup rollback {app}")),
        State::Held { why, rolled_back: true } => (
            "rolled-back",
            format!("what Git says was not healthy ({why}); the last healthy state runs"),
            format!("fix it with a new commit, or `trueup release {app}` to try again"),
        ),
        State::Held { why, rolled_back: false } => (
            "held",
            format!("what Git says was not healthy: {why}"),
            format!("fix it with a new commit, or `trueup release {app}` to try again"),
        ),
        State::Pinned { why, .. } => ("pinned", why.clone(), format!("trueup release {app}")),
        State::Paused { until, why } => {
            ("paused", format!("until {until}: {why}"), format!("trueup release {app}"))
        }
        State::Unreadable { why, .. } => ("unreadable", why.clone(), String::new()),
        State::Careful => (
            "careful",
            "the record of what it owns was lost: nothing is applied until a person has looked"
                .to_owned(),
            format!("trueup plan {app}, then trueup accept {app}"),
        ),
        State::Left { why } => (
            "left",
            format!("{why}; what it owns stays"),
            format!("trueup delete {app} deletes it, trueup delete {app} --keep forgets it"),
        ),
        State::Deleted => ("deleted", "everything it owned is gone".to_owned(), String::new()),
    }
}

/// Settled, and yet there may be something to say: what is reported and left alone.
fn settled(outcome: &Outcome) -> (&'static str, String, String) {
    let reported = outcome.plan.iter().flat_map(|plan| &plan.skips);
    let first = reported.clone().find(|skip| skip.kind == SkipKind::Reported);
    match first {
        Some(skip) => (
            "drifted",
            format!("{}: {}", skip.id, skip.why),
            format!("trueup plan {}", outcome.app),
        ),
        None => ("healthy", String::new(), String::new()),
    }
}
