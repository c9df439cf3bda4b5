//! `trueup apply`.

use std::path::PathBuf;

use trueup_api::{PlanReport, Reply, Request};
use trueup_model::Plan;

use super::subject::{self, Named, Where};
use super::{Exit, report};
use crate::error::CliError;
use crate::output::Output;
use crate::state::{self, State};
use crate::{Global, client, place, text};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// A repository, or the name of an app; may be left out where there is only one app
    #[arg(value_name = "REPO|APP")]
    what: Option<String>,
    #[command(flatten)]
    place: Where,
    /// Carry out this plan, as `trueup plan --out` wrote it; refused if it is another one by now
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Carry out the plan with this digest (at least 6 digits); refused if it is another one by now
    #[arg(long, value_name = "DIGEST", conflicts_with = "plan")]
    digest: Option<String>,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let planned = args.plan.as_deref().map(read_plan).transpose()?;
    let (app, digest) = match &planned {
        Some(plan) => (Some(plan.app.clone()), Some(plan.digest.hex())),
        None => (None, args.digest.clone()),
    };
    let named = match (app, &args.what) {
        (Some(app), None) => Named::App(app),
        (_, what) => subject::understand(what.as_deref(), &args.place, global).await?,
    };
    let reply = match named {
        Named::App(app) => {
            state::ask(global, Request::Apply { app, digest, by: state::person() }).await?
        }
        Named::Root(root) => apply_root(&root, digest, global).await?,
    };
    if let (Some(before), Reply::Changed(now)) = (&planned, &reply)
        && let Some(now) = &now.plan
    {
        output.note(&text::plan::what_changed(before, now));
    }
    report(&reply, output)
}

/// Only the digest is taken from a plan file: its content is rendered again from the commit.
fn read_plan(file: &std::path::Path) -> Result<Plan, CliError> {
    let wrong = |why: String| CliError::new(format!("{} is not a plan: {why}", file.display()));
    let text = std::fs::read_to_string(file)
        .map_err(|error| CliError::new(format!("{} cannot be read: {error}", file.display())))?;
    let report: PlanReport =
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    report.plan.ok_or_else(|| wrong("it holds none".to_owned()))
}

async fn apply_root(
    root: &trueup_controller::Root,
    digest: Option<String>,
    global: &Global,
) -> Result<Reply, CliError> {
    let folder = place::state_folder(global)?;
    let ping = Request::Status { app: None };
    if client::ask(&place::socket(&folder), &ping).await?.is_some() {
        return Err(CliError::new(
            "a controller runs on this state: it applies what it was started with",
        )
        .hint("name the app in place of the repository, or use another --state folder"));
    }
    let state = State::open(global).await?;
    let operator = state.operator().await?;
    let mut subjects = subject::subjects(root, &state).await?;
    let [subject] = subjects.as_mut_slice() else {
        return Err(
            CliError::new("this folder declares several apps").hint("use `trueup run --once`")
        );
    };
    let app = subject.name.clone();
    operator.subjects.write().await.insert(app.clone(), subject.clone());
    let request = Request::Apply { app, digest, by: state::person() };
    Ok(operator.answer(request).await)
}
