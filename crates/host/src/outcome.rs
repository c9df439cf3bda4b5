//! What came of an action that did what it was for.

use trueup_model::{Digest, EventResult};

use crate::error::HostError;

/// What came of an action that did what it was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stands, or runs.
    Done {
        /// Its identity.
        uid: String,
        /// The document it was made from.
        content: Digest,
        /// What else is worth telling.
        note: Option<String>,
    },
    /// It is gone.
    Deleted {
        /// What else is worth telling.
        note: Option<String>,
    },
    /// It ran to its end with success.
    Completed {
        /// Its identity.
        uid: String,
        /// The document it ran for.
        content: Digest,
    },
}

/// As an event says it.
pub fn event_result(result: Result<Outcome, HostError>) -> EventResult {
    match result {
        Ok(Outcome::Done { uid, content, note }) => {
            EventResult::Done { uid, content: Some(content), note }
        }
        Ok(Outcome::Deleted { note }) => {
            EventResult::Done { uid: String::new(), content: None, note }
        }
        Ok(Outcome::Completed { uid, content }) => EventResult::Completed { uid, content },
        Err(error) => error.into_result(),
    }
}
