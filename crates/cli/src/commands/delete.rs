//! `trueup delete`.

use std::io::{IsTerminal as _, Write as _};

use trueup_api::Request;
use trueup_model::AppName;

use super::{Exit, app_name, report};
use crate::error::CliError;
use crate::output::Output;
use crate::{Global, state};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The app
    #[arg(value_parser = app_name)]
    app: AppName,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Forget the app and leave what it owns as it is
    #[arg(long)]
    keep: bool,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    if !args.yes && !confirmed(&args)? {
        return Ok(Exit::Failed);
    }
    let request = Request::Delete { app: args.app, keep: args.keep, by: state::person() };
    report(&state::ask(global, request).await?, output)
}

fn confirmed(args: &Args) -> Result<bool, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::new(format!("deleting {} needs a yes", args.app)).hint("add --yes"));
    }
    let what = if args.keep { "and leave everything it owns" } else { "and EVERYTHING IT OWNS" };
    eprint!("Delete {} {what}? Type its name: ", args.app);
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == args.app.as_str())
}
