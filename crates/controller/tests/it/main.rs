//! The controller over an outside in memory, in paused time: who is looked at when, and how much is
//! asked, rendered and written for it. And notifications over loopback: what each kind of sink really
//! sends, and what a bad one costs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod bulkheads;
mod changes;
mod membership;
mod notify;
mod outside;
mod servers;
