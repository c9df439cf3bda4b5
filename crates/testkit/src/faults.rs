//! What goes wrong, and when: drawn from a seed, so that a failure can be had again.

use std::sync::Mutex;

use tokio::sync::Notify;
use trueup_model::ports::PortError;

/// What goes wrong at one step of the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails before it took effect.
    Before,
    /// It takes effect, and an error is answered all the same.
    After,
}

struct State {
    random: fastrand::Rng,
    /// Of a thousand steps, how many fail.
    rate: u32,
    /// The step at which the controller crashes, if it does.
    crash_at: Option<u64>,
    step: u64,
}

/// Seeded faults. Every call of a port is a step, and so is every effect within one.
pub struct Faults {
    state: Mutex<State>,
    crashed: Notify,
}

impl Faults {
    /// None, until told.
    pub fn new(seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self {
            state: Mutex::new(State { random, rate: 0, crash_at: None, step: 0 }),
            crashed: Notify::new(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the faults")
    }

    /// Of a thousand steps, so many fail from now on.
    pub fn set_rate(&self, per_thousand: u32) {
        self.state().rate = per_thousand;
    }

    /// The controller crashes after so many more steps.
    pub fn crash_after(&self, steps: u64) {
        let mut state = self.state();
        state.crash_at = Some(state.step + steps);
    }

    /// No crash any more.
    pub fn no_crash(&self) {
        self.state().crash_at = None;
    }

    /// Ends when the controller crashes.
    pub async fn crashed(&self) {
        self.crashed.notified().await;
    }

    /// One step: it may never come back, because the controller crashed there.
    pub async fn step(&self) -> Option<Fault> {
        let crash = {
            let mut state = self.state();
            state.step += 1;
            let crash = state.crash_at.is_some_and(|at| state.step >= at);
            if crash {
                state.crash_at = None;
            }
            crash
        };
        if crash {
            self.crashed.notify_one();
            std::future::pending::<()>().await;
        }
        let mut state = self.state();
        let rate = state.rate;
        if state.random.u32(0..1000) >= rate {
            return None;
        }
        Some(if state.random.bool() { Fault::Before } else { Fault::After })
    }

    /// A number below `bound`.
    pub fn draw(&self, bound: u32) -> u32 {
        self.state().random.u32(0..bound)
    }

    /// A step of a call that only reads: any fault is an error that passes.
    pub async fn reading(&self, what: &str) -> Result<(), PortError> {
        match self.step().await {
            None => Ok(()),
            Some(_) => Err(PortError::passing(format!("{what} did not answer (simulated)"))),
        }
    }
}
