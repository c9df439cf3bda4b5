//! The controller over an outside in memory, in paused time: who is looked at when, and how much is
//! asked, rendered and written for it. And notifications over loopback: what each kind of sink really
//! sends, and what a bad one costs.

mod bulkheads;
mod changes;
mod membership;
mod notify;
mod outside;
mod servers;
