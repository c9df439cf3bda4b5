//! Whether the ledger of an app is what was written: `trueup history --verify`.

use rusqlite::{Connection, Row, params};
use trueup_model::{AppName, Digest, InstallationKey, LedgerKind};

use crate::StoreError;
use crate::content::WriteError;
use crate::journal::Head;
use crate::ledger;

/// What a look at an app's whole chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainReport {
    /// The app.
    pub app: AppName,
    /// How many entries are kept.
    pub entries: u64,
    /// The last entry's number; larger than `entries` where some were lost with an earlier database.
    pub last: u64,
    /// How many signed checkpoints agree.
    pub checkpoints: u64,
    /// The first thing that is wrong.
    pub fault: Option<ChainFault>,
}

/// What is wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// An entry is not the one that was written.
    #[error("entry {seq} was changed after it was written")]
    Changed {
        /// Its number.
        seq: u64,
    },
    /// An entry cannot be read.
    #[error("entry {seq} cannot be read: {why}")]
    Unreadable {
        /// Its number.
        seq: u64,
        /// Why not.
        why: String,
    },
    /// Entries are missing, or one does not follow the one before it.
    #[error("the entries between {after} and {seq} are missing or were replaced")]
    Gap {
        /// The last one that is in order.
        after: u64,
        /// The next one that is there.
        seq: u64,
    },
    /// A signed checkpoint says otherwise.
    #[error("entry {seq} is not the one that was signed: the history was rewritten")]
    Rewritten {
        /// The checkpoint's entry.
        seq: u64,
    },
    /// The end is not where it is known to be.
    #[error("the history ends with entry {found}, but {known} were written: its end was cut off")]
    CutOff {
        /// The last entry there is.
        found: u64,
        /// The last entry that was written.
        known: u64,
    },
}

/// Reads an app's chain from its beginning. `known` is where the chain ends by what the plain file
/// says.
pub(crate) fn verify(
    connection: &Connection,
    key: &InstallationKey,
    app: &AppName,
    known: Option<Head>,
) -> Result<ChainReport, WriteError> {
    let mut report =
        ChainReport { app: app.clone(), entries: 0, last: 0, checkpoints: 0, fault: None };
    let mut at = Head::none();
    let mut statement =
        connection.prepare("SELECT app, seq, body FROM ledger WHERE app = ?1 ORDER BY seq")?;
    let mut rows = statement.query([app.as_str()])?;
    while let Some(row) = rows.next()? {
        let seq: u64 = row.get(1)?;
        let found = link(connection, key, row, at, seq)?;
        match found {
            Ok(link) => {
                at = Head { seq, hash: link.hash };
                report.entries += 1;
                report.last = seq;
                report.checkpoints += u64::from(link.signed);
            }
            Err(fault) => {
                report.fault = Some(fault);
                return Ok(report);
            }
        }
    }
    report.fault = end(ledger::head(connection, app)?, at).or_else(|| end(known?, at));
    Ok(report)
}

struct Link {
    hash: Digest,
    signed: bool,
}

/// An entry's place in the chain, if it is in order. A chain may go on after entries that were lost
/// only where a signed entry says that this is so.
fn link(
    connection: &Connection,
    key: &InstallationKey,
    row: &Row<'_>,
    before: Head,
    seq: u64,
) -> Result<Result<Link, ChainFault>, WriteError> {
    let entry = match ledger::decode(row) {
        Ok(entry) => entry,
        Err(WriteError::Store(StoreError::Unreadable { why, .. })) => {
            return Ok(Err(ChainFault::Unreadable { seq, why }));
        }
        Err(error) => return Err(error),
    };
    if entry.seq != seq || entry.compute_hash() != entry.hash {
        return Ok(Err(ChainFault::Changed { seq }));
    }
    let hash = entry.hash;
    let signed = checkpoint(connection, key, &entry.app, Head { seq, hash })?;
    if signed == Some(false) {
        return Ok(Err(ChainFault::Rewritten { seq }));
    }
    let signed = signed.is_some();
    let follows = seq == before.seq + 1 && entry.previous == before.hash;
    let resumes = signed && entry.kind == LedgerKind::Restored;
    if !follows && !resumes {
        return Ok(Err(ChainFault::Gap { after: before.seq, seq }));
    }
    Ok(Ok(Link { hash, signed }))
}

/// Whether the signature beside an entry is ours; `None` where there is none.
fn checkpoint(
    connection: &Connection,
    key: &InstallationKey,
    app: &AppName,
    at: Head,
) -> rusqlite::Result<Option<bool>> {
    let mut statement =
        connection.prepare_cached("SELECT seal FROM checkpoint WHERE app = ?1 AND seq = ?2")?;
    let mut rows = statement.query(params![app.as_str(), at.seq])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let stored: Vec<u8> = row.get(0)?;
    Ok(Some(stored == ledger::seal(key, app, at)))
}

fn end(known: Head, found: Head) -> Option<ChainFault> {
    if found.seq < known.seq {
        return Some(ChainFault::CutOff { found: found.seq, known: known.seq });
    }
    (found.seq == known.seq && found.hash != known.hash)
        .then_some(ChainFault::Rewritten { seq: found.seq })
}
