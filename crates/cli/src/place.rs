//! Where things are on this machine: the state folder, and the repository a person means.

use std::path::{Path, PathBuf};

use trueup_model::SourceSpec;

use crate::Global;
use crate::error::CliError;

/// The state folder: as told, else as configured, else the user's own.
pub fn state_folder(global: &Global) -> Result<PathBuf, CliError> {
    if let Some(folder) = &global.given.state {
        return Ok(std::path::absolute(folder)?);
    }
    if let Some(folder) = &global.config()?.state {
        return Ok(folder.as_path().to_owned());
    }
    if let Some(base) = std::env::var_os("XDG_STATE_HOME").filter(|base| !base.is_empty()) {
        return Ok(Path::new(&base).join("trueup"));
    }
    match std::env::var_os("HOME").filter(|home| !home.is_empty()) {
        Some(home) => Ok(Path::new(&home).join(".local/state/trueup")),
        None => Err(CliError::new("neither HOME nor XDG_STATE_HOME is set")
            .hint("name a folder with --state")),
    }
}

/// The socket of the controller that keeps this state folder.
pub fn socket(state: &Path) -> PathBuf {
    state.join("control.sock")
}

/// What a person means by REPO, `--ref` and `--path`: a URL as it stands; a local folder with its
/// whole path, and, where it stands inside of a repository, that repository and the rest as path.
pub fn source(
    repo: &str,
    reference: Option<&str>,
    path: Option<&str>,
) -> Result<(SourceSpec, String), CliError> {
    let path = path.unwrap_or_default().trim_matches('/').trim_start_matches("./").to_owned();
    let path = if path == "." { String::new() } else { path };
    let reference = reference.unwrap_or_default().to_owned();
    let local = Path::new(repo.strip_prefix("file://").unwrap_or(repo));
    if !local.exists() {
        if is_remote(repo) {
            return Ok((SourceSpec { repo: repo.to_owned(), reference }, path));
        }
        return Err(CliError::new(format!("there is no folder {repo}")).hint(
            "name a Git repository: a folder, or a URL with https://, ssh:// or user@host:path",
        ));
    }
    let local = local.canonicalize()?;
    let root = local.ancestors().find(|folder| is_repository(folder)).unwrap_or(&local);
    let inner = local.strip_prefix(root).unwrap_or(Path::new("")).to_string_lossy().into_owned();
    let joined = trueup_model::tree::join(&inner, &path)
        .ok_or_else(|| CliError::new(format!("{path} leads out of {}", root.display())))?;
    Ok((SourceSpec { repo: root.to_string_lossy().into_owned(), reference }, joined))
}

fn is_remote(repo: &str) -> bool {
    let scheme = ["https://", "http://", "ssh://", "git://"].iter().any(|s| repo.starts_with(s));
    let scp_like =
        repo.split_once(':').is_some_and(|(host, _)| host.contains('@') && !host.contains('/'));
    scheme || scp_like
}

fn is_repository(folder: &Path) -> bool {
    folder.join(".git").exists()
        || (folder.join("objects").is_dir() && folder.join("HEAD").is_file())
}
