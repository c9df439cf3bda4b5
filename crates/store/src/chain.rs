//! Whether the ledger of an app is what was written: `trueup history --verify`.

use rusqlite::Connection;
use trueup_model::{AppName, Digest, InstallationKey, LedgerKind};

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

/// A chain that is read from its beginning, entry by entry, wherever it is stored.
pub(crate) struct Walk<'a> {
    key: &'a InstallationKey,
    at: Head,
    report: ChainReport,
}

impl<'a> Walk<'a> {
    /// Before the first entry.
    pub(crate) fn new(key: &'a InstallationKey, app: &AppName) -> Self {
        let report =
            ChainReport { app: app.clone(), entries: 0, last: 0, checkpoints: 0, fault: None };
        Self { key, at: Head::none(), report }
    }

    /// Takes the next entry: its number, its stored body, and the signature beside it if there is
    /// one. After a fault nothing more is taken.
    pub(crate) fn take(&mut self, seq: u64, body: &[u8], seal: Option<&[u8]>) {
        if self.report.fault.is_some() {
            return;
        }
        match self.link(seq, body, seal) {
            Ok(hash) => {
                self.at = Head { seq, hash };
                self.report.entries += 1;
                self.report.last = seq;
                self.report.checkpoints += u64::from(seal.is_some());
            }
            Err(fault) => self.report.fault = Some(fault),
        }
    }

    /// The hash of an entry that is in order. A chain may go on after entries that were lost only
    /// where a signed entry says that this is so.
    fn link(&self, seq: u64, body: &[u8], seal: Option<&[u8]>) -> Result<Digest, ChainFault> {
        let entry = ledger::open(body).map_err(|why| ChainFault::Unreadable { seq, why })?;
        if entry.seq != seq || entry.compute_hash() != entry.hash {
            return Err(ChainFault::Changed { seq });
        }
        let head = Head { seq, hash: entry.hash };
        if seal.is_some_and(|seal| seal != ledger::seal(self.key, &entry.app, head)) {
            return Err(ChainFault::Rewritten { seq });
        }
        let follows = seq == self.at.seq + 1 && entry.previous == self.at.hash;
        let resumes = seal.is_some() && entry.kind == LedgerKind::Restored;
        if !follows && !resumes {
            return Err(ChainFault::Gap { after: self.at.seq, seq });
        }
        Ok(entry.hash)
    }

    /// What was found, given where the chain is known to end.
    pub(crate) fn end(mut self, known: impl IntoIterator<Item = Head>) -> ChainReport {
        let at = self.at;
        let wrong = known.into_iter().find_map(|known| end(known, at));
        self.report.fault = self.report.fault.or(wrong);
        self.report
    }
}

/// Reads an app's chain. `known` is where it ends by what the plain file says.
pub(crate) fn verify(
    connection: &Connection,
    key: &InstallationKey,
    app: &AppName,
    known: Option<Head>,
) -> Result<ChainReport, WriteError> {
    let mut walk = Walk::new(key, app);
    let mut statement = connection.prepare(
        "SELECT seq, body, seal FROM ledger LEFT JOIN checkpoint USING (app, seq)
         WHERE app = ?1 ORDER BY seq",
    )?;
    let mut rows = statement.query([app.as_str()])?;
    while let Some(row) = rows.next()? {
        let body = row.get_ref(1)?.as_bytes().map_err(rusqlite::Error::from)?;
        let seal = row.get_ref(2)?.as_bytes_or_null().map_err(rusqlite::Error::from)?;
        walk.take(row.get(0)?, body, seal);
    }
    Ok(walk.end([ledger::head(connection, app)?].into_iter().chain(known)))
}

fn end(known: Head, found: Head) -> Option<ChainFault> {
    if found.seq < known.seq {
        return Some(ChainFault::CutOff { found: found.seq, known: known.seq });
    }
    (found.seq == known.seq && found.hash != known.hash)
        .then_some(ChainFault::Rewritten { seq: found.seq })
}
