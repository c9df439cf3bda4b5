//! The store as its users see it: a state folder, and what is in it after whatever befell it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod backup;
mod faults;
mod full;
mod kill;
mod place;
mod remembers;
mod retention;
mod server;
mod suite;

use std::collections::BTreeMap;

use jiff::Timestamp;
use tempfile::TempDir;
use trueup_model::ports::{Commit, Content, HistoryQuery, Store};
use trueup_model::record::{Followed, Freeze, InventoryItem};
use trueup_model::{AppName, Digest, LedgerEntry, LedgerKind, Record, ResourceId};
use trueup_store::{ChainFault, SqliteStore};

/// A state folder of its own for a test.
struct State {
    folder: TempDir,
}

impl State {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(self.folder.path()).unwrap()
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.folder.path().join(file)
    }

    fn remove(&self, file: &str) {
        std::fs::remove_file(self.path(file)).unwrap();
    }

    fn remove_database(&self) {
        self.remove("state.db");
        for file in ["state.db-wal", "state.db-shm"] {
            let _ = std::fs::remove_file(self.path(file));
        }
    }
}

fn app(name: &str) -> AppName {
    AppName::new(name).unwrap()
}

/// A record that names its number.
fn record(number: u64) -> Record {
    let item = InventoryItem {
        api_version: "v1".to_owned(),
        uid: format!("uid-{number}"),
        content: Some(Digest::of(&number.to_be_bytes())),
        intended: false,
        keep: false,
        stage: 0,
        hook: false,
    };
    let followed = Followed {
        repo: "https://git.example/shop".to_owned(),
        reference: "main".to_owned(),
        commit: number.to_string(),
    };
    Record {
        inventory: BTreeMap::from([(ResourceId::new("", "ConfigMap", "shop", "web"), item)]),
        followed: Some(followed),
        ..Record::default()
    }
}

fn number(record: &Record) -> u64 {
    record.followed.as_ref().map_or(0, |followed| followed.commit.parse().unwrap())
}

fn entry(app: &AppName, message: &str) -> LedgerEntry {
    LedgerEntry::new(app, Timestamp::UNIX_EPOCH, LedgerKind::Applied, message)
}

fn commit(app: &AppName, n: u64) -> Commit {
    Commit {
        record: record(n),
        entries: vec![entry(app, &format!("applied {n}"))],
        contents: vec![content(&n.to_be_bytes(), false)],
        replaces: None,
    }
}

fn content(bytes: &[u8], secret: bool) -> Content {
    Content { digest: Digest::of(bytes), bytes: bytes.to_vec(), secret }
}

async fn fill(store: &impl Store, name: &str, numbers: std::ops::RangeInclusive<u64>) {
    for n in numbers {
        store.commit(&app(name), commit(&app(name), n)).await.unwrap();
    }
}

async fn messages(store: &impl Store, name: &str) -> Vec<String> {
    let query = HistoryQuery { app: Some(app(name)), limit: usize::MAX };
    store.history(&query).await.unwrap().into_iter().map(|entry| entry.message).collect()
}
