//! The only HTTP client of TrueUp.

mod redact;

pub use redact::redact;
