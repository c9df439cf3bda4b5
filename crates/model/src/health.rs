//! Health: how a resource, or an app, does, and why.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How it does. The order is from best to worst, so that the worst of several is their maximum.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum HealthStatus {
    /// It does what it is for.
    Healthy,
    /// A person suspended it; nothing is wrong.
    Suspended,
    /// On the way; time may bring it there.
    Progressing,
    /// It is not there (yet).
    Missing,
    /// Nothing can be said.
    Unknown,
    /// It failed, and waiting alone will not help.
    Degraded,
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Suspended => "suspended",
            Self::Progressing => "progressing",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
            Self::Degraded => "degraded",
        })
    }
}

/// How something does, and the reason a person understands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// How it does.
    pub status: HealthStatus,
    /// Why, as a sentence without a full stop; empty where there is nothing to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Health {
    /// A status with its reason.
    pub fn new(status: HealthStatus, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }

    /// Healthy, with nothing to say.
    pub fn healthy() -> Self {
        Self::new(HealthStatus::Healthy, "")
    }

    /// Whether what follows it may go on: healthy, or suspended on purpose.
    pub fn lets_go_on(&self) -> bool {
        self.status <= HealthStatus::Suspended
    }
}
