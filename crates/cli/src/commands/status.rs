//! `trueup status`.

use trueup_api::Request;
use trueup_model::AppName;

use super::{Exit, app_name, report};
use crate::error::CliError;
use crate::output::Output;
use crate::{Global, state};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Only this app
    #[arg(value_parser = app_name)]
    app: Option<AppName>,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let reply = state::ask(global, Request::Status { app: args.app }).await?;
    report(&reply, output)?;
    Ok(Exit::Done)
}
