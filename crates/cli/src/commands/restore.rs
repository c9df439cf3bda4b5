//! `trueup restore`.

use std::path::PathBuf;

use super::Exit;
use crate::error::CliError;
use crate::output::Output;
use crate::{Global, place};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The file that `trueup backup` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Carries it out.
pub fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let folder = place::state_folder(global)?;
    trueup_store::restore(&args.file, &folder).map_err(|error| CliError::of(&error))?;
    output.done(&format!("{} is restored", folder.display()))?;
    output.note("what the world did since is not known: look with `trueup plan APP`, then `trueup accept APP`");
    Ok(Exit::Done)
}
