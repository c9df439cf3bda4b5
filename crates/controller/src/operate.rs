//! Requests of people → replies. The same code serves the socket of a running controller and a
//! command that found none.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::sync::mpsc;
use trueup_api::{AppStatus, HistoryList, PlanReport, Reply, Request, StatusList, VERSION};
use trueup_engine::command::{self, Command};
use trueup_engine::{Outcome, Subject, World};
use trueup_model::ports::HistoryQuery;
use trueup_model::record::Freeze;
use trueup_model::{AppName, Digest, LedgerEntry};

use crate::locks::Locks;
use crate::run::{Board, Subjects, chain};
use crate::{SharedWorlds, Signal, depend, status, why};

/// Answers requests.
#[derive(Clone)]
pub struct Operator {
    /// Gives each app its world.
    pub worlds: SharedWorlds,
    /// The apps that are declared.
    pub subjects: Subjects,
    /// How they stand; empty where no controller runs.
    pub board: Board,
    /// Where to tell a running controller; `None` where none runs.
    pub signals: Option<mpsc::Sender<Signal>>,
    /// One at a time for each app.
    pub locks: Locks,
}

impl Operator {
    /// Answers a request. What goes wrong is a reply too.
    pub async fn answer(&self, request: Request) -> Reply {
        self.try_answer(request).await.unwrap_or_else(|message| Reply::Failed { message })
    }

    async fn try_answer(&self, request: Request) -> Result<Reply, String> {
        match request {
            Request::Status { app } => self.status(app.as_ref()).await,
            Request::Reconcile { app } => self.reconcile(&app).await,
            Request::Plan { app, revision } => self.plan(&app, revision).await,
            Request::Apply { app, digest, by } => self.apply(&app, digest, &by).await,
            Request::Rollback { app, to, until, why, by } => {
                let to = self.as_commit(&app, to).await?;
                self.command(&app, Command::Rollback { to, until, why }, &by).await
            }
            Request::Release { app, by } => self.command(&app, Command::Release, &by).await,
            Request::Pause { app, until, why, by } => {
                self.command(&app, Command::Pause { until, why }, &by).await
            }
            Request::Freeze { until, why, by } => {
                let since = self.now().await?;
                let freeze = Freeze { since, until, by: by.clone(), why };
                self.freeze(Some(freeze), &by).await
            }
            Request::Unfreeze { by } => self.freeze(None, &by).await,
            Request::Why { app } => self.why(&app).await,
            Request::Rotate { app, by } => self.command(&app, Command::Rotate, &by).await,
            Request::Accept { app, by } => {
                self.signal(Signal::Accept { app: Some(app.clone()) }).await;
                self.command(&app, Command::Accept, &by).await
            }
            Request::AcceptLeaving { by } => self.accept_leaving(&by).await,
            Request::Delete { app, keep, by } => self.delete(&app, keep, &by).await,
            Request::History { app, limit } => self.history(app, limit).await,
            Request::Stop { .. } => {
                self.signal(Signal::Stop).await;
                Ok(Reply::Done { message: "it ends".to_owned() })
            }
        }
    }

    async fn subject(&self, app: &AppName) -> Result<(Subject, World), String> {
        let subject = self.subjects.read().await.get(app).cloned();
        let subject = match subject {
            Some(subject) => subject,
            None => return Err(self.no_such_app(app).await),
        };
        let world = self.worlds.world(&subject.declaration).map_err(|error| error.message)?;
        Ok((subject, world))
    }

    async fn no_such_app(&self, app: &AppName) -> String {
        let names: Vec<String> =
            self.subjects.read().await.keys().map(ToString::to_string).collect();
        match names.as_slice() {
            [] => format!("there is no app {app}, nor any other; `trueup run REPO` makes one"),
            names => format!("there is no app {app}; there are: {}", names.join(", ")),
        }
    }

    async fn signal(&self, signal: Signal) {
        if let Some(signals) = &self.signals {
            // A controller that ends does not need the signal any more.
            let _ = signals.send(signal).await;
        }
    }

    async fn status(&self, app: Option<&AppName>) -> Result<Reply, String> {
        let mut apps = Vec::new();
        let subjects = self.subjects.read().await.clone();
        let board = self.board.read().await.clone();
        for (name, subject) in
            subjects.iter().filter(|(name, _)| app.is_none_or(|app| app == *name))
        {
            match board.apps.get(name) {
                Some(status) => apps.push(status.clone()),
                None => {
                    let subject = self.with_waits(subject.clone()).await;
                    apps.push(self.look(name, &subject).await?);
                }
            }
        }
        match app {
            Some(app) if apps.is_empty() => Err(self.no_such_app(app).await),
            Some(_) => Ok(list(apps)),
            None => {
                let sources = board.sources.into_values().collect();
                let frozen = self.frozen().await;
                Ok(Reply::Status(StatusList { sources, frozen, ..standing(apps) }))
            }
        }
    }

    /// How an app stands that no controller has looked at: a look without doing anything.
    async fn look(&self, name: &AppName, subject: &Subject) -> Result<AppStatus, String> {
        let world = self.worlds.world(&subject.declaration).map_err(|error| error.message)?;
        let now = world.clock.now();
        let mut status = match trueup_engine::preview(subject, &world).await {
            Ok(outcome) => status::of_outcome(&outcome, now),
            Err(error) => {
                let record = world.store.record(name).await.map_err(|error| error.message)?;
                status::of_failure(name, &record, chain(&error), now)
            }
        };
        if self.signals.is_none() && status.hint.is_empty() {
            status.hint =
                format!("no controller runs; `trueup run {}` keeps it true", subject.source().repo);
        }
        Ok(status)
    }

    /// With a controller, the run is the controller's: it alone runs an app.
    async fn reconcile(&self, app: &AppName) -> Result<Reply, String> {
        let (subject, world) = self.subject(app).await?;
        if self.signals.is_some() {
            self.signal(Signal::Person { app: app.clone() }).await;
            return Ok(Reply::Done { message: format!("{app} is looked at") });
        }
        let subject = self.with_waits(subject).await;
        let _held = self.locks.take(app).await;
        let outcome = trueup_engine::reconcile(&subject, &world).await.map_err(|e| chain(&e))?;
        Ok(list(vec![status::of_outcome(&outcome, Timestamp::now())]))
    }

    /// A state to go back to that is named as Git names commits (`main~1`, a tag), as its commit.
    /// Digits are taken as they are: they may also be those of a rendered set.
    async fn as_commit(&self, app: &AppName, to: Option<String>) -> Result<Option<String>, String> {
        let is_digits = |to: &str| {
            to.starts_with("sha256:") || to.bytes().all(|letter| letter.is_ascii_hexdigit())
        };
        let Some(reference) = to.as_deref().filter(|to| !is_digits(to)) else { return Ok(to) };
        let (subject, world) = self.subject(app).await?;
        let spec = trueup_model::SourceSpec {
            reference: reference.to_owned(),
            ..subject.source().clone()
        };
        let revision = world.source.resolve(&spec).await.map_err(|error| error.message)?;
        Ok(Some(revision.commit))
    }

    async fn plan(&self, app: &AppName, revision: Option<String>) -> Result<Reply, String> {
        let (mut subject, world) = self.subject(app).await?;
        subject.revision = revision;
        let subject = self.with_waits(subject).await;
        let outcome = trueup_engine::preview(&subject, &world).await.map_err(|e| chain(&e))?;
        Ok(Reply::Plan(Box::new(report(&outcome))))
    }

    async fn apply(
        &self,
        app: &AppName,
        digest: Option<String>,
        by: &str,
    ) -> Result<Reply, String> {
        let held = self.locks.take(app).await;
        let (subject, world) = self.subject(app).await?;
        let subject = self.with_waits(subject).await;
        let outcome = trueup_engine::preview(&subject, &world).await.map_err(|e| chain(&e))?;
        let Some(plan) = &outcome.plan else { return Ok(Reply::Plan(Box::new(report(&outcome)))) };
        if let Some(digest) = digest
            && !matches(&plan.digest, &digest)
        {
            return Ok(Reply::Changed(Box::new(report(&outcome))));
        }
        let approve = Command::Approve { digest: plan.digest };
        let entry = self.carry_out(app, &approve, by).await?;
        drop(held);
        self.go_on(app, &entry).await
    }

    async fn command(&self, app: &AppName, command: Command, by: &str) -> Result<Reply, String> {
        let entry = {
            let _held = self.locks.take(app).await;
            self.carry_out(app, &command, by).await?
        };
        self.go_on(app, &entry).await
    }

    async fn carry_out(
        &self,
        app: &AppName,
        command: &Command,
        by: &str,
    ) -> Result<LedgerEntry, String> {
        let (_, world) = self.subject(app).await?;
        command::carry_out(world.store.as_ref(), app, command, by, world.clock.now())
            .await
            .map_err(|error| chain(&error))
    }

    /// The run that acts on what a person asked for.
    async fn go_on(&self, app: &AppName, entry: &LedgerEntry) -> Result<Reply, String> {
        match self.reconcile(app).await? {
            Reply::Status(list) => Ok(Reply::Status(list)),
            _ => Ok(Reply::Done { message: format!("{app}: {}", entry.message) }),
        }
    }

    /// The outside of any app: what belongs to the whole installation is the same in each.
    async fn any_world(&self) -> Result<World, String> {
        let subjects = self.subjects.read().await;
        let nothing = || "there is no app yet; `trueup run REPO` makes one".to_owned();
        let subject = subjects.values().next().ok_or_else(nothing)?;
        self.worlds.world(&subject.declaration).map_err(|error| error.message)
    }

    /// The freeze that holds now, as far as that can be told.
    async fn frozen(&self) -> Option<Freeze> {
        let world = self.any_world().await.ok()?;
        let freeze = world.store.freeze().await.ok()??;
        freeze.holds(world.clock.now()).then_some(freeze)
    }

    async fn now(&self) -> Result<Timestamp, String> {
        Ok(self.any_world().await?.clock.now())
    }

    async fn freeze(&self, freeze: Option<Freeze>, by: &str) -> Result<Reply, String> {
        let world = self.any_world().await?;
        let (lets_go, now, store) = (freeze.is_none(), world.clock.now(), world.store.as_ref());
        let told = command::freeze(store, freeze, now).await.map_err(|error| chain(&error))?;
        for app in store.apps().await.map_err(|error| error.message)? {
            let _held = self.locks.take(&app).await;
            let written = command::tell(store, &app, &told, by, now).await;
            written.map_err(|error| chain(&error))?;
        }
        if lets_go {
            let apps: Vec<AppName> = self.subjects.read().await.keys().cloned().collect();
            for app in apps {
                self.signal(Signal::App { app }).await;
            }
        }
        Ok(Reply::Done { message: told.1 })
    }

    async fn why(&self, app: &AppName) -> Result<Reply, String> {
        let Reply::Status(list) = self.status(None).await? else {
            return Err("how the apps stand could not be told".to_owned());
        };
        let statuses: BTreeMap<AppName, AppStatus> =
            list.apps.into_iter().map(|status| (status.app.clone(), status)).collect();
        let Some(status) = statuses.get(app) else { return Err(self.no_such_app(app).await) };
        let subjects = self.subjects.read().await;
        let waits =
            |app: &AppName| depend::waits(subjects.get(app)?, &subjects, &statuses, |_| false);
        Ok(Reply::Why(why::report(status, &statuses, waits)))
    }

    /// What it waits for of other apps, where no controller runs that knows: each is looked at.
    async fn with_waits(&self, mut subject: Subject) -> Subject {
        let subjects = self.subjects.read().await.clone();
        let mut statuses = BTreeMap::new();
        for dependency in &subject.spec().depends_on {
            if let Some(other) = subjects.get(&dependency.app)
                && let Ok(status) = self.look(&dependency.app, other).await
            {
                statuses.insert(dependency.app.clone(), status);
            }
        }
        subject.waits = depend::waits(&subject, &subjects, &statuses, |_| false);
        subject
    }

    /// Consent to the leaving of all apps whose documents are gone.
    async fn accept_leaving(&self, by: &str) -> Result<Reply, String> {
        if self.signals.is_none() {
            return Err(
                "no controller runs: it is the controller that sees which apps left".to_owned()
            );
        }
        let board = self.board.read().await;
        let leaving = board.apps.values().filter(|status| status.state == "leaving").count();
        tracing::info!(by, leaving, "apps may leave");
        self.signal(Signal::Accept { app: None }).await;
        Ok(Reply::Done { message: format!("{leaving} apps may leave") })
    }

    async fn delete(&self, app: &AppName, keep: bool, by: &str) -> Result<Reply, String> {
        let (mut subject, world) = self.subject(app).await?;
        if keep {
            world.target.forget(app).await;
            world.store.remove(app).await.map_err(|error| error.message)?;
            self.subjects.write().await.remove(app);
            self.board.write().await.apps.remove(app);
            return Ok(Reply::Done { message: format!("{app} is forgotten; what it owned stays") });
        }
        subject.delete = true;
        tracing::info!(%app, by, "delete");
        if self.signals.is_some() {
            self.subjects.write().await.insert(app.clone(), subject);
            self.signal(Signal::Person { app: app.clone() }).await;
            return Ok(Reply::Done { message: format!("{app} is being deleted") });
        }
        let outcome = trueup_engine::reconcile(&subject, &world).await.map_err(|e| chain(&e))?;
        Ok(list(vec![status::of_outcome(&outcome, Timestamp::now())]))
    }

    async fn history(&self, app: Option<AppName>, limit: usize) -> Result<Reply, String> {
        let subjects = self.subjects.read().await.clone();
        let subject = match &app {
            Some(app) => subjects.get(app),
            None => subjects.values().next(),
        };
        let Some(subject) = subject else {
            return match app {
                Some(app) => Err(self.no_such_app(&app).await),
                None => Ok(Reply::History(HistoryList {
                    api_version: VERSION.to_owned(),
                    entries: Vec::new(),
                })),
            };
        };
        let world = self.worlds.world(&subject.declaration).map_err(|error| error.message)?;
        let query = HistoryQuery { app, limit };
        let entries = world.store.history(&query).await.map_err(|error| error.message)?;
        Ok(Reply::History(HistoryList { api_version: VERSION.to_owned(), entries }))
    }
}

fn matches(digest: &Digest, given: &str) -> bool {
    let given = given.trim_start_matches("sha256:");
    given.len() >= 6 && digest.hex().starts_with(given)
}

fn list(apps: Vec<AppStatus>) -> Reply {
    Reply::Status(standing(apps))
}

fn standing(apps: Vec<AppStatus>) -> StatusList {
    StatusList { api_version: VERSION.to_owned(), apps, sources: Vec::new(), frozen: None }
}

/// What a preview says.
pub fn report(outcome: &Outcome) -> PlanReport {
    PlanReport {
        api_version: VERSION.to_owned(),
        plan: outcome.plan.clone(),
        status: status::of_outcome(outcome, Timestamp::now()),
        diagnostics: outcome.diagnostics.clone(),
    }
}
