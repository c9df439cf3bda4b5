//! `trueup`: keeps running systems true to Git. One file a command, in [`commands`].

mod client;
mod commands;
mod config;
mod disk;
mod error;
mod offline;
mod output;
mod place;
mod state;
mod telemetry;
mod text;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};

use crate::commands::Command;
use crate::output::Output;

/// Keeps running systems true to Git, on one machine or on Kubernetes
#[derive(Parser)]
#[command(name = "trueup", version, propagate_version = true, subcommand_required = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes
#[derive(clap::Args, Clone, Debug)]
pub struct Global {
    #[command(flatten)]
    given: config::Given,
    /// What was read of it.
    #[arg(skip)]
    loaded: std::sync::OnceLock<config::Loaded>,
    /// How to print
    #[arg(
        short = 'o',
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "text|json|yaml"
    )]
    output: output::Format,
}

impl Global {
    /// The configuration, read when it is first asked for: commands that need none do without.
    pub fn loaded(&self) -> Result<&config::Loaded, error::CliError> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let loaded = self.given.load()?;
        Ok(self.loaded.get_or_init(|| loaded))
    }

    /// What the configuration says.
    pub fn config(&self) -> Result<&config::Config, error::CliError> {
        Ok(&self.loaded()?.config)
    }
}

fn main() -> ExitCode {
    if let Some(code) = trueup_host::shim_of_this_process() {
        return code;
    }
    let cli = Cli::parse();
    let output = Output::new(cli.global.output);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&error::CliError::from(error));
            return ExitCode::from(1);
        }
    };
    match runtime.block_on(commands::run(cli.command, &cli.global, &output)) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) => {
            output.error(&error);
            ExitCode::from(1)
        }
    }
}

/// The whole command line, for completions.
pub fn command_line() -> clap::Command {
    Cli::command()
}
