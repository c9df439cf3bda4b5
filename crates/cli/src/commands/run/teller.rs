//! What `trueup run` says while it runs: to people in a terminal, or as log lines.

use std::sync::Arc;

use tokio::sync::broadcast;
use trueup_controller::Notice;

use crate::output::{Output, Paint};
use crate::{telemetry, text};

/// Says what happens, as it happens.
pub struct Teller {
    quiet: bool,
    /// Whether it is logged, for machines, in place of being told to people.
    logs: bool,
    colour: Output,
}

impl Teller {
    /// One that is quiet about how apps stand, where that is printed at the end; and that logs.
    pub fn new(output: &Output, quiet: bool, logs: bool) -> Self {
        Self { quiet, logs, colour: Output::new(output.format()) }
    }

    /// Says something about the whole.
    pub fn note(&self, text: &str) {
        if self.logs {
            tracing::info!("{}", text.trim());
        } else {
            self.colour.note(text);
        }
    }

    fn say(&self, notice: &Notice) {
        if self.logs {
            return telemetry::log(notice);
        }
        match notice {
            Notice::Entry(entry) => self.colour.note(&text::history::line(entry, &self.colour)),
            Notice::Status(status) if !self.quiet => {
                self.colour.note(&text::status::line(status, &self.colour));
            }
            Notice::Status(_) => {}
            Notice::Root { repo, diagnostics } => {
                for diagnostic in diagnostics {
                    let text = format!("{repo}: {diagnostic}");
                    self.colour.note(&self.colour.paint(Paint::Bad, &text));
                }
            }
        }
    }
}

/// Tells what `notices` say until they end.
pub async fn tell(mut notices: broadcast::Receiver<Notice>, teller: Arc<Teller>) {
    loop {
        match notices.recv().await {
            Ok(notice) => teller.say(&notice),
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}
