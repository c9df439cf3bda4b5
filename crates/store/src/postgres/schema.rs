//! The schema, and whose database it is.

use tokio_postgres::{GenericClient, Transaction};
use trueup_model::InstallationKey;

use super::connection::Server;
use crate::StoreError;
use crate::folder::{Folder, random};

/// What turns an empty database into today's, step by step. A step that was released is never
/// changed: another one is added below it. `meta.schema` counts the steps that were taken.
const STEPS: &[&str] = &["
    CREATE TABLE app (
        name TEXT PRIMARY KEY,
        commit_no BIGINT NOT NULL,
        head_seq BIGINT NOT NULL,
        head_hash BYTEA NOT NULL,
        sets BYTEA[] NOT NULL,
        record TEXT
    );
    CREATE TABLE ledger (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        app TEXT NOT NULL,
        seq BIGINT NOT NULL,
        rendered BYTEA,
        body BYTEA NOT NULL,
        UNIQUE (app, seq)
    );
    CREATE TABLE checkpoint (
        app TEXT NOT NULL,
        seq BIGINT NOT NULL,
        hash BYTEA NOT NULL,
        seal BYTEA NOT NULL,
        PRIMARY KEY (app, seq)
    );
    CREATE TABLE content (
        digest BYTEA PRIMARY KEY,
        added BIGINT NOT NULL,
        form SMALLINT NOT NULL,
        body BYTEA NOT NULL
    );
    CREATE TABLE holding (
        digest BYTEA PRIMARY KEY,
        contents TEXT NOT NULL
    );
"];

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What the number of the lock is that makes one controller at a time prepare the database.
const PREPARING: i64 = 0x5472_5570;

/// A database that is ready.
pub(super) struct Opened {
    pub(super) key: InstallationKey,
    pub(super) installation: String,
    pub(super) notes: Vec<String>,
}

/// Brings the database up to date, and the key and the installation's id into being.
pub(super) async fn prepare(server: &Server, folder: &Folder) -> Result<Opened, StoreError> {
    let found = folder.read_key()?;
    let mut session = server.session().await?;
    let failed = |error| server.failed("prepared", error);
    let transaction = session.transaction().await.map_err(failed)?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&PREPARING]).await.map_err(failed)?;
    transaction
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
        )
        .await
        .map_err(failed)?;
    migrate(server, &transaction).await?;
    let known = meta(&transaction, "installation").await.map_err(failed)?;
    let opened = match (known, found) {
        (Some(_), None) => return Err(StoreError::KeyMissing { path: folder.key() }),
        (Some(installation), Some(key)) => {
            check_key(server, folder, &transaction, &key).await?;
            Opened { key, installation, notes: Vec::new() }
        }
        (None, found) => begin(server, &transaction, found).await?,
    };
    transaction.commit().await.map_err(failed)?;
    drop(session);
    if folder.read_key()?.is_none() {
        folder.write_key(&opened.key)?;
    }
    Ok(opened)
}

/// A database that is there, for reading.
pub(super) async fn look(server: &Server, folder: &Folder) -> Result<Opened, StoreError> {
    let session = server.session().await?;
    let failed = |error| server.failed("read", error);
    let there = session.query_one("SELECT to_regclass('meta') IS NOT NULL", &[]).await;
    if !there.map_err(failed)?.get::<_, bool>(0) {
        return Err(StoreError::Empty { folder: folder.root.clone() });
    }
    refuse_newer(server, &*session).await?;
    let key = folder.read_key()?.ok_or_else(|| StoreError::KeyMissing { path: folder.key() })?;
    check_key(server, folder, &*session, &key).await?;
    let installation = meta(&*session, "installation").await.map_err(failed)?;
    Ok(Opened { key, installation: installation.unwrap_or_default(), notes: Vec::new() })
}

async fn migrate(server: &Server, transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let failed = |error| server.failed("prepared", error);
    let taken = refuse_newer(server, transaction).await?;
    for step in STEPS.iter().skip(taken) {
        transaction.batch_execute(step).await.map_err(failed)?;
    }
    if taken < STEPS.len() {
        set_meta(transaction, "schema", &STEPS.len().to_string()).await.map_err(failed)?;
    }
    set_meta(transaction, "written-by", VERSION).await.map_err(failed)
}

/// How many steps were taken; an error where there are more than this program knows.
async fn refuse_newer(server: &Server, client: &impl GenericClient) -> Result<usize, StoreError> {
    let failed = |error| server.failed("read", error);
    let taken = meta(client, "schema").await.map_err(failed)?;
    let taken: usize = taken.and_then(|taken| taken.parse().ok()).unwrap_or(0);
    if taken <= STEPS.len() {
        return Ok(taken);
    }
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Err(StoreError::Newer {
        path: server.name().into(),
        writer: meta(client, "written-by").await.map_err(failed)?.unwrap_or_default(),
        found: number(taken),
        known: number(STEPS.len()),
    })
}

/// A new database. A key that was there before it is the key of state that was lost: then every
/// record is one to be careful with.
async fn begin(
    server: &Server,
    transaction: &Transaction<'_>,
    found: Option<InstallationKey>,
) -> Result<Opened, StoreError> {
    let failed = |error| server.failed("prepared", error);
    let mut notes = Vec::new();
    let key = match found {
        Some(key) => {
            notes.push(format!(
                "{} is new, and the key is not: what was remembered elsewhere is not in it, and nothing is applied until `trueup accept`",
                server.name()
            ));
            set_meta(transaction, "careful-until", "0").await.map_err(failed)?;
            key
        }
        None => InstallationKey::from_bytes(random()?),
    };
    let installation = hex::encode(random::<8>()?);
    set_meta(transaction, "installation", &installation).await.map_err(failed)?;
    set_meta(transaction, "commit", "0").await.map_err(failed)?;
    set_meta(transaction, "key-check", &key_check(&key)).await.map_err(failed)?;
    Ok(Opened { key, installation, notes })
}

async fn check_key(
    server: &Server,
    folder: &Folder,
    client: &impl GenericClient,
    key: &InstallationKey,
) -> Result<(), StoreError> {
    let known = meta(client, "key-check").await.map_err(|error| server.failed("read", error))?;
    if known.is_some_and(|known| known != key_check(key)) {
        return Err(StoreError::OtherKey { path: folder.key(), name: server.name().to_owned() });
    }
    Ok(())
}

/// Tells two keys apart without telling anything of them.
fn key_check(key: &InstallationKey) -> String {
    hex::encode(key.derive("ledger-key-check", &[]))
}

/// A value of the `meta` table.
pub(super) async fn meta(
    client: &impl GenericClient,
    name: &str,
) -> Result<Option<String>, tokio_postgres::Error> {
    let row = client.query_opt("SELECT value FROM meta WHERE name = $1", &[&name]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Sets a value of the `meta` table.
pub(super) async fn set_meta(
    client: &impl GenericClient,
    name: &str,
    value: &str,
) -> Result<(), tokio_postgres::Error> {
    let sql = "INSERT INTO meta (name, value) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    client.execute(sql, &[&name, &value]).await.map(|_| ())
}

/// Takes the number of the next commit: until the transaction ends, nobody else can.
pub(super) async fn next_commit(
    transaction: &Transaction<'_>,
) -> Result<i64, tokio_postgres::Error> {
    let sql = "UPDATE meta SET value = (value::bigint + 1)::text WHERE name = 'commit'
        RETURNING value::bigint";
    Ok(transaction.query_one(sql, &[]).await?.get(0))
}
