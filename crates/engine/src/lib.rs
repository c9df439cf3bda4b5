//! The loop. [`reconcile()`] brings one app as far as it goes now, over the ports of the model, and
//! says how far that was; whoever calls it decides when to call again.
//!
//! - [`mod@reconcile`][]: the loop itself
//! - [`declare`][]: what Git says: revision, tree, resources
//! - [`needs`][]: what a rendering lacks is fetched, and it is rendered again
//! - [`gate`][]: whether changes may be applied now
//! - [`goal`][]: what to work towards: Git's state, or one that was healthy before
//! - [`fold`][]: pure functions from (record, events) to record
//! - [`hooks`][]: what is remembered of hooks
//! - [`judge`][]: what becomes of an apply that is over: settled, held, rolled back
//! - [`command`][]: what a person can ask for: rollback, release, pause, approve, accept, delete
//! - [`mod@copy`][]: what must survive of a record, sealed, as it lies with the target
//! - [`membership`][]: an app's document leaves Git, is there again, or calls it otherwise
//! - [`handover`][]: what one app gives up and another declares
//! - [`revert`][]: a commit that the app went back from, taken back in Git
//! - [`outcome`][]: how far it came
//! - `tell`: what the ledger says of it, in words

pub mod command;
pub mod copy;
pub mod declare;
pub mod fold;
pub mod gate;
pub mod goal;
pub mod handover;
pub mod hooks;
pub mod judge;
pub mod membership;
pub mod needs;
pub mod outcome;
pub mod reconcile;
pub mod revert;
mod tell;

use std::sync::Arc;

use trueup_model::ports::{PortError, Supply};
use trueup_model::record::Declaration;
use trueup_model::{AppName, AppSpec, Clock, InstallationKey, Source, SourceSpec, Store, Target};

pub use outcome::{Outcome, State};
pub use reconcile::{preview, reconcile};
pub use trueup_plan::depends::{Stand, Waits, waits};

/// An app as the loop takes it: every default that depends on where its document stands is filled
/// in.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// Its name.
    pub name: AppName,
    /// Where it is declared, and how.
    pub declaration: Declaration,
    /// A commit that is wanted in place of what the reference says (`plan --revision`).
    pub revision: Option<String>,
    /// Whether everything it owns is to go.
    pub delete: bool,
    /// What it waits for of other apps; whoever knows how these stand says so.
    pub waits: Option<Waits>,
}

impl Subject {
    /// An app as it is declared.
    pub fn new(name: AppName, declaration: Declaration) -> Self {
        Self { name, declaration, revision: None, delete: false, waits: None }
    }

    /// Its document's spec.
    pub fn spec(&self) -> &AppSpec {
        &self.declaration.spec
    }

    /// Where it is declared.
    pub fn source(&self) -> &SourceSpec {
        &self.declaration.source
    }
}

/// The outside, for one app: the five ports, and the installation.
#[derive(Clone)]
pub struct World {
    /// Where desired state comes from.
    pub source: Arc<dyn Source>,
    /// What answers needs of a rendering that are neither in Git nor in the target.
    pub supply: Arc<dyn Supply>,
    /// Where resources live.
    pub target: Arc<dyn Target>,
    /// What remembers.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Id of the installation.
    pub installation: String,
    /// Its secret key.
    pub key: InstallationKey,
    /// What engines need besides the commit.
    pub renderer: Arc<trueup_render::Renderer>,
}

/// Why an app could not be looked at, or not be written down. What goes wrong with single resources
/// is not an error: it is in the plan's report and in the events.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum Error {
    /// The target does not answer.
    #[error("the target does not answer")]
    Target(#[source] PortError),
    /// The store cannot be read or written: nothing is applied that cannot be remembered.
    #[error("the ledger cannot be used")]
    Store(#[source] PortError),
    /// The app was applied to another target.
    #[error(
        "{app} was applied to {recorded}; this is {found}: move it there, or delete it here first"
    )]
    OtherTarget {
        /// The app.
        app: AppName,
        /// Where it was applied.
        recorded: String,
        /// What was found.
        found: String,
    },
    /// The plan breaks a rule of its own: a bug of TrueUp; nothing was done.
    #[error("this plan breaks a rule and is not carried out; please report it: {0}")]
    UnsoundPlan(String),
    /// It did not come to rest.
    #[error("it did not come to rest after {0} rounds; it goes on later")]
    OutOfRounds(u32),
}
