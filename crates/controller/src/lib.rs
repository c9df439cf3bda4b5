//! The controller decides *when* each app is looked at; the engine's `reconcile()` decides all else.
//!
//! One task owns the queue. Sources, targets, timers and people send it [`Signal`]s; it starts a run
//! for each app that is due, never two of one app at once and never more than a bounded number in
//! all, and learns from each [`trueup_engine::Outcome`] when to look again. A slow or broken app
//! delays no other.
//!
//! - [`depend`][]: what apps wait for of each other (pure)
//! - [`discover`][]: a root folder → the apps it declares
//! - [`queue`][]: which app is due when (pure)
//! - [`metrics`][]: what is counted and measured
//! - [`notify`][]: what happens, told to people and other systems
//! - [`remarks`][]: what is noted beside objects: Kubernetes Events
//! - [`run`][]: the task that owns the queue
//! - [`operate`][]: requests of people → replies
//! - [`secret`][]: tokens and passwords of the configuration
//! - [`share`][]: which of several controllers has which app
//! - [`locks`][]: one at a time for each app
//! - [`status`][]: an outcome in words (pure); [`why`][]: why nothing happens (pure)

pub mod depend;
pub mod discover;
pub mod locks;
pub mod metrics;
pub mod notify;
pub mod operate;
pub mod queue;
pub mod remarks;
pub mod run;
pub mod secret;
pub mod share;
pub mod status;
pub mod why;

use std::sync::Arc;

use trueup_engine::World;
use trueup_model::app::KubernetesTarget;
use trueup_model::ports::PortError;
use trueup_model::record::Declaration;
use trueup_model::{AppName, SourceSpec};

pub use operate::Operator;
pub use run::{Controller, Notice, Settings};

/// Where apps are declared: a folder of a source that is an app, or that holds `App` documents.
#[derive(Clone, Debug, PartialEq)]
pub struct Root {
    /// The repository, and which of its commits.
    pub source: SourceSpec,
    /// The folder.
    pub path: String,
    /// `host` or `kubernetes`: the target of apps that name none.
    pub target: String,
    /// The cluster and namespace of apps that live on Kubernetes and name none.
    pub kubernetes: KubernetesTarget,
    /// The name of the app, where the folder itself is one; left out: after the last parts of
    /// repository and path.
    pub name: Option<AppName>,
}

/// Gives each app its world: the ports that its declaration calls for.
pub trait Worlds: Send + Sync {
    /// The world of an app that is declared so.
    fn world(&self, declaration: &Declaration) -> Result<World, PortError>;
}

/// Something that happened, and what should be looked at because of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// A repository has, or may have, something new.
    Source {
        /// The repository as it is named.
        repo: String,
    },
    /// An app should be looked at.
    App {
        /// Its name.
        app: AppName,
    },
    /// Several controllers have agreed anew on who has which app.
    Shared,
    /// The controller should end.
    Stop,
}

/// Shared handles of a controller.
pub type SharedWorlds = Arc<dyn Worlds>;
