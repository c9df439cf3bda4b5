//! `trueup helm explain`.

use std::fmt::Write as _;

use serde::Serialize;
use trueup_helm::explain::{Explanation, explain};
use trueup_helm::render;
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
    manifests: &'a [Explanation],
}

/// Carries it out.
pub fn run(mut arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let usage = "trueup helm explain [NAME] CHART KIND/NAME [flags]";
    let wrong = |message: &str| CliError::new(message.to_owned()).hint(usage);
    let wanted = arguments.positional.pop().unwrap_or_default();
    if arguments.positional.is_empty() {
        return Err(wrong("a chart and a manifest are wanted"));
    }
    let (kind, name) = wanted.split_once('/').ok_or_else(|| wrong("a manifest is KIND/NAME"))?;
    let arguments = &arguments;
    let found = with_surroundings(arguments, global, |surroundings| {
        let mut prepared = prepare(arguments, surroundings)?;
        prepared.options.trace = true;
        let (chart, values) = (&prepared.chart, &prepared.values);
        render(chart, values, &prepared.capabilities, &prepared.release, &prepared.options)
            .map(|rendered| explain(&rendered, kind, name))
            .map_err(|error| error.to_string())
    })?;
    let manifests = found.map_err(|message: String| CliError::new(message))?;
    if manifests.is_empty() {
        let message = format!("this chart renders no {wanted} with these values");
        return Err(CliError::new(message).hint("trueup helm template shows what it renders"));
    }
    let report =
        Report { api_version: "trueup.dev/v1", kind: "ChartExplanation", manifests: &manifests };
    output.print(&report, || manifests.iter().map(text).collect())?;
    Ok(Exit::Done)
}

fn text(manifest: &Explanation) -> String {
    let hook = if manifest.hook { " (a hook)" } else { "" };
    let mut text = format!(
        "{}/{}{hook}\n  {}:{}\n",
        manifest.kind, manifest.name, manifest.template, manifest.line
    );
    if !manifest.values.is_empty() {
        text.push_str("  values that this template reads:\n");
    }
    for value in &manifest.values {
        let _ = writeln!(text, "    {value}");
    }
    text
}
