//! The same store in PostgreSQL: where one machine's disk is not where the ledger should be, or
//! where several controllers share the apps.
//!
//! What is stored is the same as in SQLite, by the same code: contents compressed and sealed
//! (`content`), entries linked into a chain an app and signed now and then (`ledger`), records in
//! parts (`parts`). What stays in the state folder is the installation's key, which never gets into
//! a database, and the lock. There is no plain file beside it: keeping a second copy is the
//! database's own affair (replicas, backups).
//!
//! A commit is one transaction. It begins by taking the next commit's number, which only one can do
//! at a time, so commits of all controllers come one after the other.

mod connection;
mod reading;
mod schema;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio_postgres::Transaction;
use trueup_model::ports::{Commit, Content, HistoryQuery, PortError, Store};
use trueup_model::record::Freeze;
use trueup_model::{AppName, Digest, InstallationKey, LedgerEntry, Record};

use crate::chain::{ChainReport, Walk};
use crate::content::Codec;
use crate::folder::{Folder, Held};
use crate::journal::Head;
use crate::ledger::{self, Link};
use crate::retain::Swept;
use crate::{StoreError, freeze, parts};
use connection::{Server, number, unsigned};

/// A store in PostgreSQL. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
}

struct Inner {
    server: Server,
    key: InstallationKey,
    installation: String,
    notes: Vec<String>,
    codec: Mutex<Codec>,
    /// The state folder, where this process holds it; without it nothing is written.
    held: Option<Held>,
}

/// Whether the state folder is held, and the database brought up to date.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Alone,
    Reading,
}

impl PostgresStore {
    /// Opens the database that a URL names, with the key of a state folder that is held for this
    /// process alone. Makes what is not there yet.
    ///
    /// # Errors
    /// Where the database cannot be reached or is of a newer version, where the folder is in use,
    /// and where the key is missing or another installation's.
    pub async fn open(
        folder: &Path,
        url: &str,
        password: Option<&[u8]>,
    ) -> Result<Self, StoreError> {
        Self::open_for(folder, url, password, Use::Alone).await
    }

    /// Opens it for reading, whoever else uses it.
    ///
    /// # Errors
    /// As [`Self::open`], and where nothing is in it yet.
    pub async fn open_read_only(
        folder: &Path,
        url: &str,
        password: Option<&[u8]>,
    ) -> Result<Self, StoreError> {
        Self::open_for(folder, url, password, Use::Reading).await
    }

    async fn open_for(
        folder: &Path,
        url: &str,
        password: Option<&[u8]>,
        used: Use,
    ) -> Result<Self, StoreError> {
        let folder = Folder::new(folder);
        let server = Server::new(url, password)?;
        let held = match used {
            Use::Alone => {
                folder.create()?;
                Some(folder.hold()?)
            }
            Use::Reading => None,
        };
        let opened = match used {
            Use::Alone => schema::prepare(&server, &folder).await?,
            Use::Reading => schema::look(&server, &folder).await?,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                codec: Mutex::new(Codec::new(&opened.key)?),
                server,
                key: opened.key,
                installation: opened.installation,
                notes: opened.notes,
                held,
            }),
        })
    }

    /// The installation's id.
    pub fn installation(&self) -> &str {
        &self.inner.installation
    }

    /// The installation's secret key.
    pub fn key(&self) -> &InstallationKey {
        &self.inner.key
    }

    /// What is to be known about how it was opened, in sentences.
    pub fn notes(&self) -> &[String] {
        &self.inner.notes
    }

    /// Checks an app's whole chain.
    pub async fn verify(&self, app: &AppName) -> Result<ChainReport, PortError> {
        let mut session = self.inner.server.session().await?;
        let read = async {
            let transaction = session.transaction().await?;
            let rows = transaction
                .query(
                    "SELECT seq, body, seal FROM ledger LEFT JOIN checkpoint USING (app, seq)
                     WHERE app = $1 ORDER BY seq",
                    &[&app.as_str()],
                )
                .await?;
            Ok((rows, reading::head(&transaction, app).await?))
        };
        let (rows, head) = read.await.map_err(|error| self.inner.server.failed("read", error))?;
        let mut walk = Walk::new(&self.inner.key, app);
        for row in &rows {
            walk.take(unsigned(row.get(0)), row.get(1), row.get(2));
        }
        Ok(walk.end([head]))
    }

    /// The apps that have a ledger, those that were removed included.
    pub async fn ledgers(&self) -> Result<Vec<AppName>, PortError> {
        self.names("SELECT name FROM app ORDER BY name").await
    }

    /// Removes the contents that neither a record nor an entry about one of the last `states`
    /// rendered sets of an app names.
    pub async fn sweep(&self, states: usize) -> Result<Swept, PortError> {
        let server = &self.inner.server;
        let mut session = server.session().await?;
        let swept = async {
            // In one transaction, after the number of the next commit is held: nothing that is
            // named meanwhile is removed.
            let transaction = session.transaction().await?;
            schema::next_commit(&transaction).await?;
            let named = reading::named(&transaction, states).await?;
            let rows = transaction.query("SELECT digest FROM content", &[]).await?;
            let dead: Vec<&[u8]> = rows
                .iter()
                .map(|row| row.get::<_, &[u8]>(0))
                .filter(|digest| !named.iter().any(|kept| kept.as_slice() == *digest))
                .collect();
            let removed =
                transaction.execute("DELETE FROM content WHERE digest = ANY($1)", &[&dead]).await?;
            let looked_at = rows.len() as u64;
            transaction.commit().await?;
            Ok(Swept { looked_at, removed })
        };
        Ok(swept.await.map_err(|error| server.failed("swept", error))?)
    }

    /// Removes a content for good, whoever names it. Answers whether it was there.
    pub async fn erase(&self, digest: Digest) -> Result<bool, PortError> {
        let session = self.inner.server.session().await?;
        let removed = session
            .execute("DELETE FROM content WHERE digest = $1", &[&digest.as_bytes().as_slice()])
            .await;
        Ok(removed.map_err(|error| self.inner.server.failed("written", error))? > 0)
    }

    async fn names(&self, sql: &str) -> Result<Vec<AppName>, PortError> {
        let session = self.inner.server.session().await?;
        let rows = session.query(sql, &[]).await;
        let rows = rows.map_err(|error| self.inner.server.failed("read", error))?;
        let names = rows.iter().map(|row| AppName::new(row.get::<_, String>(0)));
        names.collect::<Result<_, String>>().map_err(PortError::permanent)
    }

    async fn change(&self, app: &AppName, commit: Option<&Commit>) -> Result<(), PortError> {
        if self.inner.held.is_none() {
            return Err(StoreError::NotWritable.into());
        }
        let parts = commit.map(|commit| parts::take_apart(&commit.record)).transpose();
        let parts = parts.map_err(|error| PortError::permanent(error.to_string()))?;
        let server = &self.inner.server;
        let mut session = server.session().await?;
        let failed = |error| server.failed("written", error);
        let transaction = session.transaction().await.map_err(failed)?;
        let number = schema::next_commit(&transaction).await.map_err(failed)?;
        let head = reading::head(&transaction, app).await.map_err(failed)?;
        let empty = Commit::default();
        let commit = commit.unwrap_or(&empty);
        let links = ledger::links(&self.inner.key, app, head, &commit.entries)?;
        self.keep(&transaction, number, &commit.contents).await?;
        append(&transaction, app, &links).await.map_err(failed)?;
        let head = links.last().map_or(head, |link| link.head);
        put(&transaction, app, number, head, parts.as_ref()).await.map_err(failed)?;
        if let Some(before) = &commit.replaces {
            let head = reading::head(&transaction, before).await.map_err(failed)?;
            put(&transaction, before, number, head, None).await.map_err(failed)?;
        }
        Ok(transaction.commit().await.map_err(failed)?)
    }

    /// Keeps contents, as of a commit. What is there already is only noted as wanted again.
    async fn keep(
        &self,
        transaction: &Transaction<'_>,
        commit: i64,
        contents: &[Content],
    ) -> Result<(), StoreError> {
        if contents.is_empty() {
            return Ok(());
        }
        let failed = |error| self.inner.server.failed("written", error);
        let all: Vec<&[u8]> =
            contents.iter().map(|content| content.digest.as_bytes().as_slice()).collect();
        let sql = "UPDATE content SET added = $2 WHERE digest = ANY($1) RETURNING digest";
        let known = transaction.query(sql, &[&all, &commit]).await.map_err(failed)?;
        let known: std::collections::BTreeSet<&[u8]> = known.iter().map(|row| row.get(0)).collect();
        let new: BTreeMap<&[u8], &Content> = contents
            .iter()
            .map(|content| (content.digest.as_bytes().as_slice(), content))
            .filter(|(digest, _)| !known.contains(digest))
            .collect();
        let (mut digests, mut forms, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
        {
            let mut codec = self.inner.codec.lock().unwrap_or_else(PoisonError::into_inner);
            for (digest, content) in new {
                let (form, body) = codec.encode(content)?;
                digests.push(digest);
                forms.push(i16::from(form));
                bodies.push(body);
            }
        }
        let sql = "INSERT INTO content (digest, added, form, body)
            SELECT digest, $4, form, body
            FROM unnest($1::bytea[], $2::smallint[], $3::bytea[]) AS new (digest, form, body)";
        transaction.execute(sql, &[&digests, &forms, &bodies, &commit]).await.map_err(failed)?;
        Ok(())
    }
}

async fn append(
    transaction: &Transaction<'_>,
    app: &AppName,
    links: &[Link],
) -> Result<(), tokio_postgres::Error> {
    let insert = "INSERT INTO ledger (app, seq, rendered, body) VALUES ($1, $2, $3, $4)";
    let sign = "INSERT INTO checkpoint (app, seq, hash, seal) VALUES ($1, $2, $3, $4)";
    for link in links {
        let seq = number(link.head.seq);
        let rendered = link.rendered.as_ref().map(|digest| digest.as_bytes().as_slice());
        transaction.execute(insert, &[&app.as_str(), &seq, &rendered, &link.body]).await?;
        if let Some(seal) = &link.seal {
            let (hash, seal) = (link.head.hash.as_bytes().as_slice(), seal.as_slice());
            transaction.execute(sign, &[&app.as_str(), &seq, &hash, &seal]).await?;
        }
    }
    Ok(())
}

/// Writes an app's row; without parts the app is removed, and its chain goes on.
async fn put(
    transaction: &Transaction<'_>,
    app: &AppName,
    commit: i64,
    head: Head,
    parts: Option<&parts::Parts>,
) -> Result<(), tokio_postgres::Error> {
    let hold = "INSERT INTO holding (digest, contents) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    for (set, contents) in parts.map(|parts| &parts.holdings).into_iter().flatten() {
        transaction.execute(hold, &[&set.as_bytes().as_slice(), &contents.get()]).await?;
    }
    let sets: Vec<&[u8]> = parts
        .map(|parts| parts.names.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|set| set.as_bytes().as_slice())
        .collect();
    let record = parts.map(|parts| parts.lean.get());
    let sql = "INSERT INTO app (name, commit_no, head_seq, head_hash, sets, record)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (name) DO UPDATE SET commit_no = excluded.commit_no,
            head_seq = excluded.head_seq, head_hash = excluded.head_hash,
            sets = excluded.sets, record = excluded.record";
    let hash = head.hash.as_bytes().as_slice();
    let seq = number(head.seq);
    transaction.execute(sql, &[&app.as_str(), &commit, &seq, &hash, &sets, &record]).await?;
    Ok(())
}

#[async_trait]
impl Store for PostgresStore {
    async fn record(&self, app: &AppName) -> Result<Record, PortError> {
        let session = self.inner.server.session().await?;
        Ok(reading::record(&session, &self.inner.server, app).await?)
    }

    async fn apps(&self) -> Result<Vec<AppName>, PortError> {
        self.names("SELECT name FROM app WHERE record IS NOT NULL ORDER BY name").await
    }

    async fn commit(&self, app: &AppName, commit: Commit) -> Result<(), PortError> {
        self.change(app, Some(&commit)).await
    }

    async fn contents(&self, digests: &[Digest]) -> Result<BTreeMap<Digest, Vec<u8>>, PortError> {
        let wanted: Vec<&[u8]> =
            digests.iter().map(|digest| digest.as_bytes().as_slice()).collect();
        let session = self.inner.server.session().await?;
        let sql = "SELECT digest, form, body FROM content WHERE digest = ANY($1)";
        let rows = session.query(sql, &[&wanted]).await;
        let rows = rows.map_err(|error| self.inner.server.failed("read", error))?;
        let codec = self.inner.codec.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = BTreeMap::new();
        for row in &rows {
            let Ok(bytes) = <[u8; 32]>::try_from(row.get::<_, &[u8]>(0)) else { continue };
            let digest = Digest::from_bytes(bytes);
            let form = u8::try_from(row.get::<_, i16>(1)).unwrap_or(u8::MAX);
            found.insert(digest, codec.decode(&digest, form, row.get(2))?);
        }
        Ok(found)
    }

    async fn history(&self, query: &HistoryQuery) -> Result<Vec<LedgerEntry>, PortError> {
        let session = self.inner.server.session().await?;
        let rows = reading::history(&session, query).await;
        let rows = rows.map_err(|error| self.inner.server.failed("read", error))?;
        let mut entries = Vec::with_capacity(rows.len());
        for row in &rows {
            let unreadable = |why| ledger::entry_unreadable(row.get(0), unsigned(row.get(1)), why);
            entries.push(ledger::open(row.get(2)).map_err(unreadable)?);
        }
        Ok(entries)
    }

    async fn remove(&self, app: &AppName) -> Result<(), PortError> {
        self.change(app, None).await
    }

    async fn freeze(&self) -> Result<Option<Freeze>, PortError> {
        let session = self.inner.server.session().await?;
        let stored = schema::meta(&*session, freeze::META).await;
        freeze::read(stored.map_err(|error| self.inner.server.failed("read", error))?)
    }

    async fn set_freeze(&self, freeze: Option<Freeze>) -> Result<(), PortError> {
        let text = freeze::write(freeze.as_ref())?;
        let session = self.inner.server.session().await?;
        let written = schema::set_meta(&*session, freeze::META, &text).await;
        Ok(written.map_err(|error| self.inner.server.failed("written", error))?)
    }
}
