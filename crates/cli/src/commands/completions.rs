//! `trueup completions`.

use clap_complete::Shell;

use super::Exit;
use crate::error::CliError;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// For which shell
    shell: Shell,
}

/// Carries it out.
pub fn run(args: Args) -> Result<Exit, CliError> {
    let mut command = crate::command_line();
    clap_complete::generate(args.shell, &mut command, "trueup", &mut std::io::stdout());
    Ok(Exit::Done)
}
