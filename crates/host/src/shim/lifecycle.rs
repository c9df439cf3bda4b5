//! The life of a supervised process, as a machine without a clock, a process or a socket: it is told
//! what happened and when, and answers what is to be done. `supervise` does it.

use std::time::{Duration, Instant};

use trueup_model::host::{Probe, ProcessSpec, RestartPolicy, RestartSpec};

use super::protocol::{Exit, Phase};

/// A process without probes counts as running when it has done so for this long: one that ends at
/// once was never well.
const SETTLES_IN: Duration = Duration::from_millis(500);

/// After running so long, earlier ends are forgotten.
const RAN_WELL: Duration = Duration::from_secs(600);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start the process.
    Start,
    /// Send the stop signal to its group.
    Stop,
    /// Kill its group, and what it left behind.
    Kill,
    /// Try a probe.
    Probe(ProbeKind),
    /// Nothing is left to do: the shim ends.
    End,
}

/// Which probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// Must succeed once before the others count.
    Startup,
    /// Tells whether it is ready.
    Readiness,
    /// Tells whether it must be restarted.
    Liveness,
}

/// The life of a supervised process.
#[derive(Debug)]
pub struct Lifecycle {
    restart: RestartSpec,
    grace: Duration,
    stage: Stage,
    probes: Vec<ProbeState>,
    failures: u32,
    restarts: u32,
    last_exit: Option<Exit>,
    /// Why it could not be started.
    message: String,
    /// What a probe last said against it.
    probe: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Down,
    Up { since: Instant, ready_once: bool },
    Pausing { until: Instant },
    Stopping { kill_at: Option<Instant>, again: bool },
    Ended(Phase),
}

impl Lifecycle {
    /// Of a process with this spec.
    pub fn new(spec: &ProcessSpec) -> Self {
        let mut life = Self {
            restart: spec.restart.clone(),
            grace: spec.stop.grace.as_std(),
            stage: Stage::Down,
            probes: Vec::new(),
            failures: 0,
            restarts: 0,
            last_exit: None,
            message: String::new(),
            probe: String::new(),
        };
        life.set_probes(spec);
        life
    }

    /// Takes over what can change without a restart. Probes begin anew; one that passed must pass
    /// again.
    pub fn adjust(&mut self, spec: &ProcessSpec, now: Instant) {
        self.restart = spec.restart.clone();
        self.grace = spec.stop.grace.as_std();
        self.set_probes(spec);
        if let Stage::Up { since, .. } = self.stage {
            self.stage = Stage::Up { since, ready_once: false };
            self.begin_probes(now);
        }
    }

    fn set_probes(&mut self, spec: &ProcessSpec) {
        let kinds = [
            (ProbeKind::Startup, &spec.startup_probe),
            (ProbeKind::Readiness, &spec.readiness_probe),
            (ProbeKind::Liveness, &spec.liveness_probe),
        ];
        self.probes = kinds
            .into_iter()
            .filter_map(|(kind, probe)| Some(ProbeState::new(kind, probe.clone()?)))
            .collect();
    }

    /// The probe of a kind.
    pub fn probe_spec(&self, kind: ProbeKind) -> Option<&Probe> {
        self.probes.iter().find(|probe| probe.kind == kind).map(|probe| &probe.spec)
    }

    /// It is to run.
    pub fn begin(&mut self) -> Vec<Effect> {
        vec![Effect::Start]
    }

    /// It was started.
    pub fn started(&mut self, now: Instant) {
        self.message.clear();
        self.probe.clear();
        self.stage = Stage::Up { since: now, ready_once: false };
        self.begin_probes(now);
    }

    fn begin_probes(&mut self, now: Instant) {
        for probe in &mut self.probes {
            probe.begin(now);
        }
    }

    /// It could not be started.
    pub fn not_started(&mut self, message: String, now: Instant) -> Vec<Effect> {
        self.message = message;
        self.ended(None, now)
    }

    /// It ended.
    pub fn exited(&mut self, exit: Exit, now: Instant) -> Vec<Effect> {
        if let Stage::Up { since, .. } = self.stage
            && now.saturating_duration_since(since) >= RAN_WELL
        {
            self.failures = 0;
        }
        self.ended(Some(exit), now)
    }

    fn ended(&mut self, exit: Option<Exit>, now: Instant) -> Vec<Effect> {
        let success = exit.as_ref().is_some_and(Exit::success);
        let stopped = matches!(self.stage, Stage::Stopping { again: false, .. });
        let restarted = matches!(self.stage, Stage::Stopping { again: true, .. });
        self.last_exit = exit.or_else(|| self.last_exit.take());
        if stopped {
            self.stage = Stage::Ended(Phase::Stopped);
            return vec![Effect::Kill, Effect::End];
        }
        let again = restarted
            || match self.restart.policy {
                RestartPolicy::Always => true,
                RestartPolicy::OnFailure => !success,
                RestartPolicy::Never => false,
            };
        self.failures = self.failures.saturating_add(1);
        self.stage = match (again, success) {
            (true, _) => Stage::Pausing { until: now + self.pause() },
            (false, true) => Stage::Ended(Phase::Completed),
            (false, false) => Stage::Ended(Phase::GaveUp),
        };
        vec![Effect::Kill]
    }

    /// How long until it is started again: twice as long each time.
    fn pause(&self) -> Duration {
        let backoff = &self.restart.backoff;
        let doubled = 2u32.checked_pow(self.failures.saturating_sub(1).min(31)).unwrap_or(u32::MAX);
        backoff.initial.as_std().saturating_mul(doubled).min(backoff.max.as_std())
    }

    /// It is to stop, for good.
    pub fn stop(&mut self, now: Instant) -> Vec<Effect> {
        match self.stage {
            Stage::Up { .. } => {
                self.stage = Stage::Stopping { kill_at: now.checked_add(self.grace), again: false };
                vec![Effect::Stop]
            }
            Stage::Stopping { kill_at, .. } => {
                self.stage = Stage::Stopping { kill_at, again: false };
                Vec::new()
            }
            Stage::Down | Stage::Pausing { .. } | Stage::Ended(_) => {
                self.stage = Stage::Ended(Phase::Stopped);
                vec![Effect::Kill, Effect::End]
            }
        }
    }

    /// What a probe said.
    pub fn probed(
        &mut self,
        kind: ProbeKind,
        result: Result<(), String>,
        now: Instant,
    ) -> Vec<Effect> {
        let Stage::Up { since, .. } = self.stage else { return Vec::new() };
        let Some(probe) = self.probes.iter_mut().find(|probe| probe.kind == kind) else {
            return Vec::new();
        };
        let age = now.saturating_duration_since(since);
        probe.heard(result.is_ok(), now, age);
        let must_restart = probe.must_restart();
        match result {
            Err(message) => self.probe = message,
            Ok(()) if kind != ProbeKind::Liveness => self.probe.clear(),
            Ok(()) => {}
        }
        if must_restart {
            self.stage = Stage::Stopping { kill_at: now.checked_add(self.grace), again: true };
            return vec![Effect::Stop];
        }
        if self.is_ready() {
            self.stage = Stage::Up { since, ready_once: true };
        }
        Vec::new()
    }

    fn passed(&self, kind: ProbeKind) -> bool {
        self.probes.iter().find(|probe| probe.kind == kind).is_none_or(|probe| probe.passed)
    }

    fn is_ready(&self) -> bool {
        self.passed(ProbeKind::Startup) && self.passed(ProbeKind::Readiness)
    }

    /// Time went on.
    pub fn tick(&mut self, now: Instant) -> Vec<Effect> {
        match self.stage {
            Stage::Pausing { until } if now >= until => {
                self.restarts = self.restarts.saturating_add(1);
                self.stage = Stage::Down;
                vec![Effect::Start]
            }
            Stage::Stopping { kill_at: Some(kill_at), again } if now >= kill_at => {
                self.stage = Stage::Stopping { kill_at: None, again };
                vec![Effect::Kill]
            }
            Stage::Up { .. } => self.due_probes(now),
            _ => Vec::new(),
        }
    }

    fn due_probes(&mut self, now: Instant) -> Vec<Effect> {
        let started = self.passed(ProbeKind::Startup);
        let mut effects = Vec::new();
        for probe in &mut self.probes {
            if probe.counts(started) && !probe.running && now >= probe.next {
                probe.running = true;
                effects.push(Effect::Probe(probe.kind));
            }
        }
        effects
    }

    /// When time next matters.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        match self.stage {
            Stage::Pausing { until } => Some(until),
            Stage::Stopping { kill_at, .. } => kill_at,
            Stage::Up { since, .. } => {
                let started = self.passed(ProbeKind::Startup);
                let probes = self.probes.iter();
                let due = probes.filter(|probe| probe.counts(started) && !probe.running);
                let settled = Some(since + SETTLES_IN).filter(|at| *at > now);
                due.map(|probe| probe.next).chain(settled).min()
            }
            Stage::Down | Stage::Ended(_) => None,
        }
    }

    /// Where it is.
    pub fn phase(&self, now: Instant) -> Phase {
        let judged = self.probes.iter().any(|probe| probe.kind != ProbeKind::Liveness);
        match self.stage {
            Stage::Down => Phase::Starting,
            Stage::Pausing { .. } if !self.message.is_empty() => Phase::Failed,
            Stage::Pausing { .. } => Phase::Backoff,
            Stage::Stopping { .. } => Phase::Stopping,
            Stage::Ended(Phase::GaveUp) if !self.message.is_empty() => Phase::Failed,
            Stage::Ended(phase) => phase,
            Stage::Up { .. } if judged && self.is_ready() => Phase::Ready,
            Stage::Up { ready_once: true, .. } if judged => Phase::NotReady,
            Stage::Up { since, .. } if !judged && now >= since + SETTLES_IN => Phase::Running,
            Stage::Up { .. } => Phase::Starting,
        }
    }

    /// Ends in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// How often it was started again.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// How it last ended.
    pub fn last_exit(&self) -> Option<&Exit> {
        self.last_exit.as_ref()
    }

    /// Why it could not be started.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What a probe last said against it.
    pub fn probe_message(&self) -> &str {
        &self.probe
    }
}

#[derive(Debug)]
struct ProbeState {
    kind: ProbeKind,
    spec: Probe,
    next: Instant,
    running: bool,
    passed: bool,
    /// Of the same kind, in a row.
    successes: u32,
    failures: u32,
}

impl ProbeState {
    fn new(kind: ProbeKind, spec: Probe) -> Self {
        let next = Instant::now();
        let passed = kind == ProbeKind::Liveness;
        Self { kind, spec, next, running: false, passed, successes: 0, failures: 0 }
    }

    fn begin(&mut self, now: Instant) {
        let delay = u64::from(self.spec.initial_delay_seconds.unwrap_or(0));
        *self = Self {
            next: now + Duration::from_secs(delay),
            running: self.running,
            ..Self::new(self.kind, self.spec.clone())
        };
    }

    /// Startup until it passed; the others from then on.
    fn counts(&self, started: bool) -> bool {
        if self.kind == ProbeKind::Startup { !self.passed } else { started }
    }

    fn heard(&mut self, success: bool, now: Instant, age: Duration) {
        self.running = false;
        if success {
            self.successes = self.successes.saturating_add(1);
            self.failures = 0;
            self.passed |= self.successes >= self.spec.success_threshold.unwrap_or(1);
        } else {
            self.failures = self.failures.saturating_add(1);
            self.successes = 0;
            if self.kind == ProbeKind::Readiness {
                self.passed &= self.failures < self.spec.failure_threshold.unwrap_or(3);
            }
        }
        self.next = now + self.interval(age);
    }

    /// A process that is starting is asked often, and less often the longer it takes: it should be
    /// known to be ready soon after it is.
    fn interval(&self, age: Duration) -> Duration {
        let period = self.spec.period_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let soon = Duration::from_millis(20).max(age / 5);
        match (self.kind, self.passed, period) {
            (ProbeKind::Startup, _, Some(period)) => period,
            (ProbeKind::Startup, _, None) => soon.min(Duration::from_millis(100)),
            (ProbeKind::Readiness, false, period) if self.failures > 0 => {
                soon.min(period.unwrap_or(Duration::from_secs(10)))
            }
            (_, _, period) => period.unwrap_or(Duration::from_secs(10)),
        }
        .max(Duration::from_millis(10))
    }

    /// A startup probe restarts only where the document says after how many failures; else the
    /// app's health deadline judges.
    fn must_restart(&self) -> bool {
        match (self.kind, self.spec.failure_threshold) {
            (ProbeKind::Startup, Some(most)) => !self.passed && self.failures >= most,
            (ProbeKind::Liveness, most) => self.failures >= most.unwrap_or(3),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn life(spec: Value) -> (Lifecycle, Instant) {
        let mut whole = json!({"command": ["x"]});
        for (key, value) in spec.as_object().unwrap() {
            whole[key] = value.clone();
        }
        (Lifecycle::new(&serde_json::from_value(whole).unwrap()), Instant::now())
    }

    fn after(now: Instant, millis: u64) -> Instant {
        now + Duration::from_millis(millis)
    }

    fn code(code: i32) -> Exit {
        Exit::Code { code }
    }

    #[test]
    fn a_process_without_probes_runs_when_it_has_for_a_moment() {
        let (mut life, now) = life(json!({}));
        assert_eq!(life.begin(), [Effect::Start]);
        life.started(now);
        assert_eq!(life.phase(now), Phase::Starting);
        assert_eq!(life.phase(life.next(now).unwrap()), Phase::Running);
    }

    #[test]
    fn it_is_started_again_after_growing_pauses() {
        let restart = json!({"restart": {"backoff": {"initial": "1s", "max": "3s"}}});
        let (mut life, now) = life(restart);
        for pause in [1, 2, 3, 3] {
            life.started(now);
            assert_eq!(life.exited(code(1), now), [Effect::Kill]);
            assert_eq!(life.phase(now), Phase::Backoff);
            let next = life.next(now).unwrap();
            assert_eq!(next - now, Duration::from_secs(pause));
            assert_eq!(life.tick(next), [Effect::Start]);
        }
        assert_eq!((life.failures(), life.restarts()), (4, 4));
        life.started(now);
        life.exited(code(0), now + RAN_WELL);
        assert_eq!(life.failures(), 1);
    }

    #[test]
    fn policies_decide_what_an_end_means() {
        for (policy, exit, phase) in [
            ("Never", 0, Phase::Completed),
            ("Never", 1, Phase::GaveUp),
            ("OnFailure", 0, Phase::Completed),
            ("OnFailure", 1, Phase::Backoff),
            ("Always", 0, Phase::Backoff),
        ] {
            let (mut life, now) = life(json!({"restart": {"policy": policy}}));
            life.started(now);
            life.exited(code(exit), now);
            assert_eq!(life.phase(now), phase, "{policy} {exit}");
        }
    }

    #[test]
    fn what_cannot_be_started_has_failed_and_is_tried_again() {
        let (mut life, now) = life(json!({}));
        life.begin();
        life.not_started("no such file".to_owned(), now);
        assert_eq!((life.phase(now), life.message()), (Phase::Failed, "no such file"));
        assert!(life.next(now).is_some());
    }

    #[test]
    fn stopping_asks_and_then_kills() {
        let (mut life, now) = life(json!({"stop": {"grace": "2s"}}));
        life.started(now);
        assert_eq!(life.stop(now), [Effect::Stop]);
        assert_eq!(life.tick(after(now, 1999)), []);
        assert_eq!(life.tick(after(now, 2000)), [Effect::Kill]);
        let killed = Exit::Signal { signal: "KILL".to_owned() };
        assert_eq!(life.exited(killed, now), [Effect::Kill, Effect::End]);
        assert_eq!(life.phase(now), Phase::Stopped);
    }

    #[test]
    fn readiness_follows_startup() {
        let probe = json!({"tcpSocket": {"port": 1}});
        let (mut life, now) = life(json!({"startupProbe": probe, "readinessProbe": probe}));
        life.started(now);
        assert_eq!(life.tick(now), [Effect::Probe(ProbeKind::Startup)]);
        life.probed(ProbeKind::Startup, Err("refused".to_owned()), now);
        assert_eq!((life.phase(now), life.probe_message()), (Phase::Starting, "refused"));
        assert_eq!(life.tick(now), []);
        life.probed(ProbeKind::Startup, Ok(()), now);
        assert_eq!(life.tick(now), [Effect::Probe(ProbeKind::Readiness)]);
        life.probed(ProbeKind::Readiness, Ok(()), now);
        assert_eq!(life.phase(now), Phase::Ready);
        for _ in 0..3 {
            assert_eq!(life.phase(now), Phase::Ready);
            life.probed(ProbeKind::Readiness, Err("503".to_owned()), now);
        }
        assert_eq!(life.phase(now), Phase::NotReady);
    }

    #[test]
    fn a_failing_liveness_probe_restarts() {
        let (mut life, now) = life(json!({"livenessProbe": {"tcpSocket": {"port": 1}}}));
        life.started(now);
        let fail =
            |life: &mut Lifecycle| life.probed(ProbeKind::Liveness, Err("refused".to_owned()), now);
        assert_eq!(fail(&mut life), []);
        assert_eq!(fail(&mut life), []);
        assert_eq!(fail(&mut life), [Effect::Stop]);
        life.exited(code(0), now);
        assert_eq!(life.phase(now), Phase::Backoff);
    }

    #[test]
    fn probes_are_tried_often_at_first() {
        let (mut life, now) = life(json!({"readinessProbe": {"tcpSocket": {"port": 1}}}));
        life.started(now);
        life.probed(ProbeKind::Readiness, Err("refused".to_owned()), now);
        assert!(life.next(now).unwrap() - now <= Duration::from_millis(20));
        let later = after(now, 10_000);
        life.probed(ProbeKind::Readiness, Err("refused".to_owned()), later);
        assert_eq!(life.next(later).unwrap() - later, Duration::from_secs(2));
    }
}
