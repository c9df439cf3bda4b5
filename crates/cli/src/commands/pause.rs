//! `trueup pause`.

use trueup_api::Request;
use trueup_model::{AppName, app::Duration};

use super::{Exit, app_name, duration, from_now, report, the_app};
use crate::error::CliError;
use crate::output::Output;
use crate::{Global, state};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The app; may be left out where there is only one
    #[arg(value_parser = app_name)]
    app: Option<AppName>,
    /// For how long; it ends by itself
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, default_value = "30m")]
    for_: Duration,
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT")]
    why: String,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let app = the_app(args.app, global).await?;
    let until = from_now(args.for_);
    let request = Request::Pause { app, until, why: args.why, by: state::person() };
    report(&state::ask(global, request).await?, output)
}
