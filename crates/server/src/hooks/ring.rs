//! Coalesces webhooks: the first one of a repository is passed on at once, those that come within a
//! moment after it as one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use trueup_controller::Signal;

/// A repository is asked at most once in this time.
const PAUSE: Duration = Duration::from_millis(250);

/// Rings for repositories.
pub struct Ring {
    pending: Arc<Pending>,
    task: AbortHandle,
}

#[derive(Default)]
struct Pending {
    repos: Mutex<BTreeSet<String>>,
    rung: Notify,
}

impl Ring {
    /// Passes on to a controller, if there is one.
    pub fn new(signals: Option<mpsc::Sender<Signal>>) -> Self {
        let pending = Arc::new(Pending::default());
        let task = tokio::spawn(pass_on(Arc::clone(&pending), signals)).abort_handle();
        Self { pending, task }
    }

    /// These repositories have something new. Only those that are in use may be named: what waits is
    /// bounded by their number.
    pub fn ring(&self, repos: BTreeSet<String>) {
        if !repos.is_empty() {
            self.pending.repos.lock().unwrap_or_else(PoisonError::into_inner).extend(repos);
            self.pending.rung.notify_one();
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(pending: Arc<Pending>, signals: Option<mpsc::Sender<Signal>>) {
    loop {
        pending.rung.notified().await;
        let repos =
            std::mem::take(&mut *pending.repos.lock().unwrap_or_else(PoisonError::into_inner));
        for repo in repos {
            if let Some(signals) = &signals
                && signals.send(Signal::Source { repo }).await.is_err()
            {
                return;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_two_questions() {
        let (sender, mut receiver) = mpsc::channel(64);
        let ring = Ring::new(Some(sender));
        let repo = || BTreeSet::from(["r".to_owned()]);
        ring.ring(repo());
        assert_eq!(receiver.recv().await, Some(Signal::Source { repo: "r".to_owned() }));
        for _ in 0..10_000 {
            ring.ring(repo());
        }
        assert_eq!(receiver.recv().await, Some(Signal::Source { repo: "r".to_owned() }));
        let more = tokio::time::timeout(Duration::from_secs(10), receiver.recv()).await;
        assert!(more.is_err(), "{more:?}");
    }
}
