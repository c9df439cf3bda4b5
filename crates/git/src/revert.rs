//! A commit that takes a folder back to what it was in an earlier one. It is a new commit on top of
//! the branch: history is never rewritten, and what lies beside the folder stays as it is.

use gix::ObjectId;
use gix::actor::Signature;
use gix::bstr::BString;
use gix::objs::tree::{Entry, EntryKind, EntryMode};
use gix::objs::{Commit, Tree};

use trueup_model::source::Revert;

use crate::GitError;
use crate::commit::Opened;

/// The commit, and the objects that were made for it.
pub(crate) struct Made {
    pub(crate) commit: ObjectId,
    pub(crate) objects: Vec<ObjectId>,
}

/// Makes the commit, in the repository's own objects. No ref leads to it yet.
pub(crate) fn make(opened: Opened<'_>, head: ObjectId, revert: &Revert) -> Result<Made, GitError> {
    let mut writer = Writer { opened, objects: Vec::new() };
    let now = opened.tree(&head.to_string())?;
    let before = opened.tree(&revert.to)?;
    let parts: Vec<&str> = revert.path.split('/').filter(|part| !part.is_empty()).collect();
    let wanted = writer.entry_at(before, &parts)?;
    let tree = writer.with(now, &parts, wanted)?.unwrap_or(ObjectId::empty_tree(now.kind()));
    if tree == now {
        return Err(GitError::NothingToRevert {
            repo: opened.name.to_owned(),
            path: revert.path.clone(),
            commit: revert.to.clone(),
        });
    }
    let by = Signature {
        name: BString::from(revert.name.as_str()),
        email: BString::from(revert.email.as_str()),
        time: gix::date::Time::new(revert.time.as_second(), 0),
    };
    let commit = writer.write(&Commit {
        tree,
        parents: [head].into_iter().collect(),
        author: by.clone(),
        committer: by,
        encoding: None,
        message: BString::from(revert.message.as_str()),
        extra_headers: Vec::new(),
    })?;
    Ok(Made { commit, objects: writer.objects })
}

/// What stands at a path.
type At = Option<(EntryMode, ObjectId)>;

struct Writer<'a> {
    opened: Opened<'a>,
    objects: Vec<ObjectId>,
}

impl Writer<'_> {
    fn write(&mut self, object: &impl gix::objs::WriteTo) -> Result<ObjectId, GitError> {
        let written = self.opened.repository.write_object(object);
        let id = written.map_err(|error| self.opened.failed(&error))?.detach();
        self.objects.push(id);
        Ok(id)
    }

    fn read(&self, tree: ObjectId) -> Result<Tree, GitError> {
        let failed = |error: gix::Error| self.opened.failed(&error);
        let found = self.opened.repository.find_tree(tree).map_err(failed)?;
        Ok(Tree::from(found.decode().map_err(|error| failed(gix::Error::from_error(error)))?))
    }

    fn entry_at(&self, tree: ObjectId, parts: &[&str]) -> Result<At, GitError> {
        let mut at = Some((EntryMode::from(EntryKind::Tree), tree));
        for part in parts {
            at = match at {
                Some((mode, id)) if mode.is_tree() => find(&self.read(id)?, part),
                _ => return Ok(None),
            };
        }
        Ok(at)
    }

    /// The tree with something else, or nothing, at a path; `None` if nothing is left of it.
    fn with(
        &mut self,
        tree: ObjectId,
        parts: &[&str],
        wanted: At,
    ) -> Result<Option<ObjectId>, GitError> {
        let Some((name, below)) = parts.split_first() else {
            return Ok(wanted.map(|(_, id)| id));
        };
        let mut read = self.read(tree)?;
        let wanted = if below.is_empty() {
            wanted
        } else {
            let inner = match find(&read, name) {
                Some((mode, id)) if mode.is_tree() => id,
                _ => ObjectId::empty_tree(tree.kind()),
            };
            let inner = self.with(inner, below, wanted)?;
            inner.map(|id| (EntryMode::from(EntryKind::Tree), id))
        };
        read.entries.retain(|entry| entry.filename != *name);
        if let Some((mode, oid)) = wanted {
            read.entries.push(Entry { mode, filename: BString::from(*name), oid });
            read.entries.sort();
        }
        if read.entries.is_empty() { Ok(None) } else { self.write(&read).map(Some) }
    }
}

fn find(tree: &Tree, name: &str) -> At {
    let entry = tree.entries.iter().find(|entry| entry.filename == name)?;
    Some((entry.mode, entry.oid))
}
