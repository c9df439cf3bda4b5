//! One app in a simulated outside.

use std::time::Duration;

use trueup_engine::{Outcome, State, Subject, reconcile};
use trueup_model::record::Declaration;
use trueup_model::{AppName, AppSpec, ResourceId, SourceSpec, kinds};
use trueup_testkit::Outside;

/// More looks than any of these stories needs.
const LOOKS_MAX: u32 = 60;

pub struct Play {
    pub outside: Outside,
    pub app: Subject,
}

impl Play {
    pub fn new() -> Self {
        let declaration = Declaration {
            spec: AppSpec::default(),
            source: SourceSpec { repo: "/srv/repo".to_owned(), reference: "main".to_owned() },
            path: String::new(),
            target: "host".to_owned(),
            labels: Default::default(),
            root: String::new(),
            set: None,
        };
        let name = AppName::new("shop").expect("a fitting name");
        Self { outside: Outside::new(1), app: Subject::new(name, declaration) }
    }

    /// Commits these documents, which lack their `apiVersion`.
    pub fn commit(&self, documents: &[String]) {
        let with_version =
            |document: &String| format!("apiVersion: host.trueup.dev/v1\n{document}");
        let all: Vec<String> = documents.iter().map(with_version).collect();
        self.outside.source.commit(&[("all.yaml".to_owned(), all.join("---\n"))]);
    }

    /// One run.
    pub async fn look(&self) -> Outcome {
        reconcile(&self.app, &self.outside.world()).await.expect("nothing fails here")
    }

    /// Runs, and lets time pass where it is waited for, until it stands still.
    pub async fn rest(&self) -> Outcome {
        let mut degraded = false;
        for _ in 0..LOOKS_MAX {
            let outcome = self.look().await;
            match &outcome.state {
                State::Waiting { until: Some(until), .. } => {
                    let soon = Duration::from_secs(11);
                    let now = trueup_model::Clock::now(self.outside.clock.as_ref());
                    let soon = now.checked_add(soon).expect("the simulation ends before that");
                    self.outside.clock.advance_to((*until).min(soon));
                }
                // What becomes of it shows at the next look.
                State::Degraded { .. } if !degraded => degraded = true,
                _ => return outcome,
            }
        }
        panic!("it does not come to rest");
    }

    /// The names of the tasks that ran, in order; they are forgotten with that.
    pub fn ran(&self) -> Vec<String> {
        self.outside.host.ran().iter().map(|ran| ran.id.name.clone()).collect()
    }

    pub fn lives(&self, kind: &str, name: &str) -> bool {
        let id = ResourceId::new(kinds::HOST_GROUP, kind, "", name);
        self.outside.host.live().contains_key(&id)
    }
}

/// A task; `annotations` are those of a hook, or none.
pub fn task(name: &str, fate: &str, annotations: &str) -> String {
    document("Task", name, fate, annotations)
}

pub fn process(name: &str, fate: &str, annotations: &str) -> String {
    document("Process", name, fate, annotations)
}

fn document(kind: &str, name: &str, fate: &str, annotations: &str) -> String {
    format!(
        "kind: {kind}\nmetadata: {{name: {name}, annotations: {{{annotations}}}}}\nspec: {{command: [run], env: [{{name: FATE, value: {fate}}}]}}\n"
    )
}

pub fn file(name: &str, content: &str) -> String {
    format!(
        "kind: File\nmetadata: {{name: {name}}}\nspec: {{path: {name}, content: \"{content}\"}}\n"
    )
}
