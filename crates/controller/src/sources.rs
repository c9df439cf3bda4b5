//! What is known of repositories: asked once for all apps that use them.
//!
//! The controller asks a repository ([`Sources::refresh`]) when it may have news: once for each
//! reference that anything uses, however many apps that are. Runs are given a source that answers
//! from what was learned then ([`Sources::over`]), so that a run asks nobody, and all apps of one
//! commit share its tree.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use trueup_model::ports::{PortError, Source};
use trueup_model::source::Revert;
use trueup_model::tree::Tree;
use trueup_model::{Revision, SourceSpec};

/// So many answers about ancestry are remembered for each reference.
const ANCESTRIES_MAX: usize = 64;

/// A commit and its files.
#[derive(Clone)]
pub struct Snapshot {
    /// The commit.
    pub revision: Revision,
    /// Its files.
    pub tree: Arc<dyn Tree>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.revision.fmt(f)
    }
}

/// What a repository last said of a reference.
pub type Answer = Result<Snapshot, PortError>;

struct Known {
    answer: Answer,
    ancestries: HashMap<(String, String), bool>,
}

/// What all repositories last said. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Sources {
    known: Arc<Mutex<BTreeMap<SourceSpec, Known>>>,
}

impl Sources {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<SourceSpec, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a reference.
    pub fn known(&self, spec: &SourceSpec) -> Option<Answer> {
        self.lock().get(spec).map(|known| known.answer.clone())
    }

    /// Asks for these references, which are of one repository, and remembers the answers. Says what
    /// was known before of each.
    pub async fn refresh(
        &self,
        source: &dyn Source,
        specs: Vec<SourceSpec>,
    ) -> Vec<(SourceSpec, Option<Answer>)> {
        let mut before = Vec::with_capacity(specs.len());
        for spec in specs {
            let known = self.known(&spec);
            let answer = self.ask(source, &spec, known.as_ref()).await;
            let fresh = Known { answer, ancestries: HashMap::new() };
            self.lock().insert(spec.clone(), fresh);
            before.push((spec, known));
        }
        before
    }

    async fn ask(&self, source: &dyn Source, spec: &SourceSpec, known: Option<&Answer>) -> Answer {
        let revision = source.resolve(spec).await?;
        let tree = match known {
            Some(Ok(known)) if known.revision.commit == revision.commit => Arc::clone(&known.tree),
            _ => source.load(spec, &revision.commit).await?,
        };
        Ok(Snapshot { revision, tree })
    }

    /// Forgets references that nothing uses any more.
    pub fn retain(&self, used: impl Fn(&SourceSpec) -> bool) {
        self.lock().retain(|spec, _| used(spec));
    }

    /// A source that answers from what is known, and asks `inner` for the rest.
    pub fn over(&self, inner: Arc<dyn Source>) -> Arc<dyn Source> {
        Arc::new(Remembering { sources: self.clone(), inner })
    }
}

struct Remembering {
    sources: Sources,
    inner: Arc<dyn Source>,
}

#[async_trait]
impl Source for Remembering {
    async fn resolve(&self, spec: &SourceSpec) -> Result<Revision, PortError> {
        match self.sources.known(spec) {
            Some(answer) => answer.map(|snapshot| snapshot.revision),
            None => self.inner.resolve(spec).await,
        }
    }

    async fn load(&self, spec: &SourceSpec, commit: &str) -> Result<Arc<dyn Tree>, PortError> {
        match self.sources.known(spec) {
            Some(Ok(snapshot)) if snapshot.revision.commit == commit => Ok(snapshot.tree),
            _ => self.inner.load(spec, commit).await,
        }
    }

    async fn descends(
        &self,
        spec: &SourceSpec,
        ancestor: &str,
        descendant: &str,
    ) -> Result<bool, PortError> {
        if ancestor == descendant {
            return Ok(true);
        }
        let pair = (ancestor.to_owned(), descendant.to_owned());
        let known =
            self.sources.lock().get(spec).and_then(|known| known.ancestries.get(&pair).copied());
        if let Some(known) = known {
            return Ok(known);
        }
        let answer = self.inner.descends(spec, ancestor, descendant).await?;
        if let Some(known) = self.sources.lock().get_mut(spec)
            && known.ancestries.len() < ANCESTRIES_MAX
        {
            known.ancestries.insert(pair, answer);
        }
        Ok(answer)
    }

    async fn revert(&self, spec: &SourceSpec, revert: Revert) -> Result<Revision, PortError> {
        self.inner.revert(spec, revert).await
    }
}
