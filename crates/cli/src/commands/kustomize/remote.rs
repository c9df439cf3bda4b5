//! What a kustomization needs from elsewhere: repositories by Git, files and charts by HTTP.

use std::sync::Arc;

use trueup_fetch::Fetcher;
use trueup_git::GitSource;
use trueup_kustomize::{Answers, Need, RepoSpec, Unavailable};
use trueup_model::SourceSpec;
use trueup_model::need::{Answer, ChartNeed, Need as Wanted};
use trueup_model::ports::{Source as _, Supply as _};
use trueup_model::tree::{MemoryTree, Tree};

use crate::Global;
use crate::error::CliError;

/// How often a build may find out that it needs more: as deep as remote bases may refer to others.
const ROUNDS: usize = 32;

/// Fetches, once anything is needed.
pub struct Remote<'g> {
    global: &'g Global,
    fetching: Option<Fetching>,
    rounds: usize,
}

struct Fetching {
    source: GitSource,
    supply: Fetcher,
}

impl<'g> Remote<'g> {
    /// Nothing has been needed so far.
    pub fn new(global: &'g Global) -> Self {
        Self { global, fetching: None, rounds: 0 }
    }

    /// Adds the answers to what a build needs. What cannot be had is an answer too.
    pub async fn answer(&mut self, needs: &[Need], answers: &mut Answers) -> Result<(), CliError> {
        self.rounds += 1;
        if self.rounds > ROUNDS {
            let needs: Vec<String> = needs.iter().map(ToString::to_string).collect();
            let needs = needs.join(", ");
            return Err(CliError::new(format!(
                "remote bases need others {ROUNDS} times over: {needs}"
            ))
            .hint("look for a base that refers to itself under different names"));
        }
        let fetching = match &mut self.fetching {
            Some(fetching) => fetching,
            empty => empty.insert(Fetching {
                source: crate::state::scratch_source(self.global)?,
                supply: crate::state::fetcher(self.global)?,
            }),
        };
        for need in needs {
            fetching.add(need, answers).await;
        }
        Ok(())
    }
}

impl Fetching {
    async fn add(&self, need: &Need, answers: &mut Answers) {
        match need {
            Need::Repository(spec) => {
                let tree = self.repository(spec).await;
                answers.repository((&spec.clone_spec(), &spec.reference), tree);
            }
            Need::File { url } => answers.file(url.clone(), self.file(url).await),
            Need::Chart { repo, name, version, devel } => {
                let chart = ChartNeed {
                    repository: repo.clone(),
                    name: name.clone(),
                    version: version.clone(),
                    devel: *devel,
                };
                let key = (repo.clone(), name.clone(), version.clone());
                answers.chart(key, self.chart(&chart).await);
            }
        }
    }

    async fn repository(&self, spec: &RepoSpec) -> Result<Arc<dyn Tree>, Unavailable> {
        let source = SourceSpec { repo: spec.clone_spec(), reference: spec.reference.clone() };
        let fetch = async {
            let revision = self.source.resolve(&source).await?;
            self.source.load(&source, &revision.commit).await
        };
        match tokio::time::timeout(spec.timeout, fetch).await {
            Ok(Ok(tree)) => Ok(tree),
            Ok(Err(error)) => Err(Unavailable::Other(error.message)),
            Err(_) => {
                let seconds = spec.timeout.as_secs();
                Err(Unavailable::Other(format!("hit {seconds}s timeout")))
            }
        }
    }

    async fn file(&self, url: &str) -> Result<Arc<[u8]>, Unavailable> {
        match self.supply.supply(&Wanted::File { url: url.to_owned() }).await {
            Ok(supplied) => match supplied.answer {
                Answer::Bytes(bytes) => Ok(bytes),
                Answer::Missing { status, .. } => Err(Unavailable::Status(status)),
                _ => Err(Unavailable::Other("the answer is no file".to_owned())),
            },
            Err(error) => Err(Unavailable::Other(error.message)),
        }
    }

    async fn chart(&self, chart: &ChartNeed) -> Result<Arc<dyn Tree>, Unavailable> {
        let other = |error: &dyn std::error::Error| Unavailable::Other(error.to_string());
        let packed = self.supply.chart(chart).await.map_err(|error| other(&error))?;
        let files = trueup_helm::chart::unpack(&packed).map_err(|error| other(&error))?;
        let mut tree = MemoryTree::new();
        for file in files {
            tree.insert(file.name, file.content);
        }
        Ok(Arc::new(tree))
    }
}
