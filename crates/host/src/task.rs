//! `Task`: a script that runs once for each content.
//!
//! What exists of a task is a run that succeeded. One that failed is nothing, so that it is tried
//! again; one that was cut by a crash is tried again too, unless its document says `atMostOnce`.
//! It runs under a shim of its own: the controller can be killed while a task runs, and learns what
//! came of it when it is back.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use trueup_model::host::TaskSpec;
use trueup_model::observed::{ObservedResource, Owner, Prediction, Presence};
use trueup_model::{Action, Health, HealthStatus, Resource, ResourceId, Verb};

use crate::app::App;
use crate::book::Entry;
use crate::document;
use crate::error::HostError;
use crate::fault::FaultPoint;
use crate::launching::{Release, Runnable};
use crate::outcome::Outcome;
use crate::process;
use crate::shim::client::{self, Events, Found};
use crate::shim::protocol::{About, Phase, Report};

/// What is there of a desired task.
pub async fn observe(app: &Arc<App>, resource: &Arc<Resource>) -> ObservedResource {
    let spec: TaskSpec = match document::spec(resource)
        .and_then(|spec| Runnable::of(&resource.id, &resource.body)?.check(app).map(|()| spec))
    {
        Ok(spec) => spec,
        Err(error) => return refused(error.sentence()),
    };
    let prediction = Some(Prediction::Exact(resource.body.clone()));
    let found = client::look(&app.layout.run(), &resource.id).await;
    let ended = match &found {
        Some(Found::Alive(report)) => return begun(resource, report, prediction),
        Some(Found::Gone(report)) if client::has_ended(report) => Some(report),
        Some(Found::Gone(_)) | None => None,
    };
    let cut = was_cut(app, resource, ended.map(|report| &report.about));
    match ended {
        _ if cut && spec.at_most_once => refused(format!(
            "a run for this content was cut by a crash, and `atMostOnce` forbids another: see what \
             it did (its log is {}); then change its document to have it run again, or remove it",
            app.layout.log(&resource.id).display()
        )),
        Some(report) if report.status.phase == Phase::Succeeded => {
            begun(resource, report, prediction)
        }
        Some(report) if is_for(&report.about, resource) => {
            let health = health_of(report);
            ObservedResource { prediction, health, ..ObservedResource::absent() }
        }
        _ if cut => {
            let why = "its last run was cut by a crash; it runs again";
            let health = Health::new(HealthStatus::Missing, why);
            ObservedResource { prediction, health, ..ObservedResource::absent() }
        }
        _ => {
            let health = document::health("Task", json!({}));
            ObservedResource { prediction, health, ..ObservedResource::absent() }
        }
    }
}

fn refused(message: String) -> ObservedResource {
    let prediction = Some(Prediction::Refused { message, permanent: true });
    ObservedResource { prediction, ..ObservedResource::absent() }
}

/// Whether a run of this was for this content.
fn is_for(about: &About, resource: &Resource) -> bool {
    about.document == resource.digest || about.body.get("spec") == resource.body.get("spec")
}

/// Whether a run for this content was begun and nothing says how it ended.
fn was_cut(app: &App, resource: &Resource, ended: Option<&About>) -> bool {
    let begun = app.entry(&resource.id).filter(|entry| entry.intended);
    begun.is_some_and(|entry| entry.document == Some(resource.digest))
        && !ended.is_some_and(|about| is_for(about, resource))
}

/// A run that succeeded, or is on its way.
fn begun(resource: &Resource, report: &Report, prediction: Option<Prediction>) -> ObservedResource {
    let synced = is_for(&report.about, resource).then_some(resource.digest);
    ObservedResource {
        prediction,
        synced,
        live: synced.is_none().then(|| report.about.body.clone()),
        ..present(&resource.id, report)
    }
}

fn present(id: &ResourceId, report: &Report) -> ObservedResource {
    ObservedResource {
        presence: Presence::Present,
        owner: Owner::Ours,
        uid: process::uid(id),
        health: health_of(report),
        ..ObservedResource::absent()
    }
}

fn health_of(report: &Report) -> Health {
    document::health("Task", serde_json::to_value(&report.status).unwrap_or_default())
}

/// What is there of a task that is in the inventory and not desired.
pub async fn observe_unwanted(app: &App, id: &ResourceId) -> ObservedResource {
    match client::look(&app.layout.run(), id).await {
        Some(Found::Alive(report) | Found::Gone(report)) => {
            ObservedResource { live: Some(report.about.body.clone()), ..present(id, &report) }
        }
        None => ObservedResource::absent(),
    }
}

/// Carries out an action on a task: runs it to its end, or forgets it.
pub async fn apply(
    app: &Arc<App>,
    release: &Release,
    action: &Action,
) -> Result<Outcome, HostError> {
    match (&action.content, action.verb) {
        (None, _) | (_, Verb::Delete) => delete(app, &action.id).await,
        (Some(resource), _) => run(app, release, resource).await,
    }
}

async fn delete(app: &App, id: &ResourceId) -> Result<Outcome, HostError> {
    client::stop(&app.layout.run(), id, Duration::from_secs(10)).await?;
    app.note(vec![(id.clone(), None)])?;
    Ok(Outcome::Deleted { note: None })
}

async fn run(
    app: &Arc<App>,
    release: &Release,
    resource: &Arc<Resource>,
) -> Result<Outcome, HostError> {
    let folder = app.layout.run();
    let goes_on = match client::look(&folder, &resource.id).await {
        Some(Found::Alive(report)) => is_for(&report.about, resource),
        _ => false,
    };
    if !goes_on {
        start(app, release, resource).await?;
    }
    let report = wait(app, &resource.id).await?;
    if report.status.phase != Phase::Succeeded {
        note(app, resource, false)?;
        return Err(HostError::Failed(failure(app, &report)));
    }
    note(app, resource, false)?;
    app.fault(FaultPoint::Noted);
    Ok(Outcome::Completed { uid: process::uid(&resource.id), content: resource.digest })
}

async fn start(
    app: &Arc<App>,
    release: &Release,
    resource: &Arc<Resource>,
) -> Result<(), HostError> {
    let launch = process::launch(app, release, resource).await?;
    // One for another content may still run, and two at once were never meant.
    client::stop(&launch.run, &resource.id, Duration::from_secs(10)).await?;
    note(app, resource, true)?;
    app.fault(FaultPoint::Intended);
    client::start(&app.machine().config, &launch).await?;
    app.fault(FaultPoint::Started);
    Ok(())
}

fn note(app: &App, resource: &Resource, intended: bool) -> Result<(), HostError> {
    let entry = Entry { intended, document: Some(resource.digest), ..Entry::default() };
    app.note(vec![(resource.id.clone(), Some(entry))])
}

/// Waits until a run has ended. It has a timeout of its own, which its shim keeps.
async fn wait(app: &App, id: &ResourceId) -> Result<Report, HostError> {
    let folder = app.layout.run();
    if let Ok(mut events) = Events::of(&folder, id).await {
        while let Some(report) = events.next().await {
            if client::has_ended(&report) {
                break;
            }
        }
        // It writes down what came of it before it ends, and we wait for that.
        while events.next().await.is_some() {}
    }
    match client::last_words(&folder, id) {
        Some(report) if client::has_ended(&report) => Ok(report),
        _ => Err(HostError::Failed(format!(
            "{id}: the run was cut short: its shim was killed (its log is {})",
            app.layout.log(id).display()
        ))),
    }
}

fn failure(app: &App, report: &Report) -> String {
    let reason = health_of(report).reason;
    let log = app.layout.log(&report.about.id);
    format!("{}: {reason} (the whole output is in {})", report.about.id, log.display())
}
