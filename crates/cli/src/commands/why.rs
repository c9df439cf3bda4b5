//! `trueup why`.

use trueup_api::{Reply, Request};
use trueup_model::AppName;

use super::{Exit, app_name, the_app};
use crate::error::CliError;
use crate::output::Output;
use crate::{Global, state, text};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The app; may be left out where there is only one
    #[arg(value_parser = app_name)]
    app: Option<AppName>,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let app = the_app(args.app, global).await?;
    match state::ask(global, Request::Why { app }).await? {
        Reply::Why(report) => {
            output.print(&report, || text::why::report(&report, output))?;
            Ok(Exit::Done)
        }
        _ => Err(CliError::new("the controller did not say why")),
    }
}
