//! What a build needs that is not in the tree, and the answers to it.
//!
//! A build fetches nothing. Where a kustomization names something remote, the build goes on without
//! it, so as to find the rest, and ends with the list of [`Need`]s. The caller fetches them (or does
//! not) and builds again with the [`Answers`].

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use trueup_model::tree::Tree;

use crate::repo::RepoSpec;

/// Something remote that a kustomization names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// One file, by HTTP. The same address may be needed as [`Need::Repository`] too: it is one
    /// where the file cannot be had.
    File {
        /// Its address.
        url: String,
    },
    /// A Git repository at a revision.
    Repository(RepoSpec),
    /// A Helm chart that is not in the chart folder.
    Chart {
        /// Repository of the chart: an HTTP address, or `oci://…`.
        repo: String,
        /// Its name.
        name: String,
        /// Its version; empty for the newest.
        version: String,
        /// Whether development versions count.
        devel: bool,
    },
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { url } => write!(f, "the file {url}"),
            Self::Repository(spec) => write!(f, "the repository {}", spec.raw),
            Self::Chart { repo, name, version, .. } => {
                write!(f, "the chart {name} {version} of {repo}")
            }
        }
    }
}

/// Why something remote could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// The server answered with this HTTP status.
    Status(u16),
    /// Anything else, in words.
    Other(String),
}

/// What is known of the remote things that kustomizations name.
#[derive(Clone, Default)]
pub struct Answers {
    files: HashMap<String, Result<Arc<[u8]>, Unavailable>>,
    repositories: HashMap<(String, String), Result<Arc<dyn Tree>, Unavailable>>,
    charts: HashMap<ChartKey, Result<Arc<dyn Tree>, Unavailable>>,
}

type ChartKey = (String, String, String);

impl Answers {
    /// No answers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The content of a [`Need::File`].
    pub fn file(&mut self, url: impl Into<String>, content: Result<Arc<[u8]>, Unavailable>) {
        self.files.insert(url.into(), content);
    }

    /// The tree of a [`Need::Repository`], by what would be cloned and the reference: however it was
    /// written, it is the same.
    pub fn repository(
        &mut self,
        (clone_spec, reference): (&str, &str),
        tree: Result<Arc<dyn Tree>, Unavailable>,
    ) {
        self.repositories.insert((clone_spec.to_owned(), reference.to_owned()), tree);
    }

    /// The tree of a [`Need::Chart`]: the chart's own folder is its root.
    pub fn chart(
        &mut self,
        (repo, name, version): (String, String, String),
        tree: Result<Arc<dyn Tree>, Unavailable>,
    ) {
        self.charts.insert((repo, name, version), tree);
    }

    pub(crate) fn file_of(&self, url: &str) -> Option<&Result<Arc<[u8]>, Unavailable>> {
        self.files.get(url)
    }

    pub(crate) fn repository_of(
        &self,
        spec: &RepoSpec,
    ) -> Option<&Result<Arc<dyn Tree>, Unavailable>> {
        self.repositories.get(&(spec.clone_spec(), spec.reference.clone()))
    }

    pub(crate) fn chart_of(&self, key: &ChartKey) -> Option<&Result<Arc<dyn Tree>, Unavailable>> {
        self.charts.get(key)
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers")
            .field("files", &self.files.keys())
            .field("repositories", &self.repositories.keys())
            .field("charts", &self.charts.keys())
            .finish()
    }
}
