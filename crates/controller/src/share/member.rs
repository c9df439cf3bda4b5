//! The task that keeps a member's lease, and the share that follows from it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use trueup_engine::World;
use trueup_model::AppName;
use trueup_model::membership::Membership;

use super::fence::fenced;
use super::{LASTS, RENEWS, Share};
use crate::Signal;
use crate::metrics::Metrics;

/// How soon leases are looked at again while apps are handed over.
const SOON: Duration = Duration::from_millis(250);

/// One identity's share, as runs see it.
pub struct Shared(Mutex<Share>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Share> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when may be written; `None`: not any more.
    pub(super) fn writes_until(&self) -> Option<Instant> {
        self.lock().writes_until()
    }
}

/// A run of an app that is ours. While it lives, the app is not handed over.
pub struct Begun {
    app: AppName,
    shared: Arc<Shared>,
}

impl Begun {
    /// The same world, in which nothing is written once we may not.
    pub fn fence(&self, world: World) -> World {
        fenced(world, &self.shared)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.shared.lock().end(&self.app);
    }
}

/// Our place among the controllers that share the apps. Cheap to clone.
#[derive(Clone)]
pub struct Member {
    current: watch::Receiver<Arc<Shared>>,
}

impl Member {
    /// Takes part: `meet` gives a membership under a new identity, now and each time that the last one
    /// has lapsed. `signals` are told when apps may have become ours.
    pub fn join(
        meet: impl Fn() -> Arc<dyn Membership> + Send + Sync + 'static,
        signals: mpsc::Sender<Signal>,
        metrics: Metrics,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let first = meet();
        let shared = |membership: &Arc<dyn Membership>| {
            Arc::new(Shared(Mutex::new(Share::new(membership.identity()))))
        };
        let (sender, current) = watch::channel(shared(&first));
        let keeping = async move {
            let mut membership = first;
            loop {
                let ours = Arc::clone(&sender.borrow());
                let ended = keep(&membership, &ours, &signals, &metrics).await;
                if ended == Ended::NobodyListens {
                    // Others need not wait for our lease to lapse. If it cannot be said, they do.
                    let _ = membership.remove(membership.identity()).await;
                    return;
                }
                tracing::warn!(
                    identity = membership.identity(),
                    "our lease was not renewed in time: the apps went to others, and we join again"
                );
                membership = meet();
                sender.send_replace(shared(&membership));
            }
        };
        (Self { current }, keeping)
    }

    /// Begins a run of an app, if that is ours to do now.
    pub fn begin(&self, app: &AppName) -> Option<Begun> {
        let shared = Arc::clone(&self.current.borrow());
        let begins = shared.lock().begin(app, Instant::now());
        begins.then(|| Begun { app: app.clone(), shared })
    }

    /// Who has an app, as far as is known.
    pub fn owner_of(&self, app: &AppName) -> Option<String> {
        self.current.borrow().lock().owner_of(app).map(str::to_owned)
    }
}

#[derive(PartialEq, Eq)]
enum Ended {
    Lapsed,
    NobodyListens,
}

async fn keep(
    membership: &Arc<dyn Membership>,
    ours: &Shared,
    signals: &mpsc::Sender<Signal>,
    metrics: &Metrics,
) -> Ended {
    let mut agreed = false;
    loop {
        if let Err(error) = beat(membership.as_ref(), ours).await {
            tracing::warn!(%error, "the leases of the controllers cannot be kept");
        }
        let (lapsed, now_agreed, members) = {
            let share = ours.lock();
            (share.is_lapsed(), share.is_agreed(), share.members())
        };
        metrics.members(members);
        if lapsed {
            return Ended::Lapsed;
        }
        if now_agreed && !agreed && signals.send(Signal::Shared).await.is_err() {
            return Ended::NobodyListens;
        }
        agreed = now_agreed;
        tokio::select! {
            () = tokio::time::sleep(if agreed { RENEWS } else { SOON }) => {}
            () = signals.closed() => return Ended::NobodyListens,
        }
    }
}

/// Renews, reads and does what follows: once.
async fn beat(
    membership: &dyn Membership,
    ours: &Shared,
) -> Result<(), trueup_model::ports::PortError> {
    let (sent, settled) = (Instant::now(), ours.lock().settled());
    let roll = membership.renew(settled, LASTS).await?;
    let duties = ours.lock().take(&roll, sent, Instant::now());
    if let Some(view) = duties.lead {
        membership.lead(&roll.version, &view, LASTS).await?;
    }
    for gone in duties.remove {
        membership.remove(&gone).await?;
    }
    Ok(())
}
