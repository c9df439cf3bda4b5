//! The store that a configuration names: in the state folder, or in PostgreSQL.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use trueup_model::ports::{Commit, HistoryQuery, PortError, Store};
use trueup_model::record::Freeze;
use trueup_model::{AppName, Digest, InstallationKey, LedgerEntry, Record};

use crate::{BackupKey, ChainReport, PostgresStore, SqliteStore, StoreError, Swept};

/// Where the ledger is.
#[derive(Clone)]
pub enum StateStore {
    /// In the state folder.
    Sqlite(SqliteStore),
    /// In PostgreSQL; the key is in the state folder.
    Postgres(PostgresStore),
}

/// The database that a ledger's URL names.
#[derive(Clone, Debug)]
pub struct LedgerUrl {
    /// `postgres://user@host/database`.
    pub url: String,
    /// The password, where the URL holds none.
    pub password: Option<Vec<u8>>,
}

impl StateStore {
    /// Opens a state folder for this process alone.
    ///
    /// # Errors
    /// As [`SqliteStore::open`] and [`PostgresStore::open`].
    pub async fn open(folder: &Path, url: Option<&LedgerUrl>) -> Result<Self, StoreError> {
        match url {
            None => SqliteStore::open(folder).map(Self::Sqlite),
            Some(at) => PostgresStore::open(folder, &at.url, at.password.as_deref())
                .await
                .map(Self::Postgres),
        }
    }

    /// Opens it for reading, whoever else uses it.
    ///
    /// # Errors
    /// As [`SqliteStore::open_read_only`] and [`PostgresStore::open_read_only`].
    pub async fn open_read_only(
        folder: &Path,
        url: Option<&LedgerUrl>,
    ) -> Result<Self, StoreError> {
        match url {
            None => SqliteStore::open_read_only(folder).map(Self::Sqlite),
            Some(at) => PostgresStore::open_read_only(folder, &at.url, at.password.as_deref())
                .await
                .map(Self::Postgres),
        }
    }

    fn port(&self) -> &dyn Store {
        match self {
            Self::Sqlite(store) => store,
            Self::Postgres(store) => store,
        }
    }

    /// The installation's id.
    pub fn installation(&self) -> &str {
        match self {
            Self::Sqlite(store) => store.installation(),
            Self::Postgres(store) => store.installation(),
        }
    }

    /// The installation's secret key.
    pub fn key(&self) -> &InstallationKey {
        match self {
            Self::Sqlite(store) => store.key(),
            Self::Postgres(store) => store.key(),
        }
    }

    /// What is to be known about how it was opened, in sentences.
    pub fn notes(&self) -> &[String] {
        match self {
            Self::Sqlite(store) => store.notes(),
            Self::Postgres(store) => store.notes(),
        }
    }

    /// Checks an app's whole chain.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn verify(&self, app: &AppName) -> Result<ChainReport, PortError> {
        match self {
            Self::Sqlite(store) => store.verify(app).await,
            Self::Postgres(store) => store.verify(app).await,
        }
    }

    /// The apps that have a ledger, those that were removed included.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub async fn ledgers(&self) -> Result<Vec<AppName>, PortError> {
        match self {
            Self::Sqlite(store) => store.ledgers().await,
            Self::Postgres(store) => store.ledgers().await,
        }
    }

    /// Removes the contents that neither a record nor an entry about one of the last `states`
    /// rendered sets of an app names.
    ///
    /// # Errors
    /// Where that cannot be written; then all contents stay.
    pub async fn sweep(&self, states: usize) -> Result<Swept, PortError> {
        match self {
            Self::Sqlite(store) => store.sweep(states).await,
            Self::Postgres(store) => store.sweep(states).await,
        }
    }

    /// Removes a content for good, whoever names it. Answers whether it was there.
    ///
    /// # Errors
    /// Where that cannot be written.
    pub async fn erase(&self, digest: Digest) -> Result<bool, PortError> {
        match self {
            Self::Sqlite(store) => store.erase(digest).await,
            Self::Postgres(store) => store.erase(digest).await,
        }
    }

    /// Writes everything into one file.
    ///
    /// # Errors
    /// Where that cannot be written, and for PostgreSQL, which has its own way.
    pub async fn backup(&self, path: &Path, key: BackupKey) -> Result<(), PortError> {
        match self {
            Self::Sqlite(store) => store.backup(path, key).await,
            Self::Postgres(_) => Err(PortError::permanent(
                "the ledger is in PostgreSQL: save it with pg_dump, and installation.key of the state folder with it",
            )),
        }
    }
}

#[async_trait]
impl Store for StateStore {
    async fn record(&self, app: &AppName) -> Result<Record, PortError> {
        self.port().record(app).await
    }

    async fn apps(&self) -> Result<Vec<AppName>, PortError> {
        self.port().apps().await
    }

    async fn commit(&self, app: &AppName, commit: Commit) -> Result<(), PortError> {
        self.port().commit(app, commit).await
    }

    async fn contents(&self, digests: &[Digest]) -> Result<BTreeMap<Digest, Vec<u8>>, PortError> {
        self.port().contents(digests).await
    }

    async fn history(&self, query: &HistoryQuery) -> Result<Vec<LedgerEntry>, PortError> {
        self.port().history(query).await
    }

    async fn remove(&self, app: &AppName) -> Result<(), PortError> {
        self.port().remove(app).await
    }

    async fn freeze(&self) -> Result<Option<Freeze>, PortError> {
        self.port().freeze().await
    }

    async fn set_freeze(&self, freeze: Option<Freeze>) -> Result<(), PortError> {
        self.port().set_freeze(freeze).await
    }
}
