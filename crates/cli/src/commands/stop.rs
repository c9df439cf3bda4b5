//! `trueup stop`.

use trueup_api::Request;

use super::Exit;
use crate::error::CliError;
use crate::output::Output;
use crate::state::State;
use crate::{Global, client, place};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// End the controller only; the processes go on
    #[arg(long)]
    keep_processes: bool,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let folder = place::state_folder(global)?;
    let request = Request::Stop { processes: !args.keep_processes };
    let ran = client::ask(&place::socket(&folder), &request).await?.is_some();
    if !args.keep_processes {
        let state = open_when_free(global).await?;
        state.host()?.stop_all().await.map_err(|error| CliError::of(&error))?;
    }
    let controller = if ran { "the controller ends" } else { "no controller runs" };
    let processes = if args.keep_processes { "go on" } else { "are stopped" };
    output.done(&format!("{controller}; the processes {processes}"))?;
    Ok(Exit::Done)
}

/// A controller that was told to end holds its state for a moment longer.
async fn open_when_free(global: &Global) -> Result<std::sync::Arc<State>, CliError> {
    let mut tries = 0;
    loop {
        match State::open(global).await {
            Err(_) if tries < 100 => tries += 1,
            other => return other,
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
