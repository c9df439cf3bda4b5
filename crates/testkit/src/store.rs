//! Records and a ledger in memory. A commit takes effect as a whole or not at all, like a
//! transaction; what took effect outlives a crash of the controller.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use trueup_model::ports::{Commit, HistoryQuery, PortError, Store};
use trueup_model::record::Freeze;
use trueup_model::{AppName, Digest, LedgerEntry, Record};

use crate::faults::{Fault, Faults};

#[derive(Default)]
struct Contents {
    records: BTreeMap<AppName, Record>,
    ledger: Vec<LedgerEntry>,
    contents: BTreeMap<Digest, Vec<u8>>,
    freeze: Option<Freeze>,
}

/// A store in memory.
pub struct MemoryStore {
    faults: Arc<Faults>,
    inner: Mutex<Contents>,
}

impl MemoryStore {
    /// An empty one.
    pub fn new(faults: Arc<Faults>) -> Self {
        Self { faults, inner: Mutex::default() }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Contents> {
        self.inner.lock().expect("no test panics while it holds the store")
    }

    /// The whole ledger, the oldest entry first.
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.inner().ledger.clone()
    }

    /// A record, without a step of the outside.
    pub fn peek(&self, app: &AppName) -> Record {
        self.inner().records.get(app).cloned().unwrap_or_default()
    }

    fn write(&self, app: &AppName, commit: Commit) {
        let mut inner = self.inner();
        inner.records.insert(app.clone(), commit.record);
        if let Some(before) = commit.replaces {
            inner.records.remove(&before);
        }
        for content in commit.contents {
            inner.contents.insert(content.digest, content.bytes);
        }
        for mut entry in commit.entries {
            let last = inner.ledger.iter().rev().find(|other| other.app == *app);
            entry.seq = last.map_or(0, |last| last.seq) + 1;
            if let Some(last) = last {
                entry.previous = last.hash;
            }
            entry.hash = entry.compute_hash();
            inner.ledger.push(entry);
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn record(&self, app: &AppName) -> Result<Record, PortError> {
        self.faults.reading("the store").await?;
        Ok(self.peek(app))
    }

    async fn apps(&self) -> Result<Vec<AppName>, PortError> {
        self.faults.reading("the store").await?;
        Ok(self.inner().records.keys().cloned().collect())
    }

    async fn commit(&self, app: &AppName, commit: Commit) -> Result<(), PortError> {
        let full = || PortError::passing("the disk is full (simulated)");
        match self.faults.step().await {
            Some(Fault::Before) => Err(full()),
            Some(Fault::After) => {
                self.write(app, commit);
                Err(full())
            }
            None => {
                self.write(app, commit);
                // A crash here is one after the effect.
                self.faults.step().await;
                Ok(())
            }
        }
    }

    async fn contents(&self, digests: &[Digest]) -> Result<BTreeMap<Digest, Vec<u8>>, PortError> {
        self.faults.reading("the store").await?;
        let inner = self.inner();
        let found = digests.iter().filter_map(|d| inner.contents.get_key_value(d));
        Ok(found.map(|(digest, bytes)| (*digest, bytes.clone())).collect())
    }

    async fn history(&self, query: &HistoryQuery) -> Result<Vec<LedgerEntry>, PortError> {
        self.faults.reading("the store").await?;
        let inner = self.inner();
        let wanted = |entry: &&LedgerEntry| query.app.as_ref().is_none_or(|app| entry.app == *app);
        Ok(inner.ledger.iter().rev().filter(wanted).take(query.limit).cloned().collect())
    }

    async fn remove(&self, app: &AppName) -> Result<(), PortError> {
        self.faults.reading("the store").await?;
        self.inner().records.remove(app);
        Ok(())
    }

    async fn freeze(&self) -> Result<Option<Freeze>, PortError> {
        self.faults.reading("the store").await?;
        Ok(self.inner().freeze.clone())
    }

    async fn set_freeze(&self, freeze: Option<Freeze>) -> Result<(), PortError> {
        self.faults.reading("the store").await?;
        self.inner().freeze = freeze;
        Ok(())
    }
}
