//! A target and a store that write only while we may: what a run of a shared app is given.
//!
//! A write that has begun when the right to it ends is broken off. Whatever it did is then unknown, as
//! after a crash, and the member that has the app next looks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use trueup_engine::World;
use trueup_model::need::Lookup;
use trueup_model::observed::Observed;
use trueup_model::plan::Action;
use trueup_model::ports::{
    AppContext, Changes, Commit, Foresight, HistoryQuery, PortError, Reader, Remark, Store, Target,
};
use trueup_model::record::Freeze;
use trueup_model::record::Inventory;
use trueup_model::{
    AppName, Capabilities, Digest, Event, EventResult, LedgerEntry, Record, Resource,
};

use super::Shared;

const LOST: &str = "this controller's lease was not renewed in time: another one may have the app, so nothing is written";

/// The same world, in which nothing is written once the lease of `shared` is not renewed in time.
pub fn fenced(world: World, shared: &Arc<Shared>) -> World {
    World {
        target: Arc::new(Fenced { inner: world.target, shared: Arc::clone(shared) }),
        store: Arc::new(Fenced { inner: world.store, shared: Arc::clone(shared) }),
        ..world
    }
}

struct Fenced<T> {
    inner: T,
    shared: Arc<Shared>,
}

impl<T> Fenced<T> {
    /// Ends when we may not write any more.
    async fn lost(&self) {
        while let Some(until) = self.shared.writes_until() {
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until.into()).await;
        }
    }
}

#[async_trait]
impl Target for Fenced<Arc<dyn Target>> {
    async fn capabilities(&self) -> Result<Capabilities, PortError> {
        self.inner.capabilities().await
    }

    async fn observe(
        &self,
        context: &AppContext,
        desired: &[Arc<Resource>],
        inventory: &Inventory,
        foresight: Foresight,
    ) -> Result<Observed, PortError> {
        self.inner.observe(context, desired, inventory, foresight).await
    }

    async fn execute(&self, context: &AppContext, actions: &[Action]) -> Vec<Event> {
        tokio::select! {
            biased;
            () = self.lost() => actions.iter().map(not_done).collect(),
            events = self.inner.execute(context, actions) => events,
        }
    }

    async fn lookup(&self, reader: &Reader<'_>, lookup: &Lookup) -> Result<Value, PortError> {
        self.inner.lookup(reader, lookup).await
    }

    async fn forget(&self, app: &AppName) {
        self.inner.forget(app).await;
    }

    async fn rename(&self, from: &AppName, to: &AppName) -> Result<(), PortError> {
        self.inner.rename(from, to).await
    }

    fn changes(&self) -> Changes {
        self.inner.changes()
    }

    async fn remark(&self, remarks: &[Remark]) {
        self.inner.remark(remarks).await;
    }
}

fn not_done(action: &Action) -> Event {
    Event {
        id: action.id.clone(),
        verb: action.verb,
        at: Timestamp::now(),
        result: EventResult::Failed { message: LOST.to_owned(), permanent: false },
    }
}

#[async_trait]
impl Store for Fenced<Arc<dyn Store>> {
    async fn record(&self, app: &AppName) -> Result<Record, PortError> {
        self.inner.record(app).await
    }

    async fn apps(&self) -> Result<Vec<AppName>, PortError> {
        self.inner.apps().await
    }

    async fn commit(&self, app: &AppName, commit: Commit) -> Result<(), PortError> {
        tokio::select! {
            biased;
            () = self.lost() => Err(PortError::passing(LOST)),
            written = self.inner.commit(app, commit) => written,
        }
    }

    async fn contents(&self, digests: &[Digest]) -> Result<BTreeMap<Digest, Vec<u8>>, PortError> {
        self.inner.contents(digests).await
    }

    async fn history(&self, query: &HistoryQuery) -> Result<Vec<LedgerEntry>, PortError> {
        self.inner.history(query).await
    }

    async fn remove(&self, app: &AppName) -> Result<(), PortError> {
        tokio::select! {
            biased;
            () = self.lost() => Err(PortError::passing(LOST)),
            removed = self.inner.remove(app) => removed,
        }
    }

    async fn freeze(&self) -> Result<Option<Freeze>, PortError> {
        self.inner.freeze().await
    }

    async fn set_freeze(&self, freeze: Option<Freeze>) -> Result<(), PortError> {
        self.inner.set_freeze(freeze).await
    }
}
