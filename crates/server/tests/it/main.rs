//! The HTTP listener on loopback, before a controller in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod api;
mod hooks;
mod limits;
mod site;
