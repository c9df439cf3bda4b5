//! Opening a state folder: the database and the plain file are compared, the newer one is believed,
//! and the other is repaired. What was done is said in sentences, for the log.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::value::RawValue;
use trueup_model::{AppName, Digest, InstallationKey, LedgerEntry, LedgerKind};

use crate::content::WriteError;
use crate::folder::{Folder, random};
use crate::journal::{self, Contents, Head, Journal, Line};
use crate::{StoreError, database, ledger};

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
    let installation = installation(folder, &transaction, file.as_ref())?;
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

/// The installation's id: the database's, else the plain file's, else a new one.
fn installation(
    folder: &Folder,
    connection: &Connection,
    file: Option<&Contents>,
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
        (None, None) => hex::encode(random::<8>()?),
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
        for line in file.lines.values().filter(|line| line.commit > than) {
            let entry = LedgerEntry::new(&line.app, self.now, LedgerKind::Restored, message);
            let head = ledger::append(self.connection, self.key, &line.app, line.head, &[entry])?;
            let record = line.record.as_deref().map(RawValue::get);
            put(self.connection, &line.app, number, head, record)?;
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
    Journal::rewrite(&path, installation, lines(connection, &database)?)
}

/// Writes an app's row.
pub(crate) fn put(
    connection: &Connection,
    app: &AppName,
    number: u64,
    head: Head,
    record: Option<&str>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO app (name, commit_no, head_seq, head_hash, record)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (name) DO UPDATE SET commit_no = excluded.commit_no,
                 head_seq = excluded.head_seq, head_hash = excluded.head_hash,
                 record = excluded.record",
        )?
        .execute(params![app.as_str(), number, head.seq, head.hash.as_bytes(), record])?;
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

/// What the plain file must hold, from the database.
pub(crate) fn lines(
    connection: &Connection,
    path: &Path,
) -> Result<Vec<Result<Line, StoreError>>, StoreError> {
    let failed = |source| StoreError::sql(path, "read", source);
    let mut statement = connection
        .prepare_cached(
            "SELECT name, commit_no, head_seq, head_hash, record FROM app ORDER BY commit_no",
        )
        .map_err(failed)?;
    let rows = statement
        .query_map([], |row| {
            let name: String = row.get(0)?;
            let head = Head { seq: row.get(2)?, hash: Digest::from_bytes(row.get(3)?) };
            Ok((name, row.get::<_, u64>(1)?, head, row.get::<_, Option<String>>(4)?))
        })
        .map_err(failed)?;
    let line = |name: String, commit, head, record: Option<String>| {
        let unreadable =
            |why: String| StoreError::Unreadable { what: format!("the record of {name}"), why };
        let app = AppName::new(name.clone()).map_err(unreadable)?;
        let record = record
            .map(RawValue::from_string)
            .transpose()
            .map_err(|error| unreadable(error.to_string()))?;
        Ok(Line { commit, app, head, record })
    };
    rows.map(|row| {
        let (name, commit, head, record) = row.map_err(failed)?;
        Ok(line(name, commit, head, record))
    })
    .collect()
}
