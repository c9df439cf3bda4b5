//! Why nothing happens: from an app through those it waits for to the cause. Pure.

use std::collections::{BTreeMap, BTreeSet};

use trueup_api::{AppStatus, VERSION, WhyLink, WhyReport};
use trueup_engine::Waits;
use trueup_model::AppName;

/// What an app waits for, as its status and those of the others tell.
pub fn report(
    status: &AppStatus,
    statuses: &BTreeMap<AppName, AppStatus>,
    waits: impl Fn(&AppName) -> Option<Waits>,
) -> WhyReport {
    let mut chain = Vec::new();
    let mut seen = BTreeSet::new();
    let mut at = status;
    loop {
        seen.insert(&at.app);
        chain.push(link(at));
        let next = match waits(&at.app).filter(|_| holds_up(at)) {
            Some(Waits::For { app, .. }) => statuses.get(&app),
            Some(Waits::Refused { .. }) | None => None,
        };
        match next {
            Some(next) if !seen.contains(&next.app) => at = next,
            _ => break,
        }
    }
    WhyReport {
        api_version: VERSION.to_owned(),
        app: status.app.clone(),
        sentence: sentence(&chain),
        hint: at.hint.clone(),
        chain,
    }
}

/// Whether another app can be what holds it up: a person, a hold or a failure is told by itself.
fn holds_up(status: &AppStatus) -> bool {
    matches!(status.state.as_str(), "waiting" | "unknown")
}

fn link(status: &AppStatus) -> WhyLink {
    let why = if status.why.is_empty() { &status.health.reason } else { &status.why };
    WhyLink { app: status.app.clone(), state: status.state.clone(), why: why.clone() }
}

fn sentence(chain: &[WhyLink]) -> String {
    let Some((last, before)) = chain.split_last() else { return String::new() };
    let mut sentence = String::new();
    for (n, link) in before.iter().enumerate() {
        let link = if n == 0 {
            format!("{} waits", link.app)
        } else {
            format!("{}, which waits", link.app)
        };
        sentence.push_str(&format!("{link} for app "));
    }
    match (before.is_empty(), last.why.as_str()) {
        (true, "") if last.state == "healthy" => {
            format!("{} waits for nothing: it is as Git says, and healthy", last.app)
        }
        (alone, why) => {
            let which = if alone { "" } else { ", which" };
            sentence + &format!("{}{which} {}", last.app, stands(&last.state, why))
        }
    }
}

fn stands(state: &str, why: &str) -> String {
    match (state, why.strip_prefix("waiting for ")) {
        ("waiting", Some(what)) => format!("waits for {what}"),
        _ if why.is_empty() => format!("is {state}"),
        _ => format!("is {state}: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueup_model::Record;

    fn name(text: &str) -> AppName {
        AppName::new(text).expect("a fitting name")
    }

    fn check(apps: &[(&str, &str, &str, &str)], expected: &str) {
        let status = |(app, state, why, _): &(&str, &str, &str, &str)| {
            let mut status = crate::status::of_record(&name(app), &Record::default());
            status.state = (*state).to_owned();
            status.why = (*why).to_owned();
            (name(app), status)
        };
        let statuses: BTreeMap<AppName, AppStatus> = apps.iter().map(status).collect();
        let waits = |app: &AppName| {
            let on = apps.iter().find(|(name, ..)| *name == app.as_str())?.3;
            (!on.is_empty()).then(|| Waits::For { app: name(on), why: String::new() })
        };
        let report = report(&statuses[&name(apps[0].0)], &statuses, waits);
        assert_eq!(report.sentence, expected);
    }

    #[test]
    fn the_cause_is_named_in_a_sentence() {
        check(
            &[("shop", "healthy", "", "")],
            "shop waits for nothing: it is as Git says, and healthy",
        );
        check(
            &[
                ("shop", "waiting", "waiting for app web (…)", "web"),
                ("web", "waiting", "waiting for app database (…)", "database"),
                ("database", "degraded", "Process/db (it exits with 1)", ""),
            ],
            "shop waits for app web, which waits for app database, which is degraded: Process/db (it exits with 1)",
        );
        check(
            &[
                ("shop", "waiting", "waiting for app web (…)", "web"),
                ("web", "waiting", "waiting for Process/web (it is starting)", ""),
            ],
            "shop waits for app web, which waits for Process/web (it is starting)",
        );
        check(
            &[("shop", "held", "it failed", "web"), ("web", "unknown", "", "")],
            "shop is held: it failed",
        );
        check(
            &[("a", "waiting", "", "b"), ("b", "waiting", "", "a")],
            "a waits for app b, which is waiting",
        );
    }
}
