//! `trueup plan`.

use std::path::PathBuf;

use trueup_api::{PlanReport, Reply, Request};
use trueup_controller::operate;

use super::Exit;
use super::subject::{self, Named, Where};
use crate::error::CliError;
use crate::output::{Format, Output};
use crate::state::{self, State};
use crate::{Global, text};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// A repository, or the name of an app; may be left out where there is only one app
    #[arg(value_name = "REPO|APP")]
    what: Option<String>,
    #[command(flatten)]
    place: Where,
    /// At this commit in place of what the reference says
    #[arg(long, value_name = "COMMIT")]
    revision: Option<String>,
    /// Write the plan to a file, for `trueup apply --plan`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let reports = match subject::understand(args.what.as_deref(), &args.place, global).await? {
        Named::App(app) => vec![of_app(app, args.revision, global).await?],
        Named::Root(root) => of_root(&root, args.revision, global).await?,
    };
    if let Some(file) = &args.out {
        save(file, &reports)?;
    }
    print(&reports, output)?;
    Ok(exit(&reports))
}

/// Prints one plan as it is, and several as a list.
fn print(reports: &[PlanReport], output: &Output) -> Result<(), CliError> {
    let text = |report: &PlanReport| match output.format() {
        Format::Markdown => text::plan::markdown(report),
        _ => text::plan::report(report, output),
    };
    match reports {
        [only] => output.print(only, || text(only)),
        all => output.print(&all, || all.iter().map(text).collect()),
    }
}

async fn of_app(
    app: trueup_model::AppName,
    revision: Option<String>,
    global: &Global,
) -> Result<PlanReport, CliError> {
    match state::ask(global, Request::Plan { app, revision }).await? {
        Reply::Plan(report) => Ok(*report),
        _ => Err(CliError::new("the controller did not answer with a plan")),
    }
}

async fn of_root(
    root: &trueup_controller::Root,
    revision: Option<String>,
    global: &Global,
) -> Result<Vec<PlanReport>, CliError> {
    use trueup_controller::Worlds as _;
    let state = match State::open_read_only(global).await {
        Ok(state) => state,
        Err(_) => State::open(global).await?,
    };
    let mut reports = Vec::new();
    for mut subject in subject::subjects(root, &state).await? {
        subject.revision.clone_from(&revision);
        let world = state.world(&subject.declaration)?;
        reports.push(operate::report(&trueup_engine::preview(&subject, &world).await?));
    }
    Ok(reports)
}

fn save(file: &std::path::Path, reports: &[PlanReport]) -> Result<(), CliError> {
    let [report] = reports else {
        return Err(CliError::new("--out takes the plan of one app").hint("name the app"));
    };
    std::fs::write(file, serde_json::to_string_pretty(report)? + "\n")
        .map_err(|error| CliError::new(format!("{} cannot be written: {error}", file.display())))
}

/// 0 nothing to do, 2 changes, 1 error.
pub fn exit(reports: &[PlanReport]) -> Exit {
    let unreadable = |report: &PlanReport| {
        report.plan.is_none() || report.diagnostics.iter().any(trueup_model::Diagnostic::is_error)
    };
    if reports.iter().any(unreadable) {
        Exit::Failed
    } else if reports.iter().flat_map(|report| &report.plan).all(trueup_model::Plan::is_empty) {
        Exit::Done
    } else {
        Exit::Changes
    }
}
