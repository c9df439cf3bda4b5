//! One run of a command to its end: a task's, or one of a timer's.

use std::time::Duration;

use rustix::process::Signal;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::children::{self, Surroundings};
use super::output::Output;
use super::protocol::{Exit, ProcessRef};
use super::supervise::LAST_OUTPUT;

/// A run that takes too long is told to stop, and killed so long after.
const GRACE: Duration = Duration::from_secs(10);

/// A run that goes on.
pub struct Run {
    /// Its process.
    pub main: ProcessRef,
    output: Output,
    following: JoinHandle<()>,
    timeout: Duration,
    deadline: Instant,
    told: Option<String>,
    killed: bool,
}

/// What came of a run.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub exit: Exit,
    /// Why it was ended, if it did not end by itself.
    pub message: String,
    /// The last lines it printed.
    pub lines: Vec<String>,
}

impl Ended {
    /// Whether it succeeded.
    pub fn success(&self) -> bool {
        self.message.is_empty() && self.exit.success()
    }
}

impl Run {
    /// Starts a run. The error is a sentence.
    pub fn start(
        command: &[String],
        around: &Surroundings,
        output: &Output,
        timeout: Duration,
    ) -> Result<Self, String> {
        let started = children::start(command, around)
            .inspect_err(|message| output.write(format!("trueup: {message}\n").as_bytes()))?;
        let now = Instant::now();
        Ok(Self {
            main: started.process,
            output: output.clone(),
            following: tokio::spawn(output.clone().follow(started.output)),
            timeout,
            deadline: now.checked_add(timeout).unwrap_or(now + Duration::from_secs(86_400 * 365)),
            told: None,
            killed: false,
        })
    }

    /// When something is to be done about it, if it still runs then.
    pub fn deadline(&self) -> Option<Instant> {
        (!self.killed).then_some(self.deadline)
    }

    /// Time went on.
    pub fn tick(&mut self) {
        if self.killed || Instant::now() < self.deadline {
            return;
        }
        if self.told.is_some() {
            self.killed = true;
            children::signal_group(self.main.pid, Signal::KILL);
            return;
        }
        let seconds = trueup_model::app::Duration::from_secs(self.timeout.as_secs().max(1));
        self.stop(&format!("it took longer than {seconds} and was ended"));
    }

    /// Ends it, for this reason.
    pub fn stop(&mut self, why: &str) {
        if self.told.is_none() {
            self.told = Some(why.to_owned());
            self.deadline = Instant::now() + GRACE;
            children::signal_group(self.main.pid, Signal::TERM);
        }
    }

    /// What came of it, if it has ended.
    pub async fn ended(&mut self, spared: &[i32]) -> Option<Ended> {
        let exit = children::ended(self.main.pid)?;
        children::signal_group(self.main.pid, Signal::KILL);
        children::kill_all(&children::left_behind(spared));
        let _ = tokio::time::timeout(LAST_OUTPUT, &mut self.following).await;
        let message = self.told.take().unwrap_or_default();
        Some(Ended { exit, message, lines: self.output.last_lines() })
    }
}
