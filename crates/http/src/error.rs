//! What can go wrong with a request.

use std::error::Error;

use crate::address::Guarded;
use crate::redact;

/// Why there is no answer, or not the wanted one. URLs in it hold no credentials.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum HttpError {
    /// The client cannot be made.
    #[error("the settings for HTTP are not usable: {why}")]
    Settings {
        /// What is wrong.
        why: String,
    },
    /// A credential or certificate for the URL cannot be had.
    #[error("the credential for {url} cannot be had: {why}")]
    Credential {
        /// The URL.
        url: String,
        /// Why not.
        why: String,
    },
    /// The URL cannot be asked.
    #[error("`{url}` cannot be asked: {why}")]
    BadUrl {
        /// The URL.
        url: String,
        /// Why not.
        why: String,
    },
    /// The address behind the URL is not to be asked.
    #[error("{url}: {why}")]
    Guarded {
        /// The URL.
        url: String,
        /// Which address.
        why: String,
    },
    /// A credential would go over the network in the clear.
    #[error("{url}: a credential is sent over https or to this machine only")]
    Unencrypted {
        /// The URL.
        url: String,
    },
    /// The server's certificate is not trusted.
    #[error("the certificate of {url} is not trusted: {why}")]
    Certificate {
        /// The URL.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// No connection, or it broke.
    #[error("{url}: {why}")]
    Unreachable {
        /// The URL.
        url: String,
        /// What happened.
        why: String,
    },
    /// It took too long.
    #[error("{url} did not answer within {seconds} s")]
    Deadline {
        /// The URL.
        url: String,
        /// How long it was given.
        seconds: u64,
    },
    /// The answer is too long.
    #[error("{url} answered with more than {limit} bytes")]
    TooLarge {
        /// The URL.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// The server sends us around, or where we do not go.
    #[error("{url} redirects to {to}: {why}")]
    Redirect {
        /// The URL.
        url: String,
        /// Where to.
        to: String,
        /// Why it is not followed.
        why: &'static str,
    },
}

impl HttpError {
    /// What reqwest says, told apart.
    pub(crate) fn of(url: &url::Url, error: &reqwest::Error) -> Self {
        let url = redact(url.as_str());
        let causes = causes(error);
        if let Some(guarded) = find::<Guarded>(&causes) {
            return Self::Guarded { url, why: guarded.to_string() };
        }
        if let Some(tls) = find::<rustls::Error>(&causes)
            && let rustls::Error::InvalidCertificate(why) = tls
        {
            return Self::Certificate { url, why: certificate(why) };
        }
        // What reqwest says itself is that there was an error, and the URL.
        let parts: Vec<String> = causes.iter().skip(1).map(ToString::to_string).collect();
        let why = match parts.last() {
            None => redact(&error.to_string()),
            Some(_) => redact(&distinct(&parts).join(": ")),
        };
        Self::Unreachable { url, why }
    }
}

fn certificate(why: &rustls::CertificateError) -> String {
    match why {
        rustls::CertificateError::UnknownIssuer => {
            "it is signed by an authority that is not known here".to_owned()
        }
        rustls::CertificateError::Expired | rustls::CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        other => other.to_string(),
    }
}

/// Parts that are not said again by a later one.
fn distinct(parts: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for part in parts {
        if !kept.iter().any(|known| known.contains(part)) {
            kept.push(part.clone());
        }
    }
    kept
}

type Cause<'a> = &'a (dyn Error + 'static);

/// An error and its causes; what `io::Error` wraps is one of them.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<Cause<'a>> {
    let mut found = vec![error];
    let mut next = error.source();
    while let Some(cause) = next.filter(|_| found.len() < 32) {
        found.push(cause);
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        next = match wrapped {
            Some(wrapped) => {
                let wrapped: Cause<'a> = wrapped;
                Some(wrapped)
            }
            None => cause.source(),
        };
    }
    found
}

fn find<'a, E: Error + 'static>(causes: &[Cause<'a>]) -> Option<&'a E> {
    causes.iter().find_map(|cause| cause.downcast_ref::<E>())
}
