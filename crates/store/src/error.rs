//! What can go wrong with a state folder, and what the person who reads it should do.

use std::path::PathBuf;

use trueup_model::ports::PortError;

/// Why the state folder could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another controller holds the folder.
    #[error(
        "the state folder {folder} is in use by process {pid}; stop that one first, or give this one another folder with --state"
    )]
    InUse {
        /// The state folder.
        folder: PathBuf,
        /// The process that holds it; `?` if it has not said yet.
        pid: String,
    },
    /// A newer TrueUp wrote the database.
    #[error(
        "{path} was written by TrueUp {writer} (schema {found}); this one knows schemas up to {known}. Run that version or a newer one, or restore a backup of before"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of TrueUp that wrote it.
        writer: String,
        /// Its schema.
        found: u32,
        /// The newest schema this program knows.
        known: u32,
    },
    /// The key's file is gone, but what was made with it is there.
    #[error(
        "{path} is missing, and this folder holds state that was made with it. Put the file back from a backup (`trueup restore` does), or start anew in an empty folder"
    )]
    KeyMissing {
        /// Where the key belongs.
        path: PathBuf,
    },
    /// The key's file does not hold a key.
    #[error(
        "{path} does not hold an installation key (64 hexadecimal digits). Put the file back from a backup"
    )]
    KeyDamaged {
        /// The file.
        path: PathBuf,
    },
    /// The files of the folder are of different installations.
    #[error(
        "{database} is of installation {in_database}, but {journal} is of {in_journal}: the folder holds files of two installations. Move away the one that does not belong here"
    )]
    Mixed {
        /// The database.
        database: PathBuf,
        /// Whose it is.
        in_database: String,
        /// The plain file.
        journal: PathBuf,
        /// Whose it is.
        in_journal: String,
    },
    /// The URL of a database cannot be used.
    #[error("the ledger's URL cannot be used: {why}")]
    BadUrl {
        /// What is wrong with it.
        why: String,
    },
    /// A database refused something, or cannot be reached.
    #[error("{name} could not be {what}")]
    Server {
        /// The database, without its password.
        name: String,
        /// `reached`, `read`, `written`, ...
        what: &'static str,
        /// Why.
        source: Box<tokio_postgres::Error>,
    },
    /// The key is not the one that the database was made with.
    #[error(
        "{path} is not the key of the installation whose ledger is {name}. Put that key there, or name another database"
    )]
    OtherKey {
        /// The key's file.
        path: PathBuf,
        /// The database.
        name: String,
    },
    /// There is no state to read.
    #[error("there is no state in {folder}: nothing has run with it yet")]
    Empty {
        /// The state folder.
        folder: PathBuf,
    },
    /// A restore would overwrite state.
    #[error(
        "{path} exists already; restore into an empty folder, or move the old state away first"
    )]
    Occupied {
        /// What is in the way.
        path: PathBuf,
    },
    /// A file to restore from is not a backup.
    #[error("{path} is not a backup made by `trueup backup`")]
    NotABackup {
        /// The file.
        path: PathBuf,
    },
    /// The database is not readable as one.
    #[error(
        "{path} is damaged. Stop TrueUp and start it again: it then takes the records from records.log and keeps the damaged file beside it; or use `trueup restore`"
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The disk is full.
    #[error(
        "no room left on the disk of {path}; nothing was lost, and nothing more is applied until there is room"
    )]
    Full {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// Somebody else writes to the database.
    #[error(
        "{path} is held by another program (a backup, or a shell of sqlite3?); nothing was lost, and it is tried again"
    )]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// The folder cannot be written.
    #[error(
        "{path} cannot be written: it, its folder or its disk is read-only, or belongs to another user"
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{path} could not be {what}")]
    Io {
        /// The file.
        path: PathBuf,
        /// `read`, `written`, ...
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite refused something.
    #[error("{path} could not be {what}")]
    Sql {
        /// The database.
        path: PathBuf,
        /// `read`, `written`, ...
        what: &'static str,
        /// Why.
        source: rusqlite::Error,
    },
    /// Something in the database cannot be understood.
    #[error("{what} in the database cannot be read: {why}")]
    Unreadable {
        /// Which row, for a person.
        what: String,
        /// Why not.
        why: String,
    },
    /// This store was opened for reading.
    #[error("the state was opened for reading only")]
    NotWritable,
}

impl StoreError {
    /// Why a file could not be read or written, with the causes that have a remedy told apart.
    pub(crate) fn io(path: impl Into<PathBuf>, what: &'static str, source: std::io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::Full { path }
            }
            std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied
                if what != "read" =>
            {
                Self::ReadOnly { path }
            }
            _ => Self::Io { path, what, source },
        }
    }

    /// The same for SQLite.
    pub(crate) fn sql(
        path: impl Into<PathBuf>,
        what: &'static str,
        source: rusqlite::Error,
    ) -> Self {
        use rusqlite::ErrorCode;
        let path = path.into();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path, source }
            }
            _ => Self::Sql { path, what, source },
        }
    }

    /// Whether trying again may help without anybody changing anything about the folder.
    fn passes(&self) -> bool {
        matches!(
            self,
            Self::InUse { .. }
                | Self::Full { .. }
                | Self::Locked { .. }
                | Self::Io { .. }
                | Self::Server { .. }
                | Self::Sql { .. }
        )
    }
}

impl From<StoreError> for PortError {
    fn from(error: StoreError) -> Self {
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        if error.passes() { Self::passing(message) } else { Self::permanent(message) }
    }
}
