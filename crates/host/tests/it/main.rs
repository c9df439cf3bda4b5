//! The target on a real machine: temporary folders, real processes, ports that the system chooses.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod converge;
mod crashes;
mod directories;
mod files;
mod policy;
mod processes;
mod renames;
mod units;
mod world;
