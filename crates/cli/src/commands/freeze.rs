//! `trueup freeze` and `trueup unfreeze`.

use trueup_api::Request;
use trueup_model::app::Duration;

use super::{Exit, duration, from_now, report};
use crate::error::CliError;
use crate::output::Output;
use crate::{Global, state};

/// Arguments of `freeze`.
#[derive(clap::Args)]
pub struct Args {
    /// For how long [default: until `trueup unfreeze`]
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    for_: Option<Duration>,
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT")]
    why: String,
}

/// Freezes the whole installation.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let until = args.for_.map(from_now);
    let request = Request::Freeze { until, why: args.why, by: state::person() };
    report(&state::ask(global, request).await?, output)
}

/// Lets it go again.
pub async fn unfreeze(global: &Global, output: &Output) -> Result<Exit, CliError> {
    report(&state::ask(global, Request::Unfreeze { by: state::person() }).await?, output)
}
