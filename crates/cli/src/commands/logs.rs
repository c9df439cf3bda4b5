//! `trueup logs`.

use std::io::Write as _;

use futures::StreamExt as _;
use trueup_model::{AppName, ResourceId, kinds};

use super::{Exit, app_name, the_app};
use crate::Global;
use crate::error::CliError;
use crate::state::State;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Which one: its name, or Kind/name (Process, Task, Timer)
    name: String,
    /// The app; may be left out where there is only one
    #[arg(long, value_parser = app_name)]
    app: Option<AppName>,
    /// Go on with what comes
    #[arg(short, long)]
    follow: bool,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global) -> Result<Exit, CliError> {
    let app = the_app(args.app, global).await?;
    let (kind, name) = args.name.split_once('/').unwrap_or(("Process", &args.name));
    let id = ResourceId::new(kinds::HOST_GROUP, kind, "", name);
    let state = State::open_read_only(global).await?;
    let log = state.host()?.logs(&app, &id, args.follow);
    let mut log = log.map_err(|error| CliError::of(&error))?;
    while let Some(part) = log.next().await {
        let mut out = std::io::stdout().lock();
        match out.write_all(&part).and_then(|()| out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => break,
            other => other?,
        }
    }
    Ok(Exit::Done)
}
