//! What TrueUp remembers between two runs: one record an app (what must survive), the ledger, and
//! documents by digest. This crate implements [`trueup_model::Store`] on a *state folder*:
//!
//! | file | holds |
//! |---|---|
//! | `state.db` | everything, in SQLite: records, ledger, checkpoints, contents |
//! | `records.log` | the records again, as plain lines of JSON that a person can read |
//! | `installation.key` | the installation's secret key, 0600; never in the database |
//! | `lock` | the pid of the controller that holds the folder |
//!
//! **Why twice.** What must survive is small, and losing it is expensive: without an inventory
//! nothing can be pruned, without completions jobs run twice. A database is one file with many ways
//! to lose it, so the records lie beside it in a file of the simplest possible kind ([`journal`]).
//!
//! **Why the database first.** Room for the lines is reserved in the file, then the database
//! commits, then the lines are written and synced; only then is the commit acknowledged. So the
//! database is never behind the file by a crash: whatever the file knows was committed in full.
//! After a crash the database may be ahead by what nobody was told of, and the file is repaired
//! from it. If the file is ahead, the database was put back from an older copy or is new, and it
//! takes the records of the file ([`recover`]).
//!
//! **Why commits are gathered.** A durable commit costs two syncs of the disk. Whoever gets to the
//! database writes the commits of all who wait in one transaction ([`store`]), so that a thousand
//! apps that commit at once pay for a few syncs.
//!
//! **Where else.** A ledger may lie in PostgreSQL instead ([`PostgresStore`]): the same rows by the same
//! code, the key still in the folder. [`StateStore`] is whichever it is.
//!
//! **What is trusted.** The chain of an app's ledger shows every change and every gap inside it;
//! checkpoints that are signed with the installation's key show a chain that was rebuilt; the head
//! of each chain in the plain file shows an end that was cut off ([`chain`]).

mod backup;
mod chain;
mod content;
mod database;
mod error;
mod folder;
mod freeze;
mod journal;
mod ledger;
mod parts;
mod postgres;
mod recover;
mod retain;
mod state_store;
mod store;

pub use backup::{BackupKey, restore};
pub use chain::{ChainFault, ChainReport};
pub use error::StoreError;
pub use postgres::PostgresStore;
pub use retain::Swept;
pub use state_store::{LedgerUrl, StateStore};
pub use store::SqliteStore;
