//! `trueup accept`.

use trueup_api::Request;
use trueup_model::AppName;

use super::{Exit, app_name, report, the_app};
use crate::error::CliError;
use crate::output::Output;
use crate::{Global, state};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The app; may be left out where there is only one
    #[arg(value_parser = app_name, conflicts_with = "leaving")]
    app: Option<AppName>,
    /// All apps that left Git at once and wait for consent
    #[arg(long)]
    leaving: bool,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    if args.leaving {
        let request = Request::AcceptLeaving { by: state::person() };
        return report(&state::ask(global, request).await?, output);
    }
    let app = the_app(args.app, global).await?;
    let request = Request::Accept { app, by: state::person() };
    report(&state::ask(global, request).await?, output)
}
