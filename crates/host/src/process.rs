//! `Process` and `Timer`: what a shim keeps running.
//!
//! What is observed is what the shim says it was started with, not what was meant to be started: a
//! crash between switching a folder and starting the process from it is seen as what it is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use trueup_model::host::{OnChange, ProcessSpec};
use trueup_model::observed::{ObservedResource, Owner, Prediction, Presence};
use trueup_model::{Action, Precondition, Resource, ResourceId, Verb};

use crate::app::App;
use crate::book::Entry;
use crate::document;
use crate::error::HostError;
use crate::fault::FaultPoint;
use crate::launching::{Release, Runnable, with_inputs};
use crate::outcome::Outcome;
use crate::readiness::blocking;
use crate::shim::client::{self, Found};
use crate::shim::protocol::{About, Launch, Report, Request};

/// What runs of a desired process or timer.
pub async fn observe(app: &Arc<App>, resource: &Arc<Resource>) -> ObservedResource {
    let found = client::look(&app.layout.run(), &resource.id).await;
    let inputs = match inputs(app, resource).await {
        Ok(inputs) => inputs,
        Err(error) => {
            let (message, permanent) = (error.sentence(), error.permanent());
            let prediction = Some(Prediction::Refused { message, permanent });
            return ObservedResource { prediction, ..observed(&resource.id, found, None) };
        }
    };
    let prediction = Some(Prediction::Exact(with_inputs(&resource.body, &inputs)));
    ObservedResource { prediction, ..observed(&resource.id, found, Some((resource, &inputs))) }
}

/// What runs of a process or timer that is in the inventory and not desired.
pub async fn observe_unwanted(app: &App, id: &ResourceId) -> ObservedResource {
    observed(id, client::look(&app.layout.run(), id).await, None)
}

async fn inputs(
    app: &Arc<App>,
    resource: &Arc<Resource>,
) -> Result<BTreeMap<String, String>, HostError> {
    let runnable = Runnable::of(&resource.id, &resource.body)?;
    let app = app.clone();
    blocking(move || {
        runnable.check(&app)?;
        Ok(runnable.environment(&app)?.inputs)
    })
    .await
}

fn observed(
    id: &ResourceId,
    found: Option<Found>,
    wanted: Option<(&Arc<Resource>, &BTreeMap<String, String>)>,
) -> ObservedResource {
    let report = match found {
        Some(Found::Alive(report)) => report,
        Some(Found::Gone(report))
            if report.status.main.as_ref().is_some_and(|main| main.runs()) =>
        {
            // Its shim was killed: nobody looks after it, and it is started anew.
            let why = "its shim was killed; what it left behind is ended when it is started again";
            let health = trueup_model::Health::new(trueup_model::HealthStatus::Missing, why);
            return ObservedResource { health, ..ObservedResource::absent() };
        }
        _ => return ObservedResource::absent(),
    };
    let synced =
        wanted.filter(|(resource, inputs)| is_as_declared(&report.about, resource, inputs));
    let status = serde_json::to_value(&report.status).unwrap_or_default();
    ObservedResource {
        presence: Presence::Present,
        owner: Owner::Ours,
        uid: uid(id),
        resource_version: format!("{}:{}", report.shim.pid, report.shim.start),
        synced: synced.map(|(resource, _)| resource.digest),
        live: synced.is_none().then(|| with_inputs(&report.about.body, &report.about.inputs)),
        health: document::health(&id.kind, status),
        ..ObservedResource::absent()
    }
}

/// Only what is in the spec makes a difference to what runs.
fn is_as_declared(about: &About, resource: &Resource, inputs: &BTreeMap<String, String>) -> bool {
    about.inputs == *inputs && about.body.get("spec") == resource.body.get("spec")
}

/// Processes, tasks and timers have no identity beyond their name: whatever runs in this state
/// folder under it is theirs.
pub fn uid(id: &ResourceId) -> String {
    format!("{}/{}", id.kind, id.name)
}

/// Carries out an action on a process or timer.
pub async fn apply(
    app: &Arc<App>,
    release: &Release,
    action: &Action,
) -> Result<Outcome, HostError> {
    match (&action.content, action.verb) {
        (None, _) | (_, Verb::Delete) => delete(app, &action.id).await,
        (Some(resource), _) => run(app, release, action, resource).await,
    }
}

async fn run(
    app: &Arc<App>,
    release: &Release,
    action: &Action,
    resource: &Arc<Resource>,
) -> Result<Outcome, HostError> {
    let run = app.layout.run();
    let alive = match client::look(&run, &resource.id).await {
        Some(Found::Alive(report)) => Some(report),
        _ => None,
    };
    check(action, alive.as_deref())?;
    let launch = launch(app, release, resource).await?;
    note(app, release, resource)?;
    let change = alive.as_ref().map_or(Change::Restart, |report| change(report, &launch.about));
    let about = Box::new(launch.about.clone());
    let note = match change {
        Change::Adjust => {
            client::ask(&run, &resource.id, &Request::Adjust { about }, ADJUSTS_IN).await?;
            Some("it was not restarted: what changed does not need it".to_owned())
        }
        Change::Reload => {
            client::ask(&run, &resource.id, &Request::Reload { about }, ADJUSTS_IN).await?;
            Some("it was told to reload".to_owned())
        }
        Change::Restart => {
            restart(app, &launch, alive.as_deref()).await?;
            None
        }
    };
    Ok(Outcome::Done { uid: uid(&resource.id), content: resource.digest, note })
}

const ADJUSTS_IN: Duration = Duration::from_secs(10);

fn check(action: &Action, alive: Option<&Report>) -> Result<(), HostError> {
    match (&action.precondition, alive) {
        (Precondition::Absent, Some(report)) => {
            Err(HostError::Moved(format!("{} runs already (shim {})", action.id, report.shim.pid)))
        }
        (Precondition::Present { resource_version, .. }, Some(report))
            if !resource_version.is_empty()
                && *resource_version != format!("{}:{}", report.shim.pid, report.shim.start) =>
        {
            Err(HostError::Moved(format!("{} was started anew since the plan was made", action.id)))
        }
        _ => Ok(()),
    }
}

/// What a shim is told, with everything resolved.
pub async fn launch(
    app: &Arc<App>,
    release: &Release,
    resource: &Arc<Resource>,
) -> Result<Launch, HostError> {
    let (app, release, resource) = (app.clone(), release.clone(), resource.clone());
    blocking(move || {
        Runnable::of(&resource.id, &resource.body)?.launch(
            &app,
            &release,
            &resource.id,
            &resource.body,
            resource.digest,
        )
    })
    .await
}

/// What was applied is started again after a boot, before Git is asked.
fn note(app: &App, release: &Release, resource: &Resource) -> Result<(), HostError> {
    let entry = Entry {
        document: Some(resource.digest),
        body: Some(resource.body.clone()),
        release: Some((release.revision.clone(), release.rendered)),
        ..Entry::default()
    };
    app.note(vec![(resource.id.clone(), Some(entry))])
}

async fn restart(app: &App, launch: &Launch, alive: Option<&Report>) -> Result<(), HostError> {
    let grace = alive.map_or(Duration::ZERO, |report| grace(&report.about));
    client::stop(&launch.run, &launch.about.id, grace).await?;
    app.fault(FaultPoint::Stopped);
    client::start(&app.machine().config, launch).await?;
    app.fault(FaultPoint::Started);
    Ok(())
}

/// How long what runs may take to stop.
pub fn grace(about: &About) -> Duration {
    let spec: Result<ProcessSpec, _> = document::spec_of(&about.id, &about.body);
    spec.map_or(Duration::from_secs(10), |spec| spec.stop.grace.as_std())
}

#[derive(Debug, PartialEq, Eq)]
enum Change {
    /// The shim takes over what is new; the process is not touched.
    Adjust,
    /// The process is told to read its configuration again.
    Reload,
    /// The process is stopped and started.
    Restart,
}

/// What the process itself is made of. All else is the shim's business.
const RUNS_AS: [&str; 6] = ["command", "workingDirectory", "env", "envFrom", "user", "limits"];

fn change(report: &Report, about: &About) -> Change {
    let (old, new) = (&report.about, about);
    let same = |fields: &[&str]| {
        let field =
            |about: &About, name: &&str| about.body.pointer(&format!("/spec/{name}")).cloned();
        fields.iter().all(|name| field(old, name) == field(new, name))
    };
    let runs = report.status.main.is_some();
    if old.id.kind != "Process" || !runs || !same(&RUNS_AS) || old.inputs != new.inputs {
        return Change::Restart;
    }
    let reloads = document::spec_of(&new.id, &new.body)
        .is_ok_and(|spec: ProcessSpec| matches!(spec.on_change, OnChange::Reload(_)));
    match (same(&["usesDigests"]), reloads) {
        (true, _) => Change::Adjust,
        (false, true) => Change::Reload,
        (false, false) => Change::Restart,
    }
}

async fn delete(app: &App, id: &ResourceId) -> Result<Outcome, HostError> {
    let run = app.layout.run();
    let grace = match client::look(&run, id).await {
        Some(Found::Alive(report)) => grace(&report.about),
        _ => Duration::ZERO,
    };
    client::stop(&run, id, grace).await?;
    app.note(vec![(id.clone(), None)])?;
    Ok(Outcome::Deleted { note: None })
}

/// Folders that live processes run in.
pub fn folders_in_use(app: &App) -> Vec<PathBuf> {
    let files = std::fs::read_dir(app.layout.run()).into_iter().flatten().flatten();
    files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .filter_map(|path| serde_json::from_slice::<Report>(&std::fs::read(path).ok()?).ok())
        .filter(|report| report.shim.runs())
        .map(|report| report.about.folder)
        .collect()
}
