//! Repositories, a store and hosts in memory, which count what is asked of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::time::Instant;
use trueup_api::AppStatus;
use trueup_controller::board::Board;
use trueup_controller::{Controller, Notice, Root, Settings, Signal, Worlds};
use trueup_engine::World;
use trueup_model::ports::{Clock, Commit, HistoryQuery, PortError, Source, Store};
use trueup_model::record::{Declaration, Freeze};
use trueup_model::source::Revert;
use trueup_model::tree::{MemoryTree, Tree};
use trueup_model::{AppName, Digest, LedgerEntry, Record, ResourceId, Revision, SourceSpec, kinds};
use trueup_testkit::Outside;
use trueup_testkit::host::Live;

/// No test waits longer for anything, in its own time.
const PATIENCE: Duration = Duration::from_secs(3600);

type Files = BTreeMap<String, String>;

/// Repositories by name.
#[derive(Default)]
pub struct Repositories {
    commits: Mutex<BTreeMap<String, Vec<Files>>>,
    /// Those that do not answer, ever.
    pub hanging: Mutex<BTreeSet<String>>,
    /// Those that answer with an error.
    pub broken: Mutex<BTreeSet<String>>,
    pub resolved: AtomicU64,
    pub loaded: AtomicU64,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while it holds this")
}

#[async_trait]
impl Source for Repositories {
    async fn resolve(&self, spec: &SourceSpec) -> Result<Revision, PortError> {
        self.resolved.fetch_add(1, Ordering::Relaxed);
        if hold(&self.hanging).contains(&spec.repo) {
            std::future::pending::<()>().await;
        }
        if hold(&self.broken).contains(&spec.repo) {
            return Err(PortError::passing(format!("{} does not answer", spec.repo)));
        }
        let commits = hold(&self.commits).get(&spec.repo).map_or(0, Vec::len);
        Ok(Revision {
            commit: format!("{commits:040}"),
            reference: "refs/heads/main".to_owned(),
            time: Timestamp::UNIX_EPOCH,
            author: "A <a@example.com>".to_owned(),
            subject: format!("commit {commits}"),
            notes: Vec::new(),
        })
    }

    async fn load(&self, spec: &SourceSpec, commit: &str) -> Result<Arc<dyn Tree>, PortError> {
        self.loaded.fetch_add(1, Ordering::Relaxed);
        let n: usize = commit.parse().expect("a commit of this repository");
        let files = hold(&self.commits)[&spec.repo][n - 1].clone();
        Ok(Arc::new(files.into_iter().collect::<MemoryTree>()))
    }

    async fn descends(&self, _: &SourceSpec, old: &str, new: &str) -> Result<bool, PortError> {
        Ok(old <= new)
    }

    async fn revert(&self, _: &SourceSpec, _: Revert) -> Result<Revision, PortError> {
        Err(PortError::permanent("nothing is pushed here"))
    }
}

/// A store that counts its commits.
pub struct Counting {
    inner: Arc<dyn Store>,
    pub commits: AtomicU64,
}

#[async_trait]
impl Store for Counting {
    async fn record(&self, app: &AppName) -> Result<Record, PortError> {
        self.inner.record(app).await
    }
    async fn apps(&self) -> Result<Vec<AppName>, PortError> {
        self.inner.apps().await
    }
    async fn commit(&self, app: &AppName, commit: Commit) -> Result<(), PortError> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.inner.commit(app, commit).await
    }
    async fn contents(&self, digests: &[Digest]) -> Result<BTreeMap<Digest, Vec<u8>>, PortError> {
        self.inner.contents(digests).await
    }
    async fn history(&self, query: &HistoryQuery) -> Result<Vec<LedgerEntry>, PortError> {
        self.inner.history(query).await
    }
    async fn remove(&self, app: &AppName) -> Result<(), PortError> {
        self.inner.remove(app).await
    }
    async fn freeze(&self) -> Result<Option<Freeze>, PortError> {
        self.inner.freeze().await
    }
    async fn set_freeze(&self, freeze: Option<Freeze>) -> Result<(), PortError> {
        self.inner.set_freeze(freeze).await
    }
}

/// A clock that runs with the test's time.
struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let start = Timestamp::from_second(1_800_000_000).expect("a time");
        start.checked_add(self.0.elapsed()).expect("a time")
    }
}

/// Everything outside of the controller. Targets are hosts; an app without a cluster lives on `""`.
pub struct Town {
    pub repositories: Arc<Repositories>,
    pub store: Arc<Counting>,
    pub hosts: Mutex<BTreeMap<String, Outside>>,
    memory: Outside,
    renderer: Arc<trueup_render::Renderer>,
    clock: Arc<TestClock>,
}

impl Town {
    pub fn new() -> Arc<Self> {
        let memory = Outside::new(1);
        Arc::new(Self {
            repositories: Arc::default(),
            store: Arc::new(Counting { inner: memory.store.clone(), commits: AtomicU64::new(0) }),
            hosts: Mutex::default(),
            memory,
            renderer: Arc::new(trueup_render::Renderer::new()),
            clock: Arc::new(TestClock(Instant::now())),
        })
    }

    /// The same outside after the controller was started anew: nothing is kept in memory.
    pub fn restarted(&self) -> Arc<Self> {
        Arc::new(Self {
            repositories: self.repositories.clone(),
            store: self.store.clone(),
            hosts: Mutex::new(hold(&self.hosts).clone()),
            memory: self.memory.clone(),
            renderer: Arc::new(trueup_render::Renderer::new()),
            clock: self.clock.clone(),
        })
    }

    /// Commits files on top of what is there; an empty text removes one.
    pub fn commit(&self, repo: &str, files: &[(&str, &str)]) {
        let mut commits = hold(&self.repositories.commits);
        let commits = commits.entry(repo.to_owned()).or_default();
        let mut all = commits.last().cloned().unwrap_or_default();
        for (path, text) in files {
            match *text {
                "" => all.remove(*path),
                text => all.insert((*path).to_owned(), text.to_owned()),
            };
        }
        commits.push(all);
    }

    /// The host of this name.
    pub fn host(&self, name: &str) -> Outside {
        let mut hosts = hold(&self.hosts);
        let seed = hosts.len() as u64;
        hosts.entry(name.to_owned()).or_insert_with(|| Outside::new(seed)).clone()
    }

    /// What lives on the host without a name.
    pub fn live(&self, file: &str) -> Option<Live> {
        let id = ResourceId::new(kinds::HOST_GROUP, "File", "", file);
        self.host("").host.live().get(&id).cloned()
    }

    pub fn record(&self, app: &str) -> Record {
        self.memory.store.peek(&name(app))
    }

    pub fn ledger(&self, app: &str) -> Vec<String> {
        let entries = self.memory.store.ledger();
        let of = entries.into_iter().filter(|entry| entry.app.as_str() == app);
        of.map(|entry| entry.message).collect()
    }

    pub fn counts(&self) -> Counts {
        Counts {
            resolved: self.repositories.resolved.load(Ordering::Relaxed),
            loaded: self.repositories.loaded.load(Ordering::Relaxed),
            rendered: self.renderer.counts().made,
            written: self.store.commits.load(Ordering::Relaxed),
        }
    }
}

/// How often the outside was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub resolved: u64,
    pub loaded: u64,
    pub rendered: u64,
    pub written: u64,
}

impl Counts {
    /// What came since.
    pub fn since(self, before: Self) -> Self {
        Self {
            resolved: self.resolved - before.resolved,
            loaded: self.loaded - before.loaded,
            rendered: self.rendered - before.rendered,
            written: self.written - before.written,
        }
    }
}

impl Worlds for Town {
    fn world(&self, declaration: &Declaration) -> Result<World, PortError> {
        let target = declaration.spec.target.as_ref();
        let cluster = target.and_then(|target| target.kubernetes.as_ref()?.cluster.clone());
        Ok(World {
            source: self.repositories.clone(),
            target: self.host(&cluster.unwrap_or_default()).host,
            store: self.store.clone(),
            clock: self.clock.clone(),
            renderer: self.renderer.clone(),
            ..self.memory.world()
        })
    }
}

/// A controller that runs.
pub struct Kept {
    pub town: Arc<Town>,
    pub board: Board,
    pub signals: tokio::sync::mpsc::Sender<Signal>,
    notices: tokio::sync::broadcast::Receiver<Notice>,
    task: tokio::task::JoinHandle<()>,
}

pub fn root(repo: &str, path: &str) -> Root {
    Root {
        source: SourceSpec { repo: repo.to_owned(), reference: "main".to_owned() },
        path: path.to_owned(),
        target: "host".to_owned(),
        kubernetes: Default::default(),
        name: None,
    }
}

impl Kept {
    pub fn start(town: &Arc<Town>, roots: &[(&str, &str)]) -> Self {
        let roots = roots.iter().map(|(repo, path)| root(repo, path)).collect();
        let controller = Controller::new(town.clone(), roots, Settings::default());
        Self {
            town: town.clone(),
            board: controller.board(),
            signals: controller.signals(),
            notices: controller.notices(),
            task: tokio::spawn(controller.keep()),
        }
    }

    /// Ends it as a crash does.
    pub fn kill(self) -> Arc<Town> {
        self.task.abort();
        self.town.clone()
    }

    /// Waits until this holds of the board; says what stood there if it never does.
    pub async fn until(&self, what: &str, holds: impl Fn(&BTreeMap<AppName, AppStatus>) -> bool) {
        let start = Instant::now();
        loop {
            let board = self.board.read().await.apps.clone();
            if holds(&board) {
                return;
            }
            if start.elapsed() > PATIENCE {
                let lines: Vec<String> = board
                    .values()
                    .map(|app| format!("{} {} {}", app.app, app.state, app.why))
                    .collect();
                panic!("{what}\n{}", lines.join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until an app stands so.
    pub async fn state(&self, app: &str, state: &str) -> AppStatus {
        let name = name(app);
        self.until(&format!("{app} is {state}"), |board| {
            board.get(&name).is_some_and(|status| status.state == state)
        })
        .await;
        self.board.read().await.apps[&name].clone()
    }

    /// Tells of a commit, and waits until all apps of its repository run it.
    pub async fn push(&self, repo: &str, files: &[(&str, &str)]) {
        self.town.commit(repo, files);
        self.tell(repo).await;
        let commits = hold(&self.town.repositories.commits)[repo].len();
        let commit = format!("{commits:040}");
        self.until(&format!("all apps run {commit}"), |board| {
            board
                .values()
                .filter(|app| app.state != "left")
                .all(|app| app.runs.as_ref().is_some_and(|runs| runs.commit == commit))
        })
        .await;
    }

    pub async fn tell(&self, repo: &str) {
        let signal = Signal::Source { repo: repo.to_owned() };
        self.signals.send(signal).await.expect("the controller runs");
    }

    /// What was said of roots so far.
    pub fn said(&mut self) -> String {
        let mut text = String::new();
        while let Ok(notice) = self.notices.try_recv() {
            if let Notice::Root { diagnostics, .. } = notice {
                for diagnostic in diagnostics {
                    text.push_str(&format!("{diagnostic}\n"));
                }
            }
        }
        text
    }
}

pub fn name(text: &str) -> AppName {
    AppName::new(text).expect("a fitting name")
}

/// An App document with more fields of its spec.
pub fn app(name: &str, spec: &str) -> String {
    format!("apiVersion: trueup.dev/v1\nkind: App\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}

pub fn file(name: &str, content: &str) -> String {
    format!(
        "apiVersion: host.trueup.dev/v1\nkind: File\nmetadata: {{name: {name}}}\nspec: {{path: {name}, content: \"{content}\"}}\n"
    )
}
