//! Pushing a commit that was made here: to a server, or into a repository on this machine. A ref is
//! moved from what it was known to be to a commit that descends from it, or is made; never forced.

use std::io::{self, Read, Write};

use gix::ObjectId;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use trueup_model::Revision;
use trueup_model::source::Revert;

use crate::GitError;
use crate::commit::Opened;
use crate::error::text;
use crate::http::Failure;
use crate::local;
use crate::mirror::Mirror;
use crate::pack;
use crate::receive_pack::{self, Advertisement, Update};
use crate::remote::{Remote, Server};
use crate::revert::{self, Made};
use crate::ssh::SshConnection;

/// The most that is read of what a server says before and after a push.
const LONGEST_ANSWER: u64 = 64 << 20;

/// What is to be pushed: the branch as it stands, and what is made of it.
struct Prepared {
    made: Made,
    update: Update,
}

/// Makes a revert of the branch that `found` is, and says which ref it is for.
fn prepare(opened: Opened<'_>, found: &Revision, wanted: &Revert) -> Result<Prepared, GitError> {
    let Some(_) = found.reference.strip_prefix("refs/heads/") else {
        return Err(GitError::NotABranch {
            repo: opened.name.to_owned(),
            reference: found.reference.clone(),
        });
    };
    if found.commit != wanted.expected {
        return Err(moved(opened.name, &found.reference));
    }
    let gone = || GitError::Gone { repo: opened.name.to_owned(), commit: found.commit.clone() };
    let head = ObjectId::from_hex(found.commit.as_bytes()).map_err(|_| gone())?;
    let made = revert::make(opened, head, wanted)?;
    let (name, old) = match &wanted.branch {
        Some(branch) => (format!("refs/heads/{branch}"), None),
        None => (found.reference.clone(), Some(head)),
    };
    if gix::validate::reference::name(name.as_str().into()).is_err() {
        let why = format!("`{name}` cannot be the name of a branch");
        return Err(GitError::NotPushed { repo: opened.name.to_owned(), why });
    }
    let update = Update { name, old, new: made.commit };
    Ok(Prepared { made, update })
}

fn moved(repo: &str, reference: &str) -> GitError {
    GitError::Moved { repo: repo.to_owned(), reference: reference.to_owned() }
}

/// Into a repository on this machine.
pub(crate) fn into_local(
    opened: Opened<'_>,
    reference: &str,
    wanted: &Revert,
) -> Result<Revision, GitError> {
    let found = local::resolve(opened, reference)?;
    let Prepared { made, update } = prepare(opened, &found, wanted)?;
    if local::is_in_use(opened, &update.name) {
        let why = format!(
            "{} is checked out there, and its files would not follow; revert into another branch",
            update.name
        );
        return Err(GitError::NotPushed { repo: opened.name.to_owned(), why });
    }
    let name = gix::refs::FullName::try_from(update.name.as_str()).map_err(|error| {
        GitError::NotPushed { repo: opened.name.to_owned(), why: error.to_string() }
    })?;
    let expected = match update.old {
        Some(old) => PreviousValue::MustExistAndMatch(old.into()),
        None => PreviousValue::ExistingMustMatch(update.new.into()),
    };
    let log = LogChange {
        mode: RefLog::AndReference,
        force_create_reflog: false,
        message: "revert".into(),
    };
    let change = Change::Update { log, expected, new: update.new.into() };
    let by = gix::actor::Signature {
        name: wanted.name.as_str().into(),
        email: wanted.email.as_str().into(),
        time: gix::date::Time::new(wanted.time.as_second(), 0),
    };
    let mut buffer = gix::date::parse::TimeBuf::default();
    let edit = RefEdit { change, name, deref: false };
    let edited = opened.repository.edit_references_as([edit], Some(by.to_ref(&mut buffer)));
    edited.map_err(|error| GitError::NotPushed {
        repo: opened.name.to_owned(),
        why: format!("{}: {}", update.name, text(&error)),
    })?;
    opened.describe(&update.name, update.name.clone(), made.commit)
}

impl Remote {
    /// To the server that this is a mirror of.
    pub(crate) fn push_revert(
        &self,
        reference: &str,
        wanted: &Revert,
    ) -> Result<Revision, GitError> {
        let found = self.resolve(reference)?;
        self.need(&wanted.to)?;
        let mirror = Mirror::open(&self.mirror, &self.name)?;
        let repository = mirror.repository.to_thread_local();
        let opened = Opened { repository: &repository, name: &self.name };
        let Prepared { made, update } = prepare(opened, &found, wanted)?;
        let failed = |error: gix::Error| opened.failed(&error);
        let pack = pack::of(opened.repository, &made.objects).map_err(failed)?;
        self.send(&update, &pack)?;
        opened.describe(&update.name, update.name.clone(), made.commit)
    }

    fn send(&self, update: &Update, pack: &[u8]) -> Result<(), GitError> {
        match &self.server {
            Server::Http(server) => {
                let explain = |failure: Failure| failure.explain(&self.name, server.login.as_ref());
                let said = server.before_push().map_err(explain)?;
                let Some(request) = self.request(update, pack, &said)? else { return Ok(()) };
                let report = server.push(request).map_err(explain)?;
                self.read_report(&report)
            }
            Server::Ssh(access) => {
                let (connection, mut out, into) = SshConnection::start(
                    &self.url,
                    &self.name,
                    access,
                    self.within,
                    &self.runtime,
                    "git-receive-pack",
                )?;
                let explain = |error: io::Error| connection.explain(&self.name, error.to_string());
                let said = before_push(&mut out).map_err(explain)?;
                let Some(request) = self.request(update, pack, &said)? else { return Ok(()) };
                let report = exchange(out, into, &request).map_err(explain)?;
                self.read_report(&report)
            }
        }
    }

    /// What is to be sent; nothing where the server has it already.
    fn request(
        &self,
        update: &Update,
        pack: &[u8],
        said: &[u8],
    ) -> Result<Option<Vec<u8>>, GitError> {
        let refused = |why: String| GitError::NotPushed { repo: self.name.clone(), why };
        let known = Advertisement::parse(said).map_err(refused)?;
        match (known.get(&update.name), update.old) {
            (Some(there), _) if there == update.new => return Ok(None),
            (there, old) if there != old => return Err(moved(&self.name, &update.name)),
            _ => {}
        }
        if !known.reports() {
            return Err(refused("the server does not tell what comes of a push".to_owned()));
        }
        Ok(Some(receive_pack::request(update, pack)))
    }

    fn read_report(&self, report: &[u8]) -> Result<(), GitError> {
        receive_pack::parse_report(report)
            .map_err(|why| GitError::NotPushed { repo: self.name.clone(), why })
    }
}

/// What a server says by itself before it is sent something.
fn before_push(out: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut said = Vec::new();
    let mut part = [0; 8192];
    while !receive_pack::is_whole(&said) {
        let count = out.read(&mut part)?;
        if count == 0 || said.len() as u64 > LONGEST_ANSWER {
            return Err(io::Error::other("it does not answer as a Git server does"));
        }
        said.extend_from_slice(part.get(..count).unwrap_or_default());
    }
    Ok(said)
}

/// Sends a request to its end, and reads the answer to its end.
fn exchange(out: impl Read, mut into: impl Write, request: &[u8]) -> io::Result<Vec<u8>> {
    into.write_all(request)?;
    into.flush()?;
    drop(into);
    let mut answer = Vec::new();
    out.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    Ok(answer)
}
