//! Commits made of files, in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use trueup_model::ports::{PortError, Source};
use trueup_model::source::Revert;
use trueup_model::tree::{MemoryTree, Tree};
use trueup_model::{Revision, SourceSpec};

use crate::faults::Faults;

#[derive(Default)]
struct History {
    /// In the order in which they were made.
    commits: Vec<(String, Arc<MemoryTree>)>,
    parents: BTreeMap<String, String>,
}

/// One branch of one repository.
pub struct MemorySource {
    faults: Arc<Faults>,
    history: Mutex<History>,
}

impl MemorySource {
    /// A repository without a commit.
    pub fn new(faults: Arc<Faults>) -> Self {
        Self { faults, history: Mutex::default() }
    }

    fn history(&self) -> std::sync::MutexGuard<'_, History> {
        self.history.lock().expect("no test panics while it holds the source")
    }

    /// Makes a commit of these files, on top of the one before; answers its id.
    pub fn commit(&self, files: &[(String, String)]) -> String {
        let mut history = self.history();
        let tree: MemoryTree =
            files.iter().map(|(path, content)| (path.clone(), content.clone())).collect();
        let id = format!("{:040x}", history.commits.len() + 1);
        if let Some((parent, _)) = history.commits.last() {
            let parent = parent.clone();
            history.parents.insert(id.clone(), parent);
        }
        history.commits.push((id.clone(), Arc::new(tree)));
        id
    }
}

#[async_trait]
impl Source for MemorySource {
    async fn resolve(&self, _: &SourceSpec) -> Result<Revision, PortError> {
        self.faults.reading("Git").await?;
        let history = self.history();
        let (commit, _) = history
            .commits
            .last()
            .ok_or_else(|| PortError::permanent("the repository has no commit"))?;
        Ok(revision(commit.clone()))
    }

    async fn load(&self, _: &SourceSpec, commit: &str) -> Result<Arc<dyn Tree>, PortError> {
        self.faults.reading("Git").await?;
        let history = self.history();
        let found = history.commits.iter().find(|(id, _)| id == commit);
        let (_, tree) = found.ok_or_else(|| PortError::permanent(format!("no commit {commit}")))?;
        Ok(tree.clone())
    }

    async fn descends(
        &self,
        _: &SourceSpec,
        ancestor: &str,
        descendant: &str,
    ) -> Result<bool, PortError> {
        self.faults.reading("Git").await?;
        let history = self.history();
        let mut at = Some(descendant);
        while let Some(commit) = at {
            if commit == ancestor {
                return Ok(true);
            }
            at = history.parents.get(commit).map(String::as_str);
        }
        Ok(false)
    }

    /// Only whole trees are taken back, and only on the branch itself.
    async fn revert(&self, _: &SourceSpec, revert: Revert) -> Result<Revision, PortError> {
        self.faults.reading("the repository").await?;
        let id = {
            let mut history = self.history();
            let Some((head, _)) = history.commits.last().cloned() else {
                return Err(PortError::permanent("there is nothing to revert"));
            };
            let before = history.commits.iter().find(|(id, _)| *id == revert.to);
            let Some(tree) =
                before.map(|(_, tree)| Arc::clone(tree)).filter(|_| head == revert.expected)
            else {
                return Err(PortError::permanent("the branch has moved on"));
            };
            let id = format!("{:040x}", history.commits.len() + 1);
            history.parents.insert(id.clone(), head);
            history.commits.push((id.clone(), tree));
            id
        };
        Ok(revision(id))
    }
}

fn revision(commit: String) -> Revision {
    Revision {
        subject: format!("commit {}", commit.trim_start_matches('0')),
        commit,
        reference: "refs/heads/main".to_owned(),
        time: Timestamp::UNIX_EPOCH,
        author: "A <a@example.com>".to_owned(),
        notes: Vec::new(),
    }
}
