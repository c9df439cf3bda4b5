//! A commit that the app went back from, taken back in Git too, where the policy says so.

use jiff::Timestamp;
use trueup_model::app;
use trueup_model::record::Record;
use trueup_model::source::Revert;

use crate::Subject;
use crate::goal::Goal;

/// What is to be reverted, and to what: the commit that failed, to the one that was last healthy.
/// `None`: the policy does not ask for it, or there is nothing to go back to.
pub fn wanted(
    app: &Subject,
    record: &Record,
    goal: &Goal,
    why: &str,
    now: Timestamp,
) -> Option<Revert> {
    let failed = &goal.revision;
    let branch = match app.spec().policy.health.revert {
        app::Revert::None => return None,
        app::Revert::Branch => Some(format!("trueup/revert-{}-{}", app.name, failed.short())),
        app::Revert::Commit => None,
    };
    let healthy = &record.healthy.as_ref()?.revision;
    let of = if app.declaration.path.is_empty() {
        String::new()
    } else {
        format!(" of {}", app.declaration.path)
    };
    let message = format!(
        "Revert{of} to {}\n\n{} did not become healthy at {}: {why}\n",
        healthy.short(),
        app.name,
        failed.short()
    );
    Some(Revert {
        expected: failed.commit.clone(),
        to: healthy.commit.clone(),
        path: app.declaration.path.clone(),
        message,
        name: "TrueUp".to_owned(),
        email: "trueup@localhost".to_owned(),
        time: now,
        branch,
    })
}
