//! Windows: when changes may be applied.

use std::time::Duration;

use jiff::Timestamp;
use trueup_model::app::{Healing, Window, WindowKind};

/// So many openings and closings are looked through for the next time that lets changes in.
const LOOKED_THROUGH: u32 = 2_000;
/// No window opens more often.
const SHORTEST_SPAN: Duration = Duration::from_secs(60);

/// Why changes must wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Which window, and why, as a clause.
    pub why: String,
    /// When changes are next let in; `None`: not within what is looked through.
    pub opens: Option<Timestamp>,
    /// Whether drift is put back meanwhile.
    pub heals: bool,
}

/// Whether, and why, changes must wait at this time. A `deny` window that is open counts before any
/// `allow`; where there are `allow` windows, one of them must be open.
pub fn closed(windows: &[Window], now: Timestamp) -> Option<Closed> {
    let (why, heals) = barred(windows, now)?;
    Some(Closed { why, opens: next_opening(windows, now), heals })
}

/// When changes that are let in now are next shut out; `None`: never, as far as that is looked at.
pub fn closes(windows: &[Window], now: Timestamp) -> Option<Timestamp> {
    changes(windows, now).find(|at| barred(windows, *at).is_some())
}

fn barred(windows: &[Window], at: Timestamp) -> Option<(String, bool)> {
    let of = |kind| windows.iter().filter(move |window| window.kind == kind);
    if let Some(denies) = of(WindowKind::Deny).find(|window| open_until(window, at).is_some()) {
        let heals = denies.healing == Healing::Continue;
        return Some((format!("changes are shut out{}", because(&denies.why)), heals));
    }
    let mut allows = of(WindowKind::Allow).peekable();
    allows.peek()?;
    if of(WindowKind::Allow).any(|window| open_until(window, at).is_some()) {
        return None;
    }
    let whys: Vec<&str> = allows.clone().map(|window| window.why.as_str()).collect();
    let why = whys.iter().find(|why| !why.is_empty()).copied().unwrap_or_default();
    let heals = allows.all(|window| window.healing == Healing::Continue);
    Some((format!("changes are let in at certain times only{}", because(why)), heals))
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(" ({why})") }
}

/// Until when a window is open that is open at this time: so long after it last opened.
fn open_until(window: &Window, at: Timestamp) -> Option<Timestamp> {
    let until = last_opening(window, at)?.checked_add(window.duration.as_std()).ok()?;
    (until > at).then_some(until)
}

/// When it last opened, not longer ago than it stays open. Looked for in spans that double, so that
/// an opening every minute costs no more than one a year.
fn last_opening(window: &Window, at: Timestamp) -> Option<Timestamp> {
    let next = |from| window.schedule.next(from, window.time_zone.zone()).filter(|n| *n <= at);
    let longest = window.duration.as_std();
    let mut span = SHORTEST_SPAN.min(longest);
    let mut last = loop {
        match next(at.checked_sub(span).ok()?) {
            Some(opened) => break opened,
            None if span >= longest => return None,
            None => span = span.saturating_mul(2).min(longest),
        }
    };
    for _ in 0..LOOKED_THROUGH {
        match next(last) {
            Some(later) => last = later,
            None => break,
        }
    }
    Some(last)
}

fn next_opening(windows: &[Window], now: Timestamp) -> Option<Timestamp> {
    changes(windows, now).find(|at| barred(windows, *at).is_none())
}

/// The times after `now` at which a window opens or closes, in order.
fn changes(windows: &[Window], now: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
    let mut at = now;
    (0..LOOKED_THROUGH).map_while(move |_| {
        let next = windows
            .iter()
            .filter_map(|window| match open_until(window, at) {
                Some(until) => Some(until),
                None => window.schedule.next(at, window.time_zone.zone()),
            })
            .min()?;
        at = next;
        Some(next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn windows(value: Value) -> Vec<Window> {
        serde_json::from_value(value).expect("windows")
    }

    fn check(given: Value, now: &str, expected: Option<(&str, &str)>) {
        let now = now.parse().expect("a time");
        let closed = closed(&windows(given), now);
        let found = closed.map(|c| (c.why, c.opens.map(|at| at.to_string()).unwrap_or_default()));
        let expected = expected.map(|(why, opens)| (why.to_owned(), opens.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn deny_shuts_out_while_it_is_open() {
        let given = json!([{"kind": "deny", "schedule": "0 16 * * fri", "duration": "64h", "why": "weekend"}]);
        check(given.clone(), "2026-08-21T15:59:59Z", None);
        let shut = Some(("changes are shut out (weekend)", "2026-08-24T08:00:00Z"));
        check(given.clone(), "2026-08-21T16:00:00Z", shut);
        check(given.clone(), "2026-08-24T07:59:59Z", shut);
        check(given, "2026-08-24T08:00:00Z", None);
    }

    #[test]
    fn allow_lets_in_while_it_is_open_and_not_otherwise() {
        let given = json!([{
            "kind": "allow", "schedule": "0 9 * * mon-fri", "duration": "8h", "timeZone": "Europe/Oslo",
        }]);
        let why = "changes are let in at certain times only";
        check(given.clone(), "2026-08-21T06:59:00Z", Some((why, "2026-08-21T07:00:00Z")));
        check(given.clone(), "2026-08-21T07:00:00Z", None);
        check(given, "2026-08-21T15:00:00Z", Some((why, "2026-08-24T07:00:00Z")));
    }

    #[test]
    fn deny_counts_before_allow_and_overlapping_openings_are_one() {
        let given = json!([
            {"kind": "allow", "schedule": "0 * * * *", "duration": "90m"},
            {"kind": "deny", "schedule": "30 12 * * *", "duration": "1h", "healing": "stop"},
        ]);
        check(given.clone(), "2026-08-21T11:59:00Z", None);
        check(
            given.clone(),
            "2026-08-21T12:45:00Z",
            Some(("changes are shut out", "2026-08-21T13:30:00Z")),
        );
        let now = "2026-08-21T12:45:00Z".parse().expect("a time");
        assert!(!closed(&windows(given.clone()), now).expect("closed").heals);
        let now = "2026-08-21T12:00:00Z".parse().expect("a time");
        assert_eq!(
            closes(&windows(given), now).map(|at| at.to_string()).as_deref(),
            Some("2026-08-21T12:30:00Z")
        );
    }

    #[test]
    fn one_that_never_opens_shuts_nothing_out() {
        check(
            json!([{"kind": "deny", "schedule": "0 0 31 2 *", "duration": "1h"}]),
            "2026-08-21T00:00:00Z",
            None,
        );
        let never = json!([{"kind": "allow", "schedule": "0 0 31 2 *", "duration": "1h"}]);
        check(
            never,
            "2026-08-21T00:00:00Z",
            Some(("changes are let in at certain times only", "")),
        );
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for bad in [
            json!([{"kind": "deny", "schedule": "0 25 * * *", "duration": "1h"}]),
            json!([{"kind": "deny", "schedule": "0 1 * * *", "duration": "1h", "timeZone": "Mars/Base"}]),
            json!([{"kind": "never", "schedule": "0 1 * * *", "duration": "1h"}]),
        ] {
            assert!(serde_json::from_value::<Vec<Window>>(bad.clone()).is_err(), "{bad}");
        }
    }
}
