//! `trueup helm lint`.

use std::fmt::Write as _;

use serde::Serialize;
use trueup_helm::lint::{Lint, lint};
use trueup_helm::template::{Arguments, prepare};

use super::with_surroundings;
use crate::Global;
use crate::commands::Exit;
use crate::error::CliError;
use crate::output::Output;

/// What is printed for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    api_version: &'static str,
    kind: &'static str,
    chart: &'a str,
    #[serde(flatten)]
    lint: &'a Lint,
}

/// Carries it out.
pub fn run(arguments: &Arguments, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let [chart] = arguments.positional.as_slice() else {
        return Err(CliError::new("one chart is looked at").hint("trueup helm lint CHART [flags]"));
    };
    let found = with_surroundings(arguments, global, |surroundings| {
        let prepared = prepare(arguments, surroundings)?;
        let (chart, values) = (&prepared.chart, &prepared.values);
        let mut release = prepared.release;
        release.name = "test-release".to_owned();
        Ok(lint(chart, values, &prepared.capabilities, &release, &prepared.options))
    })?;
    let found = found.map_err(|message: String| CliError::new(message))?;
    let (api_version, kind) = ("trueup.dev/v1", "ChartLint");
    output.print(&Report { api_version, kind, chart, lint: &found }, || text(&found))?;
    Ok(if found.failed() { Exit::Failed } else { Exit::Done })
}

fn text(lint: &Lint) -> String {
    let mut text = String::new();
    for diagnostic in &lint.diagnostics {
        let _ = writeln!(text, "{diagnostic}");
    }
    if !lint.random.is_empty() {
        text.push_str("drawn at random, and kept by TrueUp (anew with `trueup rotate`):\n");
    }
    for random in &lint.random {
        let fields = random.fields.join(" ");
        let _ = writeln!(text, "  {}/{} {fields}  ({})", random.kind, random.name, random.template);
    }
    if text.is_empty() {
        text.push_str("nothing is wrong with it\n");
    }
    text
}
