//! `trueup backup`.

use std::path::PathBuf;

use trueup_store::BackupKey;

use super::Exit;
use crate::Global;
use crate::error::CliError;
use crate::output::Output;
use crate::state::State;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The file to write
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Leave the installation's secret key out: it is kept elsewhere
    #[arg(long)]
    without_key: bool,
}

/// Carries it out. A running controller need not be stopped.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let state = State::open_read_only(global).await?;
    let key = if args.without_key { BackupKey::LeftOut } else { BackupKey::Included };
    state.store().backup(&args.file, key).await?;
    output
        .done(&format!("{} holds the records, the ledger and the contents", args.file.display()))?;
    if !args.without_key {
        output.note(
            "it also holds the installation's secret key: keep it as secret as the state itself",
        );
    }
    Ok(Exit::Done)
}
