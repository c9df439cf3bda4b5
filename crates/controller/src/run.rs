//! The task that owns the queue.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use tokio::sync::{RwLock, broadcast, mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use trueup_api::AppStatus;
use trueup_engine::membership::{self, Membership};
use trueup_engine::{Error, Outcome, State, Subject, World};
use trueup_model::app_set::{PullRequest, PullRequestQuery};
use trueup_model::ports::{Clock, PortError};
use trueup_model::record::Declaration;
use trueup_model::tree::Reads;
use trueup_model::{AppName, Diagnostic, LedgerEntry, SourceSpec};
use trueup_render::app_sets::{Answers, Need};

pub use crate::board::Board;
use crate::board::Standing;
use crate::depend::{self, Waiting};
use crate::locks::Locks;
use crate::metrics::Metrics;
use crate::objects::Objects;
use crate::queue::{Home, Queue, Urgency};
use crate::roster::RootView;
use crate::schedule::{backoff, spread};
use crate::share::{Begun, Member};
use crate::sources::{Answer, Sources};
use crate::{Root, SharedWorlds, Signal, status};

/// How a controller works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many apps are looked at at once.
    pub at_once: usize,
    /// How many repositories are asked at once.
    pub repositories_at_once: usize,
    /// How often a repository is asked for news where nothing tells of them.
    pub poll: Duration,
    /// How often an app is looked at though nothing happened.
    pub resync: Duration,
    /// How long after a failure to try again; doubles up to [`Self::retry_max`].
    pub retry: Duration,
    /// The longest pause after a failure.
    pub retry_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            at_once: 32,
            repositories_at_once: 32,
            poll: Duration::from_secs(60),
            resync: Duration::from_secs(3600),
            retry: Duration::from_secs(2),
            retry_max: Duration::from_secs(180),
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

/// The apps that are known: those that are declared, and those that left and were not forgotten.
pub type Subjects = Arc<RwLock<BTreeMap<AppName, Subject>>>;

/// Who is asked for news.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Errand {
    /// A repository, for its commits.
    Repository(String),
    /// A forge, for the open pull requests of a repository.
    PullRequests(PullRequestQuery),
}

impl Errand {
    fn name(&self) -> &str {
        match self {
            Self::Repository(repo) => repo,
            Self::PullRequests(query) => &query.repository,
        }
    }
}

/// What was answered.
pub(crate) enum Answered {
    /// What was known before of each reference; what is known now is among the sources.
    Repository(Vec<(SourceSpec, Option<Answer>)>),
    /// The open pull requests.
    PullRequests(PullRequestQuery, Result<Vec<PullRequest>, PortError>),
}

/// When somebody is asked.
pub(crate) struct Asking {
    is_asked: bool,
    next: Instant,
    failures: u32,
}

impl Asking {
    /// At once.
    pub(crate) fn now() -> Self {
        Self { is_asked: false, next: Instant::now(), failures: 0 }
    }
}

/// One root, and what is known of it.
pub(crate) struct KnownRoot {
    pub(crate) root: Root,
    pub(crate) view: RootView,
    pub(crate) reads: Arc<Reads>,
    /// What its AppSets asked for.
    pub(crate) uses: BTreeSet<Need>,
    /// The app that stands in while neither the root nor the ledger told which there are.
    pub(crate) stand_in: Option<AppName>,
}

/// Decides when each app is looked at.
pub struct Controller {
    pub(crate) worlds: SharedWorlds,
    locks: Locks,
    waiting: Waiting,
    pub(crate) roots: Vec<KnownRoot>,
    pub(crate) objects: Option<Objects>,
    pub(crate) settings: Settings,
    pub(crate) board: Board,
    pub(crate) subjects: Subjects,
    pub(crate) queue: Queue,
    pub(crate) sources: Sources,
    pub(crate) errands: BTreeMap<Errand, Asking>,
    /// What is known for AppSets.
    pub(crate) answers: Answers,
    /// What changed about apps as a whole and is written down with their next run.
    pub(crate) memberships: BTreeMap<AppName, Membership>,
    /// Apps that left: they are known, and not declared.
    pub(crate) left: BTreeSet<AppName>,
    /// Apps that are not declared any more and stay until a person consents, and why.
    pub(crate) leaving: BTreeMap<AppName, String>,
    /// Apps to whose leaving a person consented.
    pub(crate) accepted: BTreeSet<AppName>,
    signals: mpsc::Sender<Signal>,
    inbox: mpsc::Receiver<Signal>,
    notices: broadcast::Sender<Notice>,
    metrics: Metrics,
    measured: Option<Instant>,
    read: watch::Sender<bool>,
    member: Option<Member>,
    failures: BTreeMap<AppName, u32>,
    /// Apps that something is in the way of, and the targets they live in.
    blocked: BTreeMap<AppName, String>,
    watched: BTreeSet<String>,
    runs: JoinSet<Run>,
    running: HashMap<Id, AppName>,
    asked: JoinSet<Answered>,
    asking: HashMap<Id, Errand>,
    once: bool,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The clock of this machine.
struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A run of an app that is over.
struct Run {
    entries: Vec<LedgerEntry>,
    outcome: Result<Outcome, RunError>,
    now: Timestamp,
}

/// Why a run came to nothing.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Engine(#[from] Error),
    #[error("{0}")]
    NoWorld(PortError),
    #[error("the run stopped unexpectedly ({0}); please report it")]
    Stopped(String),
}

/// So many signals are taken in before anything is started.
const SIGNALS_AT_ONCE: usize = 512;

impl Controller {
    /// A controller for these roots.
    pub fn new(worlds: SharedWorlds, roots: Vec<Root>, settings: Settings) -> Self {
        let (signals, inbox) = mpsc::channel(1024);
        let (notices, _) = broadcast::channel(1024);
        let known = |root: Root| KnownRoot {
            view: RootView { name: root.title(), ..RootView::default() },
            root,
            reads: Arc::default(),
            uses: BTreeSet::new(),
            stand_in: None,
        };
        Self {
            worlds,
            locks: Locks::default(),
            waiting: Waiting::default(),
            roots: roots.into_iter().map(known).collect(),
            queue: Queue::new(settings.at_once),
            objects: None,
            settings,
            board: Board::default(),
            subjects: Subjects::default(),
            sources: Sources::default(),
            errands: BTreeMap::new(),
            answers: Answers::default(),
            memberships: BTreeMap::new(),
            left: BTreeSet::new(),
            leaving: BTreeMap::new(),
            accepted: BTreeSet::new(),
            signals,
            inbox,
            notices,
            metrics: Metrics::new(),
            measured: None,
            read: watch::Sender::new(false),
            member: None,
            failures: BTreeMap::new(),
            blocked: BTreeMap::new(),
            watched: BTreeSet::new(),
            runs: JoinSet::new(),
            running: HashMap::new(),
            asked: JoinSet::new(),
            asking: HashMap::new(),
            once: false,
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

    /// How everything stands.
    pub fn board(&self) -> Board {
        Arc::clone(&self.board)
    }

    /// The apps that are known.
    pub fn subjects(&self) -> Subjects {
        Arc::clone(&self.subjects)
    }

    /// Looks at every app once, until each has settled or cannot go on by itself.
    pub async fn once(mut self) -> Standing {
        self.once = true;
        self.work().await;
        self.board.read().await.clone()
    }

    /// Keeps every app true until it is told to stop.
    pub async fn keep(mut self) {
        self.work().await;
        self.once = true;
        while let Some(done) = self.runs.join_next_with_id().await {
            self.ended(done).await;
        }
    }

    async fn work(&mut self) {
        if let Some(objects) = self.worlds.objects() {
            self.objects = Some(Objects::follow(objects, self.signals.clone()));
        }
        self.remember().await;
        loop {
            self.run_errands();
            self.start().await;
            self.measure();
            if self.once && self.is_at_rest() {
                return;
            }
            let wake = self.next_wake();
            tokio::select! {
                Some(done) = self.runs.join_next_with_id() => self.ended(done).await,
                Some(answered) = self.asked.join_next_with_id() => self.answered(answered).await,
                Some(signal) = self.inbox.recv() => if self.take(signal).await { return },
                () = until(wake) => {}
            }
            for _ in 0..SIGNALS_AT_ONCE {
                let Ok(signal) = self.inbox.try_recv() else { break };
                if self.take(signal).await {
                    return;
                }
            }
            self.queue.wake(Instant::now());
        }
    }

    /// Counts what waits, no more than once a second.
    fn measure(&mut self) {
        let now = Instant::now();
        if self.measured.is_none_or(|last| now - last >= Duration::from_secs(1)) {
            self.measured = Some(now);
            let queue = &self.queue;
            self.metrics.queue(queue.waiting(), queue.running(), queue.oldest(now));
        }
    }

    fn is_at_rest(&self) -> bool {
        self.asking.is_empty()
            && self.queue.is_idle()
            && self.queue.next_wake(Instant::now()).is_none()
    }

    fn next_wake(&self) -> Option<Instant> {
        let polls = self.errands.values().filter(|known| !known.is_asked && !self.once);
        polls.map(|known| known.next).chain(self.queue.next_wake(Instant::now())).min()
    }

    /// Whether to end.
    async fn take(&mut self, signal: Signal) -> bool {
        let now = Instant::now();
        match signal {
            Signal::Stop => return true,
            Signal::App { app } => self.queue.ask(&app, Urgency::Change, now),
            Signal::Source { repo } => self.ask_soon(&repo),
            Signal::Person { app } => {
                let subject = self.subjects.read().await.get(&app).cloned();
                if let Some(subject) = subject {
                    self.admit(&subject);
                    self.ask_soon(&subject.source().repo);
                }
                self.queue.ask(&app, Urgency::Person, now);
            }
            Signal::Shared => {
                let subjects = self.subjects.read().await;
                subjects.keys().for_each(|app| self.queue.ask(app, Urgency::Change, now));
            }
            Signal::Objects { found } => {
                if let Some(objects) = &mut self.objects {
                    let diagnostics = objects.learn(found);
                    self.say(self.roots.len(), diagnostics);
                    self.muster().await;
                }
            }
            Signal::Accept { app } => {
                let accepted =
                    self.leaving.keys().filter(|name| app.as_ref().is_none_or(|a| a == *name));
                self.accepted.extend(accepted.cloned());
                self.muster().await;
            }
        }
        false
    }

    /// A repository may have news; one that is being asked right now may have been asked too early.
    pub(crate) fn ask_soon(&mut self, repo: &str) {
        for (errand, asking) in &mut self.errands {
            let concerns = match errand {
                Errand::Repository(other) => other == repo,
                Errand::PullRequests(query) => {
                    repo.trim_end_matches(".git").ends_with(&query.repository)
                }
            };
            if concerns {
                asking.next = Instant::now();
            }
        }
    }

    fn run_errands(&mut self) {
        let now = Instant::now();
        let room = self.settings.repositories_at_once.saturating_sub(self.asking.len());
        let due = self.errands.iter().filter(|(_, asking)| !asking.is_asked && asking.next <= now);
        let due: Vec<Errand> = due.map(|(errand, _)| errand.clone()).take(room).collect();
        for errand in due {
            if let Some(asking) = self.errands.get_mut(&errand) {
                asking.is_asked = true;
                // Asked again when the answer is there, or if somebody wants it before.
                asking.next = now + self.settings.retry_max.max(self.settings.poll);
            }
            let task = match &errand {
                Errand::Repository(repo) => {
                    let asks = self.ask_repository(repo.clone());
                    self.asked.spawn(asks)
                }
                Errand::PullRequests(query) => {
                    let (forge, query) = (self.worlds.forge(), query.clone());
                    self.asked.spawn(async move {
                        let open = forge.pull_requests(&query).await;
                        Answered::PullRequests(query, open)
                    })
                }
            };
            self.asking.insert(task.id(), errand);
        }
    }

    /// Asks a repository once for each reference that anything uses.
    fn ask_repository(&self, repo: String) -> impl Future<Output = Answered> + use<> {
        let (sources, worlds) = (self.sources.clone(), Arc::clone(&self.worlds));
        let subjects = Arc::clone(&self.subjects);
        let roots: Vec<Subject> =
            self.roots.iter().map(|known| crate::discover::itself(&known.root)).collect();
        let needed = self.roots.iter().flat_map(|known| &known.uses);
        let needed: Vec<SourceSpec> = needed
            .filter_map(|need| match need {
                Need::Repository(spec) if spec.repo == repo => Some(spec.clone()),
                _ => None,
            })
            .collect();
        async move {
            let subjects = subjects.read().await;
            let of = |user: &&Subject| user.source().repo == repo;
            let users: Vec<&Subject> = roots.iter().chain(subjects.values()).filter(of).collect();
            let specs: BTreeSet<SourceSpec> =
                users.iter().map(|user| user.source().clone()).chain(needed).collect();
            // Whose world it is does not matter: the source is the same for all.
            let any = users.into_iter().chain(&roots);
            let world = any.map(|user| worlds.world(&user.declaration)).find_map(Result::ok);
            drop(subjects);
            Answered::Repository(match world {
                Some(world) => {
                    sources.refresh(world.source.as_ref(), specs.into_iter().collect()).await
                }
                None => Vec::new(),
            })
        }
    }

    async fn answered(&mut self, answered: Result<(Id, Answered), JoinError>) {
        let (id, answered) = match answered {
            Ok((id, answered)) => (id, answered),
            Err(error) => (error.id(), Answered::Repository(Vec::new())),
        };
        let Some(errand) = self.asking.remove(&id) else { return };
        let failed = match &answered {
            Answered::PullRequests(_, open) => open.is_err(),
            Answered::Repository(before) => {
                let fails = |spec| matches!(self.sources.known(spec), Some(Err(_)));
                before.is_empty() || before.iter().any(|(spec, _)| fails(spec))
            }
        };
        let (now, settings) = (Instant::now(), self.settings.clone());
        if let Some(asking) = self.errands.get_mut(&errand) {
            asking.is_asked = false;
            asking.failures = if failed { asking.failures.saturating_add(1) } else { 0 };
            let pause = match asking.failures {
                0 => spread(errand.name(), 0, settings.poll),
                times => backoff(errand.name(), times - 1, settings.retry, settings.poll),
            };
            // What was asked for while it was asked is asked now.
            asking.next = if asking.next <= now { now } else { now + pause };
        }
        match answered {
            Answered::Repository(before) => {
                self.learn(before).await;
                if self.roots.iter().all(|root| self.sources.known(&root.root.source).is_some()) {
                    self.read.send_replace(true);
                }
            }
            Answered::PullRequests(query, open) => self.learn_pull_requests(query, open).await,
        }
    }

    /// The world of an app, in which repositories are not asked again.
    pub(crate) fn world(&self, declaration: &Declaration) -> Result<World, PortError> {
        let world = self.worlds.world(declaration)?;
        Ok(World { source: self.sources.over(Arc::clone(&world.source)), ..world })
    }

    /// Makes an app one that can be looked at: it has a place in the queue, and its target is
    /// listened to.
    pub(crate) fn admit(&mut self, subject: &Subject) {
        let place = subject.declaration.place();
        let home =
            Home { source: subject.source().repo.as_str().into(), target: place.as_str().into() };
        self.queue.place(&subject.name, home);
        let errand = Errand::Repository(subject.source().repo.clone());
        self.errands.entry(errand).or_insert_with(Asking::now);
        self.watch(subject, place);
    }

    /// Listens to the target of an app, once for each target.
    fn watch(&mut self, subject: &Subject, place: String) {
        if self.watched.contains(&place) {
            return;
        }
        let Ok(world) = self.worlds.world(&subject.declaration) else { return };
        self.watched.insert(place);
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
    async fn start(&mut self) {
        let now = Instant::now();
        while let Some(app) = self.queue.take(now) {
            let Some(subject) = self.subjects.read().await.get(&app).cloned() else {
                self.queue.done(&app, now);
                continue;
            };
            if self.former_name_runs(&app) {
                self.queue.done(&app, now);
                self.queue.ask_at(&app, now + self.settings.retry);
                continue;
            }
            let begun = self.member.as_ref().map(|member| member.begin(&app));
            if begun.as_ref().is_some_and(Option::is_none) {
                self.queue.done(&app, now);
                self.leave_to_others(&subject).await;
                continue;
            }
            let begun = begun.flatten();
            let world = self.world(&subject.declaration);
            let world = world.map(|world| begun.iter().fold(world, |w, begun| begun.fence(w)));
            let change = self.memberships.remove(&app);
            let subject = self.with_waits(subject).await;
            let locks = self.locks.clone();
            let task = self.runs.spawn(async move {
                let _held = locks.take(&subject.name).await;
                run(subject, world, change, begun).await
            });
            self.running.insert(task.id(), app);
        }
    }

    /// An app that another controller has, as far as it is known here.
    async fn leave_to_others(&mut self, subject: &Subject) {
        let app = &subject.name;
        let owner = self.member.as_ref().and_then(|member| member.owner_of(app));
        let why = match owner {
            Some(owner) => format!("{owner} keeps it"),
            None => "it is not known yet which controller keeps it".to_owned(),
        };
        let record = match self.worlds.world(&subject.declaration) {
            Ok(world) => world.store.record(app).await.unwrap_or_default(),
            Err(_) => trueup_model::Record::default(),
        };
        let status =
            AppStatus { state: "elsewhere".to_owned(), why, ..status::of_record(app, &record) };
        self.post(status).await;
    }

    /// Whether the app under whose former name something is still done must wait for that.
    fn former_name_runs(&self, app: &AppName) -> bool {
        match self.memberships.get(app) {
            Some(Membership::Renamed { from }) => self.queue.is_running(from),
            _ => false,
        }
    }

    async fn ended(&mut self, done: Result<(Id, Run), JoinError>) {
        let (id, run) = match done {
            Ok((id, run)) => (id, run),
            Err(error) => {
                let outcome = Err(RunError::Stopped(error.to_string()));
                (error.id(), Run { entries: Vec::new(), outcome, now: self.clock.now() })
            }
        };
        if let Some(app) = self.running.remove(&id) {
            self.finish(app, run).await;
        }
    }

    async fn finish(&mut self, app: AppName, run: Run) {
        let instant = Instant::now();
        let Some(subject) = self.subjects.read().await.get(&app).cloned() else {
            return self.queue.done(&app, instant);
        };
        let world = self.worlds.world(&subject.declaration).ok();
        if let Some(world) = &world {
            world.renderer.expect_no_more(&app);
        }
        let mut entries = run.entries;
        let standing = match &run.outcome {
            Ok(outcome) => {
                entries.extend(outcome.entries.iter().cloned());
                status::of_outcome(outcome, run.now)
            }
            Err(error) => {
                let record = match &world {
                    Some(world) => world.store.record(&app).await.unwrap_or_default(),
                    None => trueup_model::Record::default(),
                };
                status::of_failure(&app, &record, chain(error), run.now)
            }
        };
        for entry in entries {
            self.notice(Notice::Entry(Box::new(entry)));
        }
        self.look_again(&app, &subject, &run.outcome, run.now);
        self.unblock(&app, &subject, &run.outcome);
        self.queue.done(&app, instant);
        let ready = depend::stand(&standing).ready;
        if self.post(standing).await || ready {
            self.wake_dependents(&app, instant);
        }
        let state = run.outcome.ok().map(|outcome| outcome.state);
        if matches!(state, Some(State::Deleted | State::Left { .. }))
            && let Some(world) = world
        {
            world.renderer.forget(&app);
        }
        if state == Some(State::Deleted) {
            self.forget(&app).await;
        }
    }

    /// Asks for the apps that wait for this one. One that stands as it stood, and is not ready, lets
    /// nobody go on: were these asked all the same, apps in a circle would wake each other forever.
    fn wake_dependents(&mut self, app: &AppName, now: Instant) {
        for other in self.waiting.take(app) {
            self.queue.ask(&other, Urgency::Change, now);
        }
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

    /// What one app did may be what another one was waiting for, such as that it gives something up.
    fn unblock(&mut self, app: &AppName, subject: &Subject, outcome: &Result<Outcome, RunError>) {
        let place = subject.declaration.place();
        let Ok(outcome) = outcome else { return };
        if !outcome.entries.is_empty() {
            let soon = Instant::now() + self.settings.retry / 2;
            let others = self.blocked.iter().filter(|(other, its)| *other != app && **its == place);
            for (other, _) in others {
                self.queue.ask_at(other, soon);
            }
        }
        match outcome.state {
            State::Blocked { .. } => self.blocked.insert(app.clone(), place),
            _ => self.blocked.remove(app),
        };
    }

    pub(crate) async fn forget(&mut self, app: &AppName) {
        self.blocked.remove(app);
        self.subjects.write().await.remove(app);
        self.board.write().await.apps.remove(app);
        self.queue.forget(app);
        self.failures.remove(app);
        self.left.remove(app);
        self.memberships.remove(app);
    }

    pub(crate) async fn post(&mut self, mut standing: AppStatus) -> bool {
        if let Some(why) = self.leaving.get(&standing.app) {
            standing.state = "leaving".to_owned();
            standing.why.clone_from(why);
            standing.hint = format!(
                "trueup accept {} lets it go, trueup accept --leaving all of them",
                standing.app
            );
        }
        if let Some(objects) = &mut self.objects {
            objects.tell(&standing);
        }
        let before = self.board.write().await.apps.insert(standing.app.clone(), standing.clone());
        let same = before.is_some_and(|before| {
            (before.state, before.why, before.runs)
                == (standing.state.clone(), standing.why.clone(), standing.runs.clone())
        });
        if !same {
            self.notice(Notice::Status(Box::new(standing)));
        }
        !same
    }

    /// Asks for the next look, if time alone can bring it. With `once`, only for what was begun.
    fn look_again(
        &mut self,
        app: &AppName,
        subject: &Subject,
        outcome: &Result<Outcome, RunError>,
        now: Timestamp,
    ) {
        let instant = Instant::now();
        let target = subject.declaration.place().as_str().into();
        let pause = match outcome {
            Err(_) if self.once => None,
            Err(RunError::Engine(Error::Target(error))) if !error.permanent => {
                let Settings { retry, retry_max, .. } = self.settings;
                let lane = subject.declaration.place();
                self.queue.close(&target, |times| backoff(&lane, times, retry, retry_max), instant);
                Some(Duration::ZERO)
            }
            Err(_) => Some(self.pause_after_failure(app)),
            Ok(outcome) => {
                self.queue.open(&target);
                self.pause_after(app, outcome, now)
            }
        };
        if let Some(pause) = pause {
            self.queue.ask_at(app, instant + pause);
        }
    }

    fn pause_after(
        &mut self,
        app: &AppName,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Option<Duration> {
        let left = |until: Timestamp| {
            let left = until.duration_since(now);
            if left.is_positive() { left.unsigned_abs() } else { Duration::ZERO }
        };
        match &outcome.state {
            State::Unreadable { permanent: false, .. } if !self.once => {
                return Some(self.pause_after_failure(app));
            }
            State::Waiting { until: Some(until), .. } => {
                self.failures.remove(app);
                return Some(left(*until));
            }
            _ if self.once => return None,
            State::Paused { until, .. } => return Some(left(*until)),
            State::Shut { until: Some(until), .. } => return Some(left(*until)),
            State::Pinned { until: Some(until), .. } => return Some(left(*until)),
            State::Left { .. } | State::Deleted => return None,
            _ => {}
        }
        self.failures.remove(app);
        Some(spread(app.as_str(), now.as_second().unsigned_abs(), self.settings.resync))
    }

    fn pause_after_failure(&mut self, app: &AppName) -> Duration {
        let failures = self.failures.entry(app.clone()).or_default();
        let pause = backoff(app.as_str(), *failures, self.settings.retry, self.settings.retry_max);
        *failures = failures.saturating_add(1);
        pause
    }

    pub(crate) fn notice(&self, notice: Notice) {
        self.metrics.note(&notice);
        // Nobody may be watching; that is no failure.
        let _ = self.notices.send(notice);
    }
}

/// One run of an app, in its turn: first what changed about it as a whole, then the loop.
async fn run(
    subject: Subject,
    world: Result<World, PortError>,
    change: Option<Membership>,
    begun: Option<Begun>,
) -> Run {
    // Another controller may have the app when this is dropped.
    let _begun = begun;
    let world = match world {
        Ok(world) => world,
        Err(error) => {
            let outcome = Err(RunError::NoWorld(error));
            return Run { entries: Vec::new(), outcome, now: Timestamp::now() };
        }
    };
    let mut entries = Vec::new();
    let outcome = brought_as_far_as_it_goes(&subject, &world, change, &mut entries).await;
    Run { entries, outcome, now: world.clock.now() }
}

async fn brought_as_far_as_it_goes(
    subject: &Subject,
    world: &World,
    change: Option<Membership>,
    entries: &mut Vec<LedgerEntry>,
) -> Result<Outcome, RunError> {
    if let Some(change) = change {
        let entry = membership::carry_out(&subject.name, &change, world).await;
        entries.extend(entry.map_err(Error::Store)?);
    }
    Ok(trueup_engine::reconcile(subject, world).await?)
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

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
