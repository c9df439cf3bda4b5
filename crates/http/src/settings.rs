//! What a client is made from.

use std::fmt;
use std::time::Duration;

use crate::AddressGuard;

/// How a client reaches servers and whom it trusts. Plain values: whoever makes them has read the
/// files they come from.
#[derive(Clone)]
pub struct Settings {
    /// Certificates of authorities that are trusted besides the system's, as PEM; may be empty.
    pub authorities: Vec<u8>,
    /// Our own certificate and its key, as PEM, for servers that ask for one.
    pub certificate: Option<Vec<u8>>,
    /// Which proxy.
    pub proxy: Proxy,
    /// How long connecting may take.
    pub connect_within: Duration,
    /// How long a request may take, its answer included.
    pub answer_within: Duration,
    /// How many bytes an answer may have.
    pub largest_answer: u64,
    /// Which addresses may be asked.
    pub addresses: AddressGuard,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            authorities: Vec::new(),
            certificate: None,
            proxy: Proxy::Environment,
            connect_within: Duration::from_secs(10),
            answer_within: Duration::from_secs(120),
            largest_answer: 4 << 30,
            addresses: AddressGuard::Usual,
        }
    }
}

impl fmt::Debug for Settings {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("proxy", &self.proxy)
            .field("connect_within", &self.connect_within)
            .field("answer_within", &self.answer_within)
            .field("largest_answer", &self.largest_answer)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// Which proxy requests go through.
#[derive(Clone, PartialEq, Eq)]
pub enum Proxy {
    /// The one that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name, if they do.
    Environment,
    /// None.
    None,
    /// This one, as a URL; it may hold a user name and password.
    Url(String),
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("Environment"),
            Self::None => f.write_str("None"),
            Self::Url(url) => write!(f, "Url({})", crate::redact(url)),
        }
    }
}

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A user name and password, or a token in place of the password.
    Basic {
        /// The user.
        user: String,
        /// The password or token.
        password: String,
    },
    /// A token.
    Bearer(String),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { user, .. } => write!(f, "Basic({user}, not shown)"),
            Self::Bearer(_) => f.write_str("Bearer(not shown)"),
        }
    }
}
