//! How long contents are kept: as long as a record names them, or one of the last states in the
//! ledger of an app does. Of older ones the ledger keeps the digests.
//!
//! What names a content is not interpreted: every digest that is written in a record or an entry
//! counts. So whatever the loop comes to put there is kept with it.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{Connection, params};
use trueup_model::ports::PortError;
use trueup_model::{AppName, Digest};

use crate::content::WriteError;
use crate::store::{SqliteStore, Writer};
use crate::{database, ledger};

/// What a sweep removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swept {
    /// How many contents were looked at.
    pub looked_at: u64,
    /// How many of them were removed.
    pub removed: u64,
}

/// So many pages of the database are given back to the disk after a sweep, at most.
const PAGES: u32 = 10_000;

impl SqliteStore {
    /// Removes the contents that neither a record nor an entry about one of the last `states`
    /// rendered sets of an app names. Commits go on meanwhile.
    pub async fn sweep(&self, states: usize) -> Result<Swept, PortError> {
        let (until, remembered) = self
            .read(move |_, reader| {
                let until = database::last_commit(&reader.connection)?;
                Ok((until, in_ledgers(&reader.connection, states)?))
            })
            .await?;
        self.write(move |writer| remove(writer, until, remembered)).await
    }

    /// Removes a content for good, whoever names it: the ledger goes on naming its digest, and its
    /// chain stays in order. Answers whether it was there.
    pub async fn erase(&self, digest: Digest) -> Result<bool, PortError> {
        self.write(move |writer| {
            let connection = &writer.connection;
            connection.pragma_update(None, "secure_delete", true)?;
            let removed =
                connection.execute("DELETE FROM content WHERE digest = ?1", [digest.as_bytes()]);
            connection.pragma_update(None, "secure_delete", false)?;
            // What was written lately lies in the log as well.
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(removed? > 0)
        })
        .await
    }
}

/// Removes what was written up to a commit and is not named. The records are read again here: one
/// may have come to name something since the ledgers were read.
fn remove(
    writer: &mut Writer,
    until: u64,
    mut named: HashSet<[u8; 32]>,
) -> Result<Swept, WriteError> {
    let transaction = writer.connection.transaction()?;
    in_records(&transaction, &mut named)?;
    let mut swept = Swept { looked_at: 0, removed: 0 };
    let mut dead: Vec<[u8; 32]> = Vec::new();
    {
        let mut statement = transaction.prepare("SELECT digest FROM content WHERE added <= ?1")?;
        let mut rows = statement.query([until])?;
        while let Some(row) = rows.next()? {
            let digest: [u8; 32] = row.get(0)?;
            swept.looked_at += 1;
            if !named.contains(&digest) {
                dead.push(digest);
            }
        }
        let mut delete = transaction.prepare("DELETE FROM content WHERE digest = ?1")?;
        for digest in dead {
            swept.removed += delete.execute([digest])? as u64;
        }
    }
    transaction.commit()?;
    let connection = &writer.connection;
    connection.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    Ok(swept)
}

fn in_records(connection: &Connection, named: &mut HashSet<[u8; 32]>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT record FROM app WHERE record IS NOT NULL UNION ALL SELECT contents FROM holding",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        named.extend(digests(row.get_ref(0)?.as_bytes()?));
    }
    Ok(())
}

/// What the entries about the last states of each app name.
fn in_ledgers(connection: &Connection, states: usize) -> Result<HashSet<[u8; 32]>, WriteError> {
    let mut named = HashSet::new();
    let mut statement = connection
        .prepare("SELECT app, seq, body FROM ledger WHERE app = ?1 AND seq >= ?2 ORDER BY seq")?;
    for app in crate::store::names(connection, "SELECT name FROM app")? {
        let Some(first) = first_of_last_states(connection, &app, states)? else { continue };
        let mut rows = statement.query(params![app.as_str(), first])?;
        while let Some(row) = rows.next()? {
            named.extend(digests(&ledger::text(row)?));
        }
    }
    Ok(named)
}

/// The entry with which the last states of an app begin; `None` if there are none.
fn first_of_last_states(
    connection: &Connection,
    app: &AppName,
    states: usize,
) -> rusqlite::Result<Option<u64>> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, rendered FROM ledger WHERE app = ?1 AND rendered IS NOT NULL
         ORDER BY seq DESC",
    )?;
    let mut rows = statement.query([app.as_str()])?;
    let mut seen: BTreeSet<[u8; 32]> = BTreeSet::new();
    let mut first = None;
    while let Some(row) = rows.next()? {
        seen.insert(row.get(1)?);
        if seen.len() > states {
            break;
        }
        first = Some(row.get(0)?);
    }
    Ok(first)
}

/// The digests that are written in a text, as `sha256:` and 64 hexadecimal digits.
pub(crate) fn digests(text: &[u8]) -> impl Iterator<Item = [u8; 32]> + '_ {
    const MARK: &[u8] = b"sha256:";
    let marks = text.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    marks.filter_map(|(at, _)| {
        let start = at + MARK.len();
        let mut digest = [0; 32];
        hex::decode_to_slice(text.get(start..start + 64)?, &mut digest).ok()?;
        Some(digest)
    })
}
