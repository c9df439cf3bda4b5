//! The port: which commit a reference means, and its files.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tracing::field::Empty;
use tracing::{Instrument as _, info_span};
use trueup_http::{Access, AddressGuard, Clients, HttpError, Login, Settings, redact};
use trueup_model::ports::{PortError, Source};
use trueup_model::tree::Tree;
use trueup_model::{Revision, SourceSpec};

use crate::GitError;
use crate::access::{SshAccess, as_ruled};
use crate::commit::Opened;
use crate::http::HttpServer;
use crate::local;
use crate::location::Location;
use crate::mirror::{self, Mirror};
use crate::push;
use crate::remote::{Remote, Server};
use crate::tree::{GitTree, Objects};
use crate::watch::RefChanges;
use crate::working_copy;
use trueup_model::source::Revert;

/// What may be fetched and read, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where mirrors of remote repositories are kept.
    pub cache: PathBuf,
    /// The largest file that is read, in bytes.
    pub largest_file: u64,
    /// How many bytes one fetch may bring.
    pub largest_fetch: u64,
    /// How long one fetch may take.
    pub fetch_within: Duration,
    /// How repositories behind HTTP are reached.
    pub http: Vec<Access>,
    /// How repositories behind SSH are reached.
    pub ssh: Vec<SshAccess>,
    /// Which addresses may be asked.
    pub addresses: AddressGuard,
}

impl Options {
    /// Mirrors below `cache`, and limits that no reasonable repository meets.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            cache: cache.into(),
            largest_file: 512 << 20,
            largest_fetch: 4 << 30,
            fetch_within: Duration::from_secs(300),
            http: Vec::new(),
            ssh: Vec::new(),
            addresses: AddressGuard::Usual,
        }
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
    clients: Clients,
}

impl GitSource {
    /// A source with these options.
    pub fn new(options: Options) -> Self {
        let settings = Settings {
            answer_within: options.fetch_within,
            largest_answer: options.largest_fetch,
            addresses: options.addresses,
            ..Settings::default()
        };
        let clients = Clients::new(options.http.clone(), settings);
        Self { inner: Arc::new(Inner { options, objects: Mutex::default(), clients }) }
    }

    /// Tells when what a repository on this machine holds may have changed; `None` for a remote one,
    /// which must be asked. Must be called within a tokio runtime.
    pub fn watch(&self, spec: &SourceSpec) -> Result<Option<RefChanges>, PortError> {
        let Location::Local(path) = Location::parse(&spec.repo)? else { return Ok(None) };
        let repository = local::open(&path)?.to_thread_local();
        Ok(Some(RefChanges::new(&repository, &trueup_http::redact(&spec.repo))?))
    }

    /// Commits a revert on top of a branch and pushes it: to the branch itself, or as a new one.
    /// Answers the commit.
    ///
    /// # Errors
    /// Where the reference is no branch or the branch has moved on, where there is nothing to
    /// revert, and where the repository cannot be reached or does not take the commit. Then nothing
    /// was changed.
    pub async fn push_revert(
        &self,
        spec: &SourceSpec,
        revert: Revert,
    ) -> Result<Revision, PortError> {
        self.work(spec, move |inner, spec| inner.push_revert(spec, &revert)).await
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
            Location::Http(url) => self.http(url)?.resolve(&spec.reference),
            Location::Ssh(url) => self.ssh(url).resolve(&spec.reference),
        }
    }

    fn http(&self, mut url: gix::Url) -> Result<Remote, GitError> {
        let in_url = url.user().map(str::to_owned).map(|user| Login::Basic {
            user,
            password: url.password().unwrap_or_default().to_owned(),
        });
        let found = self.clients.of(&as_ruled(&url));
        url.set_user(None);
        url.set_password(None);
        let name = url.to_bstring().to_string();
        let (client, configured) = found.map_err(|error| GitError::Credential {
            repo: name.clone(),
            why: match error {
                HttpError::Credential { why, .. } => why,
                other => other.to_string(),
            },
        })?;
        let login = configured.or(in_url);
        let runtime = Handle::current();
        let server = HttpServer::new(client, login, name.clone(), runtime);
        Ok(self.remote(name, url, Server::Http(Box::new(server))))
    }

    fn ssh(&self, mut url: gix::Url) -> Remote {
        let access = SshAccess::of(&self.options.ssh, &url).cloned().unwrap_or_default();
        url.set_password(None);
        let name = url.to_bstring().to_string();
        self.remote(name, url, Server::Ssh(Box::new(access)))
    }

    fn remote(&self, name: String, url: gix::Url, server: Server) -> Remote {
        let mirror = mirror::path(&self.options.cache, &name);
        let runtime = Handle::current();
        Remote { name, url, server, mirror, within: self.options.fetch_within, runtime }
    }

    fn load(&self, spec: &SourceSpec, commit: &str) -> Result<Arc<dyn Tree>, GitError> {
        let name = trueup_http::redact(&spec.repo);
        let objects = self.objects(spec)?;
        let root = objects.with(|repository| Opened { repository, name: &name }.tree(commit));
        let root = match (root, self.remote_of(spec)?) {
            (Err(GitError::Gone { .. }), Some(remote)) => {
                remote.need(commit)?;
                objects.with(|repository| Opened { repository, name: &name }.tree(commit))?
            }
            (root, _) => root?,
        };
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

    fn push_revert(&self, spec: &SourceSpec, revert: &Revert) -> Result<Revision, GitError> {
        match Location::parse(&spec.repo)? {
            Location::Local(path) => {
                let repository = local::open(&path)?.to_thread_local();
                let name = trueup_http::redact(&spec.repo);
                let opened = Opened { repository: &repository, name: &name };
                push::into_local(opened, &spec.reference, revert)
            }
            Location::Http(url) => self.http(url)?.push_revert(&spec.reference, revert),
            Location::Ssh(url) => self.ssh(url).push_revert(&spec.reference, revert),
        }
    }

    fn remote_of(&self, spec: &SourceSpec) -> Result<Option<Remote>, GitError> {
        Ok(match Location::parse(&spec.repo)? {
            Location::Local(_) => None,
            Location::Http(url) => Some(self.http(url)?),
            Location::Ssh(url) => Some(self.ssh(url)),
        })
    }

    /// The objects of a repository. They are known by the folder itself, not by its path: another
    /// repository may have taken its place.
    fn objects(&self, spec: &SourceSpec) -> Result<Arc<Objects>, GitError> {
        let repository = match Location::parse(&spec.repo)? {
            Location::Local(path) => local::open(&path)?,
            Location::Http(mut url) | Location::Ssh(mut url) => {
                url.set_password(None);
                if url.scheme != gix::url::Scheme::Ssh {
                    url.set_user(None);
                }
                let name = url.to_bstring().to_string();
                let path = mirror::path(&self.options.cache, &name);
                match mirror::read(&path) {
                    Some(repository) => repository,
                    None => Mirror::open(&path, &name)?.repository,
                }
            }
        };
        let folder =
            std::fs::metadata(repository.objects_dir()).map_err(|error| GitError::Failed {
                repo: trueup_http::redact(&spec.repo),
                what: "read",
                why: error.to_string(),
            })?;
        let mut known = hold(&self.objects);
        let objects = known
            .entry((folder.dev(), folder.ino()))
            .or_insert_with(|| Arc::new(Objects::new(repository, self.options.largest_file)));
        Ok(objects.clone())
    }
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Source for GitSource {
    async fn resolve(&self, spec: &SourceSpec) -> Result<Revision, PortError> {
        let span = info_span!("git", repo = %redact(&spec.repo), result = Empty);
        let work = self.work(spec, |inner, spec| inner.resolve(spec));
        let resolved = work.instrument(span.clone()).await;
        span.record("result", if resolved.is_ok() { "ok" } else { "failed" });
        resolved
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

    async fn revert(&self, spec: &SourceSpec, revert: Revert) -> Result<Revision, PortError> {
        self.push_revert(spec, revert).await
    }
}
