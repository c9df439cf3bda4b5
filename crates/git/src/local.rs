//! Repositories on this machine: their own object database is read where it is. No copy is made and
//! no program is run.

use std::path::Path;

use gix::ObjectId;
use trueup_model::Revision;

use crate::GitError;
use crate::ancestry;
use crate::commit::Opened;
use crate::error::text;
use crate::reference::{Refs, Wanted};

/// Opens a clone, a worktree of one, or a bare repository.
pub(crate) fn open(path: &Path) -> Result<gix::ThreadSafeRepository, GitError> {
    if !path.exists() {
        return Err(GitError::Missing { path: path.display().to_string() });
    }
    options().open(path).map_err(|error| refusal(path, &error))
}

/// Only what the repository says of itself counts, whoever runs this and whatever their own
/// configuration says; and a commit is what its id says, not what `refs/replace` puts in its place.
pub(crate) fn options() -> gix::open::Options {
    // Packs come and go while a repository is open; each takes a place that is counted when it is
    // opened.
    let places =
        gix::odb::store::init::Slots::AsNeededByDiskState { multiplier: 2.0, minimum: 512 };
    gix::open::Options::isolated()
        .object_store_slots(places)
        .config_overrides(["core.useReplaceRefs=false"])
        .strict_config(false)
}

fn refusal(path: &Path, error: &gix::Error) -> GitError {
    let shown = path.display().to_string();
    let why = text(error);
    if why.to_lowercase().contains("reftable") {
        return GitError::Unsupported {
            repo: shown,
            what: "keeps its refs in the `reftable` format".to_owned(),
            remedy: "use a clone that keeps them in files (`git refs migrate --ref-format=files`)"
                .to_owned(),
        };
    }
    if path.join(".git").exists() || path.join("HEAD").exists() {
        return GitError::Failed { repo: shown, what: "opened", why };
    }
    let above = path.canonicalize().ok().and_then(|path| {
        let mut above = path.ancestors().skip(1);
        above.find(|folder| folder.join(".git").exists()).map(Path::to_owned)
    });
    let hint = above.map_or(String::new(), |root| {
        format!("; {} is one: name that, and this folder with --path", root.display())
    });
    GitError::NotARepository { path: shown, hint }
}

/// The refs as they are on disk right now.
struct LocalRefs<'a>(Opened<'a>);

impl Refs for LocalRefs<'_> {
    fn get(&self, name: &str) -> Result<Option<ObjectId>, GitError> {
        let found = self.0.repository.try_find_reference(name);
        let Some(mut found) = found.map_err(|error| self.0.failed(&error))? else {
            return Ok(None);
        };
        // A lookup by full name must not fall back to a longer one.
        if found.name().as_bstr() != name {
            return Ok(None);
        }
        let id = found.follow_to_object().map_err(|error| self.0.failed(&error))?;
        Ok(Some(id.detach()))
    }

    fn tags(&self) -> Result<Vec<String>, GitError> {
        let refs = self.0.repository.references().map_err(|error| self.0.failed(&error))?;
        let tags = refs.tags().map_err(|error| self.0.failed(&error))?;
        Ok(tags.flatten().map(|tag| tag.name().shorten().to_string()).collect())
    }
}

/// Which commit a reference means in a repository on this machine.
pub(crate) fn resolve(opened: Opened<'_>, reference: &str) -> Result<Revision, GitError> {
    let (from, steps) = ancestry::split(reference);
    let revision = resolve_name(opened, from)?;
    opened.back(revision, &steps, reference)
}

fn resolve_name(opened: Opened<'_>, reference: &str) -> Result<Revision, GitError> {
    let wanted = Wanted::parse(reference);
    if wanted != Wanted::Head {
        return opened.revision(reference, &wanted, &LocalRefs(opened));
    }
    let failed = |error: gix::Error| opened.failed(&error);
    let mut head = opened.repository.head().map_err(failed)?;
    let name = head.referent_name().map(|name| name.as_bstr().to_string()).unwrap_or_default();
    match head.try_peel_to_id().map_err(failed)? {
        Some(id) => opened.describe("HEAD", name, id.detach()),
        None => Err(GitError::Empty { repo: opened.name.to_owned(), branch: name }),
    }
}

/// Whether a branch is checked out in a working copy of the repository.
pub(crate) fn is_in_use(opened: Opened<'_>, name: &str) -> bool {
    let stands_on = |repository: &gix::Repository| {
        let head = repository.head_name().ok().flatten();
        repository.workdir().is_some() && head.is_some_and(|head| head.as_bstr() == name)
    };
    let linked = opened.repository.worktrees().unwrap_or_default().into_iter();
    let linked =
        linked.filter_map(|worktree| worktree.into_repo_with_possibly_inaccessible_worktree().ok());
    stands_on(opened.repository) || linked.into_iter().any(|worktree| stands_on(&worktree))
}

/// Whether a revision is the one that the working copy stands on: only then may somebody take their
/// uncommitted changes for a part of it.
pub(crate) fn is_checked_out(opened: Opened<'_>, revision: &Revision) -> bool {
    let commit = ObjectId::from_hex(revision.commit.as_bytes());
    let head = opened.repository.head_id();
    opened.repository.workdir().is_some()
        && commit.is_ok_and(|commit| head.is_ok_and(|head| head.detach() == commit))
}
