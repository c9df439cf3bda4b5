//! `trueup show`.

use trueup_api::{Reply, Request};
use trueup_model::LedgerEntry;

use super::Exit;
use crate::error::CliError;
use crate::output::Output;
use crate::{Global, state, text};

/// How far back is looked.
const ENTRIES_MAX: usize = 100_000;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// A commit, or the digest of a plan or of a rendered set; its beginning is enough
    what: String,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let request = Request::History { app: None, limit: ENTRIES_MAX };
    let Reply::History(list) = state::ask(global, request).await? else {
        return Err(CliError::new("the controller did not tell its history"));
    };
    let what = args.what.trim_start_matches("sha256:");
    let found: Vec<LedgerEntry> =
        list.entries.into_iter().filter(|entry| concerns(entry, what)).collect();
    if found.is_empty() {
        return Err(CliError::new(format!("nothing in the history concerns {}", args.what))
            .hint("trueup history lists what there is"));
    }
    output.print(&found, || text::history::entries(&found, output))?;
    Ok(Exit::Done)
}

fn concerns(entry: &LedgerEntry, what: &str) -> bool {
    let digest = |digest: &Option<trueup_model::Digest>| {
        digest.as_ref().is_some_and(|digest| digest.hex().starts_with(what))
    };
    let commit = entry.revision.as_ref().is_some_and(|r| r.commit.starts_with(what));
    commit || digest(&entry.plan) || digest(&entry.rendered)
}
