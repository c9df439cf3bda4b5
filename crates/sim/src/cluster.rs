//! Stories on a cluster: the real adapter against the API server of the test kit, in simulated
//! time. Whatever a host's story has, and besides it what clusters bring: other writers, watches
//! that break and lag, versions that are forgotten, groups that do not answer, rights that are taken
//! away, deletions that are held back.
//!
//! - [`commits`]: what Git declares
//! - [`people`]: what others do to the cluster
//! - [`checks`]: what must hold at the end

pub(crate) mod checks;
mod commits;
mod people;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use trueup_engine::command::{self, Command};
use trueup_engine::{Error, Outcome, State, Subject};
use trueup_kubernetes::{Client, KubernetesTarget};
use trueup_model::app::{AddedPolicy, AppTarget, KubernetesTarget as Cluster};
use trueup_model::ports::Clock as _;
use trueup_model::record::Declaration;
use trueup_model::{AppName, AppSpec, SourceSpec};
use trueup_testkit::Outside;
use trueup_testkit::apiserver::{ApiServer, Ask};

use crate::story::{Failure, Transcript, wish};

/// How many things happen in a story.
const EVENTS: u32 = 12;
/// How many runs a world that is left in peace may need to come to rest.
const RUNS_TO_REST: u32 = 60;
/// No run takes so long, whatever does not answer.
const LONGEST_RUN: Duration = Duration::from_secs(6 * 3600);
/// How long everything that is on its way takes to arrive.
const QUIET: Duration = Duration::from_secs(45);

/// The namespace of the app.
pub(crate) const NAMESPACE: &str = "shop";
/// The app.
pub(crate) const APP: &str = "app";

/// Lives through the story of a seed. Needs a runtime whose time is paused.
pub async fn run(seed: u64) -> Result<Transcript, Failure> {
    let mut story = Story::new(seed);
    let controllers = story.server.clone();
    let controllers = tokio::spawn(async move { controllers.run_controllers().await });
    let lived = story.live().await;
    controllers.abort();
    match lived {
        Ok(()) => Ok(story.transcript),
        Err(why) => Err(Failure { world: "kubernetes", seed, why, transcript: story.transcript }),
    }
}

pub(crate) struct Story {
    random: fastrand::Rng,
    outside: Outside,
    server: ApiServer,
    target: Arc<KubernetesTarget>,
    app: Subject,
    transcript: Transcript,
    /// What others made under names that commits use, and take away again in the end.
    squatted: Vec<String>,
    /// Whether commits declare only what can become healthy.
    mended: bool,
}

impl Story {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let outside = Outside::new(seed ^ 0x5eed);
        let server = ApiServer::new(outside.clock.clone(), outside.faults.clone());
        let cluster = Cluster { namespace: Some(NAMESPACE.to_owned()), ..Cluster::default() };
        let mut spec = AppSpec {
            target: Some(AppTarget { kubernetes: Some(cluster), host: None }),
            ..AppSpec::default()
        };
        if random.u32(0..4) == 0 {
            spec.policy.added = AddedPolicy::Remove;
        }
        let declaration = Declaration {
            spec,
            source: SourceSpec { repo: "/srv/repo".to_owned(), reference: "main".to_owned() },
            path: String::new(),
            labels: BTreeMap::new(),
            target: "kubernetes".to_owned(),
            root: String::new(),
            set: None,
        };
        let target = connect(&server, &outside);
        Self {
            random,
            outside,
            server,
            target,
            app: Subject::new(AppName::new(APP).expect("a fitting name"), declaration),
            transcript: Transcript::default(),
            squatted: Vec::new(),
            mended: false,
        }
    }

    fn say(&mut self, line: impl Into<String>) {
        self.transcript.say(line);
    }

    async fn live(&mut self) -> Result<(), String> {
        self.make_foreign();
        self.commit();
        for _ in 0..EVENTS {
            self.event().await;
            self.reconcile().await?;
        }
        let outcome = self.peace().await?;
        checks::all(self, &outcome).await
    }

    /// A request by somebody else, as a person or tool makes it.
    fn ask(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        content: serde_json::Value,
        agent: &str,
    ) -> (u16, serde_json::Value) {
        let content = (!content.is_null()).then_some(content);
        self.server.ask(&Ask { method, path, content_type, content, agent })
    }

    /// Things that were there before, under names that commits use too.
    fn make_foreign(&mut self) {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        self.ask("POST", "/api/v1/namespaces", "", namespace, "kubectl-create");
        for name in checks::FOREIGN {
            let map = checks::foreign(name);
            let path = format!("/api/v1/namespaces/{NAMESPACE}/configmaps");
            self.ask("POST", &path, "", map, "kubectl-create");
        }
    }

    async fn event(&mut self) {
        match self.random.u32(0..14) {
            0..=3 => self.commit(),
            4..=6 => self.somebody_acts(),
            7 => {
                let steps = self.random.u64(1..60);
                self.outside.faults.crash_after(steps);
                self.say(format!("a crash after {steps} steps"));
            }
            8 => {
                let rate = self.random.u32(0..150);
                self.outside.faults.set_rate(rate);
                self.say(format!("{rate} of 1000 steps fail"));
            }
            9 => self.person().await,
            10 => {
                let seconds = self.random.u64(1..400);
                self.outside.clock.advance(Duration::from_secs(seconds));
                self.say(format!("the clock jumps by {seconds} s"));
            }
            11 => self.cluster_trouble(),
            _ => {
                let milliseconds = self.random.u64(1..100_000);
                self.say(format!("{milliseconds} ms pass"));
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            }
        }
    }

    async fn person(&mut self) {
        let command = wish(&mut self.random, &self.outside);
        self.say(format!("a person asks for {command:?}"));
        self.command(command).await;
    }

    async fn command(&mut self, command: Command) {
        self.outside.faults.no_crash();
        let store = self.outside.store.clone();
        let now = self.outside.clock.now();
        let carried_out =
            command::carry_out(store.as_ref(), &self.app.name, &command, "person", now).await;
        if let Err(error) = carried_out {
            self.say(format!("refused: {error}"));
        }
    }

    /// One run; a crash drops it wherever it is, and everything that was in memory.
    async fn reconcile(&mut self) -> Result<Option<Outcome>, String> {
        let completed = checks::completed(&self.outside.store.peek(&self.app.name));
        let told = self.outside.store.ledger().len();
        let world = self.outside.world_on(self.target.clone());
        let run = tokio::time::timeout(LONGEST_RUN, trueup_engine::reconcile(&self.app, &world));
        let outcome = tokio::select! {
            biased;
            outcome = run => Some(outcome.map_err(|_| "a run does not end".to_owned())?),
            () = self.outside.faults.crashed() => None,
        };
        let entries = self.outside.store.ledger();
        checks::jobs_run_once(&completed, entries.get(told..).unwrap_or_default())?;
        match outcome {
            None => {
                self.say("the controller crashes and starts anew");
                self.target = connect(&self.server, &self.outside);
                Ok(None)
            }
            Some(Err(error @ Error::UnsoundPlan(_))) => Err(error.to_string()),
            Some(Err(error)) => {
                self.say(format!("run: {}", chain(&error)));
                Ok(None)
            }
            Some(Ok(outcome)) => {
                let told: Vec<String> =
                    outcome.entries.iter().map(|entry| entry.message.clone()).collect();
                self.say(format!("run: {:?}; {}", outcome.state, told.join(" | ")));
                Ok(Some(outcome))
            }
        }
    }

    /// Nothing goes wrong any more, people let everything go and consent to what is asked: the app
    /// must come to rest. If that is not where Git wants it, Git is put right; then it must get there,
    /// and stay.
    async fn peace(&mut self) -> Result<Outcome, String> {
        self.say("peace");
        self.outside.faults.set_rate(0);
        self.outside.faults.no_crash();
        self.calm();
        self.command(Command::Release).await;
        let mut outcome = self.rest().await?;
        if outcome.state != State::Settled {
            self.mended = true;
            self.commit();
            self.command(Command::Release).await;
            outcome = self.rest().await?;
        }
        if outcome.state != State::Settled {
            return Err(format!("Git is right, and yet it is {:?}", outcome.state));
        }
        self.stays().await
    }

    async fn rest(&mut self) -> Result<Outcome, String> {
        tokio::time::sleep(QUIET).await;
        let mut idle = 0;
        for _ in 0..RUNS_TO_REST {
            let Some(outcome) = self.reconcile().await? else {
                return Err("a run failed though nothing goes wrong any more".to_owned());
            };
            if let Some(plan) = outcome.plan.as_ref().filter(|plan| !plan.consents.is_empty()) {
                let digest = plan.digest;
                if outcome.record.approved != Some(digest) {
                    self.command(Command::Approve { digest }).await;
                    continue;
                }
            }
            match &outcome.state {
                State::Waiting { until: Some(until), .. } | State::Paused { until, .. } => {
                    self.outside.clock.until(*until).await;
                }
                State::Waiting { until: None, .. } if idle < 5 => {
                    idle += 1;
                    tokio::time::sleep(Duration::from_secs(200)).await;
                }
                _ => return Ok(outcome),
            }
        }
        Err("it does not come to rest".to_owned())
    }

    /// What is at rest is left alone by the next run.
    async fn stays(&mut self) -> Result<Outcome, String> {
        tokio::time::sleep(QUIET).await;
        let Some(after) = self.reconcile().await? else {
            return Err("a run failed though nothing goes wrong any more".to_owned());
        };
        let acted = after.entries.iter().any(|entry| !entry.events.is_empty());
        if acted || after.state != State::Settled {
            return Err(format!("at rest it acts again: {:?}", after.state));
        }
        Ok(after)
    }
}

/// A target that knows nothing yet.
pub(crate) fn connect(server: &ApiServer, outside: &Outside) -> Arc<KubernetesTarget> {
    let client = Client::new(server.clone(), "default");
    Arc::new(KubernetesTarget::over(client, outside.clock.clone()))
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
