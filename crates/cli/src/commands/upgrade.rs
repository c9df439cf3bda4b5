//! `trueup upgrade --check`: which apps would render differently under this binary.
//!
//! It renders again what each app's record says was applied: the same commit, the same declaration,
//! the same key. What comes out otherwise comes from this version, or from a cluster that changed.
//! Nothing is applied and nothing is written down.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use trueup_controller::Worlds as _;
use trueup_engine::Subject;
use trueup_engine::declare::{Declared, declare};
use trueup_model::ports::Store as _;
use trueup_model::record::{AppliedSet, Record};
use trueup_model::{AppName, Digest, ResourceId};

use super::Exit;
use crate::Global;
use crate::error::CliError;
use crate::output::Output;
use crate::state::State;

/// How many resources are named before "and n more".
const NAMED: usize = 5;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Say which apps would render differently under this version; nothing is changed
    #[arg(long, required = true)]
    check: bool,
}

/// What is said of all apps.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    api_version: &'static str,
    version: &'static str,
    apps: Vec<Checked>,
}

/// What is said of an app.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    app: AppName,
    #[serde(flatten)]
    verdict: Verdict,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase", tag = "renders")]
enum Verdict {
    /// What was applied, to the byte.
    Same,
    /// Something else.
    Differently {
        /// What differs, is new, or is no longer there.
        resources: Vec<ResourceId>,
        /// Of how many.
        of: usize,
    },
    /// It cannot be rendered, or it cannot be told.
    Unknown {
        /// Why.
        why: String,
    },
    /// It was never applied in full.
    Never,
}

/// Carries it out.
pub async fn run(_: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let state = State::open_read_only(global).await?;
    let mut apps = Vec::new();
    for app in state.store().apps().await? {
        let record = state.store().record(&app).await?;
        let verdict = check(&state, &app, &record).await;
        apps.push(Checked { app, verdict });
    }
    let report =
        Report { api_version: trueup_api::VERSION, version: env!("CARGO_PKG_VERSION"), apps };
    output.print(&report, || text(&report))?;
    Ok(exit(&report))
}

async fn check(state: &State, app: &AppName, record: &Record) -> Verdict {
    let (Some(declaration), Some(applied)) = (&record.declaration, &record.applied) else {
        return Verdict::Never;
    };
    let mut subject = Subject::new(app.clone(), declaration.clone());
    subject.revision = Some(applied.revision.commit.clone());
    match again(state, &subject, record).await {
        Ok(declared) => compare(&declared, applied),
        Err(why) => Verdict::Unknown { why },
    }
}

async fn again(state: &State, subject: &Subject, record: &Record) -> Result<Declared, String> {
    let world = state.world(&subject.declaration).map_err(|error| error.message)?;
    let capabilities = world.target.capabilities().await.map_err(|error| error.message)?;
    declare(subject, &world, &capabilities, record).await.map_err(|undeclared| undeclared.why)
}

fn compare(declared: &Declared, applied: &AppliedSet) -> Verdict {
    if declared.rendered == applied.rendered {
        return Verdict::Same;
    }
    let now: BTreeMap<&ResourceId, Digest> =
        declared.resources.iter().map(|resource| (&resource.id, resource.digest)).collect();
    let ids: BTreeSet<&ResourceId> = now.keys().copied().chain(applied.contents.keys()).collect();
    let of = ids.len();
    let differs = |id: &&ResourceId| now.get(id) != applied.contents.get(id);
    Verdict::Differently { resources: ids.into_iter().filter(differs).cloned().collect(), of }
}

fn text(report: &Report) -> String {
    if report.apps.is_empty() {
        return "there is no app yet\n".to_owned();
    }
    let line = |checked: &Checked| {
        let said = match &checked.verdict {
            Verdict::Same => "renders as before".to_owned(),
            Verdict::Never => "was never applied".to_owned(),
            Verdict::Unknown { why } => format!("cannot be told: {why}"),
            Verdict::Differently { resources, of } => {
                let named: Vec<String> =
                    resources.iter().take(NAMED).map(ToString::to_string).collect();
                let more = match resources.len().saturating_sub(NAMED) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                format!(
                    "renders differently under this version: {} of {of} resources ({}{more})",
                    resources.len(),
                    named.join(", ")
                )
            }
        };
        format!("{}: {said}\n", checked.app)
    };
    report.apps.iter().map(line).collect()
}

fn exit(report: &Report) -> Exit {
    let any = |wanted: fn(&Verdict) -> bool| report.apps.iter().any(|app| wanted(&app.verdict));
    if any(|verdict| matches!(verdict, Verdict::Unknown { .. })) {
        Exit::Failed
    } else if any(|verdict| matches!(verdict, Verdict::Differently { .. })) {
        Exit::Changes
    } else {
        Exit::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use serde_json::json;
    use std::sync::Arc;
    use trueup_model::plan::Inputs;
    use trueup_model::resource::set_digest;
    use trueup_model::{Origin, Resource, Revision};

    fn resource(name: &str, value: u32) -> Arc<Resource> {
        let id = ResourceId::new("", "ConfigMap", "x", name);
        let body = json!({ "data": { "value": value.to_string() } });
        Arc::new(Resource::new(id, "v1".to_owned(), body, Origin::default()))
    }

    fn revision() -> Revision {
        Revision {
            commit: "c".to_owned(),
            reference: String::new(),
            time: Timestamp::UNIX_EPOCH,
            author: String::new(),
            subject: String::new(),
            notes: Vec::new(),
        }
    }

    fn check(applied: &[Arc<Resource>], now: Vec<Arc<Resource>>) -> Verdict {
        let set = AppliedSet {
            rendered: set_digest(applied.iter().map(AsRef::as_ref)),
            revision: revision(),
            at: Timestamp::UNIX_EPOCH,
            inputs: Inputs::default(),
            contents: applied.iter().map(|r| (r.id.clone(), r.digest)).collect(),
        };
        let declared = Declared {
            revision: revision(),
            rendered: set_digest(now.iter().map(AsRef::as_ref)),
            resources: now,
            inputs: Inputs::default(),
            diagnostics: Vec::new(),
            untouched: true,
        };
        compare(&declared, &set)
    }

    #[test]
    fn what_renders_differently_is_named() {
        let applied = [resource("a", 1), resource("b", 1), resource("c", 1)];
        assert!(matches!(check(&applied, applied.to_vec()), Verdict::Same));
        let now = vec![resource("a", 1), resource("b", 2), resource("d", 1)];
        let Verdict::Differently { resources, of } = check(&applied, now) else { panic!("same") };
        let names: Vec<&str> = resources.iter().map(|id| id.name.as_str()).collect();
        assert_eq!((names, of), (vec!["b", "c", "d"], 4));
    }
}
