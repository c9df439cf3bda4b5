//! The only HTTP client of TrueUp. What talks HTTP (Git over HTTPS, chart repositories, registries,
//! notifications) talks it through here, so that there is one place for what must hold everywhere:
//!
//! - every request has a deadline, and every answer a largest size;
//! - a credential goes over TLS or to this machine only, and not to another origin when the server
//!   sends us there;
//! - addresses at which clouds hand out their secrets are never asked, unless that is wanted, whatever
//!   name they hide behind;
//! - an error says what failed and what to do, and holds no credential.
//!
//! One TLS provider is installed for the whole process ([`install_tls_provider`]): two of them make
//! rustls refuse to start.

mod access;
mod address;
mod client;
mod error;
mod redact;
mod secret;
mod settings;

pub use access::{Access, Clients, Credential, Scheme, rule_for};
pub use address::AddressGuard;
pub use client::{Answer, Client, Method, Request};
pub use error::HttpError;
pub use redact::redact;
pub use secret::SecretFrom;
pub use settings::{Login, Proxy, Settings};

/// Makes aws-lc-rs the TLS provider of this process. To be called before the first connection; more
/// calls do nothing.
pub fn install_tls_provider() {
    // An error says that there is a provider already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
