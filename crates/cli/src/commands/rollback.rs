//! `trueup rollback`.

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
    /// Where to: a commit, or the digest of a rendered set [default: the healthy state before the present one]
    #[arg(long, value_name = "REVISION|DIGEST")]
    to: Option<String>,
    /// How long to stay there [default: until `trueup release`]
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    for_: Option<Duration>,
    /// Until when to stay there (RFC 3339)
    #[arg(long, value_name = "TIME", conflicts_with = "for_")]
    until: Option<jiff::Timestamp>,
    /// Why, for the history
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let app = the_app(args.app, global).await?;
    let until = args.until.or(args.for_.map(from_now));
    let request = Request::Rollback { app, to: args.to, until, why: args.why, by: state::person() };
    report(&state::ask(global, request).await?, output)
}
