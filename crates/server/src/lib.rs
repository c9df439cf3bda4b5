//! Serves requests to a running controller, in two places that are kept apart because those who ask
//! are trusted differently:
//!
//! - the Unix socket ([`socket`]) is for the commands of the owner: whoever can open it may do
//!   everything;
//! - the HTTP listener ([`listener`]) is for machines: probes, Prometheus, dashboards and forges. It
//!   only reads. The one thing that it can bring about is that a repository is asked for news, and
//!   only a signed webhook ([`hooks`]) does.
//!
//! The listener believes nothing that it receives: bodies, connections and time are bounded, what is
//! not signed is not parsed, and a flood of genuine webhooks asks each repository a few times a second
//! at most.

pub mod hooks;
pub mod listener;
mod pages;
pub mod settings;
pub mod socket;

pub use listener::{HttpListener, ListenError};
pub use settings::{Listen, MetricsOptions, Webhooks};
pub use socket::{ControlSocket, ServeError};
