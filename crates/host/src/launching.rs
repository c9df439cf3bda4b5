//! From a document to what a shim is told: command, folder, user and a clean environment.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trueup_model::host::{ProcessSpec, Running, TaskSpec, TimerSpec};
use trueup_model::{Digest, ResourceId};

use crate::accounts;
use crate::app::App;
use crate::config::{HostConfig, Level};
use crate::document;
use crate::error::{Doing, HostError};
use crate::shim::protocol::{About, Launch, RunAs, VERSION};
use crate::shim::{When, bytes, signal};
use crate::values::Environment;

/// What is run for a resource.
pub struct Runnable {
    running: Running,
    /// What else it runs, in the same folder: probes, and the command of a reload.
    beside: Vec<Vec<String>>,
}

/// From which commit something is started.
#[derive(Clone, Debug)]
pub struct Release {
    /// `TRUEUP_REVISION`.
    pub revision: String,
    /// `TRUEUP_RELEASE`.
    pub rendered: Digest,
}

impl Runnable {
    /// Reads and checks a document of one of the three kinds.
    pub fn of(id: &ResourceId, body: &Value) -> Result<Self, HostError> {
        let (running, beside) = match id.kind.as_str() {
            "Process" => {
                let spec: ProcessSpec = document::spec_of(id, body)?;
                check_process(&spec)?;
                let beside = beside(&spec);
                (spec.into(), beside)
            }
            "Task" => (document::spec_of::<TaskSpec>(id, body)?.into(), Vec::new()),
            _ => {
                let spec: TimerSpec = document::spec_of(id, body)?;
                When::of(&spec).map_err(HostError::Refused)?;
                (spec.into(), Vec::new())
            }
        };
        let runnable = Self { running, beside };
        match runnable.running.command.first() {
            Some(program) if !program.is_empty() => Ok(runnable),
            _ => Err(HostError::Refused(format!("{id}: command is empty"))),
        }
    }

    /// Its own variables, resolved.
    pub fn environment(&self, app: &App) -> Result<Environment, HostError> {
        app.resolver().environment(&self.running.env_from, &self.running.env)
    }

    /// Whether this machine has what it names, and its owner allows it.
    pub fn check(&self, app: &App) -> Result<(), HostError> {
        let config = &app.machine().config;
        let folder = self.folder_as_written(app)?;
        for command in std::iter::once(&self.running.command).chain(&self.beside) {
            config.allowed.command(command, &folder, &config.search_path)?;
        }
        self.run_as(config).map(|_| ())
    }

    /// Which user it runs as, where that is not the one that runs trueup.
    fn run_as(&self, config: &HostConfig) -> Result<(accounts::User, Option<RunAs>), HostError> {
        let own = rustix::process::geteuid().as_raw();
        let (level, allowed) = (config.level, &config.allowed);
        let Some(name) = &self.running.user else {
            return Ok((allowed.user_named(&own.to_string())?, None));
        };
        let user = allowed.user_named(name)?;
        if user.uid == own {
            return Ok((user, None));
        }
        if level == Level::User {
            return Err(HostError::Refused(format!(
                "it is to run as {name}, and only a trueup at system level (run as root) can do \
                 that; leave user out, or install it with `trueup install --host` as root"
            )));
        }
        let groups = accounts::groups_of(&user)?;
        let run_as = RunAs { uid: user.uid, gid: user.gid, groups };
        Ok((user, Some(run_as)))
    }

    /// The folder it runs in, without links: a process keeps running from the release that it was
    /// started from.
    fn folder(&self, app: &App) -> Result<PathBuf, HostError> {
        let own = &app.layout.own;
        std::fs::create_dir_all(own).doing(|| format!("make the folder {}", own.display()))?;
        let path = self.folder_as_written(app)?;
        path.canonicalize().doing(|| format!("use {} as working directory", path.display()))
    }

    fn folder_as_written(&self, app: &App) -> Result<PathBuf, HostError> {
        match &self.running.working_directory {
            Some(text) => app.machine().policy.absolute(&app.name, text),
            None => Ok(app.layout.own.clone()),
        }
    }

    /// What a shim is told.
    pub fn launch(
        self,
        app: &App,
        release: &Release,
        id: &ResourceId,
        body: &Value,
        document: Digest,
    ) -> Result<Launch, HostError> {
        self.check(app)?;
        let (user, run_as) = self.run_as(&app.machine().config)?;
        let own = self.environment(app)?;
        let mut environment = standard(app, &user, release);
        environment.extend(own.variables);
        let about = About {
            version: VERSION,
            app: app.name.clone(),
            id: id.clone(),
            body: body.clone(),
            document,
            inputs: own.inputs,
            folder: self.folder(app)?,
        };
        if let Some(run_as) = &run_as {
            reachable(&about.folder, &user.name, run_as)?;
        }
        Ok(Launch {
            about,
            command: self.running.command,
            environment,
            user: run_as,
            run: app.layout.run(),
            log: app.layout.log(id),
            was_due: None,
            unit: None,
        })
    }
}

/// A process that cannot enter its own folder fails in ways that are hard to understand.
fn reachable(folder: &Path, name: &str, user: &RunAs) -> Result<(), HostError> {
    let closed = |folder: &&Path| {
        folder.metadata().is_ok_and(|found| {
            let enters = if found.uid() == user.uid {
                0o100
            } else if user.groups.contains(&found.gid()) {
                0o010
            } else {
                0o001
            };
            found.mode() & enters == 0 && user.uid != 0
        })
    };
    match folder.ancestors().collect::<Vec<_>>().into_iter().rev().find(closed) {
        None => Ok(()),
        Some(closed) => Err(HostError::Failed(format!(
            "{name} cannot enter {}, on the way to its working directory {}: give it the right to \
             (`chmod o+x`), or keep TrueUp's state where other users may go",
            closed.display(),
            folder.display()
        ))),
    }
}

/// The environment that everything gets: nothing of the controller's but where it lives.
fn standard(app: &App, user: &accounts::User, release: &Release) -> Vec<(String, String)> {
    [
        ("PATH", app.machine().config.search_path.clone()),
        ("HOME", user.home.clone()),
        ("USER", user.name.clone()),
        ("LOGNAME", user.name.clone()),
        ("SHELL", "/bin/sh".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TRUEUP_APP", app.name.to_string()),
        ("TRUEUP_REVISION", release.revision.clone()),
        ("TRUEUP_RELEASE", release.rendered.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// What a process runs beside its own command.
fn beside(spec: &ProcessSpec) -> Vec<Vec<String>> {
    let probes = [&spec.startup_probe, &spec.readiness_probe, &spec.liveness_probe];
    let exec = probes.into_iter().flatten().filter_map(|probe| probe.exec.as_ref());
    let mut commands: Vec<Vec<String>> = exec.map(|exec| exec.command.clone()).collect();
    if let trueup_model::host::OnChange::Reload(reload) = &spec.on_change {
        commands.push(reload.command.clone());
    }
    commands
}

fn check_process(spec: &ProcessSpec) -> Result<(), HostError> {
    let refuse = |message: String| Err(HostError::Refused(message));
    if signal(&spec.stop.signal).is_none() {
        return refuse(format!("stop.signal: there is no signal `{}`", spec.stop.signal));
    }
    if let trueup_model::host::OnChange::Reload(reload) = &spec.on_change {
        match &reload.signal {
            Some(name) if signal(name).is_none() => {
                return refuse(format!("onChange.reload.signal: there is no signal `{name}`"));
            }
            None if reload.command.is_empty() => {
                return refuse("onChange.reload takes a signal or a command".to_owned());
            }
            _ => {}
        }
    }
    if let Some(memory) = spec.limits.as_ref().and_then(|limits| limits.memory.as_deref())
        && bytes(memory).is_none()
    {
        return refuse(format!("limits.memory: `{memory}` is not a quantity such as 256Mi"));
    }
    for probe in [&spec.startup_probe, &spec.readiness_probe, &spec.liveness_probe] {
        let Some(probe) = probe else { continue };
        let ways = usize::from(probe.http_get.is_some())
            + usize::from(probe.tcp_socket.is_some())
            + usize::from(probe.exec.as_ref().is_some_and(|exec| !exec.command.is_empty()));
        if ways != 1 {
            return refuse("a probe takes exactly one of httpGet, tcpSocket and exec".to_owned());
        }
    }
    Ok(())
}

/// A document with the names of the secret values it was, or is to be, started with: a value that
/// changes on the machine shows as a change of `/inputs`.
pub fn with_inputs(body: &Value, inputs: &std::collections::BTreeMap<String, String>) -> Value {
    let mut document = body.clone();
    if let (false, Value::Object(fields)) = (inputs.is_empty(), &mut document) {
        fields.insert("inputs".to_owned(), json!(inputs));
    }
    document
}
