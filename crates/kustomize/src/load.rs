//! Reads files for a kustomization, within its root.
//!
//! Each kustomization has a [`Loader`] at its own folder. It reads what is in or below that folder
//! (unless restrictions are off), and makes the loaders of the kustomizations that this one
//! includes, which may be anywhere but above any of those that led here: that is how circles are
//! found. Symbolic links are followed first and judged by where they lead.

mod links;

use std::rc::Rc;
use std::sync::Arc;

use trueup_model::tree::{EntryKind, Tree, join};

use crate::build::Session;
use crate::error::{Context, Error, Kind, Result};
use crate::need::{Need, Unavailable};
use crate::repo::{RepoSpec, is_remote_file};

pub(crate) use links::Found;

/// A tree, and what its root is called in messages.
#[derive(Clone)]
pub(crate) struct Place<'b> {
    tree: TreeRef<'b>,
    /// What precedes `/path`: empty for the tree of the build.
    label: Rc<str>,
}

#[derive(Clone)]
enum TreeRef<'b> {
    Given(&'b dyn Tree),
    Fetched(Arc<dyn Tree>),
}

impl<'b> Place<'b> {
    /// The tree that is built.
    pub(crate) fn given(tree: &'b dyn Tree) -> Self {
        Self { tree: TreeRef::Given(tree), label: Rc::from("") }
    }

    fn fetched(tree: &Arc<dyn Tree>, label: &str) -> Self {
        Self { tree: TreeRef::Fetched(Arc::clone(tree)), label: Rc::from(label) }
    }

    /// The files.
    pub(crate) fn tree(&self) -> &dyn Tree {
        match &self.tree {
            TreeRef::Given(tree) => *tree,
            TreeRef::Fetched(tree) => tree.as_ref(),
        }
    }

    /// A path as messages show it.
    pub(crate) fn show(&self, path: &str) -> String {
        format!("{}/{path}", self.label)
    }
}

/// Reads files relative to the folder of one kustomization.
pub(crate) struct Loader<'b> {
    pub(crate) place: Place<'b>,
    /// The folder; a path of the tree, without links in it.
    root: String,
    restricted: bool,
    referrer: Option<Rc<Loader<'b>>>,
    /// The repository whose root this is the loader of.
    repo: Option<Rc<RepoSpec>>,
}

impl<'b> Loader<'b> {
    /// The loader of the kustomization that is built, at `path` of the tree.
    pub(crate) fn at(session: &Session<'b>, path: &str) -> Result<Rc<Self>> {
        if let Ok(spec) = RepoSpec::parse(path) {
            return Self::clone_of(session, spec, None);
        }
        let place = Place::given(session.tree);
        let path = join("", path.trim_start_matches('/')).unwrap_or_default();
        let root = confirm_folder(&place, &path).context(|| NOT_A_FOLDER.to_owned())?;
        let restricted = session.options.restrict_loads;
        Ok(Rc::new(Self { place, root, restricted, referrer: None, repo: None }))
    }

    /// The loader of a kustomization that this one includes.
    pub(crate) fn below(self: &Rc<Self>, session: &Session<'b>, path: &str) -> Result<Rc<Self>> {
        if path.is_empty() {
            return Err(Error::new("new root cannot be empty"));
        }
        if let Ok(spec) = RepoSpec::parse(path) {
            self.reject_repo_cycle(&spec)?;
            return Self::clone_of(session, spec, Some(Rc::clone(self)));
        }
        if path.starts_with('/') {
            return Err(Error::new(format!("new root '{path}' cannot be absolute")));
        }
        let joined = self.join(path)?;
        let root = confirm_folder(&self.place, &joined).context(|| NOT_A_FOLDER.to_owned())?;
        self.reject_cycle(&root)?;
        Ok(Rc::new(Self {
            place: self.place.clone(),
            root,
            restricted: self.restricted,
            referrer: Some(Rc::clone(self)),
            repo: None,
        }))
    }

    fn clone_of(
        session: &Session<'b>,
        spec: RepoSpec,
        referrer: Option<Rc<Self>>,
    ) -> Result<Rc<Self>> {
        let tree = match session.options.answers.repository_of(&spec) {
            Some(Ok(tree)) => tree,
            Some(Err(unavailable)) => return Err(cannot_fetch(&spec.raw, unavailable)),
            None => return Err(session.need(Need::Repository(spec))),
        };
        let place = Place::fetched(tree, &spec.clone_spec());
        let shown = place.show(&spec.path);
        let root = match links::find(&place, &spec.path)? {
            Found { path, kind: EntryKind::Directory } => path,
            Found { path, .. } => {
                return Err(Error::new(format!(
                    "'{shown}' refers to file '{}'; expecting directory",
                    trueup_model::tree::file_name(&path)
                )));
            }
        };
        Ok(Rc::new(Self { place, root, restricted: true, referrer, repo: Some(Rc::new(spec)) }))
    }

    /// The folder as messages show it.
    pub(crate) fn root(&self) -> String {
        self.place.show(&self.root)
    }

    /// The folder as a path of its tree.
    pub(crate) fn root_path(&self) -> &str {
        &self.root
    }

    /// A path relative to this folder as a path of the tree, dots resolved by name alone.
    pub(crate) fn join(&self, path: &str) -> Result<String> {
        let joined = match path.strip_prefix('/') {
            Some(absolute) => join("", absolute),
            None => join(&self.root, path),
        };
        joined.ok_or_else(|| {
            Error::new(format!("'{path}' in '{}' leads out of the tree", self.root()))
        })
    }

    /// Reads a file, or what is at an address.
    pub(crate) fn load(&self, session: &Session<'b>, path: &str) -> Result<Arc<[u8]>> {
        if is_remote_file(path) {
            return load_remote(session, path);
        }
        let joined = self.join(path)?;
        if self.restricted { self.read_below(&joined) } else { self.read_anywhere(&joined) }
    }

    /// The path of a file that [`Loader::load`] would read, for messages and provenance.
    pub(crate) fn location_of(&self, path: &str) -> String {
        if is_remote_file(path) {
            return path.to_owned();
        }
        let joined = self.join(path).unwrap_or_default();
        if self.repo_of().is_some() { self.place.show(&joined) } else { joined }
    }

    fn read_below(&self, path: &str) -> Result<Arc<[u8]>> {
        let found = links::find(&self.place, path)?;
        let shown = self.place.show(path);
        if found.kind == EntryKind::Directory {
            return Err(Error::new(format!("'{shown}' must resolve to a file")));
        }
        if !contains(&self.root, trueup_model::tree::parent(&found.path)) {
            return Err(Error::new(format!(
                "security; file '{shown}' is not in or below '{}'",
                self.root()
            ))
            .hint(
                "move the file below the kustomization that names it, or make a base of its folder",
            ));
        }
        self.read(&found.path)
    }

    fn read_anywhere(&self, path: &str) -> Result<Arc<[u8]>> {
        let shown = self.place.show(path);
        match links::find(&self.place, path) {
            Ok(Found { kind: EntryKind::Directory, .. }) => {
                Err(Error::new(format!("read {shown}: is a directory")))
            }
            Ok(found) => self.read(&found.path),
            Err(error) if error.chain().ends_with("not a directory") => {
                Err(Error::new(format!("open {shown}: not a directory")))
            }
            Err(_) => Err(Error::new(format!("open {shown}: no such file or directory"))),
        }
    }

    fn read(&self, path: &str) -> Result<Arc<[u8]>> {
        self.place
            .tree()
            .read(path)
            .map_err(|error| Error::new(format!("open {}: {error}", self.place.show(path))))
    }

    fn reject_cycle(&self, candidate: &str) -> Result<()> {
        if let Some(above) = self.ancestors().find(|above| contains(candidate, &above.root)) {
            return Err(Error::new(format!(
                "cycle detected: candidate root '{}' contains visited root '{}'",
                self.place.show(candidate),
                above.root()
            ))
            .hint("a kustomization cannot include itself, nor a folder that it is in: take the entry out"));
        }
        Ok(())
    }

    fn reject_repo_cycle(&self, spec: &RepoSpec) -> Result<()> {
        let visited = |loader: &&Loader<'b>| {
            loader.repo.as_ref().is_some_and(|repo| repo.raw.starts_with(&spec.raw))
        };
        let above = std::iter::once(self).chain(self.ancestors_beyond()).find(visited);
        match above.and_then(|above| above.repo.as_ref()) {
            Some(repo) => Err(Error::new(format!(
                "cycle detected: URI '{}' referenced by previous URI '{}'",
                spec.raw, repo.raw
            ))),
            None => Ok(()),
        }
    }

    /// This loader and those that led to it, as far as they are in the same tree.
    fn ancestors(&self) -> impl Iterator<Item = &Loader<'b>> {
        let label = Rc::clone(&self.place.label);
        std::iter::once(self)
            .chain(self.ancestors_beyond())
            .take_while(move |loader| loader.place.label == label)
    }

    fn ancestors_beyond(&self) -> impl Iterator<Item = &Loader<'b>> {
        std::iter::successors(self.referrer.as_deref(), |loader| loader.referrer.as_deref())
    }

    /// The repository that this is in, if it was fetched.
    pub(crate) fn repo_of(&self) -> Option<&RepoSpec> {
        std::iter::once(self).chain(self.ancestors_beyond()).find_map(|l| l.repo.as_deref())
    }
}

const NOT_A_FOLDER: &str = "must build at directory";

/// The real path of a folder.
fn confirm_folder(place: &Place<'_>, path: &str) -> Result<String> {
    let shown = place.show(path);
    let found = links::find(place, path).context(|| "not a valid directory".to_owned())?;
    match found.kind {
        EntryKind::Directory => Ok(found.path),
        _ => Err(Error::new("file is not directory").context(format!("'{shown}'"))),
    }
}

/// Whether `path` is `folder` or below it.
fn contains(folder: &str, path: &str) -> bool {
    folder.is_empty()
        || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn load_remote(session: &Session<'_>, url: &str) -> Result<Arc<[u8]>> {
    let spec = RepoSpec::parse(url);
    match session.options.answers.file_of(url) {
        Some(Ok(content)) => Ok(Arc::clone(content)),
        Some(Err(Unavailable::Status(_))) if spec.is_ok() => {
            Err(Error::new("URL is a git repository"))
        }
        Some(Err(Unavailable::Status(status))) => Err(http_error(*status)),
        Some(Err(unavailable)) => Err(cannot_fetch(url, unavailable)),
        None => Err(session.need(Need::File { url: url.to_owned() })),
    }
}

fn http_error(status: u16) -> Error {
    let text = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        410 => "Gone",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    };
    Error::new(format!("HTTP Error: status code {status} ({text})")).of_kind(Kind::Http)
}

fn cannot_fetch(what: &str, why: &Unavailable) -> Error {
    match why {
        Unavailable::Status(status) => http_error(*status),
        Unavailable::Other(message) => Error::new(format!("cannot fetch {what}: {message}")),
    }
}
