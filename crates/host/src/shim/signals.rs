//! Signals that a shim listens to.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that a shim listens to.
pub struct Signals {
    /// A child ended.
    pub child: Signal,
    /// The shim is to end.
    pub end: End,
}

/// Signals that end a shim: the machine goes down, or a person says so.
pub struct End {
    terminate: Signal,
    interrupt: Signal,
    /// Heard and left: a shim outlives the terminal it was started from.
    _hangup: Signal,
}

impl Signals {
    /// Listens from now on.
    pub fn listen() -> io::Result<Self> {
        let end = End {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _hangup: signal(SignalKind::hangup())?,
        };
        Ok(Self { child: signal(SignalKind::child())?, end })
    }
}

impl End {
    /// Waits for one of them.
    pub async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
