//! Secrets of the controller's own configuration: tokens, passwords and URLs that hold one. They come
//! from a file, an environment variable or a command, never stand in the configuration itself, and
//! are read again from time to time, so that a rotated one is used without a restart.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use trueup_model::host::ValueFrom;

/// How long a value is used before it is read again.
const KEPT: Duration = Duration::from_secs(60);
/// How long a command may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(20);

/// Why a secret cannot be read. It never holds any of it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretError {
    /// Neither a file, nor a variable, nor a command is named.
    #[error("a secret needs one of `file`, `env` and `command`")]
    Nowhere,
    /// The file.
    #[error("the secret in {file} cannot be read: {why}")]
    File {
        /// Its path.
        file: String,
        /// Why.
        why: String,
    },
    /// The variable.
    #[error("the secret's environment variable {0} is not set")]
    Variable(String),
    /// The command.
    #[error("the command {program} that prints a secret failed: {why}")]
    Command {
        /// Its name.
        program: String,
        /// Why.
        why: String,
    },
    /// There is nothing in it.
    #[error("the secret is empty")]
    Empty,
}

/// A secret, read when it is needed.
pub struct Secret {
    from: ValueFrom,
    kept: Mutex<Option<(Instant, Arc<str>)>>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

impl Secret {
    /// One that comes from here.
    pub fn new(from: &ValueFrom) -> Self {
        Self { from: from.clone(), kept: Mutex::default() }
    }

    /// Its value, without a last newline.
    pub async fn read(&self) -> Result<Arc<str>, SecretError> {
        let mut kept = self.kept.lock().await;
        if let Some((at, value)) = &*kept
            && at.elapsed() < KEPT
        {
            return Ok(Arc::clone(value));
        }
        let value: Arc<str> = fresh(&self.from).await?.trim_end_matches(['\r', '\n']).into();
        if value.is_empty() {
            return Err(SecretError::Empty);
        }
        *kept = Some((Instant::now(), Arc::clone(&value)));
        Ok(value)
    }
}

async fn fresh(from: &ValueFrom) -> Result<String, SecretError> {
    match (&from.file, &from.env, from.command.split_first()) {
        (Some(file), None, None) => {
            let failed = |why| SecretError::File { file: file.clone(), why };
            tokio::fs::read_to_string(file).await.map_err(|error| failed(error.to_string()))
        }
        (None, Some(name), None) => {
            std::env::var(name).map_err(|_| SecretError::Variable(name.clone()))
        }
        (None, None, Some((program, arguments))) => printed_by(program, arguments).await,
        _ => Err(SecretError::Nowhere),
    }
}

async fn printed_by(program: &str, arguments: &[String]) -> Result<String, SecretError> {
    let failed = |why: String| SecretError::Command { program: program.to_owned(), why };
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(COMMAND_WITHIN, command.output())
        .await
        .map_err(|_| failed(format!("it took longer than {} s", COMMAND_WITHIN.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    String::from_utf8(output.stdout).map_err(|_| failed("it printed no text".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_secret_comes_from_one_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "from a file\n").unwrap();
        let file = ValueFrom { file: Some(file.display().to_string()), ..Default::default() };
        assert_eq!(&*Secret::new(&file).read().await.unwrap(), "from a file");
        let command = ["printf", "from a command"].map(str::to_owned).to_vec();
        let command = ValueFrom { command, ..Default::default() };
        assert_eq!(&*Secret::new(&command).read().await.unwrap(), "from a command");
        let both = ValueFrom { file: file.file, ..command };
        assert_eq!(Secret::new(&both).read().await, Err(SecretError::Nowhere));
        let empty = ValueFrom { command: vec!["true".to_owned()], ..Default::default() };
        assert_eq!(Secret::new(&empty).read().await, Err(SecretError::Empty));
    }
}
