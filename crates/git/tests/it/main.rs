//! Real repositories, made with the git binary. Where there is none, each test says so and passes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod formats;
mod http;
mod local;
mod push;
mod server;
mod ssh;

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use trueup_git::{GitSource, Options};
use trueup_model::ports::Source;
use trueup_model::{Revision, SourceSpec};

/// A folder with repositories, and a source that reads them.
struct Bench {
    folder: TempDir,
    source: GitSource,
}

/// A bench, or nothing where git is missing.
fn bench() -> Option<Bench> {
    bench_with(|options| options)
}

/// A bench of which the source has other options.
fn bench_with(change: impl FnOnce(Options) -> Options) -> Option<Bench> {
    if Command::new("git").arg("version").output().is_err() {
        eprintln!("git is not installed: there is nothing to test with");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let options = change(Options::new(folder.path().join("cache")));
    Some(Bench { folder, source: GitSource::new(options) })
}

impl Bench {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A repository with a working copy on `main`.
    fn repo(&self, name: &str) -> Repo {
        let path = self.path(name);
        std::fs::create_dir_all(&path).unwrap();
        let repo = Repo { path };
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }

    async fn resolve(&self, repo: &str, reference: &str) -> Result<Revision, String> {
        let resolved = self.source.resolve(&spec(repo, reference)).await;
        resolved.map_err(|error| error.message)
    }

    async fn read(&self, repo: &str, commit: &str, path: &str) -> Result<String, String> {
        let tree = self.source.load(&spec(repo, ""), commit).await;
        let content = tree.map_err(|error| error.message)?.read(path);
        Ok(String::from_utf8(content.map_err(|error| error.to_string())?.to_vec()).unwrap())
    }
}

fn spec(repo: &str, reference: &str) -> SourceSpec {
    SourceSpec { repo: repo.to_owned(), reference: reference.to_owned() }
}

/// A repository, and the git binary to change it with.
struct Repo {
    path: PathBuf,
}

impl Repo {
    fn at(path: PathBuf) -> Self {
        Self { path }
    }

    fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(&self.path, arguments)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Writes a file, commits it and answers the commit.
    fn commit(&self, path: &str, content: &str) -> String {
        self.write(path, content);
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", &format!("change {path}")]);
        self.head()
    }

    fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }
}

/// Runs git with nobody's configuration and a fixed clock.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.com")
        .env("GIT_COMMITTER_NAME", "Bob")
        .env("GIT_COMMITTER_EMAIL", "bob@example.com")
        .env("GIT_AUTHOR_DATE", "1700000000 +0100")
        .env("GIT_COMMITTER_DATE", "1700000001 +0100")
        .output()
        .unwrap();
    let (out, error) = (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success(), "git {arguments:?}: {error}");
    String::from_utf8(out).unwrap().trim().to_owned()
}
