//! Simulated time: that of the runtime, which stands still until everybody waits, and jumps.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use trueup_model::ports::Clock;

/// A clock that goes with the runtime's time, which a test pauses (`start_paused`), and that a test
/// can put forward: then the clock jumps, and no timer goes off earlier.
pub struct SimulatedClock {
    began: Instant,
    shows: Mutex<Timestamp>,
}

impl Default for SimulatedClock {
    fn default() -> Self {
        Self::new()
    }
}

impl SimulatedClock {
    /// It shows the first second of 2026.
    pub fn new() -> Self {
        let shows = Timestamp::from_second(1_767_225_600).expect("a time in range");
        Self { began: Instant::now(), shows: Mutex::new(shows) }
    }

    /// Puts it forward.
    pub fn advance(&self, by: Duration) {
        let mut shows = self.shows.lock().expect("no test panics while it holds the clock");
        *shows = shows.checked_add(by).expect("a time in range");
    }

    /// Puts it forward to a time; never back.
    pub fn advance_to(&self, to: Timestamp) {
        let left = to.duration_since(self.now());
        if left.is_positive() {
            self.advance(left.unsigned_abs());
        }
    }

    /// Waits until it shows a time.
    pub async fn until(&self, to: Timestamp) {
        let left = to.duration_since(self.now());
        if left.is_positive() {
            tokio::time::sleep(left.unsigned_abs()).await;
        }
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let shows = *self.shows.lock().expect("no test panics while it holds the clock");
        shows.checked_add(self.began.elapsed()).unwrap_or(Timestamp::MAX)
    }
}
