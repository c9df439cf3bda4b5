//! Notifications: what happens to apps, told to people and to other systems.
//!
//! Telling must never hold up doing. So this listens beside the controller, and everything in it is
//! bounded: each sink has a queue and a task of its own, a message is tried a few times with growing
//! pauses, and what finds no room is counted, logged and dropped. A sink that hangs costs one task.
//!
//! ```text
//! Notice ─occasion─▶ Occasion ─choose─▶ which sinks, and is it news? ─queue─▶ deliver ─▶ a sink
//!          pure                 pure                                    retries   one file a kind
//! ```
//!
//! Nothing secret is in an [`Occasion`]: it is made of the ledger's own words. Secrets of sinks are
//! read when they are needed and hidden in whatever a server answers.

mod alertmanager;
mod choose;
mod deliver;
mod discord;
mod email;
mod forge;
mod message;
mod occasion;
pub mod settings;
mod sink;
mod slack;
mod teams;
mod template;
mod webhook;

use jiff::Timestamp;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;

use crate::Notice;
use crate::metrics::Metrics;
use crate::run::Subjects;
use choose::{Chosen, Repeats};
pub use occasion::{Occasion, Trigger};
pub use settings::{Notifications, SettingsError};
pub use sink::SendError;
use sink::Sink;

/// Messages that wait for a sink at most.
const WAITING_MAX: usize = 256;

/// Where notifications go, as configured and checked.
pub struct Notifier {
    sinks: Vec<(Chosen, Sink)>,
    link: Option<String>,
    repeat: std::time::Duration,
}

impl Notifier {
    /// Checks the settings: names, addresses, globs and templates.
    pub fn new(settings: &Notifications) -> Result<Self, SettingsError> {
        settings.check()?;
        let sinks = settings
            .sinks
            .iter()
            .map(|sink| Ok((Chosen::new(sink)?, Sink::new(sink)?)))
            .collect::<Result<_, SettingsError>>()?;
        Ok(Self { sinks, link: settings.link.clone(), repeat: settings.repeat.as_std() })
    }

    /// Whether there is nobody to tell.
    pub fn is_empty(&self) -> bool {
        self.sinks.is_empty()
    }

    /// Tells what `notices` say until they end.
    pub async fn listen(
        self,
        mut notices: broadcast::Receiver<Notice>,
        subjects: Subjects,
        metrics: Metrics,
    ) {
        let mut workers = JoinSet::new();
        let mut outs = Vec::new();
        for (chosen, sink) in self.sinks {
            let (sender, inbox) = mpsc::channel(WAITING_MAX);
            outs.push((chosen, sink.name().to_owned(), sender));
            workers.spawn(deliver::work(sink, inbox, metrics.clone()));
        }
        let mut repeats = Repeats::new(self.repeat);
        loop {
            let notice = match notices.recv().await {
                Ok(notice) => notice,
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "notifications could not keep up: some were not sent");
                    continue;
                }
                Err(broadcast::error::RecvError::Closed) => break,
            };
            let Some(mut occasion) = Occasion::of(&notice, Timestamp::now()) else { continue };
            if let Some(subject) = subjects.read().await.get(&occasion.app) {
                occasion.declared(&subject.declaration);
            }
            occasion.link = self.link.as_ref().map(|link| occasion.linked(link));
            for (chosen, name, sender) in &outs {
                if !chosen.wants(&occasion) {
                    continue;
                }
                if !repeats.is_news(name, &occasion) {
                    metrics.notified(name, "repeated");
                } else if sender.try_send(occasion.clone()).is_err() {
                    tracing::warn!(sink = %name, app = %occasion.app, "a notification was dropped: {WAITING_MAX} wait already");
                    metrics.notified(name, "dropped");
                }
            }
        }
        drop(outs);
        while workers.join_next().await.is_some() {}
    }

    /// Sends one message to a sink now, once, and says what came of it; `None` if there is no such
    /// sink.
    pub async fn test(&self, sink: &str, occasion: &Occasion) -> Option<Result<(), SendError>> {
        let (_, sink) = self.sinks.iter().find(|(_, other)| other.name() == sink)?;
        Some(sink.send(occasion).await)
    }

    /// The names of all sinks.
    pub fn names(&self) -> Vec<&str> {
        self.sinks.iter().map(|(_, sink)| sink.name()).collect()
    }
}
