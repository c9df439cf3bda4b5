//! How apps stand, in a line each.

use jiff::Timestamp;
use trueup_api::{AppStatus, SourceStatus, StatusList};

use super::time::ago;
use crate::output::{Output, Paint};

/// All apps.
pub fn list(list: &StatusList, output: &Output) -> String {
    if list.apps.is_empty() {
        return "no app is kept here yet; `trueup run REPO` makes one\n".to_owned();
    }
    let width = list.apps.iter().map(|app| app.app.as_str().len()).max().unwrap_or(0);
    let mut text = frozen(list, output);
    text.extend(list.sources.iter().map(|source| of_source(source, output)));
    for app in &list.apps {
        text.push_str(&head(app, width, output));
        text.push_str(&tail(app, output));
    }
    text
}

/// A freeze, which a person must see first.
fn frozen(list: &StatusList, output: &Output) -> String {
    let Some(freeze) = &list.frozen else { return String::new() };
    let until = freeze.until.map(|until| format!(" until {until}")).unwrap_or_default();
    let line = format!("frozen{until} by {}: {}", freeze.by, freeze.why);
    format!("{}  (trueup unfreeze)\n", output.paint(Paint::Warn, &line))
}

/// Where several apps share a source: what its newest commit meant for them.
fn of_source(source: &SourceStatus, output: &Output) -> String {
    if source.apps < 2 && source.why.is_empty() {
        return String::new();
    }
    let reference = match source.reference.as_str() {
        "" => String::new(),
        reference => format!(" {reference}"),
    };
    let name = output.paint(Paint::Bold, &format!("{}{reference}", source.repo));
    if !source.why.is_empty() {
        return format!("{name}  {}\n", output.paint(Paint::Bad, &source.why));
    }
    let Some(revision) = &source.revision else { return String::new() };
    let (commit, subject) = (revision.short(), quoted(&revision.subject));
    match source.changed {
        Some(changed) => {
            format!("{name}  {changed} of {} apps changed by {commit} {subject}\n", source.apps)
        }
        None => format!("{name}  {} apps at {commit} {subject}\n", source.apps),
    }
}

/// One app, as a line of a log.
pub fn line(app: &AppStatus, output: &Output) -> String {
    let mut text = head(app, 0, output) + &tail(app, output);
    text.truncate(text.trim_end().len());
    text
}

fn head(app: &AppStatus, width: usize, output: &Output) -> String {
    let paint = match app.state.as_str() {
        "healthy" => Paint::Good,
        "waiting" | "pinned" | "paused" | "shut" | "awaiting-approval" | "drifted" | "unknown" => {
            Paint::Warn
        }
        _ => Paint::Bad,
    };
    let name = output.paint(Paint::Bold, &format!("{:width$}", app.app.as_str()));
    format!("{name}  {}  {}\n", output.paint(paint, &app.state), revisions(app))
}

fn revisions(app: &AppStatus) -> String {
    let runs = match &app.runs {
        Some(runs) => {
            let since = app.since.map(|since| ago(since, Timestamp::now())).unwrap_or_default();
            format!("runs {} {} (since {since})", runs.short(), quoted(&runs.subject))
        }
        None => "runs nothing".to_owned(),
    };
    match &app.wants {
        Some(wants) if app.runs.as_ref().is_none_or(|runs| runs.commit != wants.commit) => {
            format!("{runs}; Git wants {} {}", wants.short(), quoted(&wants.subject))
        }
        _ => runs,
    }
}

fn quoted(subject: &str) -> String {
    if subject.is_empty() { String::new() } else { format!("“{subject}”") }
}

fn tail(app: &AppStatus, output: &Output) -> String {
    let mut text = String::new();
    let mut add = |label: &str, line: &str| {
        if !line.is_empty() {
            text.push_str(&format!(
                "    {}{}\n",
                output.paint(Paint::Dim, label),
                line.replace('\n', "\n    ")
            ));
        }
    };
    add("", &app.why);
    if app.health.reason != app.why && app.state != "waiting" {
        add("", &app.health.reason);
    }
    for note in app.wants.iter().flat_map(|wants| &wants.notes) {
        add("note: ", note);
    }
    for diagnostic in app.diagnostics.iter().filter(|d| !app.why.contains(&d.message)) {
        add("", &diagnostic.to_string());
    }
    add("what to do: ", &app.hint);
    text
}
