//! The controller's side: starting shims, and asking them.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::OwnedReadHalf;
use tokio::process::Command;
use trueup_model::ResourceId;

use super::protocol::{Launch, Phase, ProcessRef, Reply, Report, Request};
use super::serve::Address;
use super::unit;
use crate::config::HostConfig;
use crate::error::{Doing, HostError};
use crate::place::make_private_folder;
use crate::readiness::waitable;

/// A shim that lives answers within this time, however busy the machine is.
const ANSWERS_IN: Duration = Duration::from_secs(10);

/// What is known of what runs, or ran, for a resource.
#[derive(Clone, Debug)]
pub enum Found {
    /// Its shim lives and says this.
    Alive(Box<Report>),
    /// Its shim is gone; these were its last words.
    Gone(Box<Report>),
}

/// Looks for the shim of a resource in a folder of sockets.
pub async fn look(run: &Path, id: &ResourceId) -> Option<Found> {
    match ask(run, id, &Request::Status, ANSWERS_IN).await {
        Ok(report) => Some(Found::Alive(Box::new(report))),
        Err(_) => {
            let report = last_words(run, id)?;
            // Its socket may have been removed by hand: then what it last wrote is what it says.
            Some(match report.shim.runs() {
                true => Found::Alive(Box::new(report)),
                false => Found::Gone(Box::new(report)),
            })
        }
    }
}

/// What the shim of a resource last wrote of itself.
pub fn last_words(run: &Path, id: &ResourceId) -> Option<Report> {
    let text = std::fs::read(run.join(format!("{}.json", crate::layout::stem(id)))).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Asks a shim one thing and waits for one answer.
pub async fn ask(
    run: &Path,
    id: &ResourceId,
    request: &Request,
    timeout: Duration,
) -> Result<Report, HostError> {
    let doing = || format!("ask the shim of {id}");
    let asked = async {
        let mut lines = send(run, id, request).await.doing(doing)?;
        let line = lines.next_line().await.doing(doing)?;
        line.ok_or_else(|| HostError::Failed(format!("the shim of {id} ended without an answer")))
    };
    let line = tokio::time::timeout(timeout, asked).await.map_err(|_| {
        HostError::Failed(format!(
            "the shim of {id} does not answer within {} s",
            timeout.as_secs()
        ))
    })??;
    read(id, &line)
}

async fn send(
    run: &Path,
    id: &ResourceId,
    request: &Request,
) -> std::io::Result<Lines<BufReader<OwnedReadHalf>>> {
    let address = Address { folder: run.to_owned(), name: super::socket_name(id) };
    let (reader, mut writer) = address.connect()?.into_split();
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    // The shim reads until the end: the writing half must stay open while an answer is awaited.
    writer.forget();
    Ok(BufReader::new(reader).lines())
}

fn read(id: &ResourceId, line: &str) -> Result<Report, HostError> {
    let reply = serde_json::from_str(line).map_err(|error| {
        HostError::Failed(format!("the shim of {id} answers what is not understood: {error}"))
    })?;
    match reply {
        Reply::Report { report } => Ok(*report),
        Reply::Refused { message } => Err(HostError::Failed(message)),
    }
}

/// What a shim says, now and at each change.
pub struct Events {
    id: ResourceId,
    lines: Lines<BufReader<OwnedReadHalf>>,
}

impl Events {
    /// Listens to the shim of a resource.
    pub async fn of(run: &Path, id: &ResourceId) -> Result<Self, HostError> {
        let lines = send(run, id, &Request::Events).await;
        Ok(Self { id: id.clone(), lines: lines.doing(|| format!("listen to the shim of {id}"))? })
    }

    /// The next report; `None` when the shim has ended.
    pub async fn next(&mut self) -> Option<Report> {
        let line = self.lines.next_line().await.ok()??;
        read(&self.id, &line).ok()
    }
}

/// Starts a shim, as a unit of systemd where that is to be. The answer is its first report.
pub async fn start(config: &HostConfig, launch: &Launch) -> Result<Report, HostError> {
    let Some(units) = &config.units else {
        return spawn(plain(config), launch).await;
    };
    let name = unit::name(launch);
    let launched = Launch { unit: Some(name.clone()), ..launch.clone() };
    match spawn(units.command(&config.shim, launch, &name), &launched).await {
        Err(error @ (HostError::Failed(_) | HostError::Io { .. })) => {
            let (id, why) = (&launch.about.id, error.sentence());
            tracing::warn!(%id, "systemd starts no unit, so it runs without one: {why}");
            spawn(plain(config), launch).await
        }
        started => started,
    }
}

fn plain(config: &HostConfig) -> Command {
    let mut command = Command::new(&config.shim);
    command.arg("shim").env_clear();
    command
}

async fn spawn(mut command: Command, launch: &Launch) -> Result<Report, HostError> {
    let id = &launch.about.id;
    let program = command.as_std().get_program().to_owned();
    let doing = || format!("start the shim of {id} ({})", program.display());
    make_private_folder(&launch.run).doing(doing)?;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .doing(doing)?;
    let text = serde_json::to_vec(launch).expect("what is launched is plain JSON");
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&text).await.doing(doing)?;
        stdin.shutdown().await.doing(doing)?;
    }
    let answer = async {
        let stdout = child.stdout.take()?;
        BufReader::new(stdout).lines().next_line().await.ok()?
    };
    let line = tokio::time::timeout(ANSWERS_IN, answer).await.ok().flatten().ok_or_else(|| {
        HostError::Failed(format!(
            "the shim of {id} did not start: {} gave no answer",
            program.display()
        ))
    })?;
    // From here on it lives by itself; the runtime reaps it if it ends while we are there.
    drop(child);
    match serde_json::from_str(&line) {
        Ok(Reply::Refused { message }) => Err(HostError::Refused(format!("{id}: {message}"))),
        _ => read(id, &line),
    }
}

/// Stops what runs for a resource, and its shim, however it does: asked first, and killed where it
/// does not answer. What a shim left behind when it was killed is killed too.
pub async fn stop(run: &Path, id: &ResourceId, grace: Duration) -> Result<(), HostError> {
    let timeout = grace.saturating_add(ANSWERS_IN);
    match look(run, id).await {
        None => return Ok(()),
        Some(Found::Alive(report)) => {
            if ask(run, id, &Request::Stop, timeout).await.is_err() {
                super::signal_group(report.shim.pid, Signal::KILL);
                let last = last_words(run, id).unwrap_or(*report);
                kill_left_behind(&last).await?;
            }
            wait_for_end(&last_shim(run, id), timeout).await?;
        }
        Some(Found::Gone(report)) => kill_left_behind(&report).await?,
    }
    for ending in ["json", "sock"] {
        let _ = std::fs::remove_file(run.join(format!("{}.{ending}", crate::layout::stem(id))));
    }
    Ok(())
}

fn last_shim(run: &Path, id: &ResourceId) -> Option<ProcessRef> {
    last_words(run, id).map(|report| report.shim)
}

/// Kills the process that a dead shim supervised, and waits until it is gone: its port and its
/// files are needed by its successor.
async fn kill_left_behind(report: &Report) -> Result<(), HostError> {
    if let Some(main) = report.status.main.as_ref().filter(|main| main.runs()) {
        super::signal_group(main.pid, Signal::KILL);
        wait_for_end(&report.status.main, ANSWERS_IN).await?;
    }
    Ok(())
}

/// A shim that has answered ends by itself; its successor must not meet it.
async fn wait_for_end(shim: &Option<ProcessRef>, timeout: Duration) -> Result<(), HostError> {
    let Some(shim) = shim else { return Ok(()) };
    let Some(pid) = Pid::from_raw(shim.pid) else { return Ok(()) };
    let Ok(pidfd) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else {
        return Ok(());
    };
    if !shim.runs() {
        return Ok(());
    }
    let ends = async { waitable(pidfd)?.readable().await.map(|_| ()) };
    match tokio::time::timeout(timeout, ends).await {
        Ok(_) => Ok(()),
        Err(_) => Err(HostError::Failed(format!("process {} does not end", shim.pid))),
    }
}

/// Whether a report says that a task has come to its end.
pub fn has_ended(report: &Report) -> bool {
    matches!(report.status.phase, Phase::Succeeded | Phase::Failed)
}
