//! Commits: what is told of one, and whether one descends from another.

use gix::ObjectId;
use jiff::Timestamp;
use trueup_model::Revision;

use crate::GitError;
use crate::ancestry::Step;
use crate::error::text;
use crate::reference::{Meaning, Refs, Wanted, near};

/// A repository that is open, with the name that people know it by.
#[derive(Clone, Copy)]
pub(crate) struct Opened<'a> {
    pub(crate) repository: &'a gix::Repository,
    /// Without credentials.
    pub(crate) name: &'a str,
}

impl Opened<'_> {
    pub(crate) fn failed(&self, error: &gix::Error) -> GitError {
        GitError::Failed { repo: self.name.to_owned(), what: "read", why: text(error) }
    }

    /// The commit that a reference means, given the refs; tags are peeled.
    pub(crate) fn revision(
        &self,
        reference: &str,
        wanted: &Wanted,
        refs: &dyn Refs,
    ) -> Result<Revision, GitError> {
        let (name, id) = match wanted.meaning(refs)? {
            Meaning::Ref(name, id) => (name, id),
            Meaning::Commit(id) => (String::new(), id),
            Meaning::Abbreviated(digits) => (String::new(), self.expand(reference, &digits)?),
            Meaning::NoTagInRange => return Err(self.missing(reference, "tag in the range", &[])),
            Meaning::Nothing => return Err(self.no_reference(reference)?),
        };
        self.describe(reference, name, id)
    }

    /// What is told of a commit that a ref or an id led to.
    pub(crate) fn describe(
        &self,
        reference: &str,
        name: String,
        id: ObjectId,
    ) -> Result<Revision, GitError> {
        let gone = || GitError::Gone { repo: self.name.to_owned(), commit: id.to_string() };
        if id.kind() != self.repository.object_hash() {
            return Err(gone());
        }
        let object = self.repository.try_find_object(id).map_err(|error| self.failed(&error))?;
        let object = object.ok_or_else(gone)?;
        let object = object.peel_tags_to_end().map_err(|error| self.failed(&error))?;
        let kind = object.kind;
        let commit = object.try_into_commit().map_err(|_| GitError::NotACommit {
            repo: self.name.to_owned(),
            reference: reference.to_owned(),
            kind: kind.to_string(),
        })?;
        revision(&commit, name).map_err(|error| self.failed(&error))
    }

    /// The ancestor that `steps` lead to. It is no branch or tag any more: what it is does not change
    /// when these move.
    pub(crate) fn back(
        &self,
        revision: Revision,
        steps: &[Step],
        reference: &str,
    ) -> Result<Revision, GitError> {
        if steps.is_empty() {
            return Ok(revision);
        }
        let gone =
            || GitError::Gone { repo: self.name.to_owned(), commit: revision.commit.clone() };
        let mut id = ObjectId::from_hex(revision.commit.as_bytes()).map_err(|_| gone())?;
        for step in steps {
            let (nth, times) = match step {
                Step::Back(times) => (1, *times),
                Step::Parent(0) => continue,
                Step::Parent(nth) => (*nth, 1),
            };
            for _ in 0..times {
                id = self.parent(id, nth)?.ok_or_else(|| GitError::NoAncestor {
                    repo: self.name.to_owned(),
                    reference: reference.to_owned(),
                    commit: id.to_hex_with_len(7).to_string(),
                    nth,
                })?;
            }
        }
        self.describe(reference, String::new(), id)
    }

    fn parent(&self, id: ObjectId, nth: u32) -> Result<Option<ObjectId>, GitError> {
        let commit = self.repository.find_commit(id).map_err(|error| self.failed(&error))?;
        let nth = usize::try_from(nth).unwrap_or(usize::MAX).saturating_sub(1);
        Ok(commit.parent_ids().nth(nth).map(gix::Id::detach))
    }

    /// A full id, if it is one of the kind that this repository has.
    fn id(&self, commit: &str) -> Option<ObjectId> {
        let id = ObjectId::from_hex(commit.as_bytes()).ok()?;
        (id.kind() == self.repository.object_hash()).then_some(id)
    }

    /// The root of a commit's files.
    pub(crate) fn tree(&self, commit: &str) -> Result<ObjectId, GitError> {
        let gone = || GitError::Gone { repo: self.name.to_owned(), commit: commit.to_owned() };
        let id = self.id(commit).ok_or_else(gone)?;
        let object = self.repository.try_find_object(id).map_err(|error| self.failed(&error))?;
        let commit = object.ok_or_else(gone)?.try_into_commit().map_err(|_| gone())?;
        Ok(commit.tree_id().map_err(|error| self.failed(&error))?.detach())
    }

    /// Whether a commit is an ancestor of another, or the same. What is not known descends from
    /// nothing.
    pub(crate) fn descends(&self, ancestor: &str, descendant: &str) -> Result<bool, GitError> {
        let id = |commit: &str| self.id(commit).filter(|id| self.repository.has_object(id));
        let (Some(ancestor), Some(descendant)) = (id(ancestor), id(descendant)) else {
            return Ok(false);
        };
        match self.repository.merge_base(ancestor, descendant) {
            Ok(base) => Ok(base.is_some_and(|base| base == ancestor)),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn expand(&self, reference: &str, digits: &str) -> Result<ObjectId, GitError> {
        let failed =
            |why: String| GitError::Failed { repo: self.name.to_owned(), what: "searched", why };
        let whole = self.repository.object_hash().len_in_hex();
        if digits.len() > whole {
            return Err(self.no_reference(reference)?);
        }
        let first = ObjectId::from_hex(format!("{digits:0<whole$}").as_bytes())
            .map_err(|error| failed(error.to_string()))?;
        let prefix = gix::hash::Prefix::new(&first, digits.len())
            .map_err(|error| failed(error.to_string()))?;
        let mut candidates = std::collections::HashSet::new();
        let found = self.repository.objects.lookup_prefix(prefix, Some(&mut candidates));
        found.map_err(|error| self.failed(&error))?;
        let is_commit = |id: &ObjectId| {
            self.repository.find_header(*id).is_ok_and(|header| header.kind().is_commit())
        };
        let mut commits = candidates.into_iter().filter(is_commit);
        match (commits.next(), commits.next()) {
            (Some(commit), None) => Ok(commit),
            (None, _) => Err(self.no_reference(reference)?),
            (Some(_), Some(_)) => Err(GitError::Ambiguous {
                repo: self.name.to_owned(),
                reference: reference.to_owned(),
            }),
        }
    }

    fn no_reference(&self, reference: &str) -> Result<GitError, GitError> {
        let mut names = Vec::new();
        let refs = self.repository.references().map_err(|error| self.failed(&error))?;
        for found in refs.all().map_err(|error| self.failed(&error))?.flatten() {
            names.push(found.name().shorten().to_string());
        }
        Ok(self.missing(reference, "branch, tag or commit", &names))
    }

    pub(crate) fn missing(
        &self,
        reference: &str,
        what: &'static str,
        names: &[String],
    ) -> GitError {
        GitError::NoReference {
            repo: self.name.to_owned(),
            what,
            reference: reference.to_owned(),
            near: near(reference, names.iter().cloned()),
        }
    }
}

fn revision(commit: &gix::Commit<'_>, reference: String) -> gix::Result<Revision> {
    let author = commit.author()?;
    let message = commit.message_raw_sloppy().to_string();
    Ok(Revision {
        commit: commit.id().to_string(),
        reference,
        // Out of range only in a commit that was made to be odd.
        time: Timestamp::from_second(commit.time()?.seconds).unwrap_or(Timestamp::UNIX_EPOCH),
        author: format!("{} <{}>", author.name, author.email),
        subject: message.lines().next().unwrap_or_default().trim().to_owned(),
        notes: Vec::new(),
    })
}
