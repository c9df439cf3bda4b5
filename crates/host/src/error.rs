//! Why something on this machine could not be done.

use std::io;

use trueup_model::EventResult;
use trueup_model::ports::PortError;

/// Why a resource could not be observed or changed.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The system said no.
    #[error("cannot {doing}")]
    Io {
        /// What was being done, to what: `write /srv/app/settings.json`.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// A rule says no: only a change of the document or of the machine's policy can help.
    #[error("{0}")]
    Refused(String),
    /// The world is not what the plan was made for; nothing was done.
    #[error("{0}")]
    Moved(String),
    /// It did not work, and may work later.
    #[error("{0}")]
    Failed(String),
}

impl HostError {
    /// An error of the system, with what was being done.
    pub fn io(doing: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Io { doing: doing.into(), source: source.into() }
    }

    /// Whether trying again without a change is pointless.
    pub fn permanent(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// The whole story in one sentence: what failed, why, and what to do where that is known.
    pub fn sentence(&self) -> String {
        match self {
            Self::Io { source, .. } => format!("{self}: {}{}", plain(source), advice(source)),
            other => other.to_string(),
        }
    }

    /// As what came of an action.
    pub fn into_result(self) -> EventResult {
        match self {
            Self::Moved(why) => EventResult::Moved(why),
            other => {
                EventResult::Failed { message: other.sentence(), permanent: other.permanent() }
            }
        }
    }
}

/// The system's words without Rust's `(os error 28)`.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_lowercase(),
        None => text,
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            " (free some space; what was there is untouched, and it is tried again)"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            " (mount it writable, or name another path; what was there is untouched)"
        }
        io::ErrorKind::PermissionDenied => {
            " (give the user that runs trueup the right to it, or run it at system level)"
        }
        io::ErrorKind::ResourceBusy => " (it is a mount point, or in use by the system)",
        _ => "",
    }
}

impl From<HostError> for PortError {
    fn from(error: HostError) -> Self {
        Self { message: error.sentence(), permanent: error.permanent() }
    }
}

/// Puts what was being done to an error of the system.
pub trait Doing<T> {
    /// `doing` is only made where it is needed.
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, HostError>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, HostError> {
        self.map_err(|source| HostError::io(doing(), source))
    }
}
