//! Remote repositories: which commit a reference means there, with one look at the server, and its
//! objects in the mirror, with one fetch where they are not there yet.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gix::ObjectId;
use gix::progress::Discard;
use gix::remote::Direction;
use gix::remote::fetch::Tags;
use gix_transport::client::blocking_io::Transport;
use tokio::runtime::Handle;
use trueup_model::Revision;

use crate::GitError;
use crate::access::SshAccess;
use crate::ancestry;
use crate::commit::Opened;
use crate::consolidate;
use crate::error::text;
use crate::http::{Failure, HttpServer};
use crate::ls_refs::RemoteRef;
use crate::mirror::{Mirror, ServerRefs, has};
use crate::reference::{Meaning, Wanted, is_abbreviation, near};
use crate::ssh::SshConnection;

/// A commit that was asked for by its id is kept under this name, so that it is fetched once.
const KEPT: &str = "refs/trueup/kept/";
/// What is fetched where the server does not say what a reference means.
const EVERYTHING: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

/// A remote repository, and how it is reached.
pub(crate) struct Remote {
    /// Without credentials.
    pub(crate) name: String,
    /// Without credentials.
    pub(crate) url: gix::Url,
    pub(crate) server: Server,
    pub(crate) mirror: PathBuf,
    pub(crate) within: Duration,
    pub(crate) runtime: Handle,
}

/// What answers.
pub(crate) enum Server {
    /// HTTP or HTTPS.
    Http(Box<HttpServer>),
    /// SSH.
    Ssh(Box<SshAccess>),
}

impl Remote {
    /// Which commit a reference means now; its objects are in the mirror then.
    pub(crate) fn resolve(&self, reference: &str) -> Result<Revision, GitError> {
        match self.resolve_with(reference, None) {
            Err(GitError::OtherIds { kind }) => self.resolve_with(reference, Some(kind)),
            other => other,
        }
    }

    fn resolve_with(
        &self,
        reference: &str,
        kind: Option<gix::hash::Kind>,
    ) -> Result<Revision, GitError> {
        let (from, steps) = ancestry::split(reference);
        let wanted = Wanted::parse(from);
        let kind = match &wanted {
            Wanted::Commit(id) => Some(id.kind()),
            _ => kind,
        };
        let mirror = Mirror::open_for(&self.mirror, &self.name, kind)?;
        let repository = mirror.repository.to_thread_local();
        let opened = Opened { repository: &repository, name: &self.name };
        let revision = match wanted {
            Wanted::Head => self.resolve_head(opened)?,
            Wanted::Commit(id) => {
                self.need_commit(opened, id)?;
                opened.describe(from, String::new(), id)?
            }
            wanted => self.resolve_name(opened, from, &wanted)?,
        };
        opened.back(revision, &steps, reference)
    }

    /// Makes sure that a commit is in the mirror.
    pub(crate) fn need(&self, commit: &str) -> Result<(), GitError> {
        let gone = || GitError::Gone { repo: self.name.clone(), commit: commit.to_owned() };
        let id = ObjectId::from_hex(commit.as_bytes()).map_err(|_| gone())?;
        let mirror = Mirror::open_for(&self.mirror, &self.name, Some(id.kind()))?;
        let repository = mirror.repository.to_thread_local();
        self.need_commit(Opened { repository: &repository, name: &self.name }, id)
    }

    fn resolve_head(&self, opened: Opened<'_>) -> Result<Revision, GitError> {
        let refs = self.refs(opened, &["HEAD".to_owned()])?;
        let Some(head) = refs.iter().find(|known| known.name == "HEAD") else {
            let branch = "its branches".to_owned();
            return Err(GitError::Empty { repo: self.name.clone(), branch });
        };
        let name = head.symbolic.clone().unwrap_or_default();
        if !has(opened, head.target) {
            let from = if name.is_empty() { "HEAD" } else { name.as_str() };
            let to = if name.is_empty() { "refs/trueup/HEAD" } else { name.as_str() };
            self.fetch(opened, &[format!("+{from}:{to}")])?;
        }
        opened.describe("HEAD", name, head.target)
    }

    fn resolve_name(
        &self,
        opened: Opened<'_>,
        reference: &str,
        wanted: &Wanted,
    ) -> Result<Revision, GitError> {
        let refs = self.refs(opened, &prefixes(wanted))?;
        match wanted.meaning(&ServerRefs(&refs))? {
            Meaning::Ref(name, id) => {
                if !has(opened, id) {
                    self.fetch(opened, &[format!("+{name}:{name}")])?;
                }
                opened.describe(reference, name, id)
            }
            Meaning::Abbreviated(_) => {
                if let Ok(revision) = opened.revision(reference, wanted, &ServerRefs(&[])) {
                    return Ok(revision);
                }
                self.fetch(opened, &EVERYTHING.map(str::to_owned))?;
                opened.revision(reference, wanted, &ServerRefs(&[]))
            }
            Meaning::NoTagInRange => Err(opened.missing(reference, "tag in the range", &[])),
            Meaning::Commit(_) | Meaning::Nothing => Err(self.no_reference(opened, reference)),
        }
    }

    fn no_reference(&self, opened: Opened<'_>, reference: &str) -> GitError {
        let all = ["refs/heads/", "refs/tags/"].map(str::to_owned);
        let refs = match self.refs(opened, &all) {
            Ok(refs) => refs,
            Err(error) => return error,
        };
        if refs.is_empty() {
            let branch = "its branches".to_owned();
            return GitError::Empty { repo: self.name.clone(), branch };
        }
        let short = |name: &str| name.splitn(3, '/').last().unwrap_or_default().to_owned();
        GitError::NoReference {
            repo: self.name.clone(),
            what: "branch, tag or commit",
            reference: reference.to_owned(),
            near: near(reference, refs.iter().map(|known| short(&known.name))),
        }
    }

    /// A server need not give a commit that no ref leads to any more: then everything is fetched,
    /// in case one does.
    fn need_commit(&self, opened: Opened<'_>, id: ObjectId) -> Result<(), GitError> {
        if has(opened, id) {
            return Ok(());
        }
        let alone = self.fetch(opened, &[format!("{id}:{KEPT}{id}")]);
        if has(opened, id) {
            return Ok(());
        }
        if let Err(error @ (GitError::Denied { .. } | GitError::Untrusted { .. })) = alone {
            return Err(error);
        }
        self.fetch(opened, &EVERYTHING.map(str::to_owned))?;
        if has(opened, id) {
            return Ok(());
        }
        Err(GitError::Gone { repo: self.name.clone(), commit: id.to_string() })
    }

    /// The refs of the server. Where its ids are not of the mirror's kind, the mirror is no use.
    fn refs(&self, opened: Opened<'_>, prefixes: &[String]) -> Result<Vec<RemoteRef>, GitError> {
        let refs = self.ask_refs(opened, prefixes)?;
        let kind = refs.first().map(|known| known.target.kind());
        match kind.filter(|kind| *kind != opened.repository.object_hash()) {
            Some(kind) => Err(GitError::OtherIds { kind }),
            None => Ok(refs),
        }
    }

    fn ask_refs(
        &self,
        opened: Opened<'_>,
        prefixes: &[String],
    ) -> Result<Vec<RemoteRef>, GitError> {
        if let Server::Http(server) = &self.server {
            let refs = server.refs(prefixes, opened.repository.object_hash());
            let explain = |failure: Failure| failure.explain(&self.name, server.login.as_ref());
            if let Some(refs) = refs.map_err(explain)? {
                return Ok(refs);
            }
        }
        let specs: Vec<String> = prefixes.iter().map(|prefix| spec_of(prefix)).collect();
        let found = self.talk(opened, &specs, Exchange::Refs)?;
        Ok(found)
    }

    fn fetch(&self, opened: Opened<'_>, specs: &[String]) -> Result<(), GitError> {
        self.talk(opened, specs, Exchange::Pack)?;
        consolidate::if_wanted(opened)
    }

    fn talk(
        &self,
        opened: Opened<'_>,
        specs: &[String],
        exchange: Exchange,
    ) -> Result<Vec<RemoteRef>, GitError> {
        let interrupt = Arc::new(AtomicBool::new(false));
        let rung = interrupt.clone();
        let within = self.within;
        let bell = self.runtime.spawn(async move {
            tokio::time::sleep(within).await;
            rung.store(true, Ordering::Relaxed);
        });
        let answer = match &self.server {
            Server::Http(server) => {
                let transport = gix_transport::client::blocking_io::http::connect_http(
                    HttpServer::clone(server),
                    self.url.clone(),
                    gix_transport::Protocol::V2,
                    false,
                );
                converse(opened, self.url.clone(), transport, specs, exchange, &interrupt).map_err(
                    |error| match server.failure() {
                        Some(failure) => failure.explain(&self.name, server.login.as_ref()),
                        None => self.explain(&error, &interrupt),
                    },
                )
            }
            Server::Ssh(access) => {
                let (connection, transport) =
                    SshConnection::open(&self.url, &self.name, access, self.within, &self.runtime)?;
                converse(opened, self.url.clone(), transport, specs, exchange, &interrupt)
                    .map_err(|error| connection.explain(&self.name, text(&error)))
            }
        };
        bell.abort();
        answer
    }

    fn explain(&self, error: &gix::Error, interrupt: &AtomicBool) -> GitError {
        if interrupt.load(Ordering::Relaxed) {
            return GitError::Deadline { repo: self.name.clone(), seconds: self.within.as_secs() };
        }
        let why = text(error);
        if why.contains("smart' protocol") {
            let why = "it does not answer as a Git server does".to_owned();
            return Failure::NotGit(why).explain(&self.name, None);
        }
        GitError::Failed { repo: self.name.clone(), what: "fetched", why }
    }
}

/// What is wanted of a conversation with a server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exchange {
    /// Its refs.
    Refs,
    /// The objects that the refs lead to.
    Pack,
}

fn converse(
    opened: Opened<'_>,
    url: gix::Url,
    transport: impl Transport,
    specs: &[String],
    exchange: Exchange,
    interrupt: &AtomicBool,
) -> gix::Result<Vec<RemoteRef>> {
    let remote = opened
        .repository
        .remote_at_without_url_rewrite(url)?
        .with_fetch_tags(Tags::None)
        .with_refspecs(specs.iter().map(String::as_str), Direction::Fetch)?;
    // Whatever may be shown to the server is shown without being asked for.
    let connection = remote.to_connection_with_transport(transport).with_credentials(|_| Ok(None));
    let options = gix::remote::ref_map::Options::default();
    if exchange == Exchange::Refs {
        let (map, _) = connection.ref_map(Discard, options)?;
        return Ok(map.remote_refs.iter().filter_map(remote_ref).collect());
    }
    connection.prepare_fetch(Discard, options)?.receive(Discard, interrupt)?;
    Ok(Vec::new())
}

fn remote_ref(found: &gix::protocol::handshake::Ref) -> Option<RemoteRef> {
    use gix::protocol::handshake::Ref;
    let known = |name: &gix::bstr::BString, target: ObjectId, symbolic| RemoteRef {
        name: name.to_string(),
        target,
        symbolic,
    };
    match found {
        Ref::Peeled { full_ref_name, tag, .. } => Some(known(full_ref_name, *tag, None)),
        Ref::Direct { full_ref_name, object } => Some(known(full_ref_name, *object, None)),
        Ref::Symbolic { full_ref_name, target, tag, object } => {
            Some(known(full_ref_name, tag.unwrap_or(*object), Some(target.to_string())))
        }
        Ref::Unborn { .. } => None,
    }
}

/// What the server is asked for: the names that may be meant, and all tags if a range may be.
fn prefixes(wanted: &Wanted) -> Vec<String> {
    let mut prefixes: Vec<String> =
        wanted.names().into_iter().filter(|name| !name.contains("/remotes/")).collect();
    if let Wanted::Named { name, range } = wanted
        && range.is_some()
        && !is_abbreviation(name)
    {
        prefixes.push("refs/tags/".to_owned());
    }
    prefixes
}

/// A refspec that makes gix ask for what begins with a prefix.
fn spec_of(prefix: &str) -> String {
    if prefix.ends_with('/') { format!("{prefix}*:{prefix}*") } else { prefix.to_owned() }
}
