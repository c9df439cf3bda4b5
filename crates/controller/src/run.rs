//! The task that owns the queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use tokio::sync::{RwLock, broadcast, mpsc, watch};
use tokio::task::JoinSet;
use trueup_api::AppStatus;
use trueup_engine::{Error, Outcome, State, Subject};
use trueup_model::ports::Clock;
use trueup_model::{AppName, Diagnostic, LedgerEntry};

use crate::depend::{self, Waiting};
use crate::discover::{Discovered, discover};
use crate::locks::Locks;
use crate::metrics::Metrics;
use crate::queue::{Queue, Urgency};
use crate::share::Member;
use crate::{Root, SharedWorlds, Signal, status};

/// How a controller works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many apps are looked at at once.
    pub at_once: usize,
    /// How often a repository is asked for news where nothing tells of them.
    pub poll: Duration,
    /// How often an app is looked at though nothing happened.
    pub resync: Duration,
    /// How long after a failure to try again; doubles up to `poll`.
    pub retry: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            at_once: 8,
            poll: Duration::from_secs(60),
            resync: Duration::from_secs(600),
            retry: Duration::from_secs(2),
        }
    }
}

/// Something that whoever watches may want to show.
#[derive(Clone, Debug)]
pub enum Notice {
    /// Something was written to the ledger.
    Entry(Box<LedgerEntry>),
    /// An app stands otherwise than before.
    Status(Box<AppStatus>),
    /// Something is wrong with what a root declares, or it cannot be read.
    Root {
        /// The repository.
        repo: String,
        /// What is wrong.
        diagnostics: Vec<Diagnostic>,
    },
}

/// How all apps stand, as last seen.
pub type Board = Arc<RwLock<BTreeMap<AppName, AppStatus>>>;
/// The apps that are declared.
pub type Subjects = Arc<RwLock<BTreeMap<AppName, Subject>>>;

/// Decides when each app is looked at.
pub struct Controller {
    worlds: SharedWorlds,
    locks: Locks,
    waiting: Waiting,
    roots: Vec<Root>,
    settings: Settings,
    board: Board,
    subjects: Subjects,
    signals: mpsc::Sender<Signal>,
    inbox: mpsc::Receiver<Signal>,
    notices: broadcast::Sender<Notice>,
    metrics: Metrics,
    read: watch::Sender<bool>,
    member: Option<Member>,
    queue: Queue,
    failures: BTreeMap<AppName, u32>,
    watched: Vec<String>,
    unread: bool,
    clock: Arc<dyn Clock>,
}

/// The clock of this machine.
struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

type Run = (AppName, Result<Outcome, Error>);

impl Controller {
    /// A controller for these roots.
    pub fn new(worlds: SharedWorlds, roots: Vec<Root>, settings: Settings) -> Self {
        let (signals, inbox) = mpsc::channel(1024);
        let (notices, _) = broadcast::channel(1024);
        Self {
            worlds,
            locks: Locks::default(),
            waiting: Waiting::default(),
            roots,
            settings,
            board: Board::default(),
            subjects: Subjects::default(),
            signals,
            inbox,
            notices,
            metrics: Metrics::new(),
            read: watch::Sender::new(false),
            member: None,
            queue: Queue::default(),
            failures: BTreeMap::new(),
            watched: Vec::new(),
            unread: false,
            clock: Arc::new(Now),
        }
    }

    /// The same, in the time of another clock than this machine's.
    pub fn in_time_of(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The same, counting in these metrics.
    pub fn measured(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// The same, sharing the apps with other controllers.
    pub fn shared(mut self, member: Member) -> Self {
        self.member = Some(member);
        self
    }

    /// Where to send signals.
    pub fn signals(&self) -> mpsc::Sender<Signal> {
        self.signals.clone()
    }

    /// What keeps a run and a person's command from writing over each other.
    pub fn locks(&self) -> Locks {
        self.locks.clone()
    }

    /// What happens, from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// What is counted.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Whether it is known which apps there are: the roots were read since the start.
    pub fn read(&self) -> watch::Receiver<bool> {
        self.read.subscribe()
    }

    /// How all apps stand.
    pub fn board(&self) -> Board {
        Arc::clone(&self.board)
    }

    /// The apps that are declared.
    pub fn subjects(&self) -> Subjects {
        Arc::clone(&self.subjects)
    }

    /// Looks at every app once, until each has settled or cannot go on by itself.
    pub async fn once(mut self) -> BTreeMap<AppName, AppStatus> {
        self.read_roots(None).await;
        let mut runs = JoinSet::new();
        loop {
            self.start(&mut runs).await;
            let wake = self.left(self.queue.next_wake());
            tokio::select! {
                Some(done) = runs.join_next(), if !runs.is_empty() => {
                    if let Ok(run) = done { self.finish(run, true).await; }
                }
                Some(signal) = self.inbox.recv() => if self.take(signal).await { break },
                () = pass(wake), if wake.is_some() => self.queue.wake(self.clock.now()),
            }
            if runs.is_empty() && self.queue.is_idle() && self.queue.next_wake().is_none() {
                break;
            }
        }
        self.board.read().await.clone()
    }

    /// Keeps every app true until it is told to stop.
    pub async fn keep(mut self) {
        self.read_roots(None).await;
        self.read.send_replace(true);
        let mut runs = JoinSet::new();
        let mut poll = tokio::time::interval(self.settings.poll);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        poll.tick().await;
        let mut soon = self.unread.then(|| self.clock.now() + self.settings.retry);
        loop {
            self.start(&mut runs).await;
            let (wake, reads) = (self.left(self.queue.next_wake()), self.left(soon));
            tokio::select! {
                Some(done) = runs.join_next(), if !runs.is_empty() => {
                    if let Ok(run) = done { self.finish(run, false).await; }
                }
                Some(signal) = self.inbox.recv() => if self.take(signal).await { break },
                () = pass(wake), if wake.is_some() => self.queue.wake(self.clock.now()),
                _ = poll.tick() => self.read_roots(None).await,
                () = pass(reads), if reads.is_some() => {
                    self.read_roots(None).await;
                    soon = self.unread.then(|| self.clock.now() + self.settings.retry * 5);
                }
            }
        }
        while let Some(done) = runs.join_next().await {
            if let Ok(run) = done {
                self.finish(run, true).await;
            }
        }
    }

    /// How long until then.
    fn left(&self, at: Option<Timestamp>) -> Option<Duration> {
        let left = at?.duration_since(self.clock.now());
        Some(if left.is_positive() { left.unsigned_abs() } else { Duration::ZERO })
    }

    /// Whether to end.
    async fn take(&mut self, signal: Signal) -> bool {
        match signal {
            Signal::Stop => return true,
            Signal::App { app } => self.queue.ask(&app, Urgency::Change),
            Signal::Source { repo } => self.read_roots(Some(&repo)).await,
            Signal::Shared => {
                let subjects = self.subjects.read().await;
                subjects.keys().for_each(|app| self.queue.ask(app, Urgency::Change));
            }
        }
        false
    }

    /// Reads which apps there are, and asks for a look at each whose source may have news.
    async fn read_roots(&mut self, repo: Option<&str>) {
        self.unread = false;
        for root in self.roots.clone() {
            if repo.is_none_or(|repo| repo == root.source.repo) {
                self.read_root(&root).await;
            }
        }
        let subjects = self.subjects.read().await;
        for subject in subjects.values() {
            if repo.is_none_or(|repo| repo == subject.source().repo) {
                self.queue.ask(&subject.name, Urgency::Commit);
            }
        }
    }

    async fn read_root(&mut self, root: &Root) {
        let found = match self.declared_by(root).await {
            Ok(found) => found,
            Err(why) => {
                self.unread = true;
                self.notice(Notice::Root {
                    repo: root.source.repo.clone(),
                    diagnostics: vec![Diagnostic::error(why)],
                });
                self.known_by(root).await
            }
        };
        if !found.diagnostics.is_empty() {
            let repo = root.source.repo.clone();
            self.notice(Notice::Root { repo, diagnostics: found.diagnostics });
        }
        for subject in found.subjects {
            self.watch(&subject);
            self.subjects.write().await.insert(subject.name.clone(), subject);
        }
    }

    async fn declared_by(&self, root: &Root) -> Result<Discovered, String> {
        let itself = crate::discover::itself(root);
        let world = self.worlds.world(&itself.declaration).map_err(|error| error.message)?;
        let revision = world.source.resolve(&root.source).await.map_err(|error| error.message)?;
        let tree = world.source.load(&root.source, &revision.commit).await;
        Ok(discover(root, tree.map_err(|error| error.message)?.as_ref()))
    }

    /// What is remembered of a root that cannot be read now: its apps go on as they were applied.
    async fn known_by(&self, root: &Root) -> Discovered {
        let itself = crate::discover::itself(root);
        let mut found = Discovered::default();
        let Ok(world) = self.worlds.world(&itself.declaration) else { return found };
        for app in world.store.apps().await.unwrap_or_default() {
            let record = world.store.record(&app).await.unwrap_or_default();
            if let Some(declaration) = record.declaration {
                found.subjects.push(Subject::new(app, declaration));
            }
        }
        if found.subjects.is_empty() {
            found.subjects.push(itself);
        }
        found
    }

    /// Listens to the target of an app, once for each kind of target.
    fn watch(&mut self, subject: &Subject) {
        let target = format!("{:?} {}", subject.spec().target, subject.declaration.target);
        if self.watched.contains(&target) {
            return;
        }
        let Ok(world) = self.worlds.world(&subject.declaration) else { return };
        self.watched.push(target);
        let signals = self.signals.clone();
        let mut changes = world.target.changes();
        tokio::spawn(async move {
            while let Some(change) = changes.next().await {
                if signals.send(Signal::App { app: change.app }).await.is_err() {
                    break;
                }
            }
        });
    }

    /// Starts what is due, as far as there is room.
    async fn start(&mut self, runs: &mut JoinSet<Run>) {
        while self.queue.running() < self.settings.at_once {
            let Some(app) = self.queue.take() else { break };
            let begun = self.member.as_ref().map(|member| member.begin(&app));
            if begun.as_ref().is_some_and(Option::is_none) {
                self.leave_to_others(app).await;
                continue;
            }
            let begun = begun.flatten();
            let subject = self.subjects.read().await.get(&app).cloned();
            let world = subject.as_ref().map(|subject| self.worlds.world(&subject.declaration));
            match (subject, world) {
                (Some(subject), Some(Ok(world))) => {
                    let world = begun.iter().fold(world, |world, begun| begun.fence(world));
                    let subject = self.with_waits(subject).await;
                    let locks = self.locks.clone();
                    runs.spawn(async move {
                        let _begun = begun;
                        let _held = locks.take(&subject.name).await;
                        let outcome = trueup_engine::reconcile(&subject, &world).await;
                        (subject.name, outcome)
                    });
                }
                (Some(_), Some(Err(error))) => {
                    self.finish((app, Err(Error::Target(error))), false).await
                }
                _ => self.queue.done(&app),
            }
        }
    }

    /// An app that another controller has, as far as it is known here.
    async fn leave_to_others(&mut self, app: AppName) {
        self.queue.done(&app);
        let owner = self.member.as_ref().and_then(|member| member.owner_of(&app));
        let why = match owner {
            Some(owner) => format!("{owner} keeps it"),
            None => "it is not known yet which controller keeps it".to_owned(),
        };
        let record = self.record(&app).await;
        let status =
            AppStatus { state: "elsewhere".to_owned(), why, ..status::of_record(&app, &record) };
        self.post(app, status, false).await;
    }

    async fn finish(&mut self, (app, outcome): Run, once: bool) {
        self.queue.done(&app);
        let now = self.clock.now();
        let standing = match &outcome {
            Ok(outcome) => {
                for entry in &outcome.entries {
                    self.notice(Notice::Entry(Box::new(entry.clone())));
                }
                status::of_outcome(outcome, now)
            }
            Err(error) => status::of_failure(&app, &self.record(&app).await, chain(error), now),
        };
        if let Some(at) = self.look_again(&app, &outcome, now, once) {
            self.queue.ask_at(&app, at);
        }
        let deleted = matches!(&outcome, Ok(Outcome { state: State::Deleted, .. }));
        for other in self.waiting.take(&app) {
            self.queue.ask(&other, Urgency::Change);
        }
        self.post(app, standing, deleted).await;
    }

    /// An app with what it waits for, as the others stand now. It is looked at again when one of
    /// them was.
    async fn with_waits(&mut self, mut subject: Subject) -> Subject {
        if subject.spec().depends_on.is_empty() {
            return subject;
        }
        let (subjects, board) = (self.subjects.read().await, self.board.read().await);
        let is_pending = |app: &AppName| self.queue.is_pending(app);
        subject.waits = depend::waits(&subject, &subjects, &board, is_pending);
        if subject.waits.is_some() {
            self.waiting.note(&subject);
        }
        subject
    }

    async fn record(&self, app: &AppName) -> trueup_model::Record {
        let subject = self.subjects.read().await.get(app).cloned();
        let world = subject.and_then(|subject| self.worlds.world(&subject.declaration).ok());
        match world {
            Some(world) => world.store.record(app).await.unwrap_or_default(),
            None => trueup_model::Record::default(),
        }
    }

    async fn post(&mut self, app: AppName, standing: AppStatus, deleted: bool) {
        let before = self.board.write().await.insert(app.clone(), standing.clone());
        let same = before.is_some_and(|before| {
            (before.state, before.why, before.runs)
                == (standing.state.clone(), standing.why.clone(), standing.runs.clone())
        });
        if !same {
            self.notice(Notice::Status(Box::new(standing)));
        }
        if deleted {
            self.subjects.write().await.remove(&app);
            self.board.write().await.remove(&app);
            self.queue.forget(&app);
        }
    }

    /// When to look again though nothing happens; `None`: not before something does (`once`).
    fn look_again(
        &mut self,
        app: &AppName,
        outcome: &Result<Outcome, Error>,
        now: Timestamp,
        once: bool,
    ) -> Option<Timestamp> {
        let resync = (!once).then(|| now + self.settings.resync);
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(_) if once => return None,
            Err(_) => return Some(now + self.backoff(app)),
        };
        match &outcome.state {
            State::Waiting { until: Some(until), .. } => {
                self.failures.remove(app);
                Some((*until).max(now))
            }
            State::Paused { until, .. } if !once => Some(*until),
            State::Shut { until: Some(until), .. } if !once => Some(*until),
            State::Pinned { until: Some(until), .. } if !once => Some(*until),
            State::Unreadable { permanent: false, .. } if !once => Some(now + self.backoff(app)),
            _ => {
                self.failures.remove(app);
                resync
            }
        }
    }

    fn backoff(&mut self, app: &AppName) -> Duration {
        let failures = self.failures.entry(app.clone()).or_default();
        *failures = failures.saturating_add(1);
        let pause = self.settings.retry.saturating_mul(1 << (*failures - 1).min(10));
        pause.min(self.settings.poll)
    }

    fn notice(&self, notice: Notice) {
        self.metrics.note(&notice);
        // Nobody may be watching; that is no failure.
        let _ = self.notices.send(notice);
    }
}

/// An error with what caused it, each said once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

async fn pass(left: Option<Duration>) {
    match left {
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}
