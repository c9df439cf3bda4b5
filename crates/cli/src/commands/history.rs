//! `trueup history`.

use serde::Serialize;
use trueup_api::Request;
use trueup_model::AppName;

use super::{Exit, app_name, report};
use crate::Global;
use crate::error::CliError;
use crate::output::Output;
use crate::state::{self, State};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Only of this app
    #[arg(value_parser = app_name)]
    app: Option<AppName>,
    /// At most so many entries, the newest
    #[arg(long, default_value_t = 30, value_name = "N")]
    limit: usize,
    /// Check that no entry was changed, removed or put in between
    #[arg(long)]
    verify: bool,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    if args.verify {
        return verify(args, global, output).await;
    }
    let reply = state::ask(global, Request::History { app: args.app, limit: args.limit }).await?;
    report(&reply, output)
}

#[derive(Serialize)]
struct Verdict {
    app: AppName,
    whole: bool,
    says: String,
}

async fn verify(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let state = State::open_read_only(global).await?;
    let apps = match args.app {
        Some(app) => vec![app],
        None => state.store().ledgers().await?,
    };
    let mut verdicts = Vec::new();
    for app in apps {
        let report = state.store().verify(&app).await?;
        let says = match &report.fault {
            None => format!(
                "whole: {} entries, {} signed checkpoints",
                report.entries, report.checkpoints
            ),
            Some(fault) => fault.to_string(),
        };
        verdicts.push(Verdict { whole: report.fault.is_none(), says, app });
    }
    output.print(&verdicts, || {
        verdicts.iter().map(|verdict| format!("{}: {}\n", verdict.app, verdict.says)).collect()
    })?;
    Ok(if verdicts.iter().all(|verdict| verdict.whole) { Exit::Done } else { Exit::Failed })
}
