//! Opening a state folder: the database and the plain file are compared, the newer one is believed,
//! and the other is repaired. What was done is said in sentences, for the log.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::value::RawValue;
use trueup_model::{AppName, Digest, InstallationKey, LedgerEntry, LedgerKind};

use crate::content::WriteError;
use crate::folder::{Folder, random};
use crate::journal::{self, Contents, Head, HoldingLine, Journal, Line};
use crate::{StoreError, database, ledger, parts};

/// A state folder that is ready.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) journal: Journal,
    pub(crate) key: InstallationKey,
    pub(crate) installation: String,
    pub(crate) notes: Vec<String>,
}

/// Opens the folder that this process holds.
pub(crate) fn open(folder: &Folder, now: Timestamp) -> Result<Opened, StoreError> {
    let key = folder.read_key()?;
    let file = journal::read(&folder.journal())?;
    let mut notes = Vec::new();
    let connection = open_database(folder, file.as_ref(), &mut notes)?;
    let failed = |error: WriteError| error.at(&folder.database(), "repaired");
    let transaction = connection.unchecked_transaction().map_err(|e| failed(e.into()))?;
    // A new database gets its key last. So a key without state is state that was lost, and state
    // without a key is a key that was lost.
    let draw = || random().map(InstallationKey::from_bytes);
    let is_new = key.is_none();
    let key = match key {
        Some(key) => key,
        None if is_known(&transaction, file.as_ref()).map_err(failed)? => {
            return Err(StoreError::KeyMissing { path: folder.key() });
        }
        None => draw()?,
    };
    let installation = installation(folder, &transaction, file.as_ref(), &key)?;
    let repair = Repair { folder, connection: &transaction, key: &key, now, is_new };
    repair.database(file.as_ref(), &mut notes).map_err(failed)?;
    transaction.commit().map_err(|e| failed(e.into()))?;
    if is_new {
        folder.write_key(&key)?;
    }
    let journal = repair_journal(folder, &connection, &installation, file)?;
    Ok(Opened { connection, journal, key, installation, notes })
}

/// Opens the database. One that is damaged is moved aside if the plain file can take its place.
fn open_database(
    folder: &Folder,
    file: Option<&Contents>,
    notes: &mut Vec<String>,
) -> Result<Connection, StoreError> {
    let path = folder.database();
    match database::open(&path).and_then(|connection| {
        readable(&connection).map_err(|source| StoreError::sql(&path, "read", source))?;
        Ok(connection)
    }) {
        Err(StoreError::Damaged { .. }) if file.is_some() => {
            let aside = move_aside(&path)?;
            notes.push(format!(
                "{} was damaged: the records come from {}; the history in it is lost unless it can be read from {}",
                path.display(),
                folder.journal().display(),
                aside.display()
            ));
            database::open(&path)
        }
        opened => opened,
    }
}

/// Reads what a start needs, so that damage shows now and not in the middle of an apply.
fn readable(connection: &Connection) -> rusqlite::Result<()> {
    database::last_commit(connection)?;
    connection.query_row("SELECT sum(length(record)) FROM app", [], |_| Ok(()))
}

fn move_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let aside = (1..)
        .map(|n| path.with_extension(format!("db.damaged-{n}")))
        .find(|aside| !aside.exists())
        .expect("there are more numbers than files");
    for suffix in ["-wal", "-shm"] {
        let from = PathBuf::from(format!("{}{suffix}", path.display()));
        let to = PathBuf::from(format!("{}{suffix}", aside.display()));
        match std::fs::rename(&from, to) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io(from, "moved aside", error));
            }
            _ => {}
        }
    }
    std::fs::rename(path, &aside).map_err(|source| StoreError::io(path, "moved aside", source))?;
    Ok(aside)
}

/// The installation's id: the database's, else the plain file's, else one that its key makes. So a
/// new state folder with the same key finds what it owned in its targets again.
fn installation(
    folder: &Folder,
    connection: &Connection,
    file: Option<&Contents>,
    key: &InstallationKey,
) -> Result<String, StoreError> {
    let failed = |source| StoreError::sql(folder.database(), "written", source);
    let known = database::meta(connection, "installation").map_err(failed)?;
    let id = match (known, file) {
        (Some(in_database), Some(file)) if in_database != file.installation => {
            return Err(StoreError::Mixed {
                database: folder.database(),
                in_database,
                journal: folder.journal(),
                in_journal: file.installation.clone(),
            });
        }
        (Some(id), _) => return Ok(id),
        (None, Some(file)) => file.installation.clone(),
        (None, None) => hex::encode(&key.derive("installation", &[])[..8]),
    };
    database::set_meta(connection, "installation", &id).map_err(failed)?;
    Ok(id)
}

fn is_known(connection: &Connection, file: Option<&Contents>) -> Result<bool, WriteError> {
    Ok(database::last_commit(connection)? > 0 || file.is_some_and(|file| !file.lines.is_empty()))
}

/// What brings the database up to what is known.
struct Repair<'a> {
    folder: &'a Folder,
    connection: &'a Connection,
    key: &'a InstallationKey,
    now: Timestamp,
    /// Whether this is the installation's first start.
    is_new: bool,
}

impl Repair<'_> {
    fn database(&self, file: Option<&Contents>, notes: &mut Vec<String>) -> Result<(), WriteError> {
        let in_database = database::last_commit(self.connection)?;
        let in_file = file.map_or(0, Contents::last_commit);
        let mut doubtful = false;
        if let Some(file) = file
            && in_file > in_database
        {
            doubtful = file.damaged;
            self.take(file, in_database)?;
            notes.push(format!(
                "{} was older than {} (commit {in_database}, and {in_file}): its records were taken from there",
                self.folder.database().display(),
                self.folder.journal().display()
            ));
        }
        let unused = database::meta(self.connection, "used")?.is_none();
        doubtful |= unused && !self.is_new && in_file == 0;
        if doubtful {
            be_careful(self.connection)?;
            notes.push(format!(
                "both copies of the state in {} were lost: nothing is applied until `trueup accept`",
                self.folder.root.display()
            ));
        }
        if unused {
            database::set_meta(self.connection, "used", "yes")?;
        }
        Ok(())
    }

    /// Takes every record of the file that is newer than the database, and says so in the ledger.
    fn take(&self, file: &Contents, than: u64) -> Result<(), WriteError> {
        let number = file.last_commit() + 1;
        let message = "the history up to here was lost with an earlier database; the record is the one that was kept beside it";
        for (set, contents) in &file.holdings {
            hold(self.connection, set, contents.get())?;
        }
        for line in file.lines.values().filter(|line| line.commit > than) {
            let entry = LedgerEntry::new(&line.app, self.now, LedgerKind::Restored, message);
            let head = ledger::append(self.connection, self.key, &line.app, line.head, &[entry])?;
            let line = Line { commit: number, head, ..line.clone() };
            put(self.connection, &line)?;
        }
        Ok(database::set_last_commit(self.connection, number)?)
    }
}

/// Makes every record as of now a careful one, and those of apps that are not known.
pub(crate) fn be_careful(connection: &Connection) -> rusqlite::Result<()> {
    let until = database::last_commit(connection)?;
    database::set_meta(connection, "careful-until", &until.to_string())
}

/// Whether a record of this commit (0: none) is one to be careful with.
pub(crate) fn is_careful(connection: &Connection, commit: u64) -> rusqlite::Result<bool> {
    let until = database::meta(connection, "careful-until")?;
    Ok(until.and_then(|until| until.parse().ok()).is_some_and(|until: u64| commit <= until))
}

/// Opens the plain file, and writes it anew where it is not what the database says.
fn repair_journal(
    folder: &Folder,
    connection: &Connection,
    installation: &str,
    file: Option<Contents>,
) -> Result<Journal, StoreError> {
    let (path, database) = (folder.journal(), folder.database());
    let number = database::last_commit(connection)
        .map_err(|source| StoreError::sql(&database, "read", source))?;
    if let Some(file) = file
        && file.last_commit() == number
        && let Some(journal) = Journal::resume(&path, file)?
    {
        return Ok(journal);
    }
    rewrite(folder, connection, installation)
}

/// Writes an app's row.
pub(crate) fn put(connection: &Connection, line: &Line) -> Result<(), WriteError> {
    let sets = serde_json::to_string(&line.sets).expect("digests are strings");
    connection
        .prepare_cached(
            "INSERT INTO app (name, commit_no, head_seq, head_hash, sets, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (name) DO UPDATE SET commit_no = excluded.commit_no,
                 head_seq = excluded.head_seq, head_hash = excluded.head_hash,
                 sets = excluded.sets, record = excluded.record",
        )?
        .execute(params![
            line.app.as_str(),
            line.commit,
            line.head.seq,
            line.head.hash.as_bytes(),
            sets,
            line.record.as_deref().map(RawValue::get),
        ])?;
    Ok(())
}

/// Keeps what sets of a name hold.
pub(crate) fn hold(connection: &Connection, set: &Digest, contents: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO holding (digest, contents) VALUES (?1, ?2)")?
        .execute(params![set.as_bytes(), contents])?;
    Ok(())
}

/// Notes that an app's chain has a new end, its record staying as it is.
pub(crate) fn move_head(
    connection: &Connection,
    app: &AppName,
    number: u64,
    head: Head,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE app SET commit_no = ?2, head_seq = ?3, head_hash = ?4 WHERE name = ?1",
        )?
        .execute(params![app.as_str(), number, head.seq, head.hash.as_bytes()])?;
    Ok(())
}

/// Writes the plain file anew from the database. What no set holds any more is forgotten first.
pub(crate) fn rewrite(
    folder: &Folder,
    connection: &Connection,
    installation: &str,
) -> Result<Journal, StoreError> {
    let database = folder.database();
    let failed = |error: WriteError| error.at(&database, "read");
    forget(connection).map_err(|error| error.at(&database, "written"))?;
    let holdings = holdings(connection).map_err(failed)?;
    let lines = lines(connection).map_err(failed)?;
    Journal::rewrite(&folder.journal(), installation, holdings, lines.into_iter().map(Ok))
}

/// Removes what is behind no name that a record has, nor a piece of what is.
fn forget(connection: &Connection) -> Result<(), WriteError> {
    let named: BTreeSet<Digest> =
        lines(connection)?.into_iter().flat_map(|line| line.sets).collect();
    let all = holdings(connection)?;
    let behind = all.iter().filter(|holding| named.contains(&holding.set));
    let mut kept: BTreeSet<Digest> =
        behind.flat_map(|holding| parts::pieces(holding.contents.get())).collect();
    kept.extend(&named);
    let mut delete = connection.prepare_cached("DELETE FROM holding WHERE digest = ?1")?;
    for holding in all.iter().filter(|holding| !kept.contains(&holding.set)) {
        delete.execute([holding.set.as_bytes()])?;
    }
    Ok(())
}

fn holdings(connection: &Connection) -> Result<Vec<HoldingLine>, WriteError> {
    let mut statement = connection.prepare_cached("SELECT digest, contents FROM holding")?;
    let mut rows = statement.query([])?;
    let mut holdings = Vec::new();
    while let Some(row) = rows.next()? {
        let set = Digest::from_bytes(row.get(0)?);
        let contents =
            raw(row.get(1)?).map_err(|why| unreadable(&format!("the set {set}"), why))?;
        holdings.push(HoldingLine { set, contents });
    }
    Ok(holdings)
}

/// What the plain file must say of the apps.
fn lines(connection: &Connection) -> Result<Vec<Line>, WriteError> {
    let mut statement = connection.prepare_cached(
        "SELECT name, commit_no, head_seq, head_hash, sets, record FROM app ORDER BY commit_no",
    )?;
    let mut rows = statement.query([])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let wrong = |why: String| unreadable(&format!("the record of {name}"), why);
        let sets: String = row.get(4)?;
        let record: Option<String> = row.get(5)?;
        lines.push(Line {
            commit: row.get(1)?,
            app: AppName::new(name.clone()).map_err(wrong)?,
            head: Head { seq: row.get(2)?, hash: Digest::from_bytes(row.get(3)?) },
            sets: serde_json::from_str(&sets).map_err(|error| wrong(error.to_string()))?,
            record: record.map(raw).transpose().map_err(wrong)?,
        });
    }
    Ok(lines)
}

fn raw(json: String) -> Result<Box<RawValue>, String> {
    RawValue::from_string(json).map_err(|error| error.to_string())
}

fn unreadable(what: &str, why: String) -> StoreError {
    StoreError::Unreadable { what: what.to_owned(), why }
}
