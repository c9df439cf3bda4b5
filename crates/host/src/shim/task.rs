//! Runs a task once, and leaves behind what came of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use trueup_model::host::TaskSpec;

use super::announce::{Announcer, last_words};
use super::children::Surroundings;
use super::once::Run;
use super::output::Output;
use super::protocol::{Launch, Phase, Report, Request, Status};
use super::serve::{Asked, report_of};
use super::signals::Signals;
use crate::place::write_durably;

/// How long a task or a timer's run may take where its document does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// Runs a task to its end.
pub async fn run(
    launch: Launch,
    spec: TaskSpec,
    notes: Vec<String>,
    reports: watch::Sender<Arc<Report>>,
    mut asked: mpsc::Receiver<Asked>,
    mut signals: Signals,
) {
    let output = Output::to(launch.log.clone());
    let announcer = Announcer::new(&launch, reports);
    let around = Surroundings {
        environment: launch.environment.clone(),
        folder: launch.about.folder.clone(),
        user: launch.user.clone(),
        open_files: None,
    };
    let timeout = spec.timeout.map_or(DEFAULT_TIMEOUT, |timeout| timeout.as_std());
    let status = match Run::start(&launch.command, &around, &output, timeout) {
        Err(message) => Status { phase: Phase::Failed, message, notes, ..Status::default() },
        Ok(mut run) => {
            announcer.announce(Status {
                phase: Phase::Running,
                main: Some(run.main.clone()),
                notes: notes.clone(),
                ..Status::default()
            });
            let mut waiting = Vec::new();
            let ended = loop {
                tokio::select! {
                    _ = signals.child.recv() => if let Some(ended) = run.ended(&[]).await {
                        break ended;
                    },
                    () = signals.end.told() => run.stop("it was ended with its shim"),
                    Some((request, reply)) = asked.recv() => if request == Request::Stop {
                        run.stop("it was stopped");
                        waiting.push(reply);
                    },
                    () = until(run.deadline()) => run.tick(),
                }
            };
            for reply in waiting {
                let _ = reply.send(report_of(&announcer.report()));
            }
            Status {
                phase: if ended.success() { Phase::Succeeded } else { Phase::Failed },
                last_line: ended.lines.join("\n"),
                last_exit: Some(ended.exit),
                message: ended.message,
                notes,
                ..Status::default()
            }
        }
    };
    announcer.announce(status);
    // What came of a task must not be forgotten: it is not run again for the same content.
    let report = serde_json::to_vec(&*announcer.report()).unwrap_or_default();
    let _ = write_durably(&last_words(&launch), &report);
}

async fn until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
