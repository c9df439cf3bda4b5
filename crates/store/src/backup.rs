//! A whole installation in one file, and back.
//!
//! The file is a database of the same schema as `state.db`. With the key in it, it is as secret as
//! the key: both are written for their owner only.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use trueup_model::ports::PortError;
use trueup_model::{InstallationKey, LedgerEntry, LedgerKind};

use crate::content::WriteError;
use crate::folder::Folder;
use crate::store::SqliteStore;
use crate::{StoreError, database, ledger, recover};

/// Whether the installation's key goes into the backup. Without it secret contents cannot be opened
/// and random values are drawn anew, unless the key's file is put back by other means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupKey {
    /// It does.
    Included,
    /// It does not: it is kept elsewhere.
    LeftOut,
}

impl SqliteStore {
    /// Writes everything into one file, as of now, while work goes on. A file that is there is
    /// replaced once the new one is whole.
    pub async fn backup(&self, path: &Path, key: BackupKey) -> Result<(), PortError> {
        let database = self.database();
        let key = (key == BackupKey::Included).then(|| self.key().clone());
        let path = path.to_owned();
        let write = tokio::task::spawn_blocking(move || write(&database, &path, key.as_ref()));
        let written = write.await.map_err(|error| PortError::passing(error.to_string()))?;
        Ok(written?)
    }
}

fn write(database: &Path, path: &Path, key: Option<&InstallationKey>) -> Result<(), StoreError> {
    let draft = with_suffix(path, "new");
    let io = |source| StoreError::io(&draft, "written", source);
    let sql = |source| StoreError::sql(&draft, "written", source);
    // SQLite fills a file that is there and empty: so it is born with the right mode.
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .map_err(io)?;
    let from = database::open_read_only(database)?;
    from.execute("VACUUM INTO ?1", [draft.to_string_lossy()]).map_err(sql)?;
    let backup = Connection::open(&draft).map_err(sql)?;
    backup
        .execute_batch("CREATE TABLE backup (key TEXT); INSERT INTO backup VALUES (NULL)")
        .map_err(sql)?;
    if let Some(key) = key {
        backup.execute("UPDATE backup SET key = ?1", [hex::encode(key.expose())]).map_err(sql)?;
    }
    backup.close().map_err(|(_, source)| sql(source))?;
    file.sync_all().map_err(io)?;
    std::fs::rename(&draft, path).map_err(|source| StoreError::io(path, "written", source))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(|source| StoreError::io(path, "synced", source))
}

/// Makes a state folder from a backup. The folder must be empty, but for the key where the backup
/// has none. What the world did since the backup is not known to it: every app is to be looked at
/// and accepted before anything is applied.
pub fn restore(backup: &Path, folder: &Path) -> Result<(), StoreError> {
    let folder = Folder::new(folder);
    folder.create()?;
    let _held = folder.hold()?;
    for path in [folder.database(), folder.journal()] {
        if path.exists() {
            return Err(StoreError::Occupied { path });
        }
    }
    let draft = folder.root.join("state.db.new");
    let io = |source| StoreError::io(&draft, "written", source);
    let key = key_of(backup)?;
    let mut from = File::open(backup).map_err(|source| StoreError::io(backup, "read", source))?;
    let mut into = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .map_err(io)?;
    std::io::copy(&mut from, &mut into).map_err(io)?;
    let key = match (key, folder.read_key()?) {
        (Some(key), Some(there)) if key != there => {
            return Err(StoreError::Occupied { path: folder.key() });
        }
        (Some(key), None) => {
            folder.write_key(&key)?;
            key
        }
        (_, Some(key)) => key,
        (None, None) => return Err(StoreError::KeyMissing { path: folder.key() }),
    };
    mark(&draft, &key, Timestamp::now()).map_err(|error| error.at(&draft, "written"))?;
    into.sync_all().map_err(io)?;
    std::fs::rename(&draft, folder.database()).map_err(io)?;
    folder.sync()
}

/// The key in a backup, if it is one and holds one.
fn key_of(backup: &Path) -> Result<Option<InstallationKey>, StoreError> {
    let not_one = || StoreError::NotABackup { path: backup.to_owned() };
    if !backup.exists() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(StoreError::io(backup, "read", missing));
    }
    let connection = match database::open_read_only(backup) {
        Err(newer @ StoreError::Newer { .. }) => return Err(newer),
        opened => opened.map_err(|_| not_one())?,
    };
    let key: Option<Option<String>> = connection
        .query_row("SELECT key FROM backup", [], |row| row.get(0))
        .optional()
        .map_err(|_| not_one())?;
    let Some(digits) = key.flatten() else { return Ok(None) };
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| not_one())?;
    Ok(Some(InstallationKey::from_bytes(bytes)))
}

/// Makes a state of a backup: the key leaves it, and every app's ledger says what happened.
fn mark(path: &Path, key: &InstallationKey, now: Timestamp) -> Result<(), WriteError> {
    let mut connection = database::open(path)?;
    connection.pragma_update(None, "secure_delete", true)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch("DROP TABLE backup")?;
    let number = database::last_commit(&transaction)? + 1;
    let message = "restored from a backup: what was done since is not known here";
    for app in crate::store::names(&transaction, "SELECT name FROM app")? {
        let head = ledger::head(&transaction, &app)?;
        let entry = LedgerEntry::new(&app, now, LedgerKind::Restored, message);
        let head = ledger::append(&transaction, key, &app, head, &[entry])?;
        recover::move_head(&transaction, &app, number, head)?;
    }
    database::set_last_commit(&transaction, number)?;
    recover::be_careful(&transaction)?;
    transaction.commit()?;
    // One file is renamed into place: nothing may stay in a log beside it.
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    connection.close().map_err(|(_, source)| WriteError::Sql(source))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}
