//! The ledger's rows: one hash chain an app, entries as compressed JSON.

use rusqlite::{Connection, OptionalExtension, Row, params};
use trueup_model::ports::HistoryQuery;
use trueup_model::{AppName, Digest, InstallationKey, LedgerEntry, LedgerKind};

use crate::StoreError;
use crate::content::WriteError;
use crate::journal::Head;

/// Every so many entries the head of a chain is signed.
const CHECKPOINT_EVERY: u64 = 64;
const LEVEL: i32 = 3;

/// Where an app's chain ends.
pub(crate) fn head(connection: &Connection, app: &AppName) -> Result<Head, WriteError> {
    let head = connection
        .prepare_cached("SELECT head_seq, head_hash FROM app WHERE name = ?1")?
        .query_row([app.as_str()], |row| {
            Ok(Head { seq: row.get(0)?, hash: Digest::from_bytes(row.get(1)?) })
        })
        .optional()?;
    Ok(head.unwrap_or_else(Head::none))
}

/// An entry in its place in a chain, as it is stored.
pub(crate) struct Link {
    /// Its number and hash: the end of the chain as of it.
    pub(crate) head: Head,
    /// The rendered set it is about.
    pub(crate) rendered: Option<Digest>,
    /// The entry, compressed.
    pub(crate) body: Vec<u8>,
    /// The signature beside it, if it is one that is signed.
    pub(crate) seal: Option<[u8; 32]>,
}

/// Entries as the next links of an app's chain that ends with `head`.
pub(crate) fn links(
    key: &InstallationKey,
    app: &AppName,
    mut head: Head,
    entries: &[LedgerEntry],
) -> Result<Vec<Link>, StoreError> {
    let mut links = Vec::with_capacity(entries.len());
    for entry in entries {
        let mut entry = entry.clone();
        entry.app = app.clone();
        entry.seq = head.seq + 1;
        entry.previous = head.hash;
        entry.hash = entry.compute_hash();
        head = Head { seq: entry.seq, hash: entry.hash };
        // Where a chain goes on after a loss, the signature is what tells the gap from a cut.
        let signed =
            head.seq.is_multiple_of(CHECKPOINT_EVERY) || entry.kind == LedgerKind::Restored;
        links.push(Link {
            head,
            rendered: entry.rendered,
            body: encode(&entry)?,
            seal: signed.then(|| seal(key, app, head)),
        });
    }
    Ok(links)
}

/// Appends entries to an app's chain and answers its new end.
pub(crate) fn append(
    connection: &Connection,
    key: &InstallationKey,
    app: &AppName,
    head: Head,
    entries: &[LedgerEntry],
) -> Result<Head, WriteError> {
    let links = links(key, app, head, entries)?;
    let mut insert = connection
        .prepare_cached("INSERT INTO ledger (app, seq, rendered, body) VALUES (?1, ?2, ?3, ?4)")?;
    for link in &links {
        let rendered = link.rendered.map(|digest| *digest.as_bytes());
        insert.execute(params![app.as_str(), link.head.seq, rendered, link.body])?;
        if let Some(seal) = link.seal {
            sign(connection, app, link.head, seal)?;
        }
    }
    Ok(links.last().map_or(head, |link| link.head))
}

fn sign(
    connection: &Connection,
    app: &AppName,
    head: Head,
    seal: [u8; 32],
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO checkpoint (app, seq, hash, seal) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![app.as_str(), head.seq, head.hash.as_bytes(), seal])?;
    Ok(())
}

/// What only who has the installation's key can write beside a head.
pub(crate) fn seal(key: &InstallationKey, app: &AppName, head: Head) -> [u8; 32] {
    let parts = [app.as_str().as_bytes(), &head.seq.to_be_bytes(), head.hash.as_bytes()];
    key.derive("ledger-checkpoint", &parts)
}

fn encode(entry: &LedgerEntry) -> Result<Vec<u8>, StoreError> {
    let unwritable =
        |why: String| StoreError::Unreadable { what: "a ledger entry".to_owned(), why };
    let json = serde_json::to_vec(entry).map_err(|error| unwritable(error.to_string()))?;
    zstd::bulk::compress(&json, LEVEL).map_err(|error| unwritable(error.to_string()))
}

/// The entry of a stored body; the error says why it cannot be read.
pub(crate) fn open(body: &[u8]) -> Result<LedgerEntry, String> {
    let json = json(body)?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}

/// The JSON of a stored body.
pub(crate) fn json(body: &[u8]) -> Result<Vec<u8>, String> {
    zstd::stream::decode_all(body).map_err(|error| error.to_string())
}

/// The entry of a row `app, seq, body`.
fn decode(row: &Row<'_>) -> Result<LedgerEntry, WriteError> {
    let body = row.get_ref(2)?.as_bytes().map_err(rusqlite::Error::from)?;
    Ok(open(body).map_err(|why| unreadable(row, why))?)
}

/// The JSON of a row `app, seq, body`.
pub(crate) fn text(row: &Row<'_>) -> Result<Vec<u8>, WriteError> {
    let body = row.get_ref(2)?.as_bytes().map_err(rusqlite::Error::from)?;
    Ok(json(body).map_err(|why| unreadable(row, why))?)
}

fn unreadable(row: &Row<'_>, why: String) -> StoreError {
    let app: String = row.get(0).unwrap_or_default();
    entry_unreadable(&app, row.get(1).unwrap_or_default(), why)
}

/// An entry that cannot be read.
pub(crate) fn entry_unreadable(app: &str, seq: u64, why: String) -> StoreError {
    StoreError::Unreadable { what: format!("entry {seq} of {app}"), why }
}

/// Entries, the newest first.
pub(crate) fn history(
    connection: &Connection,
    query: &HistoryQuery,
) -> Result<Vec<LedgerEntry>, WriteError> {
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(match query.app {
        Some(_) => "SELECT app, seq, body FROM ledger WHERE app = ?2 ORDER BY seq DESC LIMIT ?1",
        None => "SELECT app, seq, body FROM ledger ORDER BY id DESC LIMIT ?1",
    })?;
    let mut rows = match &query.app {
        Some(app) => statement.query(params![limit, app.as_str()])?,
        None => statement.query(params![limit])?,
    };
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(decode(row)?);
    }
    Ok(entries)
}
