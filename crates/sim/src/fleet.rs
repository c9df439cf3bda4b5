//! Stories of several apps under the controller itself: its queue, its timers, its watches, and what
//! apps wait for of each other. Nobody says when an app is looked at; commits, drift and failures
//! just happen, while time passes, and the clock jumps. In the end the controller is given half an
//! hour of peace, and must have brought every app where Git wants it by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use trueup_controller::{Controller, Root, Settings, Signal, Worlds};
use trueup_engine::command::{self, Command};
use trueup_engine::{State, Subject, World};
use trueup_kubernetes::KubernetesTarget;
use trueup_model::app::{AppTarget, Dependency, KubernetesTarget as Cluster};
use trueup_model::ports::{Clock as _, PortError};
use trueup_model::record::Declaration;
use trueup_model::{AppName, AppSpec, LedgerEntry, LedgerKind, SourceSpec};
use trueup_testkit::Outside;
use trueup_testkit::apiserver::{ApiServer, Ask};

use crate::cluster::{self, checks};
use crate::story::{Failure, Transcript};

const EVENTS: u32 = 12;
const REPO: &str = "/srv/repo";
/// The apps; the second waits for the first.
const APPS: &[&str] = &["base", "front", "other"];
/// How long what is under way takes to end.
const CALM: Duration = Duration::from_secs(300);
const PEACE: Duration = Duration::from_secs(1800);
/// No pass over one app takes so long.
const LONGEST_RUN: Duration = Duration::from_secs(3600);

/// Lives through the story of a seed. Needs a runtime whose time is paused.
pub async fn run(seed: u64) -> Result<Transcript, Failure> {
    let mut story = Story::new(seed);
    let controllers = story.server.clone();
    let controllers = tokio::spawn(async move { controllers.run_controllers().await });
    let lived = story.live().await;
    story.controller.task.abort();
    controllers.abort();
    match lived {
        Ok(()) => Ok(story.transcript),
        Err(why) => Err(Failure { world: "fleet", seed, why, transcript: story.transcript }),
    }
}

/// A controller that runs.
struct Running {
    task: JoinHandle<()>,
    signals: mpsc::Sender<Signal>,
}

struct Story {
    random: fastrand::Rng,
    outside: Outside,
    server: ApiServer,
    target: Arc<KubernetesTarget>,
    controller: Running,
    transcript: Transcript,
    mended: bool,
}

/// Every app has the same world.
struct One(World);

impl Worlds for One {
    fn world(&self, _: &Declaration) -> Result<World, PortError> {
        Ok(self.0.clone())
    }
}

fn start(outside: &Outside, target: Arc<KubernetesTarget>) -> Running {
    let root = Root {
        source: source(),
        path: String::new(),
        target: "kubernetes".to_owned(),
        kubernetes: Cluster::default(),
        name: None,
    };
    let worlds = Arc::new(One(outside.world_on(target)));
    let controller = Controller::new(worlds, vec![root], Settings::default());
    let controller = controller.in_time_of(outside.clock.clone());
    let signals = controller.signals();
    Running { task: tokio::spawn(controller.keep()), signals }
}

fn source() -> SourceSpec {
    SourceSpec { repo: REPO.to_owned(), reference: "main".to_owned() }
}

impl Story {
    fn new(seed: u64) -> Self {
        let outside = Outside::new(seed ^ 0x5eed);
        let server = ApiServer::new(outside.clock.clone(), outside.faults.clone());
        let target = cluster::connect(&server, &outside);
        let mut story = Self {
            random: fastrand::Rng::with_seed(seed),
            controller: start(&outside, target.clone()),
            outside,
            server,
            target,
            transcript: Transcript::default(),
            mended: false,
        };
        for app in APPS {
            let namespace =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": app}});
            story.ask("POST", "/api/v1/namespaces", "", namespace);
        }
        story.commit();
        story
    }

    fn say(&mut self, line: impl Into<String>) {
        self.transcript.say(line);
    }

    fn ask(&self, method: &str, path: &str, content_type: &str, content: Value) -> (u16, Value) {
        let content = (!content.is_null()).then_some(content);
        self.server.ask(&Ask { method, path, content_type, content, agent: "kubectl" })
    }

    async fn live(&mut self) -> Result<(), String> {
        for _ in 0..EVENTS {
            self.event().await;
            let pause = Duration::from_millis(self.random.u64(0..60_000));
            self.pass(pause).await;
        }
        self.say("peace");
        self.outside.faults.set_rate(0);
        self.outside.faults.no_crash();
        self.server.lag_watches(Duration::ZERO);
        self.server.cluster(|cluster, _| cluster.down.clear());
        self.mended = true;
        self.pass(CALM).await;
        self.release().await;
        self.commit();
        self.pass(PEACE).await;
        self.controller.task.abort();
        self.check().await
    }

    /// People let go what a rollback holds or pins.
    async fn release(&mut self) {
        for app in APPS {
            let name = AppName::new(*app).expect("a fitting name");
            let (store, now) = (self.outside.store.clone(), self.outside.clock.now());
            let released =
                command::carry_out(store.as_ref(), &name, &Command::Release, "person", now).await;
            if let Err(error) = released {
                self.say(format!("{app} is not released: {error}"));
            }
        }
    }

    /// Time passes; a crash in it takes the controller, and everything that it had in memory.
    async fn pass(&mut self, time: Duration) {
        let until = tokio::time::Instant::now() + time;
        loop {
            tokio::select! {
                biased;
                () = self.outside.faults.crashed() => {}
                () = tokio::time::sleep_until(until) => return,
            }
            self.say("the controller crashes and starts anew");
            self.controller.task.abort();
            self.target = cluster::connect(&self.server, &self.outside);
            self.controller = start(&self.outside, self.target.clone());
        }
    }

    fn commit(&mut self) {
        let mut files = Vec::new();
        for app in APPS {
            let depends = if *app == "front" { "\n  dependsOn: [{app: base}]" } else { "" };
            files.push((
                format!("{app}/app.yaml"),
                format!(
                    "apiVersion: trueup.dev/v1\nkind: App\nmetadata: {{name: {app}}}\nspec:\n  target: {{kubernetes: {{namespace: {app}}}}}{depends}\n"
                ),
            ));
            files.push((format!("{app}/all.yaml"), self.documents(app)));
        }
        let told: Vec<String> = files.iter().map(|(_, text)| text.replace('\n', " ")).collect();
        let commit = self.outside.source.commit(&files);
        self.say(format!("commit {}: {}", &commit[36..], told.join("; ")));
        if self.random.bool() {
            // Sometimes a webhook tells of it; else it is found by polling.
            let _ = self.controller.signals.try_send(Signal::Source { repo: REPO.to_owned() });
        }
    }

    fn documents(&mut self, app: &str) -> String {
        let mut documents = Vec::new();
        for n in 0..3 + self.random.u32(0..2) {
            documents.push(format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}}}\ndata: {{k: \"{}\"}}\n",
                self.random.u32(0..3)
            ));
        }
        let fate = match self.random.u32(if self.mended { 1 } else { 0 }..8) {
            0 => "never-ready",
            1 | 2 => "ready-after=20s",
            _ => "good",
        };
        let image = self.random.u32(0..3);
        documents.push(format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: 2\n  selector: {{matchLabels: {{app: {app}}}}}\n  template:\n    metadata: {{labels: {{app: {app}}}, annotations: {{testbed.trueup.dev/pod: {fate}}}}}\n    spec: {{containers: [{{name: web, image: \"w:{image}\"}}]}}\n"
        ));
        documents.join("---\n")
    }

    async fn event(&mut self) {
        match self.random.u32(0..11) {
            0..=2 => self.commit(),
            3..=5 => self.drift(),
            6 => {
                let steps = self.random.u64(1..120);
                self.outside.faults.crash_after(steps);
                self.say(format!("a crash after {steps} steps"));
            }
            7 => {
                let rate = self.random.u32(0..100);
                self.outside.faults.set_rate(rate);
                self.say(format!("{rate} of 1000 steps fail"));
            }
            8 => {
                let seconds = self.random.u64(1..4000);
                self.outside.clock.advance(Duration::from_secs(seconds));
                self.say(format!("the clock jumps by {seconds} s"));
            }
            9 => {
                self.server.cluster(|cluster, _| cluster.objects.compact());
                self.server.break_watches();
                self.say("the server forgets what happened, and watches break");
            }
            _ => {
                let lag = self.random.u64(0..30);
                self.server.lag_watches(Duration::from_secs(lag));
                self.say(format!("watches lag by {lag} s"));
            }
        }
    }

    fn drift(&mut self) {
        let app = APPS[self.random.usize(0..APPS.len())];
        let what = match self.random.u32(0..4) {
            0 => {
                let path = format!("/api/v1/namespaces/{app}/configmaps/c1");
                self.ask("DELETE", &path, "", Value::Null);
                "deletes c1"
            }
            1 => {
                let path =
                    format!("/api/v1/namespaces/{app}/configmaps/c0?fieldManager=kubectl-edit");
                self.ask("PATCH", &path, "merge", json!({"data": {"k": "by hand"}}));
                "edits c0"
            }
            2 => {
                let path = format!(
                    "/apis/apps/v1/namespaces/{app}/deployments/web/scale?fieldManager=kubectl"
                );
                self.ask("PATCH", &path, "merge", json!({"spec": {"replicas": 7}}));
                "scales web"
            }
            _ => {
                let path = format!("/apis/apps/v1/namespaces/{app}/deployments/web");
                self.ask("DELETE", &path, "", Value::Null);
                "deletes web"
            }
        };
        self.say(format!("somebody {what} of {app}"));
    }

    /// A look at each app finds that nothing is left to do, and all rules kept.
    async fn check(&mut self) -> Result<(), String> {
        let world = self.outside.world_on(self.target.clone());
        let ledger = self.outside.store.ledger();
        depends_are_kept(&ledger)?;
        for app in APPS {
            let subject = subject(app);
            let run = tokio::time::timeout(LONGEST_RUN, trueup_engine::reconcile(&subject, &world));
            let outcome = run.await.map_err(|_| "a run does not end".to_owned())?;
            let outcome = outcome.map_err(|error| format!("{app}: {}", cluster::chain(&error)))?;
            let acts = outcome.entries.iter().any(|entry| !entry.events.is_empty());
            if acts || outcome.state != State::Settled {
                let told: Vec<&str> = outcome.entries.iter().map(|e| e.message.as_str()).collect();
                return Err(format!(
                    "{app} was not brought to rest: {:?}; {told:?}",
                    outcome.state
                ));
            }
            checks::app(&self.server, &self.outside, app, &outcome).await?;
        }
        Ok(())
    }
}

fn subject(app: &str) -> Subject {
    let cluster = Cluster { namespace: Some(app.to_owned()), ..Cluster::default() };
    let mut spec = AppSpec {
        target: Some(AppTarget { kubernetes: Some(cluster), host: None }),
        ..AppSpec::default()
    };
    if app == "front" {
        let app = AppName::new("base").expect("a fitting name");
        spec.depends_on = vec![Dependency { app, when: None }];
    }
    let declaration = Declaration {
        spec,
        source: source(),
        path: app.to_owned(),
        target: "kubernetes".to_owned(),
        labels: BTreeMap::new(),
        root: String::new(),
        set: None,
    };
    Subject::new(AppName::new(app).expect("a fitting name"), declaration)
}

/// What waits for another app is not made before that one was healthy.
fn depends_are_kept(ledger: &[LedgerEntry]) -> Result<(), String> {
    let first = |app: &str, kind: LedgerKind| {
        ledger.iter().position(|entry| entry.app.as_str() == app && entry.kind == kind)
    };
    let made = first("front", LedgerKind::Executed);
    match (first("base", LedgerKind::Healthy), made) {
        (Some(healthy), Some(made)) if healthy < made => Ok(()),
        (_, None) => Ok(()),
        _ => Err("front was made before base was healthy".to_owned()),
    }
}
