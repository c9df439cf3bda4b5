//! What happens: drawn from the seed, told in a transcript.

use std::fmt;
use std::time::Duration;

use serde_json::json;
use trueup_engine::command::{self, Command};
use trueup_engine::{Outcome, State, Subject};
use trueup_model::ports::Clock as _;
use trueup_model::record::{Declaration, Freeze};
use trueup_model::{AppName, AppSpec, ResourceId, SourceSpec, kinds};
use trueup_testkit::Outside;

use crate::checks;

/// What happened, in lines.
#[derive(Clone, Debug, Default)]
pub struct Transcript(Vec<String>);

impl Transcript {
    /// One more line.
    pub fn say(&mut self, line: impl Into<String>) {
        self.0.push(line.into());
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// A rule that did not hold.
#[derive(Clone, Debug)]
pub struct Failure {
    /// `host` or `kubernetes`.
    pub world: &'static str,
    /// The seed.
    pub seed: u64,
    /// Which rule, and how.
    pub why: String,
    /// What happened before.
    pub transcript: Transcript,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { world, seed, why, transcript } = self;
        write!(f, "{world}, seed {seed}: {why}\n{transcript}")
    }
}

/// How many things happen in a story.
const EVENTS: u32 = 14;
/// How many runs a world that is left in peace may need to come to rest.
const RUNS_TO_REST: u32 = 60;

/// Lives through the story of a seed.
pub async fn run(seed: u64) -> Result<Transcript, Failure> {
    let mut story = Story::new(seed);
    story.foreign();
    story.commit();
    for _ in 0..EVENTS {
        story.event().await;
        story.reconcile().await;
    }
    let peace = story.peace().await;
    let sound = if story.unsound { Err("a plan breaks a rule".to_owned()) } else { Ok(()) };
    let rules = sound.and(peace).and_then(|outcome| checks::all(&story.outside, &outcome));
    match rules {
        Ok(()) => Ok(story.transcript),
        Err(why) => Err(Failure { world: "host", seed, why, transcript: story.transcript }),
    }
}

struct Story {
    random: fastrand::Rng,
    outside: Outside,
    app: Subject,
    transcript: Transcript,
    /// Whether a plan broke a rule.
    unsound: bool,
}

impl Story {
    fn new(seed: u64) -> Self {
        let declaration = Declaration {
            spec: AppSpec::default(),
            source: SourceSpec { repo: "/srv/repo".to_owned(), reference: "main".to_owned() },
            path: String::new(),
            target: "host".to_owned(),
            labels: Default::default(),
            root: String::new(),
            set: None,
        };
        let name = AppName::new("app").expect("a fitting name");
        Self {
            random: fastrand::Rng::with_seed(seed),
            outside: Outside::new(seed ^ 0x5eed),
            app: Subject::new(name, declaration),
            transcript: Transcript::default(),
            unsound: false,
        }
    }

    fn say(&mut self, line: impl Into<String>) {
        self.transcript.say(line);
    }

    /// Things that were there before, under names that commits use too.
    fn foreign(&mut self) {
        for name in ["f8", "f9"] {
            let id = ResourceId::new(kinds::HOST_GROUP, "File", "", name);
            self.outside.host.put_foreign(id, json!({"by": "somebody else"}));
        }
    }

    fn commit(&mut self) {
        let mut documents = Vec::new();
        let files = self.random.u32(0..9);
        for n in 0..files {
            if self.random.u32(0..10) < 8 {
                documents.push(format!(
                    "kind: File\nmetadata: {{name: f{n}}}\nspec: {{path: f{n}, content: \"{}\"}}\n",
                    self.random.u32(0..3)
                ));
            }
        }
        if self.random.u32(0..20) == 0 {
            documents.push(
                "kind: File\nmetadata: {name: f9}\nspec: {path: f9, content: x}\n".to_owned(),
            );
        }
        for n in 0..self.random.u32(0..3) {
            documents.push(self.runner("Task", &format!("t{n}")));
        }
        for n in 0..self.random.u32(0..3) {
            documents.push(self.runner("Process", &format!("p{n}")));
        }
        for n in 0..self.random.u32(0..3) {
            documents.push(self.hook(n));
        }
        if self.random.u32(0..12) == 0 {
            documents.push("kind: File\nmetadata: {nme: broken}\n".to_owned());
        }
        let text: Vec<String> =
            documents.iter().map(|d| format!("apiVersion: host.trueup.dev/v1\n{d}")).collect();
        let commit = self.outside.source.commit(&[("all.yaml".to_owned(), text.join("---\n"))]);
        self.say(format!("commit {}: {}", &commit[36..], documents.join("").replace('\n', " ")));
    }

    /// A hook of any occasion, or of several, which may fail or never end.
    fn hook(&mut self, n: u32) -> String {
        let pick = |random: &mut fastrand::Rng, words: &[&'static str]| {
            words[random.usize(0..words.len())]
        };
        let occasion = pick(
            &mut self.random,
            &["before", "before", "after", "failure", "rollback", "before, after"],
        );
        let delete = pick(&mut self.random, &["", "succeeded", "failed", "before-creation"]);
        let kind = pick(&mut self.random, &["Task", "Process", "File"]);
        let fate = pick(&mut self.random, &["good", "good", "good", "slow", "stuck", "broken"]);
        let version = self.random.u32(0..2);
        let spec = match kind {
            "File" => format!("{{path: hook-{n}, content: \"{version}\"}}"),
            "Task" => format!(
                "{{command: [run, \"{version}\"], env: [{{name: FATE, value: {}}}]}}",
                if fate == "broken" { fate } else { "good" }
            ),
            _ => format!("{{command: [run, \"{version}\"], env: [{{name: FATE, value: {fate}}}]}}"),
        };
        let delete = if delete.is_empty() {
            String::new()
        } else {
            format!(", trueup.dev/hook-delete: {delete}")
        };
        let n = if occasion.contains(',') { format!("twice-{n}") } else { n.to_string() };
        format!(
            "kind: {kind}\nmetadata: {{name: hook-{n}, annotations: {{trueup.dev/hook: \"{occasion}\", trueup.dev/hook-weight: \"{version}\"{delete}}}}}\nspec: {spec}\n"
        )
    }

    fn runner(&mut self, kind: &str, name: &str) -> String {
        let fate = match self.random.u32(0..12) {
            0 => "broken",
            1 if kind == "Process" => "stuck",
            2 | 3 if kind == "Process" => "slow",
            _ => "good",
        };
        let version = self.random.u32(0..3);
        format!(
            "kind: {kind}\nmetadata: {{name: {name}}}\nspec: {{command: [run, \"{version}\"], env: [{{name: FATE, value: {fate}}}]}}\n"
        )
    }

    async fn event(&mut self) {
        match self.random.u32(0..13) {
            0..=3 => self.commit(),
            4 => self.tamper(),
            5 => {
                self.outside.host.reboot();
                self.say("the machine starts anew");
            }
            6 | 7 => {
                let steps = self.random.u64(1..40);
                self.outside.faults.crash_after(steps);
                self.say(format!("a crash after {steps} steps"));
            }
            8 => {
                let rate = self.random.u32(0..150);
                self.outside.faults.set_rate(rate);
                self.say(format!("{rate} of 1000 steps fail"));
            }
            9 => self.person().await,
            10 => self.freeze().await,
            _ => {
                let seconds = self.random.u64(1..200);
                self.outside.clock.advance(Duration::from_secs(seconds));
                self.say(format!("{seconds} seconds pass"));
            }
        }
    }

    fn tamper(&mut self) {
        let live = self.outside.host.live();
        let ours: Vec<&ResourceId> =
            live.iter().filter(|(_, live)| live.app.is_some()).map(|(id, _)| id).collect();
        if ours.is_empty() {
            return;
        }
        let id = ours[self.random.usize(0..ours.len())];
        let deletes = self.random.bool();
        let change = (!deletes).then(|| json!({"by": "hand"}));
        self.outside.host.tamper(id, change);
        let what = if deletes { "deletes" } else { "changes" };
        self.say(format!("a person {what} {id}"));
    }

    async fn person(&mut self) {
        let command = wish(&mut self.random, &self.outside);
        self.say(format!("a person asks for {command:?}"));
        self.ask(command).await;
    }

    /// The installation is frozen, or let go.
    async fn freeze(&mut self) {
        let now = self.outside.clock.now();
        let until = now.checked_add(Duration::from_secs(40)).ok();
        let freeze = self.random.bool().then(|| Freeze {
            since: now,
            until,
            by: "person".to_owned(),
            why: "test".to_owned(),
        });
        self.say(format!("a person freezes: {}", freeze.is_some()));
        self.let_be(freeze).await;
    }

    async fn let_be(&mut self, freeze: Option<Freeze>) {
        self.outside.faults.no_crash();
        let now = self.outside.clock.now();
        let store = self.outside.store.clone();
        let told = match command::freeze(store.as_ref(), freeze, now).await {
            Ok(told) => told,
            Err(error) => return self.say(format!("refused: {error}")),
        };
        let app = &self.app.name;
        if let Err(error) = command::tell(store.as_ref(), app, &told, "person", now).await {
            self.say(format!("not told: {error}"));
        }
    }

    async fn ask(&mut self, command: Command) {
        self.outside.faults.no_crash();
        let store = self.outside.store.clone();
        let now = self.outside.clock.now();
        let carried_out =
            command::carry_out(store.as_ref(), &self.app.name, &command, "person", now).await;
        if let Err(error) = carried_out {
            self.say(format!("refused: {error}"));
        }
    }

    /// One run; a crash drops it wherever it is.
    async fn reconcile(&mut self) -> Option<Outcome> {
        let world = self.outside.world();
        let outcome = tokio::select! {
            biased;
            outcome = trueup_engine::reconcile(&self.app, &world) => Some(outcome),
            () = self.outside.faults.crashed() => None,
        };
        match outcome {
            None => {
                self.say("the controller crashes and starts anew");
                None
            }
            Some(Err(error)) => {
                self.unsound |= matches!(error, trueup_engine::Error::UnsoundPlan(_));
                self.say(format!("run: {error}"));
                None
            }
            Some(Ok(outcome)) => {
                let told: Vec<String> =
                    outcome.entries.iter().map(|entry| entry.message.clone()).collect();
                self.say(format!("run: {:?}; {}", outcome.state, told.join(" | ")));
                Some(outcome)
            }
        }
    }

    /// Nothing goes wrong any more, people let everything go and consent to what is asked: the app
    /// must come to rest.
    async fn peace(&mut self) -> Result<Outcome, String> {
        self.outside.faults.set_rate(0);
        self.outside.faults.no_crash();
        self.say("peace");
        self.ask(Command::Release).await;
        self.let_be(None).await;
        let mut idle = 0;
        for _ in 0..RUNS_TO_REST {
            let Some(outcome) = self.reconcile().await else {
                return Err("a run failed though nothing goes wrong any more".to_owned());
            };
            if let Some(plan) = outcome.plan.as_ref().filter(|plan| !plan.consents.is_empty()) {
                let digest = plan.digest;
                if outcome.record.approved != Some(digest) {
                    self.ask(Command::Approve { digest }).await;
                    continue;
                }
            }
            match &outcome.state {
                State::Waiting { until: Some(until), .. } | State::Paused { until, .. } => {
                    self.outside.clock.advance_to(*until);
                }
                State::Waiting { until: None, .. } if idle < 3 => {
                    idle += 1;
                    self.outside.clock.advance(Duration::from_secs(600));
                }
                _ => return Ok(outcome),
            }
        }
        Err("it does not come to rest".to_owned())
    }
}

/// What a person asks of an app, on a machine as on a cluster.
pub(crate) fn wish(random: &mut fastrand::Rng, outside: &Outside) -> Command {
    let now = outside.clock.now();
    match random.u32(0..4) {
        0 => Command::Rollback { to: None, until: None, why: "test".to_owned() },
        1 => Command::Pause {
            until: now.checked_add(Duration::from_secs(30)).unwrap_or(now),
            why: "test".to_owned(),
        },
        _ => Command::Release,
    }
}
