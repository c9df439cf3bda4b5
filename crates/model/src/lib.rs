//! The vocabulary of TrueUp: every noun that two crates share is a type here, and every outside
//! system that the loop uses is a trait here (a *port*, in [`ports`]). Pure and synchronous but for
//! the ports' signatures: nothing in this crate reads a clock, a file, the environment or
//! randomness.
//!
//! The nouns, in the order in which a commit meets them:
//!
//! | module | noun |
//! |---|---|
//! | [`source`], [`tree`] | where state is declared, one commit of it, the files of that commit |
//! | [`app`], [`app_set`], [`host`], [`schedule`] | the documents that users write |
//! | [`resource`], [`kinds`], [`hook`] | one declared thing, what is special about its kind, and when a hook runs |
//! | [`observed`], [`health`], [`capabilities`] | what the target says |
//! | [`need`] | what a rendering lacks, and the answers to it |
//! | [`plan`], [`event`] | what would be done and why; what came of it |
//! | [`record`], [`ledger`] | what must survive; what is remembered |

pub mod app;
pub mod app_set;
pub mod applyset;
pub mod capabilities;
pub mod diagnostic;
pub mod digest;
pub mod event;
pub mod health;
pub mod hook;
pub mod host;
pub mod key;
pub mod kinds;
pub mod ledger;
pub mod membership;
pub mod names;
pub mod need;
pub mod observed;
pub mod plan;
pub mod ports;
pub mod record;
pub mod resource;
pub mod schedule;
pub mod source;
pub mod tree;

pub use app::{App, AppSpec};
pub use capabilities::{Capabilities, TargetId};
pub use diagnostic::{Diagnostic, Location, Severity};
pub use digest::Digest;
pub use event::{Event, EventResult};
pub use health::{Health, HealthStatus};
pub use key::InstallationKey;
pub use ledger::{LedgerEntry, LedgerKind};
pub use names::{AppName, ResourceId};
pub use need::Need;
pub use observed::{Observed, ObservedResource, Owner, Prediction, Presence};
pub use plan::{Action, FieldChange, FieldValue, Plan, Precondition, Verb};
pub use ports::{Clock, Source, Store, Target};
pub use record::Record;
pub use resource::{Origin, Payload, Resource};
pub use source::{Revision, SourceSpec};
