//! The database: how it is opened, and its schema.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::StoreError;

/// What turns an empty database into today's, step by step. A step that was released is never
/// changed: another one is added below it. SQLite's `user_version` counts the steps that were taken.
const STEPS: &[&str] = &[
    "
    CREATE TABLE meta (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) WITHOUT ROWID;
    -- One row an app that was ever seen. `record` is NULL once it is removed; its chain goes on.
    CREATE TABLE app (
        name TEXT PRIMARY KEY,
        commit_no INTEGER NOT NULL,
        head_seq INTEGER NOT NULL,
        head_hash BLOB NOT NULL,
        record TEXT
    );
    CREATE TABLE ledger (
        id INTEGER PRIMARY KEY,
        app TEXT NOT NULL,
        seq INTEGER NOT NULL,
        rendered BLOB,
        body BLOB NOT NULL
    );
    CREATE UNIQUE INDEX ledger_chain ON ledger (app, seq);
    CREATE TABLE checkpoint (
        app TEXT NOT NULL,
        seq INTEGER NOT NULL,
        hash BLOB NOT NULL,
        seal BLOB NOT NULL,
        PRIMARY KEY (app, seq)
    ) WITHOUT ROWID;
    CREATE TABLE content (
        digest BLOB PRIMARY KEY,
        added INTEGER NOT NULL,
        form INTEGER NOT NULL,
        body BLOB NOT NULL
    );
",
    "
    -- What the sets of records hold, once each, by the digest of the JSON; `app.sets` names them in
    -- the order in which the record's sets come.
    CREATE TABLE holding (
        digest BLOB PRIMARY KEY,
        contents TEXT NOT NULL
    );
    ALTER TABLE app ADD COLUMN sets TEXT NOT NULL DEFAULT '[]';
",
    // The tables stay as they are. From here on `holding` holds inventories too, and large maps in
    // pieces; a program that does not know that would take them for empty.
    "",
];

/// The newest schema this program knows.
pub(crate) const SCHEMA: u32 = STEPS.len() as u32;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `TrUp`: what `file` and other programs tell our databases by.
const APPLICATION_ID: i32 = 0x5472_5570;

/// How long a reader waits for a writer that is busy with a checkpoint or the like.
const BUSY: Duration = Duration::from_secs(5);

/// Opens the database for writing, makes it if there is none, and brings it up to date.
pub(crate) fn open(path: &Path) -> Result<Connection, StoreError> {
    let mut connection =
        Connection::open(path).map_err(|source| StoreError::sql(path, "opened", source))?;
    prepare(&mut connection, path)?;
    Ok(connection)
}

/// Opens the database for reading.
pub(crate) fn open_read_only(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|source| StoreError::sql(path, "opened", source))?;
    let failed = |source| StoreError::sql(path, "opened", source);
    connection.busy_timeout(BUSY).map_err(failed)?;
    refuse_newer(&connection, path)?;
    Ok(connection)
}

fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::sql(path, "opened", source);
    connection.busy_timeout(BUSY).map_err(failed)?;
    refuse_newer(connection, path)?;
    // Takes effect in a new database only: room that a sweep makes can be given back.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(failed)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    // FULL: a commit that was acknowledged survives a power cut, not only a crash.
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    migrate(connection).map_err(failed)
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let taken = version(connection)? as usize;
    let transaction = connection.transaction()?;
    for step in STEPS.iter().skip(taken) {
        transaction.execute_batch(step)?;
    }
    if taken < STEPS.len() {
        transaction.pragma_update(None, "user_version", SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    // Only what changed is written: a start must work with a full disk.
    if meta(&transaction, "written-by")?.as_deref() != Some(VERSION) {
        set_meta(&transaction, "written-by", VERSION)?;
    }
    transaction.commit()
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn refuse_newer(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::sql(path, "opened", source);
    let found = version(connection).map_err(failed)?;
    if found <= SCHEMA {
        return Ok(());
    }
    let writer = meta(connection, "written-by").map_err(failed)?.unwrap_or_default();
    Err(StoreError::Newer { path: path.to_owned(), writer, found, known: SCHEMA })
}

/// A value of the `meta` table.
pub(crate) fn meta(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// Sets a value of the `meta` table.
pub(crate) fn set_meta(connection: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO meta (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?
        .execute([name, value])?;
    Ok(())
}

/// The number of the last commit; 0 in a new database.
pub(crate) fn last_commit(connection: &Connection) -> rusqlite::Result<u64> {
    let value = meta(connection, "commit")?;
    Ok(value.and_then(|value| value.parse().ok()).unwrap_or(0))
}

/// Notes the number of the last commit.
pub(crate) fn set_last_commit(connection: &Connection, number: u64) -> rusqlite::Result<()> {
    set_meta(connection, "commit", &number.to_string())
}
