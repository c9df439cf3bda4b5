//! Points at which a test may end the process, as a crash would.

/// A point in an apply after which a crash must lose nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultPoint {
    /// What is to be done was noted; nothing is done yet.
    Intended,
    /// Files stand in their places; that they do is not noted.
    Written,
    /// What was done is noted; nobody has been told.
    Noted,
    /// A release lies ready; the link still leads to the old one.
    Released,
    /// The old process is stopped; the new one is not started.
    Stopped,
    /// The new process is started; that it is has not been noted.
    Started,
}

impl FaultPoint {
    /// Its name, for whoever chooses one from outside.
    pub fn name(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Written => "written",
            Self::Noted => "noted",
            Self::Released => "released",
            Self::Stopped => "stopped",
            Self::Started => "started",
        }
    }
}
