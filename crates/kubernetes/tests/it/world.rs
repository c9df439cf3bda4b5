//! The loop over a cluster: files that a test writes, a record in memory, the real target.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use jiff::Timestamp;
use trueup_engine::{Outcome, State, Subject, World, reconcile};
use trueup_kubernetes::{Connection, KubernetesTarget};
use trueup_model::app::{AppTarget, KubernetesTarget as Cluster};
use trueup_model::plan::{Skip, SkipKind};
use trueup_model::ports::{Changes, Clock, Commit, HistoryQuery, PortError, Source, Store, Target};
use trueup_model::record::{Declaration, Freeze};
use trueup_model::source::Revert;
use trueup_model::tree::{MemoryTree, Tree};
use trueup_model::{
    AppName, AppSpec, Digest, InstallationKey, LedgerEntry, Record, Revision, SourceSpec, Verb,
};

use crate::bed::{Bed, bed, unique};

/// How long a cluster may take for what a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Files {
    commits: Mutex<Vec<Arc<MemoryTree>>>,
}

#[async_trait]
impl Source for Files {
    async fn resolve(&self, _: &SourceSpec) -> Result<Revision, PortError> {
        let commits = self.commits.lock().expect("no test panics while it writes").len();
        Ok(Revision {
            commit: format!("{commits:040}"),
            reference: "refs/heads/main".to_owned(),
            time: Timestamp::UNIX_EPOCH,
            author: "A <a@example.com>".to_owned(),
            subject: format!("commit {commits}"),
            notes: Vec::new(),
        })
    }

    async fn load(&self, _: &SourceSpec, commit: &str) -> Result<Arc<dyn Tree>, PortError> {
        let commits = self.commits.lock().expect("no test panics while it writes");
        let n = commit.trim_start_matches('0').parse::<usize>().unwrap_or(1);
        match commits.get(n - 1) {
            Some(tree) => Ok(tree.clone()),
            None => Err(PortError::permanent("there is no such commit")),
        }
    }

    async fn descends(&self, _: &SourceSpec, old: &str, new: &str) -> Result<bool, PortError> {
        Ok(old <= new)
    }

    async fn revert(&self, _: &SourceSpec, _: Revert) -> Result<Revision, PortError> {
        Err(PortError::permanent("nothing is reverted in these tests"))
    }
}

#[derive(Default)]
struct Memory {
    record: Mutex<Record>,
    contents: Mutex<BTreeMap<Digest, Vec<u8>>>,
}

#[async_trait]
impl Store for Memory {
    async fn record(&self, _: &AppName) -> Result<Record, PortError> {
        Ok(self.record.lock().expect("nothing panics while it writes").clone())
    }

    async fn apps(&self) -> Result<Vec<AppName>, PortError> {
        Ok(Vec::new())
    }

    async fn commit(&self, _: &AppName, commit: Commit) -> Result<(), PortError> {
        *self.record.lock().expect("nothing panics while it writes") = commit.record;
        let mut contents = self.contents.lock().expect("nothing panics while it writes");
        contents.extend(commit.contents.into_iter().map(|c| (c.digest, c.bytes)));
        Ok(())
    }

    async fn contents(&self, digests: &[Digest]) -> Result<BTreeMap<Digest, Vec<u8>>, PortError> {
        let contents = self.contents.lock().expect("nothing panics while it writes");
        let of = |digest: &Digest| Some((*digest, contents.get(digest)?.clone()));
        Ok(digests.iter().filter_map(of).collect())
    }

    async fn history(&self, _: &HistoryQuery) -> Result<Vec<LedgerEntry>, PortError> {
        Ok(Vec::new())
    }

    async fn remove(&self, _: &AppName) -> Result<(), PortError> {
        *self.record.lock().expect("nothing panics while it writes") = Record::default();
        Ok(())
    }

    async fn freeze(&self) -> Result<Option<Freeze>, PortError> {
        Ok(None)
    }

    async fn set_freeze(&self, _: Option<Freeze>) -> Result<(), PortError> {
        Err(PortError::permanent("nothing is frozen in these tests"))
    }
}

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// An app on a cluster, in a namespace of its own.
pub struct App {
    pub bed: &'static Bed,
    pub namespace: String,
    pub subject: Subject,
    pub world: World,
    files: Arc<Files>,
    changes: tokio::sync::Mutex<Changes>,
}

impl App {
    /// A new app; `None` where there is no cluster.
    pub fn new(test: &str) -> Option<Self> {
        let bed = bed()?;
        let namespace = bed.namespace(test);
        Some(Self::on(bed, &namespace, None))
    }

    /// An app in this namespace, as this context of the kubeconfig.
    pub fn on(bed: &'static Bed, namespace: &str, context: Option<&str>) -> Self {
        let connection = Connection {
            kubeconfig: Some(bed.kubeconfig.clone()),
            context: context.map(str::to_owned),
            secret: None,
        };
        Self::by(bed, namespace, connection)
    }

    /// An app in this namespace, over this connection.
    pub fn by(bed: &'static Bed, namespace: &str, connection: Connection) -> Self {
        Self::over(bed, namespace, Arc::new(KubernetesTarget::new(connection)))
    }

    fn over(bed: &'static Bed, namespace: &str, target: Arc<dyn Target>) -> Self {
        let files = Arc::new(Files::default());
        let cluster = Cluster { namespace: Some(namespace.to_owned()), ..Default::default() };
        let spec = AppSpec {
            target: Some(AppTarget { kubernetes: Some(cluster), host: None }),
            ..AppSpec::default()
        };
        let declaration = Declaration {
            spec,
            source: SourceSpec { repo: "/".to_owned(), reference: "main".to_owned() },
            path: String::new(),
            target: "kubernetes".to_owned(),
            labels: Default::default(),
            root: String::new(),
            set: None,
        };
        let name = AppName::new(unique("app")).expect("a unique name is a good one");
        Self {
            bed,
            namespace: namespace.to_owned(),
            subject: Subject::new(name, declaration),
            changes: tokio::sync::Mutex::new(target.changes()),
            world: World {
                source: files.clone(),
                supply: Arc::new(trueup_model::ports::NoSupply),
                target,
                store: Arc::new(Memory::default()),
                clock: Arc::new(Now),
                installation: unique("installation"),
                key: InstallationKey::from_bytes([7; 32]),
                renderer: Arc::new(trueup_render::Renderer::new()),
            },
            files,
        }
    }

    /// Another app of the same installation, on the same namespace.
    pub fn sibling(&self) -> Self {
        let mut sibling = Self::over(self.bed, &self.namespace, self.world.target.clone());
        sibling.world.installation.clone_from(&self.world.installation);
        sibling
    }

    /// The same app after a restart that kept its record and lost everything else.
    pub fn restarted(self) -> Self {
        let mut fresh = Self::on(self.bed, &self.namespace, None);
        fresh.subject = self.subject;
        fresh.files = self.files;
        fresh.world.source = self.world.source;
        fresh.world.store = self.world.store;
        fresh.world.installation = self.world.installation;
        fresh
    }

    /// The same app after its state folder was lost, but for the key.
    pub fn bereft(self, record: Record) -> Self {
        let mut bereft = self.restarted();
        let store = Memory { record: Mutex::new(record), ..Memory::default() };
        bereft.world.store = Arc::new(store);
        bereft
    }

    /// Commits these files, as all there is.
    pub fn commit(&self, files: &[(&str, &str)]) {
        let mut tree = MemoryTree::new();
        for (path, content) in files {
            tree.insert(*path, content.as_bytes().to_vec());
        }
        self.files.commits.lock().expect("no test panics while it writes").push(Arc::new(tree));
    }

    /// Runs the loop once.
    pub async fn run(&self) -> Outcome {
        reconcile(&self.subject, &self.world).await.expect("the target and the store answer")
    }

    /// Runs the loop, whenever the target tells of a change, until this holds.
    pub async fn until(&self, what: &str, holds: impl Fn(&Outcome) -> bool) -> Outcome {
        let mut changes = self.changes.lock().await;
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                let outcome = self.run().await;
                if holds(&outcome) {
                    return outcome;
                }
                // A change wakes it; health of what no watch covers yet is asked for again.
                let _ = tokio::time::timeout(Duration::from_millis(200), changes.next()).await;
            }
        });
        match waited.await {
            Ok(outcome) => outcome,
            Err(_) => {
                let outcome = self.run().await;
                panic!(
                    "{what}: {:?}\n{:#?}",
                    outcome.state,
                    outcome.plan.map(|p| (p.actions, p.skips))
                )
            }
        }
    }

    /// Runs it until all is as declared.
    pub async fn settle(&self) -> Outcome {
        self.until("it settles", |outcome| outcome.state == State::Settled).await
    }

    /// Runs kubectl in the namespace.
    pub fn kubectl(&self, args: &[&str]) -> String {
        self.bed.kubectl(&[&["-n", &self.namespace], args].concat(), "")
    }

    /// Runs kubectl in the namespace, on these documents.
    pub fn kubectl_with(&self, args: &[&str], input: &str) -> String {
        self.bed.kubectl(&[&["-n", &self.namespace], args].concat(), input)
    }

    /// A field of an object, as kubectl prints it.
    pub fn field(&self, object: &str, path: &str) -> String {
        self.kubectl(&["get", object, "-o", &format!("jsonpath={{{path}}}")])
    }

    /// Whether an object is there.
    pub fn has(&self, object: &str) -> bool {
        !self.kubectl(&["get", object, "--ignore-not-found", "-o", "name"]).is_empty()
    }
}

/// What was done, as `verb Kind/name` in order of the ledger.
pub fn done(outcome: &Outcome) -> Vec<String> {
    let events = outcome.entries.iter().flat_map(|entry| &entry.events);
    events
        .filter(|event| event.result.succeeded())
        .map(|event| format!("{} {}/{}", event.verb.as_str(), event.id.kind, event.id.name))
        .collect()
}

/// What the plan says of an object to which nothing is done.
pub fn skip<'a>(outcome: &'a Outcome, name: &str) -> &'a Skip {
    let plan = outcome.plan.as_ref().expect("there is a plan");
    plan.skips.iter().find(|skip| skip.id.name == name).expect("it is in the report")
}

/// Whether the plan leaves everything alone.
pub fn is_unchanged(outcome: &Outcome) -> bool {
    let plan = outcome.plan.as_ref().expect("there is a plan");
    plan.is_empty()
        && plan
            .skips
            .iter()
            .all(|skip| matches!(skip.kind, SkipKind::Unchanged | SkipKind::Completed))
}

/// Whether something was done in this way.
pub fn did(outcome: &Outcome, verb: Verb) -> bool {
    outcome.entries.iter().flat_map(|entry| &entry.events).any(|event| event.verb == verb)
}

pub fn config_map(name: &str, key: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{{key}: \"{value}\"}}\n"
    )
}

pub fn deployment(name: &str, replicas: u32, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n      - {{name: web, image: \"{image}\"}}\n"
    )
}
