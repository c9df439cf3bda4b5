//! The ledger's entries.

use trueup_api::HistoryList;
use trueup_model::{EventResult, LedgerEntry, LedgerKind};

use super::{plan, time};
use crate::output::{Output, Paint};

/// A table, the newest first.
pub fn list(list: &HistoryList, output: &Output) -> String {
    if list.entries.is_empty() {
        return "nothing happened yet\n".to_owned();
    }
    list.entries
        .iter()
        .map(|entry| {
            let commit = entry.revision.as_ref().map(|r| r.short().to_owned()).unwrap_or_default();
            format!(
                "{}  {}  {:7}  {}{}\n",
                output.paint(Paint::Dim, &time::moment(entry.at)),
                entry.app,
                commit,
                output.paint(paint(entry.kind), &entry.message),
                by(entry)
            )
        })
        .collect()
}

/// Entries in full.
pub fn entries(entries: &[LedgerEntry], output: &Output) -> String {
    let mut text = String::new();
    for entry in entries {
        text.push_str(&format!(
            "{} {} #{}  {}{}\n",
            output.paint(Paint::Dim, &time::moment(entry.at)),
            output.paint(Paint::Bold, entry.app.as_str()),
            entry.seq,
            entry.message,
            by(entry)
        ));
        if let Some(planned) = &entry.planned {
            text.push_str(&plan::plan(planned, output));
        }
        for action in &entry.actions {
            text.push_str(&plan::action(action, output));
        }
        for event in &entry.events {
            text.push_str(&format!(
                "  {} {}: {}\n",
                event.verb.as_str(),
                event.id,
                came_of(&event.result)
            ));
        }
    }
    text
}

/// One entry, as a line of a log.
pub fn line(entry: &LedgerEntry, output: &Output) -> String {
    format!(
        "{} {} {}{}",
        output.paint(Paint::Dim, &time::clock(entry.at)),
        output.paint(Paint::Bold, entry.app.as_str()),
        output.paint(paint(entry.kind), &entry.message),
        by(entry)
    )
}

fn by(entry: &LedgerEntry) -> String {
    if entry.by.is_empty() { String::new() } else { format!(" (by {})", entry.by) }
}

fn paint(kind: LedgerKind) -> Paint {
    match kind {
        LedgerKind::Planned | LedgerKind::Executed => Paint::Dim,
        LedgerKind::Degraded | LedgerKind::Refused => Paint::Bad,
        LedgerKind::Drifted
        | LedgerKind::Held
        | LedgerKind::RolledBack
        | LedgerKind::Reverted
        | LedgerKind::Pinned
        | LedgerKind::Paused
        | LedgerKind::Frozen
        | LedgerKind::Left
        | LedgerKind::Deleted => Paint::Warn,
        LedgerKind::Applied
        | LedgerKind::Healthy
        | LedgerKind::Released
        | LedgerKind::Unfrozen
        | LedgerKind::Approved
        | LedgerKind::Accepted
        | LedgerKind::Rotated
        | LedgerKind::Completed
        | LedgerKind::Returned
        | LedgerKind::Renamed
        | LedgerKind::Restored => Paint::Good,
    }
}

fn came_of(result: &EventResult) -> String {
    match result {
        EventResult::Done { note: Some(note), .. } => format!("done ({note})"),
        EventResult::Done { .. } => "done".to_owned(),
        EventResult::Deleting => "is being deleted".to_owned(),
        EventResult::Completed { .. } => "ran to its end".to_owned(),
        EventResult::Moved(why) => format!("not done: {why}"),
        EventResult::Failed { message, .. } => format!("failed: {message}"),
    }
}
