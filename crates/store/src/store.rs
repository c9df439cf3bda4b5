//! The store: what the loop calls. Work on the disk happens on threads that may block.
//!
//! A commit is put into a queue and a thread is asked to write; whichever thread gets the writer
//! writes all that is in the queue by then, in one transaction. If that fails, each is tried by
//! itself, so that nobody pays for another one's fault.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::oneshot;
use trueup_model::ports::{Commit, HistoryQuery, PortError, Store};
use trueup_model::record::Freeze;
use trueup_model::{AppName, Digest, InstallationKey, LedgerEntry, Record};

use crate::chain::{self, ChainReport};
use crate::content::{self, Codec, WriteError};
use crate::folder::{Folder, Held};
use crate::journal::{self, HoldingLine, Journal, Line, Of, Written};
use crate::parts::{self, Parts};
use crate::{StoreError, database, freeze, ledger, recover};

/// A state folder's store. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    folder: Folder,
    key: InstallationKey,
    installation: String,
    notes: Vec<String>,
    queue: Mutex<Vec<Pending>>,
    // The reader is closed first: the last one to close, if it may write, folds the log into the
    // database.
    reader: Mutex<Reader>,
    writer: Option<Mutex<Writer>>,
}

/// The one connection that writes, and the file that is written with it.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    codec: Codec,
    key: InstallationKey,
    installation: String,
    journal: Journal,
    folder: Folder,
    /// Whether the file may lack something that the database has.
    behind: bool,
    _held: Held,
}

pub(crate) struct Reader {
    pub(crate) connection: Connection,
    pub(crate) codec: Codec,
}

/// What is asked of the writer.
#[derive(Clone)]
enum Change {
    Commit(Box<Commit>),
    Remove,
}

struct Pending {
    app: AppName,
    change: Change,
    done: oneshot::Sender<Result<(), PortError>>,
}

impl SqliteStore {
    /// Opens a state folder for this process alone, and makes it if it is not there. Repairs what a
    /// crash or a lost file left: [`Self::notes`] says what was done.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let folder = Folder::new(folder);
        folder.create()?;
        let held = folder.hold()?;
        let opened = recover::open(&folder, Timestamp::now())?;
        let reader = Reader::open(&folder, &opened.key)?;
        let writer = Writer {
            connection: opened.connection,
            path: folder.database(),
            codec: Codec::new(&opened.key)?,
            key: opened.key.clone(),
            installation: opened.installation.clone(),
            journal: opened.journal,
            folder: folder.clone(),
            behind: false,
            _held: held,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                folder,
                key: opened.key,
                installation: opened.installation,
                notes: opened.notes,
                queue: Mutex::default(),
                reader: Mutex::new(reader),
                writer: Some(Mutex::new(writer)),
            }),
        })
    }

    /// Opens a state folder for reading, whoever else holds it.
    pub fn open_read_only(folder: &Path) -> Result<Self, StoreError> {
        let folder = Folder::new(folder);
        if !folder.database().exists() {
            return Err(StoreError::Empty { folder: folder.root });
        }
        let key =
            folder.read_key()?.ok_or_else(|| StoreError::KeyMissing { path: folder.key() })?;
        let reader = Reader::open(&folder, &key)?;
        let installation = database::meta(&reader.connection, "installation")
            .map_err(|source| StoreError::sql(folder.database(), "read", source))?
            .unwrap_or_default();
        Ok(Self {
            inner: Arc::new(Inner {
                folder,
                key,
                installation,
                notes: Vec::new(),
                queue: Mutex::default(),
                reader: Mutex::new(reader),
                writer: None,
            }),
        })
    }

    /// The installation's id: 16 hexadecimal digits, made at first start.
    pub fn installation(&self) -> &str {
        &self.inner.installation
    }

    /// The installation's secret key.
    pub fn key(&self) -> &InstallationKey {
        &self.inner.key
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.inner.folder.database()
    }

    /// What was repaired when the folder was opened, in sentences.
    pub fn notes(&self) -> &[String] {
        &self.inner.notes
    }

    /// Checks an app's whole chain.
    pub async fn verify(&self, app: &AppName) -> Result<ChainReport, PortError> {
        let app = app.clone();
        self.read(move |inner, reader| {
            // The file first: the database may only be newer than it.
            let known = journal::read(&inner.folder.journal())?
                .and_then(|file| file.lines.get(&app).map(|line| line.head));
            chain::verify(&reader.connection, &inner.key, &app, known)
        })
        .await
    }

    /// The apps that have a ledger, those that were removed included.
    pub async fn ledgers(&self) -> Result<Vec<AppName>, PortError> {
        self.read(|_, reader| names(&reader.connection, "SELECT name FROM app ORDER BY name")).await
    }

    /// Reads, on a thread that may block.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &Reader) -> Result<T, WriteError> + Send + 'static,
    ) -> Result<T, PortError> {
        let inner = self.inner.clone();
        let read = move || {
            let reader = hold(&inner.reader);
            work(&inner, &reader)
                .map_err(|error| PortError::from(error.at(&inner.folder.database(), "read")))
        };
        tokio::task::spawn_blocking(read).await.map_err(stopped)?
    }

    /// Does something with the writer, on a thread that may block.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, WriteError> + Send + 'static,
    ) -> Result<T, PortError> {
        let inner = self.inner.clone();
        let write = move || {
            let mut writer = hold(inner.writer.as_ref().ok_or(StoreError::NotWritable)?);
            work(&mut writer).map_err(|error| error.at(&inner.folder.database(), "written"))
        };
        Ok(tokio::task::spawn_blocking(write).await.map_err(stopped)??)
    }

    async fn change(&self, app: &AppName, change: Change) -> Result<(), PortError> {
        if self.inner.writer.is_none() {
            return Err(StoreError::NotWritable.into());
        }
        let (done, answer) = oneshot::channel();
        hold(&self.inner.queue).push(Pending { app: app.clone(), change, done });
        let inner = self.inner.clone();
        self.write(move |writer| {
            inner.drain(writer);
            Ok(())
        })
        .await?;
        answer.await.map_err(stopped)?
    }
}

impl Inner {
    /// Writes what waits in the queue.
    fn drain(&self, writer: &mut Writer) {
        let waiting = std::mem::take(&mut *hold(&self.queue));
        let changes: Vec<(&AppName, &Change)> =
            waiting.iter().map(|pending| (&pending.app, &pending.change)).collect();
        if changes.is_empty() {
            return;
        }
        let together = writer.apply(&changes);
        let alone = together.is_err() && waiting.len() > 1;
        let answers: Vec<Result<(), PortError>> = if alone {
            changes.iter().map(|change| Ok(writer.apply(&[*change])?)).collect()
        } else {
            let answer = together.map_err(PortError::from);
            changes.iter().map(|_| answer.clone()).collect()
        };
        for (pending, answer) in waiting.into_iter().zip(answers) {
            // Who does not wait any more does not want to know.
            let _ = pending.done.send(answer);
        }
    }
}

impl Writer {
    /// Writes changes in one transaction, and the plain file after it.
    fn apply(&mut self, changes: &[(&AppName, &Change)]) -> Result<(), StoreError> {
        if self.behind {
            self.rewrite_journal()?;
        }
        let path = self.path.clone();
        let lines = self.transact(changes).map_err(|error| error.at(&path, "written"))?;
        self.behind = true;
        self.journal.append(&lines)?;
        self.behind = false;
        if self.journal.wants_rewriting() {
            // Nothing is lost if this fails: it is tried again with the next commit.
            self.behind = self.rewrite_journal().is_err();
        }
        Ok(())
    }

    fn transact(&mut self, changes: &[(&AppName, &Change)]) -> Result<Vec<Written>, WriteError> {
        let transaction = self.connection.transaction()?;
        let mut number = database::last_commit(&transaction)?;
        let mut lines = Vec::with_capacity(changes.len());
        for (app, change) in changes {
            number += 1;
            let mut head = ledger::head(&transaction, app)?;
            let (mut sets, mut record, mut replaced) = (Vec::new(), None, None);
            if let Change::Commit(commit) = change {
                content::write(&transaction, &mut self.codec, number, &commit.contents)?;
                head = ledger::append(&transaction, &self.key, app, head, &commit.entries)?;
                let parts = take_apart(app, &commit.record)?;
                for (set, contents) in parts.holdings {
                    recover::hold(&transaction, &set, contents.get())?;
                    if !self.journal.knows(&set) {
                        let text = journal::close_line(&HoldingLine { set, contents });
                        lines.push(Written { of: Of::Set(set), text });
                    }
                }
                (sets, record) = (parts.names, Some(parts.lean));
                replaced.clone_from(&commit.replaces);
            }
            let line = Line { commit: number, app: (*app).clone(), head, sets, record };
            recover::put(&transaction, &line)?;
            let text = journal::close_line(&line);
            lines.push(Written { of: Of::App(line.app), text });
            if let Some(app) = replaced {
                number += 1;
                let head = ledger::head(&transaction, &app)?;
                let line = Line { commit: number, app, head, sets: Vec::new(), record: None };
                recover::put(&transaction, &line)?;
                let text = journal::close_line(&line);
                lines.push(Written { of: Of::App(line.app), text });
            }
        }
        database::set_last_commit(&transaction, number)?;
        self.journal.reserve(lines.iter().map(|line| line.text.len() as u64).sum())?;
        transaction.commit()?;
        Ok(lines)
    }

    fn rewrite_journal(&mut self) -> Result<(), StoreError> {
        self.journal = recover::rewrite(&self.folder, &self.connection, &self.installation)?;
        self.behind = false;
        Ok(())
    }
}

impl Reader {
    fn open(folder: &Folder, key: &InstallationKey) -> Result<Self, StoreError> {
        let connection = database::open_read_only(&folder.database())?;
        Ok(Self { connection, codec: Codec::new(key)? })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn record(&self, app: &AppName) -> Result<Record, PortError> {
        let app = app.clone();
        self.read(move |_, reader| record(&reader.connection, &app)).await
    }

    async fn apps(&self) -> Result<Vec<AppName>, PortError> {
        let sql = "SELECT name FROM app WHERE record IS NOT NULL ORDER BY name";
        self.read(move |_, reader| names(&reader.connection, sql)).await
    }

    async fn commit(&self, app: &AppName, commit: Commit) -> Result<(), PortError> {
        self.change(app, Change::Commit(Box::new(commit))).await
    }

    async fn contents(&self, digests: &[Digest]) -> Result<BTreeMap<Digest, Vec<u8>>, PortError> {
        let digests = digests.to_vec();
        self.read(move |_, reader| {
            let mut found = BTreeMap::new();
            for digest in digests {
                if let Some(bytes) = content::read(&reader.connection, &reader.codec, &digest)? {
                    found.insert(digest, bytes);
                }
            }
            Ok(found)
        })
        .await
    }

    async fn history(&self, query: &HistoryQuery) -> Result<Vec<LedgerEntry>, PortError> {
        let query = query.clone();
        self.read(move |_, reader| ledger::history(&reader.connection, &query)).await
    }

    async fn remove(&self, app: &AppName) -> Result<(), PortError> {
        self.change(app, Change::Remove).await
    }

    async fn freeze(&self) -> Result<Option<Freeze>, PortError> {
        let meta = freeze::META;
        freeze::read(
            self.read(move |_, reader| Ok(database::meta(&reader.connection, meta)?)).await?,
        )
    }

    async fn set_freeze(&self, freeze: Option<Freeze>) -> Result<(), PortError> {
        let text = freeze::write(freeze.as_ref())?;
        self.write(move |writer| Ok(database::set_meta(&writer.connection, freeze::META, &text)?))
            .await
    }
}

fn record(connection: &Connection, app: &AppName) -> Result<Record, WriteError> {
    let stored: Option<(u64, String, Option<String>)> = connection
        .prepare_cached("SELECT commit_no, sets, record FROM app WHERE name = ?1")?
        .query_row([app.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let (commit, sets, lean) = stored.unwrap_or_default();
    let mut record = match lean {
        Some(lean) => put_together(connection, app, &sets, &lean)?,
        None => Record::default(),
    };
    record.careful |= recover::is_careful(connection, commit)?;
    Ok(record)
}

fn put_together(
    connection: &Connection,
    app: &AppName,
    sets: &str,
    lean: &str,
) -> Result<Record, WriteError> {
    let unreadable = |why| StoreError::Unreadable { what: format!("the record of {app}"), why };
    let names: Vec<Digest> =
        serde_json::from_str(sets).map_err(|error| unreadable(error.to_string()))?;
    let mut statement =
        connection.prepare_cached("SELECT contents FROM holding WHERE digest = ?1")?;
    let holding = |set: &Digest| -> Result<Option<String>, String> {
        let found = statement.query_row([set.as_bytes()], |row| row.get(0)).optional();
        found.map_err(|error| error.to_string())
    };
    Ok(parts::put_together(lean, &names, holding).map_err(unreadable)?)
}

fn take_apart(app: &AppName, record: &Record) -> Result<Parts, StoreError> {
    parts::take_apart(record).map_err(|error| StoreError::Unreadable {
        what: format!("the record of {app}"),
        why: error.to_string(),
    })
}

pub(crate) fn names(connection: &Connection, sql: &str) -> Result<Vec<AppName>, WriteError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut names = Vec::new();
    while let Some(row) = rows.next()? {
        let unreadable =
            |why| StoreError::Unreadable { what: "the name of an app".to_owned(), why };
        names.push(AppName::new(row.get::<_, String>(0)?).map_err(unreadable)?);
    }
    Ok(names)
}

/// Locks; a thread that panicked while it held the lock left SQLite's own transaction to roll back.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stopped(error: impl std::fmt::Display) -> PortError {
    PortError::passing(format!("the store stopped before it answered: {error}"))
}
