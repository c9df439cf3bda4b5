//! Time that stands still until it is moved.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use trueup_model::ports::Clock;

/// A clock that a test moves.
pub struct SimulatedClock(Mutex<Timestamp>);

impl Default for SimulatedClock {
    fn default() -> Self {
        Self::new()
    }
}

impl SimulatedClock {
    /// It shows the first second of 2026.
    pub fn new() -> Self {
        Self(Mutex::new(Timestamp::from_second(1_767_225_600).expect("a time in range")))
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().expect("no test panics while it holds the clock");
        *now = now.checked_add(by).expect("a time in range");
    }

    /// Moves it to a time; never back.
    pub fn advance_to(&self, to: Timestamp) {
        let mut now = self.0.lock().expect("no test panics while it holds the clock");
        *now = (*now).max(to);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no test panics while it holds the clock")
    }
}
