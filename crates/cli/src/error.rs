//! The one error type of the shell: what went wrong, and what the person can do.

use std::error::Error as StdError;

/// What ends a command.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    message: String,
    hints: Vec<String>,
}

impl CliError {
    /// An error that is complete in itself.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hints: Vec::new() }
    }

    /// The same, with what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// What to do.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// An error of another crate, with everything that caused it.
    pub fn of(error: &dyn StdError) -> Self {
        Self::new(trueup_controller::run::chain(error))
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::of(&error)
    }
}

impl From<trueup_model::ports::PortError> for CliError {
    fn from(error: trueup_model::ports::PortError) -> Self {
        Self::new(error.message)
    }
}

impl From<trueup_engine::Error> for CliError {
    fn from(error: trueup_engine::Error) -> Self {
        Self::of(&error)
    }
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        Self::of(&error)
    }
}
