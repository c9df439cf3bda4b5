//! The ports: the outside systems that the loop uses, in the loop's own words. They are
//! object-safe, so that adapters do not depend on the loop and a simulation can stand in for each.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::Stream;
use jiff::Timestamp;
use serde_json::Value;

use crate::app_set::{PullRequest, PullRequestQuery};
use crate::need::{Lookup, Need, Supplied};
use crate::plan::Action;
use crate::record::{Freeze, Inventory};
use crate::source::Revert;
use crate::tree::Tree;
use crate::{
    AppName, Capabilities, Digest, Event, LedgerEntry, Observed, Record, Resource, ResourceId,
    Revision, SourceSpec,
};

/// Why a port could not do what it was asked.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{message}")]
pub struct PortError {
    /// What failed, where, and what to do; complete in itself.
    pub message: String,
    /// Whether trying again without a change is pointless.
    pub permanent: bool,
}

impl PortError {
    /// A failure that may pass.
    pub fn passing(message: impl Into<String>) -> Self {
        Self { message: message.into(), permanent: false }
    }

    /// A failure that only a change can mend.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { message: message.into(), permanent: true }
    }
}

/// Where desired state comes from.
#[async_trait]
pub trait Source: Send + Sync {
    /// Which commit the reference means now, having fetched it.
    async fn resolve(&self, spec: &SourceSpec) -> Result<Revision, PortError>;

    /// The files of a commit that [`Self::resolve`] answered, or that a record names. They are
    /// there until the process ends, whatever is fetched or consolidated meanwhile.
    async fn load(&self, spec: &SourceSpec, commit: &str) -> Result<Arc<dyn Tree>, PortError>;

    /// Whether `ancestor` is an ancestor of (or the same as) `descendant`. `false` where a commit is
    /// not known any more.
    async fn descends(
        &self,
        spec: &SourceSpec,
        ancestor: &str,
        descendant: &str,
    ) -> Result<bool, PortError>;

    /// Commits a revert on top of a branch, and pushes it; history is never rewritten. Answers the
    /// commit. An error: nothing was changed.
    async fn revert(&self, spec: &SourceSpec, revert: Revert) -> Result<Revision, PortError>;
}

/// What answers the needs of a rendering that neither the source nor the target answers: charts of
/// repositories and registries, files by HTTP.
#[async_trait]
pub trait Supply: Send + Sync {
    /// What was asked for. That the one who must know says there is no such thing is an answer; an
    /// error is that there is none.
    async fn supply(&self, need: &Need) -> Result<Supplied, PortError>;
}

/// A supply that asks nobody: for what works offline.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSupply;

#[async_trait]
impl Supply for NoSupply {
    async fn supply(&self, need: &Need) -> Result<Supplied, PortError> {
        Err(PortError::permanent(format!("{need}: nothing is fetched here")))
    }
}

/// For whom a target is observed or changed.
#[derive(Clone, Debug)]
pub struct AppContext {
    /// The app.
    pub app: AppName,
    /// The installation's id.
    pub installation: String,
    /// Namespace of objects that name none.
    pub namespace: String,
    /// The service account to act as, if the App names one.
    pub service_account: Option<String>,
    /// The commit that is applied: `TRUEUP_REVISION` of processes.
    pub revision: String,
    /// The rendered set that is applied: `TRUEUP_RELEASE` of processes.
    pub rendered: Digest,
    /// Which tool's resources may be adopted, as the App says.
    pub adopt: Option<String>,
    /// What the app was called before: what is marked with such a name is its own.
    pub formerly: Vec<AppName>,
}

/// As whom a target is read before there is anything to apply.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// Namespace of the service account, where that names none.
    pub namespace: &'a str,
    /// The service account to act as, if the App names one.
    pub service_account: Option<&'a str>,
}

/// What a target keeps of an app, so that it survives the loss of the state folder.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// What the app owns: for those who read the target with other tools.
    pub inventory: &'a Inventory,
    /// The sealed copy of the record.
    pub copy: &'a [u8],
}

/// How exactly a look must predict. Dry runs cost requests: they are made for `plan`, approvals and
/// reports, and for what exists and changes; not for creations under automatic policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foresight {
    /// Predict what exists and changes only.
    Changes,
    /// Predict creations too.
    Everything,
}

/// Something changed in a target that an app should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The app.
    pub app: AppName,
    /// The resource, where it is known which.
    pub id: Option<ResourceId>,
}

/// Something worth knowing of an object, for whoever looks at it with the target's own tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Of which object.
    pub id: ResourceId,
    /// At which version it was applied.
    pub api_version: String,
    /// Identity of its incarnation, if it is known.
    pub uid: String,
    /// When it happened.
    pub at: Timestamp,
    /// Whether somebody should look.
    pub warning: bool,
    /// In a word: `DriftHealed`, `RolledBack`.
    pub reason: &'static str,
    /// In a sentence.
    pub message: String,
}

/// A stream of changes.
pub type Changes = Pin<Box<dyn Stream<Item = Change> + Send>>;

/// Where resources live.
#[async_trait]
pub trait Target: Send + Sync {
    /// What it is and can do. Cheap enough to be asked each run.
    async fn capabilities(&self) -> Result<Capabilities, PortError>;

    /// What is there now of each desired resource and each one in the inventory. Also registers
    /// interest: from now on, changes to these are told by [`Self::changes`]. A resource that cannot
    /// be seen is `Presence::Unknown`; only a target that does not answer at all is an error.
    async fn observe(
        &self,
        context: &AppContext,
        desired: &[Arc<Resource>],
        inventory: &Inventory,
        foresight: Foresight,
    ) -> Result<Observed, PortError>;

    /// Carries out the actions, which are of one stage, as they stand and in any order, and says
    /// what came of each. It decides nothing.
    async fn execute(&self, context: &AppContext, actions: &[Action]) -> Vec<Event>;

    /// The live object that a template asks for, or all of a kind; null if there is none. Asked only
    /// where the App allows it.
    async fn lookup(&self, _reader: &Reader<'_>, lookup: &Lookup) -> Result<Value, PortError> {
        Err(PortError::permanent(format!(
            "{lookup}: this target has no objects that a chart can look up"
        )))
    }

    /// Keeps a copy of what must survive of an app with the target; `None` removes it, for the app is
    /// no more. A target on the machine of the state folder keeps none.
    async fn keep(&self, _context: &AppContext, _kept: Option<Kept<'_>>) -> Result<(), PortError> {
        Ok(())
    }

    /// The copy that [`Self::keep`] was last given, if there is one.
    async fn kept(&self, _context: &AppContext) -> Result<Option<Vec<u8>>, PortError> {
        Ok(None)
    }

    /// An app is no more: stop watching for it and drop what is kept of it.
    async fn forget(&self, app: &AppName);

    /// An app is called otherwise from now on: what is kept by its name moves, and what runs goes
    /// on. Doing it twice is doing it once.
    async fn rename(&self, _from: &AppName, _to: &AppName) -> Result<(), PortError> {
        Ok(())
    }

    /// Changes to what was observed, from now on. Several listeners may ask.
    fn changes(&self) -> Changes;

    /// Writes remarks down beside their objects, where the target has a place for such. Nothing
    /// depends on them: what cannot be written is dropped.
    async fn remark(&self, _remarks: &[Remark]) {}
}

/// An `App` that is an object of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct AppObject {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Which version of its spec this is.
    pub generation: i64,
    /// All of it.
    pub document: Value,
}

/// `App` documents that are objects of a cluster, and are told how their apps stand.
#[async_trait]
pub trait AppObjects: Send + Sync {
    /// All of them. `None`: the cluster does not know the kind.
    async fn list(&self) -> Result<Option<Vec<AppObject>>, PortError>;

    /// Ends when something about them may have changed since they were listed, or after a while.
    async fn changed(&self);

    /// Writes the status of one. That it is gone is no error.
    async fn tell(&self, namespace: &str, name: &str, status: &Value) -> Result<(), PortError>;
}

/// What knows the pull requests of repositories.
#[async_trait]
pub trait Forge: Send + Sync {
    /// The open pull requests of a repository. Asking often is cheap: what did not change since is
    /// not sent again.
    async fn pull_requests(&self, query: &PullRequestQuery) -> Result<Vec<PullRequest>, PortError>;
}

/// What is written to the store in one transaction.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// The app's record afterwards.
    pub record: Record,
    /// Entries to append to its chain; the store sets `seq`, `previous` and `hash`.
    pub entries: Vec<LedgerEntry>,
    /// Documents to keep by digest.
    pub contents: Vec<Content>,
    /// The app whose record this one continues: it is removed in the same transaction.
    pub replaces: Option<AppName>,
}

/// A document to keep.
#[derive(Clone, Debug)]
pub struct Content {
    /// What it is asked for by.
    pub digest: Digest,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether they are secret: then they are sealed with the installation's key.
    pub secret: bool,
}

/// Which entries of the ledger are wanted.
#[derive(Clone, Debug, Default)]
pub struct HistoryQuery {
    /// Of this app; of all if left out.
    pub app: Option<AppName>,
    /// At most so many, the newest.
    pub limit: usize,
}

/// What remembers. One call of [`Self::commit`] is one transaction: after a crash either all of it
/// is there or none.
#[async_trait]
pub trait Store: Send + Sync {
    /// The app's record; an empty one for an app that was never seen.
    async fn record(&self, app: &AppName) -> Result<Record, PortError>;

    /// The names of all apps that have a record.
    async fn apps(&self) -> Result<Vec<AppName>, PortError>;

    /// Writes a record, entries and contents, durably.
    async fn commit(&self, app: &AppName, commit: Commit) -> Result<(), PortError>;

    /// Documents by digest. One that is not kept any more is left out of the answer.
    async fn contents(&self, digests: &[Digest]) -> Result<BTreeMap<Digest, Vec<u8>>, PortError>;

    /// Entries, the newest first.
    async fn history(&self, query: &HistoryQuery) -> Result<Vec<LedgerEntry>, PortError>;

    /// Removes an app's record; its ledger stays.
    async fn remove(&self, app: &AppName) -> Result<(), PortError>;

    /// Whether the whole installation is frozen.
    async fn freeze(&self) -> Result<Option<Freeze>, PortError>;

    /// Freezes the whole installation, or lets it go. Who did it, and why, is written to the chain of
    /// each app by whoever asks.
    async fn set_freeze(&self, freeze: Option<Freeze>) -> Result<(), PortError>;
}

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}
