//! Whether changes may be applied now. Pure.
//!
//! What was begun is brought to its end, going back always goes on, and so does healing, unless the
//! window that is shut says otherwise. So only the beginning of an apply is held up here.

use jiff::Timestamp;
use trueup_model::plan::{Plan, Purpose};
use trueup_model::record::{Freeze, Record};
use trueup_plan::depends::Waits;
use trueup_plan::windows;

use crate::Subject;
use crate::goal::Goal;
use crate::outcome::State;

/// What holds changes up.
#[derive(Clone, Debug, PartialEq)]
pub struct Shut {
    /// How the app stands by it.
    pub state: State,
    /// Whether drift is put back all the same.
    pub heals: bool,
}

/// What holds up a plan's changes, if anything does: a freeze first, then apps it waits for, then a
/// window. A plan that a person approved by its digest goes through windows.
pub fn shut(
    app: &Subject,
    record: &Record,
    freeze: Option<&Freeze>,
    goal: &Goal,
    plan: &Plan,
    now: Timestamp,
) -> Option<Shut> {
    let begun = record.run.as_ref().is_some_and(|run| run.set.rendered == goal.rendered);
    if goal.purpose != Purpose::Apply || begun {
        return None;
    }
    frozen(freeze, now).or_else(|| waits(app)).or_else(|| {
        let approved = record.approved == Some(plan.digest);
        if approved { None } else { by_window(app, now) }
    })
}

fn frozen(freeze: Option<&Freeze>, now: Timestamp) -> Option<Shut> {
    let freeze = freeze.filter(|freeze| freeze.holds(now))?;
    let why = format!("the installation is frozen by {}: {}", freeze.by, freeze.why);
    Some(Shut { state: State::Shut { why, until: freeze.until }, heals: true })
}

fn waits(app: &Subject) -> Option<Shut> {
    let state = match app.waits.clone()? {
        Waits::For { app, why } => {
            State::Waiting { until: None, why: format!("app {app} ({why})") }
        }
        Waits::Refused { why } => State::Blocked { why },
    };
    Some(Shut { state, heals: true })
}

fn by_window(app: &Subject, now: Timestamp) -> Option<Shut> {
    let closed = windows::closed(&app.spec().policy.windows, now)?;
    Some(Shut { state: State::Shut { why: closed.why, until: closed.opens }, heals: closed.heals })
}
