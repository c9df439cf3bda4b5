//! The port: which commit a reference means, and its files.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use trueup_model::ports::{PortError, Source};
use trueup_model::tree::Tree;
use trueup_model::{Revision, SourceSpec};

use crate::GitError;
use crate::commit::Opened;
use crate::local;
use crate::location::Location;
use crate::tree::{GitTree, Objects};
use crate::watch::RefChanges;
use crate::working_copy;

/// What may be fetched and read, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where mirrors of remote repositories are kept.
    pub cache: PathBuf,
    /// The largest file that is read, in bytes.
    pub largest_file: u64,
}

impl Options {
    /// Mirrors below `cache`, and limits that no reasonable repository meets.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self { cache: cache.into(), largest_file: 512 << 20 }
    }
}

/// Git repositories as a source. Cheap to clone.
#[derive(Clone)]
pub struct GitSource {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    /// The objects folders that were read, by device and inode: they keep what they decoded.
    objects: Mutex<HashMap<(u64, u64), Arc<Objects>>>,
}

impl GitSource {
    /// A source with these options.
    pub fn new(options: Options) -> Self {
        Self { inner: Arc::new(Inner { options, objects: Mutex::default() }) }
    }

    /// Tells when what a repository on this machine holds may have changed; `None` for a remote one,
    /// which must be asked. Must be called within a tokio runtime.
    pub fn watch(&self, spec: &SourceSpec) -> Result<Option<RefChanges>, PortError> {
        let Location::Local(path) = Location::parse(&spec.repo)? else { return Ok(None) };
        let repository = local::open(&path)?.to_thread_local();
        Ok(Some(RefChanges::new(&repository, &trueup_http::redact(&spec.repo))?))
    }

    /// Works on a thread that may block.
    async fn work<T: Send + 'static>(
        &self,
        spec: &SourceSpec,
        work: impl FnOnce(&Inner, &SourceSpec) -> Result<T, GitError> + Send + 'static,
    ) -> Result<T, PortError> {
        let (inner, spec) = (self.inner.clone(), spec.clone());
        let work = tokio::task::spawn_blocking(move || work(&inner, &spec));
        let answer = work.await.map_err(|error| {
            PortError::passing(format!("the repository could not be read: {error}"))
        })?;
        Ok(answer?)
    }
}

impl Inner {
    fn resolve(&self, spec: &SourceSpec) -> Result<Revision, GitError> {
        let name = trueup_http::redact(&spec.repo);
        match Location::parse(&spec.repo)? {
            Location::Local(path) => {
                let repository = local::open(&path)?.to_thread_local();
                let opened = Opened { repository: &repository, name: &name };
                let mut revision = local::resolve(opened, &spec.reference)?;
                if local::is_checked_out(opened, &revision) {
                    revision.notes.extend(working_copy::note(&path));
                }
                Ok(revision)
            }
            Location::Http(_) | Location::Ssh(_) => Err(GitError::Unreachable {
                repo: name,
                why: "remote repositories are not fetched yet".to_owned(),
            }),
        }
    }

    fn load(&self, spec: &SourceSpec, commit: &str) -> Result<Arc<dyn Tree>, GitError> {
        let name = trueup_http::redact(&spec.repo);
        let objects = self.objects(spec)?;
        let root = objects.with(|repository| Opened { repository, name: &name }.tree(commit))?;
        Ok(Arc::new(GitTree::new(objects, root)))
    }

    fn descends(
        &self,
        spec: &SourceSpec,
        ancestor: &str,
        descendant: &str,
    ) -> Result<bool, GitError> {
        let name = trueup_http::redact(&spec.repo);
        self.objects(spec)?
            .with(|repository| Opened { repository, name: &name }.descends(ancestor, descendant))
    }

    /// The objects of a repository. They are known by the folder itself, not by its path: another
    /// repository may have taken its place.
    fn objects(&self, spec: &SourceSpec) -> Result<Arc<Objects>, GitError> {
        let path = match Location::parse(&spec.repo)? {
            Location::Local(path) => path,
            Location::Http(_) | Location::Ssh(_) => self.options.cache.clone(),
        };
        let repository = local::open(&path)?;
        let folder =
            std::fs::metadata(repository.objects_dir()).map_err(|error| GitError::Failed {
                repo: trueup_http::redact(&spec.repo),
                what: "read",
                why: error.to_string(),
            })?;
        let mut known = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let objects = known
            .entry((folder.dev(), folder.ino()))
            .or_insert_with(|| Arc::new(Objects::new(repository, self.options.largest_file)));
        Ok(objects.clone())
    }
}

#[async_trait]
impl Source for GitSource {
    async fn resolve(&self, spec: &SourceSpec) -> Result<Revision, PortError> {
        self.work(spec, |inner, spec| inner.resolve(spec)).await
    }

    async fn load(&self, spec: &SourceSpec, commit: &str) -> Result<Arc<dyn Tree>, PortError> {
        let commit = commit.to_owned();
        self.work(spec, move |inner, spec| inner.load(spec, &commit)).await
    }

    async fn descends(
        &self,
        spec: &SourceSpec,
        ancestor: &str,
        descendant: &str,
    ) -> Result<bool, PortError> {
        let (ancestor, descendant) = (ancestor.to_owned(), descendant.to_owned());
        self.work(spec, move |inner, spec| inner.descends(spec, &ancestor, &descendant)).await
    }
}
