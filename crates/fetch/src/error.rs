//! Why something could not be fetched.

use std::path::PathBuf;

use trueup_helm::repository::ChoiceError;
use trueup_http::HttpError;
use trueup_model::need::ChartNeed;
use trueup_model::ports::PortError;

/// Why something could not be fetched. URLs in it hold no credentials.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The request failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The server answered with a status that is no success.
    #[error("{url} answered {status}{}", advice(*.status))]
    Status {
        /// The URL.
        url: String,
        /// The status.
        status: u16,
    },
    /// The repository does not have it.
    #[error("{repository}: {source}")]
    Choice {
        /// The repository.
        repository: String,
        /// What it lacks.
        source: ChoiceError,
    },
    /// The answer is not what a server of this kind answers.
    #[error("{url} does not answer as {what} does: {why}")]
    Unexpected {
        /// The URL.
        url: String,
        /// `a chart repository`, `an OCI registry`.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The registry wants a token from a server that must not be given our credential.
    #[error(
        "{registry} sends us to {realm} for a token, which is another host; give that URL a credential of its own"
    )]
    Realm {
        /// The registry.
        registry: String,
        /// Where it sends us.
        realm: String,
    },
    /// The bytes are not those that the publisher says.
    #[error("the {need} has another digest than declared: {found} instead of {declared}")]
    Digest {
        /// The chart.
        need: ChartNeed,
        /// What is declared.
        declared: String,
        /// What came.
        found: String,
    },
    /// The reference cannot be read.
    #[error("`{0}` is not a chart of a registry; write oci://HOST/PATH")]
    Reference(String),
    /// What is kept cannot be read or written.
    #[error("{} cannot be used", .path.display())]
    Cache {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

fn advice(status: u16) -> &'static str {
    match status {
        401 | 403 => " (does it need a credential, or another one?)",
        _ => "",
    }
}

impl FetchError {
    /// Whether the one who must know says that there is no such thing.
    pub(crate) fn is_absence(&self) -> bool {
        match self {
            Self::Choice { source, .. } => !matches!(source, ChoiceError::Index(_)),
            Self::Status { status, .. } => matches!(status, 404 | 410),
            _ => false,
        }
    }

    fn is_permanent(&self) -> bool {
        match self {
            Self::Http(error) => matches!(
                error,
                HttpError::BadUrl { .. }
                    | HttpError::Guarded { .. }
                    | HttpError::Unencrypted { .. }
                    | HttpError::TooLarge { .. }
                    | HttpError::Redirect { .. }
            ),
            Self::Status { status, .. } => {
                (400..500).contains(status) && !matches!(status, 408 | 425 | 429)
            }
            Self::Choice { .. } | Self::Realm { .. } | Self::Reference(_) => true,
            Self::Unexpected { .. } | Self::Digest { .. } | Self::Cache { .. } => false,
        }
    }
}

impl From<FetchError> for PortError {
    fn from(error: FetchError) -> Self {
        let cause = match &error {
            FetchError::Cache { source, .. } => format!(": {source}"),
            _ => String::new(),
        };
        Self { message: format!("{error}{cause}"), permanent: error.is_permanent() }
    }
}
