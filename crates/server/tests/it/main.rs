//! The HTTP listener on loopback, before a controller in memory.

mod api;
mod hooks;
mod limits;
mod site;
