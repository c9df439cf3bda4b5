//! Plans, for a terminal and for a pull request.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use trueup_api::PlanReport;
use trueup_model::plan::{Action, Plan, Skip, SkipKind, Verb};
use trueup_model::{FieldChange, FieldValue};

use crate::commands::diff::ResourceDiff;
use crate::output::{Output, Paint};

/// A plan with what is wrong with what it was made of.
pub fn report(report: &PlanReport, output: &Output) -> String {
    let mut text = String::new();
    for diagnostic in &report.diagnostics {
        let paint = if diagnostic.is_error() { Paint::Bad } else { Paint::Warn };
        text.push_str(&output.paint(paint, &format!("{diagnostic}")));
        text.push('\n');
    }
    match &report.plan {
        Some(one) => text.push_str(&plan(one, output)),
        None => text.push_str(&format!("{}: {}\n", report.status.app, report.status.why)),
    }
    if report.plan.is_some()
        && !matches!(report.status.state.as_str(), "healthy" | "waiting" | "drifted")
    {
        text.push_str(&super::status::line(&report.status, output));
        text.push('\n');
    }
    text
}

/// What a plan that is made now does otherwise than one that was looked at before.
pub fn what_changed(before: &Plan, now: &Plan) -> String {
    let same = |a: &Action, b: &Action| {
        (a.verb, &a.id, a.content_digest, &a.changes)
            == (b.verb, &b.id, b.content_digest, &b.changes)
    };
    let only_in = |these: &Plan, others: &Plan, word: &str| -> Vec<String> {
        let new = these.actions.iter().filter(|a| !others.actions.iter().any(|b| same(a, b)));
        new.map(|a| format!("  {word} {} {} ({})", a.verb.as_str(), a.id, a.reason)).collect()
    };
    let mut lines = vec![format!("since the plan {} was made:", before.digest.short())];
    if before.revision.commit != now.revision.commit {
        let (was, is) = (before.revision.short(), now.revision.short());
        lines.push(format!("  Git says {is} and not {was} any more"));
    }
    if before.target != now.target {
        lines.push("  it is for another target".to_owned());
    }
    lines.extend(only_in(before, now, "not any more:"));
    lines.extend(only_in(now, before, "new:"));
    lines.join("\n")
}

/// A plan.
pub fn plan(plan: &Plan, output: &Output) -> String {
    let mut text = format!(
        "{} {} at {} {}\n",
        output.paint(Paint::Bold, &format!("Plan {}", plan.digest.short())),
        plan.app,
        plan.revision.short(),
        output.paint(Paint::Dim, &plan.revision.subject)
    );
    let mut stage = None;
    for one in &plan.actions {
        if stage != Some(one.stage) && plan.actions.iter().any(|other| other.stage != one.stage) {
            text.push_str(&output.paint(Paint::Dim, &format!("  stage {}\n", one.stage + 1)));
        }
        stage = Some(one.stage);
        text.push_str(&action(one, output));
    }
    for skip in plan.skips.iter().filter(|skip| skip.kind != SkipKind::Unchanged) {
        text.push_str(&skipped(skip, output));
    }
    for consent in &plan.consents {
        text.push_str(&output.paint(Paint::Bad, &format!("  needs consent: {}\n", consent.what)));
    }
    text.push_str(&format!("  {}\n", summary(plan)));
    text
}

/// One thing to do.
pub fn action(action: &Action, output: &Output) -> String {
    let (sign, paint) = match action.verb {
        Verb::Create => ("+", Paint::Good),
        Verb::Patch | Verb::Repair => ("~", Paint::Warn),
        Verb::Replace => ("±", Paint::Bad),
        Verb::Adopt => (">", Paint::Warn),
        Verb::Delete => ("-", Paint::Bad),
    };
    let head = output.paint(paint, &format!("{sign} {} {}", action.verb.as_str(), action.id));
    let place = action.declared_at.as_ref().map(|at| format!("  {at}")).unwrap_or_default();
    let mut text = format!("  {head}  {}{}\n", action.reason, output.paint(Paint::Dim, &place));
    text.push_str(&fields(&action.changes, output));
    if let Some(why) = &action.unpredicted {
        text.push_str(&format!("      cannot be predicted yet: {why}\n"));
    }
    for taken in &action.takes {
        text.push_str(&format!("      takes {} from {}\n", taken.path, taken.manager));
    }
    text
}

fn skipped(skip: &Skip, output: &Output) -> String {
    let (word, paint) = match skip.kind {
        SkipKind::Blocked => ("blocked", Paint::Bad),
        SkipKind::NotOurs => ("not ours", Paint::Bad),
        SkipKind::Waiting => ("waits", Paint::Warn),
        SkipKind::Reported => ("drifted", Paint::Warn),
        SkipKind::Excluded => ("left alone", Paint::Dim),
        SkipKind::Completed => ("ran already", Paint::Dim),
        SkipKind::Unchanged => ("unchanged", Paint::Dim),
    };
    let head = output.paint(paint, &format!("  {word}"));
    format!("{head} {}: {}\n{}", skip.id, skip.why, fields(&skip.changes, output))
}

/// In a line: how much of what.
pub fn summary(plan: &Plan) -> String {
    let count = |verb| plan.actions.iter().filter(|action| action.verb == verb).count();
    let mut parts: Vec<String> =
        [Verb::Create, Verb::Patch, Verb::Replace, Verb::Adopt, Verb::Repair, Verb::Delete]
            .into_iter()
            .map(|verb| (count(verb), verb))
            .filter(|(count, _)| *count > 0)
            .map(|(count, verb)| format!("{count} to {}", verb.as_str()))
            .collect();
    let unchanged = plan.skips.iter().filter(|skip| skip.kind == SkipKind::Unchanged).count();
    if unchanged > 0 {
        parts.push(format!("{unchanged} unchanged"));
    }
    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
}

fn fields(changes: &[FieldChange], output: &Output) -> String {
    changes.iter().map(|change| field(change, output)).collect()
}

fn field(change: &FieldChange, output: &Output) -> String {
    if let (FieldValue::Plain(Value::String(old)), FieldValue::Plain(Value::String(new))) =
        (&change.old, &change.new)
        && (old.contains('\n') || new.contains('\n'))
    {
        return format!("      {}\n{}", change.path, lines(old, new, output));
    }
    let old = output.paint(Paint::Bad, &value(&change.old));
    let new = output.paint(Paint::Good, &value(&change.new));
    format!("      {}  {old} → {new}\n", change.path)
}

/// Texts of several lines, as a difference of lines.
fn lines(old: &str, new: &str, output: &Output) -> String {
    let diff = TextDiff::from_lines(old, new);
    let mut text = String::new();
    for group in diff.grouped_ops(2) {
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (sign, paint) = match change.tag() {
                ChangeTag::Delete => ("-", Paint::Bad),
                ChangeTag::Insert => ("+", Paint::Good),
                ChangeTag::Equal => (" ", Paint::Dim),
            };
            let line = format!("{sign} {}", change.value().trim_end_matches('\n'));
            text.push_str(&format!("        {}\n", output.paint(paint, &line)));
        }
    }
    text
}

/// Longest value that is shown whole.
const VALUE_MAX: usize = 120;

fn value(value: &FieldValue) -> String {
    match value {
        FieldValue::Absent => "(none)".to_owned(),
        FieldValue::Secret(name) => name.clone(),
        FieldValue::Plain(value) => {
            let text = value.to_string();
            match text.char_indices().nth(VALUE_MAX) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}

/// What differs between two commits.
pub fn resource_diffs(diffs: &[ResourceDiff], output: &Output) -> String {
    if diffs.is_empty() {
        return "nothing differs\n".to_owned();
    }
    let mut text = String::new();
    for diff in diffs {
        let (sign, paint) = match diff.declared {
            [false, _] => ("+", Paint::Good),
            [_, false] => ("-", Paint::Bad),
            [true, true] => ("~", Paint::Warn),
        };
        text.push_str(&output.paint(paint, &format!("{sign} {} {}\n", diff.app, diff.id)));
        if diff.declared == [true, true] {
            text.push_str(&fields(&diff.changes, output));
        }
    }
    text
}

/// A plan for a pull request.
pub fn markdown(report: &PlanReport) -> String {
    let mut text = String::new();
    for diagnostic in &report.diagnostics {
        let sign = if diagnostic.is_error() { "**error**" } else { "warning" };
        text.push_str(&format!("- {sign}: {diagnostic}\n"));
    }
    let Some(plan) = &report.plan else {
        text.push_str(&format!("{}: {}\n", report.status.app, report.status.why));
        return text;
    };
    text.push_str(&format!(
        "### `{}` at `{}`: {}\n\n",
        plan.app,
        plan.revision.short(),
        summary(plan)
    ));
    if !plan.actions.is_empty() {
        text.push_str("| | resource | why |\n|---|---|---|\n");
    }
    for action in &plan.actions {
        text.push_str(&format!(
            "| {} | `{}` | {} |\n",
            action.verb.as_str(),
            action.id,
            cell(&action.reason)
        ));
    }
    for action in plan.actions.iter().filter(|action| !action.changes.is_empty()) {
        text.push_str(&format!(
            "\n<details><summary><code>{}</code></summary>\n\n```diff\n",
            action.id
        ));
        for change in &action.changes {
            text.push_str(&format!("  {}\n", change.path));
            text.push_str(&prefixed('-', &value(&change.old)));
            text.push_str(&prefixed('+', &value(&change.new)));
        }
        text.push_str("```\n</details>\n");
    }
    let blocked = |skip: &&Skip| !matches!(skip.kind, SkipKind::Unchanged | SkipKind::Completed);
    for skip in plan.skips.iter().filter(blocked) {
        text.push_str(&format!("\n- `{}`: {}", skip.id, skip.why));
    }
    text.push_str(&format!("\n\nPlan `{}`\n", plan.digest.short()));
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn prefixed(sign: char, text: &str) -> String {
    text.lines().map(|line| format!("{sign} {line}\n")).collect()
}
