//! Runs a command at certain times.
//!
//! A timer has a shim of its own, so that it goes on while the controller is stopped or replaced.
//! A time that passed while the machine was off is made up for, once, where the timer says so. A
//! clock that is set back by hours does not leave a timer waiting for a time far ahead.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use trueup_model::host::{Missed, Overlap, TimerSpec};
use trueup_model::schedule::Schedule;

use super::announce::Announcer;
use super::children::Surroundings;
use super::once::{Ended, Run};
use super::output::Output;
use super::protocol::{LastRun, Launch, Phase, Report, Request, Status};
use super::serve::{Asked, report_of};
use super::signals::Signals;
use super::task::DEFAULT_TIMEOUT;

/// The clock is looked at again after so long, since a person may set it.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// A clock that is set back by less is waited for, so that what ran does not run again; by more it
/// was wrong before (as cron(8) has it).
const SET_BACK: SignedDuration = SignedDuration::from_hours(3);

/// So many runs go on at once at most, whatever the overlap.
const MOST_RUNS: usize = 16;

/// When a timer is due.
pub struct When {
    schedule: Schedule,
    zone: TimeZone,
}

impl When {
    /// Of a timer. The error says what is wrong.
    pub fn of(spec: &TimerSpec) -> Result<Self, String> {
        let zone = match &spec.time_zone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|error| {
                format!("`{name}` is not a time zone that is known here: {error}")
            })?,
        };
        Ok(Self { schedule: Schedule::parse(&spec.schedule)?, zone })
    }
}

struct Timer {
    launch: Launch,
    spec: TimerSpec,
    when: When,
    next: Option<Timestamp>,
    around: Surroundings,
    output: Output,
    runs: Vec<(Timestamp, Run)>,
    announcer: Announcer,
    status: Status,
}

/// Runs a timer until it is told to stop.
pub async fn run(
    launch: Launch,
    spec: TimerSpec,
    when: When,
    notes: Vec<String>,
    reports: watch::Sender<Arc<Report>>,
    mut asked: mpsc::Receiver<Asked>,
    mut signals: Signals,
) {
    let mut timer = Timer::new(launch, spec, when, notes, reports);
    let mut stopping = Vec::new();
    let mut ends = false;
    while !(ends && timer.runs.is_empty()) {
        timer.announce(ends);
        tokio::select! {
            _ = signals.child.recv() => timer.look_after_runs().await,
            () = signals.end.told() => {
                ends = true;
                timer.stop_runs("it was ended with its shim");
            }
            Some((request, reply)) = asked.recv() => if request == Request::Stop {
                ends = true;
                timer.stop_runs("it was stopped");
                stopping.push(reply);
            },
            () = tokio::time::sleep_until(timer.wakes()) => timer.tick(Timestamp::now(), ends),
        }
    }
    timer.status.phase = Phase::Stopped;
    timer.announcer.announce(timer.status.clone());
    for reply in stopping {
        let _ = reply.send(report_of(&timer.announcer.report()));
    }
}

impl Timer {
    fn new(
        launch: Launch,
        spec: TimerSpec,
        when: When,
        notes: Vec<String>,
        reports: watch::Sender<Arc<Report>>,
    ) -> Self {
        Self {
            next: first(&launch, &spec, &when, Timestamp::now()),
            around: Surroundings {
                environment: launch.environment.clone(),
                folder: launch.about.folder.clone(),
                user: launch.user.clone(),
                open_files: None,
            },
            output: Output::to(launch.log.clone()),
            announcer: Announcer::new(&launch, reports),
            runs: Vec::new(),
            status: Status { notes, ..Status::default() },
            launch,
            spec,
            when,
        }
    }

    fn announce(&mut self, ends: bool) {
        self.status.phase = match (ends, self.runs.is_empty()) {
            (true, _) => Phase::Stopping,
            (false, true) => Phase::Waiting,
            (false, false) => Phase::Running,
        };
        self.status.main = self.runs.last().map(|(_, run)| run.main.clone());
        self.status.next_run = self.next;
        self.announcer.announce(self.status.clone());
    }

    fn wakes(&self) -> Instant {
        let due = self.next.map(|next| {
            let left = next.as_millisecond().saturating_sub(Timestamp::now().as_millisecond());
            Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(LOOK_AGAIN)
        });
        let due = Instant::now() + due.unwrap_or(LOOK_AGAIN);
        self.runs.iter().filter_map(|(_, run)| run.deadline()).fold(due, Instant::min)
    }

    fn tick(&mut self, now: Timestamp, ends: bool) {
        for (_, run) in &mut self.runs {
            run.tick();
        }
        if ends {
            return;
        }
        if self.next.is_none_or(|next| now < next) {
            self.follow_the_clock(now);
            return;
        }
        self.next = self.when.schedule.next(now, &self.when.zone);
        match self.spec.overlap {
            Overlap::Skip if !self.runs.is_empty() => {
                self.output.write(b"trueup: this time is left out, the last run still goes on\n");
            }
            Overlap::Replace if !self.runs.is_empty() => {
                self.stop_runs("the next run replaced it");
                self.start(now);
            }
            _ => self.start(now),
        }
    }

    fn follow_the_clock(&mut self, now: Timestamp) {
        let anew = self.when.schedule.next(now, &self.when.zone);
        if let (Some(next), Some(anew)) = (self.next, anew)
            && next.duration_since(anew) > SET_BACK
        {
            self.next = Some(anew);
        }
    }

    fn start(&mut self, now: Timestamp) {
        if self.runs.len() >= MOST_RUNS {
            self.output.write(b"trueup: this time is left out, too many runs still go on\n");
            return;
        }
        let timeout = self.spec.timeout.map_or(DEFAULT_TIMEOUT, |timeout| timeout.as_std());
        match Run::start(&self.launch.command, &self.around, &self.output, timeout) {
            Ok(run) => self.runs.push((now, run)),
            Err(message) => {
                self.status.message = message;
                self.status.last_run = Some(LastRun { at: now, ok: false });
            }
        }
    }

    fn stop_runs(&mut self, why: &str) {
        for (_, run) in &mut self.runs {
            run.stop(why);
        }
    }

    async fn look_after_runs(&mut self) {
        let going: Vec<i32> = self.runs.iter().map(|(_, run)| run.main.pid).collect();
        let mut left = Vec::new();
        for (at, mut run) in std::mem::take(&mut self.runs) {
            match run.ended(&going).await {
                Some(ended) => self.note(at, ended),
                None => left.push((at, run)),
            }
        }
        self.runs = left;
    }

    fn note(&mut self, at: Timestamp, ended: Ended) {
        self.status.last_run = Some(LastRun { at, ok: ended.success() });
        self.status.last_line = ended.lines.last().cloned().unwrap_or_default();
        self.status.message = ended.message;
        self.status.last_exit = Some(ended.exit);
    }
}

/// When a timer that is started now is due: at once, where it was before and nobody was there.
fn first(launch: &Launch, spec: &TimerSpec, when: &When, now: Timestamp) -> Option<Timestamp> {
    let missed = spec.missed == Missed::Run && launch.was_due.is_some_and(|due| due <= now);
    if missed { Some(now) } else { when.schedule.next(now, &when.zone) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trueup_model::{AppName, Digest, ResourceId};

    use super::*;
    use crate::shim::protocol::{About, VERSION};

    /// A timer whose run counts itself and, until told to go on, waits.
    fn timer(folder: &std::path::Path, overlap: &str) -> Timer {
        let script = "echo x >> runs; while [ ! -e go ]; do sleep 0.01; done";
        let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let spec = json!({"schedule": "* * * * *", "command": command, "overlap": overlap});
        let id = ResourceId::new("host.trueup.dev", "Timer", "", "t");
        let about = About {
            version: VERSION,
            app: AppName::from_text("shop"),
            body: json!({"spec": spec}),
            id,
            document: Digest::of(b""),
            inputs: Default::default(),
            folder: folder.to_owned(),
        };
        let launch = Launch {
            about: about.clone(),
            command,
            environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
            user: None,
            run: folder.to_owned(),
            log: folder.join("log"),
            was_due: None,
            unit: None,
        };
        let (reports, _) = watch::channel(Arc::new(Announcer::first(&about)));
        let spec: TimerSpec = serde_json::from_value(spec).unwrap();
        let when = When::of(&spec).unwrap();
        Timer::new(launch, spec, when, Vec::new(), reports)
    }

    fn runs(folder: &std::path::Path) -> usize {
        std::fs::read_to_string(folder.join("runs")).unwrap_or_default().lines().count()
    }

    async fn until(mut good: impl FnMut() -> bool) {
        let waits = async {
            while !good() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waits).await.expect("it comes");
    }

    async fn check(overlap: &str, goes_on: usize, started: usize) {
        let folder = tempfile::tempdir().unwrap();
        let mut timer = timer(folder.path(), overlap);
        timer.tick(Timestamp::now(), false);
        assert_eq!(timer.runs.len(), 0, "{overlap}: it is not time");
        timer.tick(timer.next.unwrap(), false);
        until(|| runs(folder.path()) == 1).await;
        timer.tick(timer.next.unwrap() + jiff::Span::new().hours(1), false);
        until(|| runs(folder.path()) == started).await;
        std::fs::write(folder.path().join("go"), "").unwrap();
        assert_eq!(timer.runs.len(), goes_on, "{overlap}");
        while !timer.runs.is_empty() {
            timer.look_after_runs().await;
            tokio::task::yield_now().await;
        }
        assert!(timer.status.last_run.is_some(), "{overlap}");
        assert_eq!(timer.status.last_run.as_ref().map(|run| run.ok), Some(true), "{overlap}");
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_is_followed_if_it_was_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let mut timer = timer(folder.path(), "Skip");
        let now = Timestamp::now();
        let hours = |hours: i64| SignedDuration::from_hours(hours);
        timer.next = Some(now + hours(2));
        timer.tick(now, false);
        assert_eq!(timer.next, Some(now + hours(2)), "an hour or two are waited for");
        timer.next = Some(now + hours(200));
        timer.tick(now, false);
        assert!(timer.next.is_some_and(|next| next <= now + hours(1)));
        assert_eq!(runs(folder.path()), 0);
    }

    #[tokio::test]
    async fn a_time_that_was_missed_is_made_up_for_where_it_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let timer = timer(folder.path(), "Skip");
        let now = Timestamp::now();
        let due = |missed, was_due| {
            let launch = Launch { was_due, ..timer.launch.clone() };
            let spec = TimerSpec { missed, ..timer.spec.clone() };
            first(&launch, &spec, &timer.when, now) == Some(now)
        };
        let hour = SignedDuration::from_hours(1);
        assert!(due(Missed::Run, Some(now - hour)));
        assert!(!due(Missed::Run, Some(now + hour)));
        assert!(!due(Missed::Run, None));
        assert!(!due(Missed::Skip, Some(now - hour)));
    }

    #[tokio::test]
    async fn what_happens_when_the_last_run_goes_on() {
        check("Skip", 1, 1).await;
        check("Allow", 2, 2).await;
        check("Replace", 2, 2).await;
    }
}
