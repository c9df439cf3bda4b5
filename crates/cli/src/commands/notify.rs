//! `trueup notify`.

use trueup_controller::notify::{Notifier, Occasion};

use super::Exit;
use crate::Global;
use crate::error::CliError;
use crate::output::Output;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Send an example to a sink of the configuration, and say what came of it
    Test {
        /// Its name
        #[arg(value_name = "SINK")]
        sink: String,
    },
}

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let Command::Test { sink } = args.command;
    let settings = &global.config()?.notifications;
    let notifier = Notifier::new(settings).map_err(|error| CliError::of(&error))?;
    let example = Occasion::example(jiff::Timestamp::now());
    match notifier.test(&sink, &example).await {
        Some(Ok(())) => {
            let said = serde_json::json!({ "apiVersion": trueup_api::VERSION, "sink": sink, "sent": true });
            output.print(&said, || format!("an example was sent to {sink}\n"))?;
            Ok(Exit::Done)
        }
        Some(Err(error)) => Err(CliError::new(format!("{sink}: {error}"))),
        None => {
            let names = notifier.names();
            let error =
                CliError::new(format!("there is no sink `{sink}` in `notifications.sinks`"));
            Err(match names.is_empty() {
                true => error.hint("none is configured: docs/notifications.md shows how"),
                false => error.hint(format!("there are: {}", names.join(", "))),
            })
        }
    }
}
