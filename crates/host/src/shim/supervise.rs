//! Keeps one process running, and tells how it does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use trueup_model::host::{OnChange, ProcessSpec, Reload};

use super::announce::Announcer;
use super::children::{self, Orphans, Surroundings};
use super::lifecycle::{Effect, Lifecycle, ProbeKind};
use super::output::Output;
use super::probe;
use super::protocol::{About, Launch, Phase, ProcessRef, Reply, Report, Request, Status};
use super::serve::{Asked, report_of};
use super::signals::Signals;

/// How often descendants that nobody waits for are looked for, after one ended.
const ORPHANS_EVERY: Duration = Duration::from_secs(10);

/// How long the last output of an ended process is waited for.
pub(super) const LAST_OUTPUT: Duration = Duration::from_millis(200);

/// What one supervisor holds.
struct Supervisor {
    launch: Launch,
    spec: ProcessSpec,
    life: Lifecycle,
    around: Surroundings,
    output: Output,
    main: Option<ProcessRef>,
    /// Reads what it prints, until nobody can print any more.
    following: Option<JoinHandle<()>>,
    /// What it last printed before it last ended.
    last_line: String,
    notes: Vec<String>,
    probes: mpsc::Sender<(ProbeKind, i32, Result<(), String>)>,
    announcer: Announcer,
    /// Who waits for it to have stopped.
    stopping: Vec<oneshot::Sender<Reply>>,
    ended: bool,
}

/// Supervises until it is told to stop.
pub async fn run(
    launch: Launch,
    spec: ProcessSpec,
    notes: Vec<String>,
    reports: watch::Sender<Arc<Report>>,
    mut asked: mpsc::Receiver<Asked>,
    mut signals: Signals,
) {
    let (probes, mut probed) = mpsc::channel(8);
    let mut supervisor = Supervisor::new(launch, spec, notes, probes, reports);
    let first = supervisor.life.begin();
    supervisor.carry_out(first);
    let mut orphans = Orphans::default();
    let mut look_for_orphans: Option<Instant> = None;
    while !supervisor.ended {
        supervisor.announce();
        let now = Instant::now();
        let wake = [supervisor.life.next(now), look_for_orphans].into_iter().flatten().min();
        tokio::select! {
            _ = signals.child.recv() => {
                look_for_orphans.get_or_insert(Instant::now() + ORPHANS_EVERY);
                supervisor.look_after_main().await;
            }
            () = signals.end.told() => supervisor.stop(),
            Some((kind, pid, result)) = probed.recv() => supervisor.probed(kind, pid, result),
            Some((request, reply)) = asked.recv() => supervisor.asked(request, reply),
            () = until(wake) => {
                if look_for_orphans.is_some_and(|at| at <= Instant::now()) {
                    orphans.reap();
                    look_for_orphans = None;
                }
                let effects = supervisor.life.tick(Instant::now());
                supervisor.carry_out(effects);
            }
        }
    }
    supervisor.announce();
    supervisor.say_stopped();
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

impl Supervisor {
    fn new(
        launch: Launch,
        spec: ProcessSpec,
        notes: Vec<String>,
        probes: mpsc::Sender<(ProbeKind, i32, Result<(), String>)>,
        reports: watch::Sender<Arc<Report>>,
    ) -> Self {
        let around = Surroundings {
            environment: launch.environment.clone(),
            folder: launch.about.folder.clone(),
            user: launch.user.clone(),
            open_files: spec.limits.as_ref().and_then(|limits| limits.open_files),
        };
        Self {
            life: Lifecycle::new(&spec),
            output: Output::to(launch.log.clone()),
            announcer: Announcer::new(&launch, reports),
            launch,
            spec,
            around,
            main: None,
            following: None,
            last_line: String::new(),
            notes,
            probes,
            stopping: Vec::new(),
            ended: false,
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Start => self.start(),
                Effect::Stop => self.signal(self.stop_signal()),
                Effect::Kill => self.kill(),
                Effect::Probe(kind) => self.probe(kind),
                Effect::End => self.ended = true,
            }
        }
    }

    fn start(&mut self) {
        match children::start(&self.launch.command, &self.around) {
            Ok(started) => {
                self.main = Some(started.process);
                self.following = Some(tokio::spawn(self.output.clone().follow(started.output)));
                self.life.started(Instant::now());
            }
            Err(message) => {
                self.output.write(format!("trueup: {message}\n").as_bytes());
                let effects = self.life.not_started(message, Instant::now());
                self.carry_out(effects);
            }
        }
    }

    fn stop_signal(&self) -> Signal {
        children::signal(&self.spec.stop.signal).unwrap_or(Signal::TERM)
    }

    fn signal(&self, signal: Signal) {
        if let Some(main) = &self.main {
            children::signal_group(main.pid, signal);
        }
    }

    fn kill(&mut self) {
        self.signal(Signal::KILL);
        let spared: Vec<i32> = self.main.iter().map(|main| main.pid).collect();
        children::kill_all(&children::left_behind(&spared));
    }

    fn probe(&self, kind: ProbeKind) {
        let (Some(probe), Some(main)) = (self.life.probe_spec(kind), &self.main) else { return };
        let (probe, around, pid) = (probe.clone(), self.around.clone(), main.pid);
        let results = self.probes.clone();
        tokio::spawn(async move {
            let result = probe::attempt(probe, around, pid).await;
            let _ = results.send((kind, pid, result)).await;
        });
    }

    /// An answer about an earlier process says nothing of this one.
    fn probed(&mut self, kind: ProbeKind, pid: i32, result: Result<(), String>) {
        let of_this = self.main.as_ref().is_some_and(|main| main.pid == pid);
        let result = match of_this {
            true => result,
            false => Err("it was started again meanwhile".to_owned()),
        };
        let effects = self.life.probed(kind, result, Instant::now());
        self.carry_out(effects);
    }

    async fn look_after_main(&mut self) {
        let Some(main) = &self.main else { return };
        let pid = main.pid;
        let Some(exit) = children::ended(pid) else { return };
        let left_behind = children::left_behind(&[]);
        if exit.success() && !left_behind.is_empty() {
            self.note_forks();
        }
        // Its group may still hold others; the number cannot be anyone else's before they are gone.
        children::signal_group(pid, Signal::KILL);
        children::kill_all(&left_behind);
        if let Some(following) = self.following.take() {
            let _ = tokio::time::timeout(LAST_OUTPUT, following).await;
        }
        self.last_line = self.output.last_line();
        self.main = None;
        let effects = self.life.exited(exit, Instant::now());
        self.carry_out(effects);
    }

    fn note_forks(&mut self) {
        let note = "its command went on in the background, where it cannot be supervised, and was \
                    ended: run it in the foreground";
        if !self.notes.iter().any(|known| known == note) {
            self.notes.push(note.to_owned());
        }
    }

    fn stop(&mut self) {
        let effects = self.life.stop(Instant::now());
        self.carry_out(effects);
    }

    fn asked(&mut self, request: Request, reply: oneshot::Sender<Reply>) {
        match request {
            Request::Stop => {
                self.stopping.push(reply);
                self.stop();
            }
            Request::Adjust { about } => {
                let _ = reply.send(self.adjust(*about));
            }
            Request::Reload { about } => {
                let reloaded = self.reload();
                let answer = match reloaded {
                    Ok(()) => self.adjust(*about),
                    Err(message) => Reply::Refused { message },
                };
                let _ = reply.send(answer);
            }
            Request::Status | Request::Events => {}
        }
    }

    fn adjust(&mut self, about: About) -> Reply {
        let spec: Result<ProcessSpec, _> = crate::document::spec_of(&about.id, &about.body);
        match spec {
            Ok(spec) => {
                let judged_anew = probes_of(&spec) != probes_of(&self.spec);
                if judged_anew || spec.restart != self.spec.restart || spec.stop != self.spec.stop {
                    self.life.adjust(&spec, Instant::now());
                }
                self.spec = spec;
                self.launch.about = about;
                self.announcer.set_about(&self.launch.about);
                self.announce();
                report_of(&self.announcer.report())
            }
            Err(error) => Reply::Refused { message: error.sentence() },
        }
    }

    fn reload(&mut self) -> Result<(), String> {
        let main = self.main.as_ref().ok_or("it does not run, and cannot be told to reload")?;
        let OnChange::Reload(Reload { signal, command }) = &self.spec.on_change else {
            return Err("its document does not say how it reloads".to_owned());
        };
        if let Some(name) = signal {
            let signal = children::signal(name).ok_or_else(|| format!("no signal `{name}`"))?;
            children::signal_group(main.pid, signal);
        }
        if !command.is_empty() {
            let (command, around) = (command.clone(), self.around.clone());
            let output = self.output.clone();
            tokio::task::spawn_blocking(move || {
                let timeout = crate::command::BRIEFLY;
                let ran =
                    crate::command::run(&command, &around.folder, &around.environment, timeout);
                let said = match ran {
                    Ok(ran) if ran.success => return,
                    Ok(ran) => format!("{}: {}", ran.ending, ran.last_line()),
                    Err(error) => error.sentence(),
                };
                output.write(format!("trueup: reloading failed: {said}\n").as_bytes());
            });
        }
        Ok(())
    }

    fn status(&self) -> Status {
        let phase = self.life.phase(Instant::now());
        let told = matches!(phase, Phase::Starting | Phase::NotReady);
        Status {
            phase,
            main: self.main.clone(),
            failures: self.life.failures(),
            restarts: self.life.restarts(),
            last_exit: self.life.last_exit().cloned(),
            last_line: self.last_line.clone(),
            probe: if told { self.life.probe_message().to_owned() } else { String::new() },
            message: self.life.message().to_owned(),
            notes: self.notes.clone(),
            ..Status::default()
        }
    }

    fn announce(&mut self) {
        let status = self.status();
        self.announcer.announce(status);
    }

    fn say_stopped(&mut self) {
        let report = self.announcer.report();
        for waiting in self.stopping.drain(..) {
            let _ = waiting.send(report_of(&report));
        }
    }
}

type Probes<'a> = [&'a Option<trueup_model::host::Probe>; 3];

fn probes_of(spec: &ProcessSpec) -> Probes<'_> {
    [&spec.startup_probe, &spec.readiness_probe, &spec.liveness_probe]
}
