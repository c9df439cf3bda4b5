//! What a person asks of a machine beyond plans: stopping, starting after a boot, logs, forgetting.

use std::collections::BTreeMap;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use trueup_model::ports::PortError;
use trueup_model::{AppName, ResourceId, kinds};

use crate::app::App;
use crate::error::{Doing, HostError};
use crate::launching::{Release, Runnable};
use crate::place::write_durably;
use crate::process;
use crate::readiness::blocking;
use crate::shim::client::{self, Found};
use crate::shim::older_log;
use crate::shim::protocol::{Launch, Report};
use crate::target::HostTarget;

/// Parts of a log, as they come.
pub type Log = Pin<Box<dyn Stream<Item = Vec<u8>> + Send>>;

/// What became of one process when everything was started after a boot.
#[derive(Debug)]
pub struct StartedAgain {
    /// The app.
    pub app: AppName,
    /// The process or timer.
    pub id: ResourceId,
    /// Why it could not be started, if it could not.
    pub error: Option<String>,
}

impl HostTarget {
    /// Stops all that runs of an app. What it wrote stays, and so does what is known of it: the next
    /// apply, or the next boot, starts it again.
    ///
    /// # Errors
    /// The first thing that could not be stopped; the others are.
    pub async fn stop(&self, app: &AppName) -> Result<(), PortError> {
        let app = self.app(app)?;
        let mut first_error = Ok(());
        // In reverse: a timer before the process that it needs.
        for (id, report) in alive(&app).await.into_iter().rev() {
            let stopped = client::stop(&app.layout.run(), &id, process::grace(&report.about)).await;
            first_error = first_error.and(stopped);
        }
        Ok(first_error?)
    }

    /// Stops all that runs of all apps.
    ///
    /// # Errors
    /// The first thing that could not be stopped; the others are.
    pub async fn stop_all(&self) -> Result<(), PortError> {
        let mut first_error = Ok(());
        for app in self.known_apps() {
            first_error = first_error.and(self.stop(&app).await);
        }
        first_error
    }

    /// What runs of an app, as its shims say it.
    ///
    /// # Errors
    /// Where the app's bookkeeping cannot be read.
    pub async fn running(&self, app: &AppName) -> Result<BTreeMap<ResourceId, Report>, PortError> {
        let app = self.app(app)?;
        Ok(alive(&app).await)
    }

    /// Starts what was last applied and does not run: after a boot, without asking Git, and in the
    /// order in which one thing uses another.
    pub async fn start_last_applied(&self) -> Vec<StartedAgain> {
        let mut started = Vec::new();
        for name in self.known_apps() {
            let Ok(app) = self.app(&name) else { continue };
            for (id, body, release) in last_applied(&app) {
                if let Some(Found::Alive(_)) = client::look(&app.layout.run(), &id).await {
                    continue;
                }
                let result = start_again(&app, &id, body, release).await;
                let error = result.err().map(|error| error.sentence());
                started.push(StartedAgain { app: name.clone(), id, error });
            }
            self.watch().shims(&app);
        }
        started
    }

    /// The log of a process, task or timer: what is there, the older first, and with `follow` what
    /// comes.
    ///
    /// # Errors
    /// Where there is no log.
    pub fn logs(&self, app: &AppName, id: &ResourceId, follow: bool) -> Result<Log, PortError> {
        let path = self.app(app)?.layout.log(id);
        if !path.exists() && !follow {
            return Err(PortError::passing(format!(
                "{id} of {app} has no log yet (it would be {})",
                path.display()
            )));
        }
        Ok(Box::pin(log_stream(path, follow)))
    }

    /// What an app that is no more owned stays where it is, and is nobody's from now on. What was
    /// kept of an app that owned nothing any more goes.
    pub(crate) fn forget_kept(&self, name: &AppName) -> Result<(), HostError> {
        let app = self.app(name)?;
        let owns = !app.book().entries().is_empty();
        self.forget_app(name);
        let kept = &app.layout.kept;
        if owns {
            return write_durably(&app.layout.left(), b"")
                .doing(|| format!("write {}", app.layout.left().display()));
        }
        // The app's own folder goes only if nothing is in it.
        let _ = std::fs::remove_dir(&app.layout.own);
        match std::fs::remove_dir_all(kept) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(HostError::io(format!("remove {}", kept.display()), error))
            }
            _ => Ok(()),
        }
    }
}

async fn alive(app: &Arc<App>) -> BTreeMap<ResourceId, Report> {
    let mut found = BTreeMap::new();
    for id in ids_of_shims(app) {
        if let Some(Found::Alive(report)) = client::look(&app.layout.run(), &id).await {
            found.insert(id, *report);
        }
    }
    found
}

/// Every resource of which a shim runs, or ran.
pub fn ids_of_shims(app: &App) -> Vec<ResourceId> {
    let files = std::fs::read_dir(app.layout.run()).into_iter().flatten().flatten();
    let mut ids: Vec<ResourceId> = files
        .filter_map(|file| {
            let path = file.path();
            let text = std::fs::read(path).ok()?;
            Some(serde_json::from_slice::<Report>(&text).ok()?.about.id)
        })
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Processes and timers in the order in which they use each other.
fn last_applied(app: &App) -> Vec<(ResourceId, Value, Release)> {
    let book = app.book();
    let mut left: Vec<(ResourceId, Value, Release)> = book
        .entries()
        .iter()
        .filter(|(id, _)| matches!(id.kind.as_str(), "Process" | "Timer"))
        .filter_map(|(id, entry)| {
            let (revision, rendered) = entry.release.clone()?;
            Some((id.clone(), entry.body.clone()?, Release { revision, rendered }))
        })
        .collect();
    let mut ordered: Vec<(ResourceId, Value, Release)> = Vec::new();
    while !left.is_empty() {
        let waits = |body: &Value| {
            uses(body).any(|used| left.iter().any(|(id, _, _)| id.to_string() == used))
        };
        // A circle was refused before it was applied; were there one, its members go as they come.
        let next = left.iter().position(|(_, body, _)| !waits(body)).unwrap_or(0);
        ordered.push(left.remove(next));
    }
    ordered
}

fn uses(body: &Value) -> impl Iterator<Item = &str> {
    body.pointer("/spec/uses")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

async fn start_again(
    app: &Arc<App>,
    id: &ResourceId,
    body: Value,
    release: Release,
) -> Result<(), HostError> {
    let document = app.entry(id).and_then(|entry| entry.document);
    let document = document.unwrap_or_else(|| trueup_model::resource::canonical_digest(&body));
    let (of, name) = (app.clone(), id.clone());
    let was_due = client::last_words(&app.layout.run(), id).and_then(|last| last.status.next_run);
    let launch =
        blocking(move || Runnable::of(&name, &body)?.launch(&of, &release, &name, &body, document))
            .await?;
    let launch = Launch { was_due, ..launch };
    client::stop(&launch.run, id, Duration::ZERO).await?;
    client::start(&app.machine().config, &launch).await?;
    Ok(())
}

const CHUNK: usize = 64 * 1024;

/// How often a followed log is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What a log held when it was opened, oldest first, then what is appended.
fn log_stream(path: PathBuf, follow: bool) -> impl Stream<Item = Vec<u8>> {
    let older: Vec<PathBuf> =
        (1..=8).rev().map(|n| older_log(&path, n)).filter(|path| path.exists()).collect();
    let state = Reading { older: older.into_iter(), path, file: None, position: 0, follow };
    futures::stream::unfold(state, |mut state| async move {
        let chunk = state.next().await?;
        Some((chunk, state))
    })
}

struct Reading {
    older: std::vec::IntoIter<PathBuf>,
    path: PathBuf,
    file: Option<tokio::fs::File>,
    position: u64,
    follow: bool,
}

impl Reading {
    async fn next(&mut self) -> Option<Vec<u8>> {
        if let Some(path) = self.older.next() {
            return Some(tokio::fs::read(path).await.unwrap_or_default());
        }
        loop {
            if let Some(chunk) = self.read().await {
                return Some(chunk);
            }
            if !self.follow {
                return None;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn read(&mut self) -> Option<Vec<u8>> {
        if self.file.is_none() || was_rotated(&self.path, self.file.as_ref()?).await {
            // What was appended before it was rotated is read to its end first.
            if let Some(rest) = self.chunk().await {
                return Some(rest);
            }
            self.file = tokio::fs::File::open(&self.path).await.ok();
            self.position = 0;
        }
        self.chunk().await
    }

    async fn chunk(&mut self) -> Option<Vec<u8>> {
        let file = self.file.as_mut()?;
        file.seek(SeekFrom::Start(self.position)).await.ok()?;
        let mut chunk = vec![0; CHUNK];
        let n = file.read(&mut chunk).await.ok()?;
        chunk.truncate(n);
        self.position = self.position.saturating_add(n as u64);
        (n > 0).then_some(chunk)
    }
}

async fn was_rotated(path: &Path, file: &tokio::fs::File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let open = file.metadata().await.map(|open| open.ino());
    let there = tokio::fs::metadata(path).await.map(|there| there.ino());
    matches!((open, there), (Ok(open), Ok(there)) if open != there)
}

/// The resource that a person names: `web`, or `Process/web`.
pub fn id_of(text: &str) -> ResourceId {
    let (kind, name) = text.split_once('/').unwrap_or(("Process", text));
    ResourceId::new(kinds::HOST_GROUP, kind, "", name)
}
