//! The controller decides *when* each app is looked at; the engine's `reconcile()` decides all else.
//!
//! One task owns the queue. Sources, targets, timers and people send it [`Signal`]s; it starts a run
//! for each app that is due, never two of one app at once and never more than a bounded number in
//! all, and learns from each [`trueup_engine::Outcome`] when to look again. A slow or broken app
//! delays no other.
//!
//! - [`sources`][]: what repositories last said, asked once for all apps
//! - [`depend`][]: what apps wait for of each other (pure)
//! - [`discover`][]: a root folder → the apps it declares
//! - [`objects`][]: `App` objects of a cluster, which are told how they stand
//! - [`roster`][]: which apps there are, and which are not any more (pure)
//! - [`queue`][], [`schedule`][]: which app is due when (pure)
//! - [`metrics`][]: what is counted and measured
//! - [`notify`][]: what happens, told to people and other systems
//! - [`remarks`][]: what is noted beside objects: Kubernetes Events
//! - [`run`][]: the task that owns the queue; [`mod@roots`]: what it does when a repository answered
//! - [`board`][]: how everything stands, as last seen
//! - [`operate`][]: requests of people → replies
//! - [`secret`][]: tokens and passwords of the configuration
//! - [`share`][]: which of several controllers has which app
//! - [`locks`][]: one at a time for each app
//! - [`status`][]: an outcome in words (pure); [`why`][]: why nothing happens (pure)

pub mod board;
pub mod depend;
pub mod discover;
pub mod locks;
pub mod metrics;
pub mod notify;
pub mod objects;
pub mod operate;
pub mod queue;
pub mod remarks;
pub mod roots;
pub mod roster;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod share;
pub mod sources;
pub mod status;
pub mod why;

use std::sync::Arc;

use async_trait::async_trait;
use trueup_engine::World;
use trueup_model::app::KubernetesTarget;
use trueup_model::app_set::{Cluster, PullRequest, PullRequestQuery};
use trueup_model::ports::{AppObject, AppObjects, Forge, PortError};
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

impl Root {
    /// How people know it: repository, reference and folder, without credentials.
    pub fn title(&self) -> String {
        let SourceSpec { repo, reference } = &self.source;
        let repo = match repo.split_once("://") {
            Some((scheme, rest)) => match rest.split_once('/') {
                Some((host, path)) => {
                    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                    format!("{scheme}://{host}/{path}")
                }
                None => repo.clone(),
            },
            None => repo.clone(),
        };
        let reference = if reference.is_empty() { String::new() } else { format!("@{reference}") };
        let path = if self.path.is_empty() { String::new() } else { format!(" {}", self.path) };
        format!("{repo}{reference}{path}")
    }
}

/// Gives each app its world: the ports that its declaration calls for.
pub trait Worlds: Send + Sync {
    /// The world of an app that is declared so.
    fn world(&self, declaration: &Declaration) -> Result<World, PortError>;

    /// The clusters that apps can name.
    fn clusters(&self) -> Vec<Cluster> {
        Vec::new()
    }

    /// The `App` objects that are followed besides roots, if any are.
    fn objects(&self) -> Option<Arc<dyn AppObjects>> {
        None
    }

    /// What knows pull requests.
    fn forge(&self) -> Arc<dyn Forge> {
        Arc::new(NoForge)
    }
}

/// Nothing that knows pull requests.
struct NoForge;

#[async_trait]
impl Forge for NoForge {
    async fn pull_requests(&self, query: &PullRequestQuery) -> Result<Vec<PullRequest>, PortError> {
        let why = format!("pull requests of {} cannot be asked for here", query.repository);
        Err(PortError::permanent(why))
    }
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
    /// A person asked for a look at an app: its repository is asked too.
    Person {
        /// Its name.
        app: AppName,
    },
    /// A person consents to the leaving of apps whose documents are gone: of this one, or of all.
    Accept {
        /// Its name.
        app: Option<AppName>,
    },
    /// These are the `App` objects of the cluster now.
    Objects {
        /// All of them.
        found: Vec<AppObject>,
    },
    /// The controller should end.
    Stop,
}

/// Shared handles of a controller.
pub type SharedWorlds = Arc<dyn Worlds>;
