//! Plain folders: YAML and JSON files that stand for themselves.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use trueup_model::app::PlainRender;
use trueup_model::tree::{EntryKind, Tree, join, resolve};
use trueup_model::{Diagnostic, Location};
use trueup_yaml::{Dialect, DuplicateKeys, Limits};

use crate::Document;
use crate::folder::{self, unreadable};

/// Name of the file that lists what is not read, one glob a line; `#` begins a comment.
pub const IGNORE_FILE: &str = ".trueupignore";
/// How many files one app may consist of.
const FILES_MAX: usize = 100_000;
/// How deep folders may be nested.
const DEPTH_MAX: usize = 64;

/// Reads the documents of all files that belong to the folder.
pub fn read(
    tree: &dyn Tree,
    folder: &str,
    options: &PlainRender,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Document> {
    let mut walk = match Walk::new(tree, folder, options) {
        Ok(walk) => walk,
        Err(diagnostic) => {
            diagnostics.push(diagnostic);
            return Vec::new();
        }
    };
    walk.folder("", 0);
    let mut documents = Vec::new();
    let mut found = walk.diagnostics;
    for file in &walk.files {
        parse_file(tree, file, &mut documents, &mut found);
    }
    let content = Content::of(&documents);
    documents.retain(|document| !content.holds(&document.at.file));
    found.retain(|diagnostic| !diagnostic.at.as_ref().is_some_and(|at| content.holds(&at.file)));
    diagnostics.extend(found);
    documents
}

/// The files and folders that host resources take as content: YAML among them is not declarations.
struct Content(Vec<String>);

impl Content {
    fn of(documents: &[Document]) -> Self {
        let paths = documents.iter().filter_map(|document| {
            let spec = document.body.get("spec")?;
            let from = spec
                .get("from")
                .or_else(|| spec.get("contentFrom").and_then(|from| from.get("file")))?;
            if !document.body.get("apiVersion")?.as_str()?.starts_with("host.trueup.dev/") {
                return None;
            }
            join(trueup_model::tree::parent(&document.at.file), from.as_str()?)
        });
        Self(paths.collect())
    }

    fn holds(&self, file: &str) -> bool {
        self.0.iter().any(|path| {
            file.strip_prefix(path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

struct Walk<'a> {
    tree: &'a dyn Tree,
    root: &'a str,
    recurse: bool,
    include: GlobSet,
    exclude: GlobSet,
    files: Vec<String>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Walk<'a> {
    fn new(tree: &'a dyn Tree, root: &'a str, options: &PlainRender) -> Result<Self, Diagnostic> {
        let defaults = ["*.yaml", "*.yml", "*.json"].map(str::to_owned);
        let include = if options.include.is_empty() { &defaults[..] } else { &options.include };
        let mut exclude = options.exclude.clone();
        exclude.extend(ignored(tree, root));
        Ok(Self {
            tree,
            root,
            recurse: options.recurse,
            include: globs(include)?,
            exclude: globs(&exclude)?,
            files: Vec::new(),
            diagnostics: Vec::new(),
        })
    }

    /// Takes in the folder at `relative` (to the root of the app).
    fn folder(&mut self, relative: &str, depth: usize) {
        let path = join(self.root, relative).unwrap_or_default();
        let entries = match self.tree.list(&path) {
            Ok(entries) => entries,
            Err(error) => {
                return self.diagnostics.push(unreadable(&error).at(Location::file(path)));
            }
        };
        for (name, entry) in entries {
            if name.starts_with('.') {
                continue;
            }
            let relative = if relative.is_empty() { name } else { format!("{relative}/{name}") };
            let path = join(self.root, &relative).unwrap_or_default();
            if !self.exclude.is_match(&relative) {
                self.entry(&relative, path, entry.kind, depth);
            }
        }
    }

    fn entry(&mut self, relative: &str, path: String, kind: EntryKind, depth: usize) {
        match kind {
            EntryKind::File { .. } => self.file(relative, path),
            EntryKind::Symlink => self.link(relative, path, depth),
            EntryKind::Submodule => self.diagnostics.push(
                Diagnostic::warning("this is a Git submodule; nothing in it is read")
                    .at(Location::file(path)),
            ),
            EntryKind::Directory if self.recurse => self.below(relative, &path, depth),
            EntryKind::Directory => {}
        }
    }

    fn below(&mut self, relative: &str, path: &str, depth: usize) {
        if depth >= DEPTH_MAX {
            let error = format!("folders are nested deeper than {DEPTH_MAX}");
            self.diagnostics.push(Diagnostic::error(error).at(Location::file(path)));
        } else if folder::is_overlay(self.tree, path)
            || folder::is_file(self.tree, path, "Chart.yaml")
        {
            self.diagnostics.push(
                Diagnostic::warning(
                    "this folder is a chart or an overlay of its own; it is not read",
                )
                .at(Location::file(path))
                .hint("declare it as an App with this path, or exclude it"),
            );
        } else {
            self.folder(relative, depth + 1);
        }
    }

    fn file(&mut self, relative: &str, path: String) {
        if !self.include.is_match(relative) {
            return;
        }
        if self.files.len() >= FILES_MAX {
            if self.files.len() == FILES_MAX {
                let error = format!("more than {FILES_MAX} files");
                self.diagnostics.push(Diagnostic::error(error).at(Location::file(self.root)));
            }
            return;
        }
        self.files.push(path);
    }

    /// A link to a file counts as that file; one to a folder is not followed, so that no circle can
    /// form.
    fn link(&mut self, relative: &str, path: String, _depth: usize) {
        if !self.include.is_match(relative) {
            return;
        }
        match resolve(self.tree, &path) {
            Ok(Some((real, entry))) if matches!(entry.kind, EntryKind::File { .. }) => {
                self.files.push(real);
            }
            Ok(Some(_)) => {}
            Ok(None) => self.diagnostics.push(
                Diagnostic::error("this symbolic link leads nowhere").at(Location::file(path)),
            ),
            Err(error) => self.diagnostics.push(unreadable(&error).at(Location::file(path))),
        }
    }
}

fn ignored(tree: &dyn Tree, root: &str) -> Vec<String> {
    let file = join(root, IGNORE_FILE).unwrap_or_default();
    let Ok(content) = tree.read(&file) else { return Vec::new() };
    let text = String::from_utf8_lossy(&content).into_owned();
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// A glob without a slash matches at any depth, as in an ignore file of Git.
fn globs(patterns: &[String]) -> Result<GlobSet, Diagnostic> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let trimmed = pattern.trim_end_matches('/');
        let anywhere = if trimmed.contains('/') {
            trimmed.trim_start_matches('/').to_owned()
        } else {
            format!("**/{trimmed}")
        };
        let glob = GlobBuilder::new(&anywhere).literal_separator(true).build();
        let glob = glob.map_err(|error| {
            Diagnostic::error(format!("`{pattern}` is not a glob: {}", error.kind()))
        })?;
        set.add(glob);
    }
    set.build().map_err(|error| Diagnostic::error(format!("these globs are too large: {error}")))
}

/// Adds the documents of one file. A syntax error in it is one diagnostic; the other files go on.
fn parse_file(
    tree: &dyn Tree,
    file: &str,
    documents: &mut Vec<Document>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let content = match tree.read(file) {
        Ok(content) => content,
        Err(error) => return diagnostics.push(unreadable(&error).at(Location::file(file))),
    };
    if content.starts_with(b"version https://git-lfs.github.com/spec/") {
        diagnostics.push(
            Diagnostic::error("this is a Git LFS pointer, not the file itself")
                .at(Location::file(file))
                .hint("commit manifests without LFS"),
        );
        return;
    }
    match trueup_yaml::parse(&content, &Limits::default()) {
        Err(error) => diagnostics.push(syntax(file, &content, &error)),
        Ok(parsed) => {
            for document in parsed {
                if !document.root.is_null() {
                    convert(file, &content, document.root, documents, diagnostics);
                }
            }
        }
    }
}

fn convert(
    file: &str,
    content: &[u8],
    root: trueup_yaml::Node,
    documents: &mut Vec<Document>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let position = root.position();
    match root.to_json(Dialect::V2, DuplicateKeys::Refused) {
        Ok(body) => {
            let at = Location::new(file, position.line, 0);
            documents.push(Document { node: Some(root), ..Document::new(body, at) });
        }
        Err(error) => diagnostics.push(syntax(file, content, &error)),
    }
}

fn syntax(file: &str, content: &[u8], error: &trueup_yaml::Error) -> Diagnostic {
    let at = Location::new(file, error.line(), error.column());
    let mut message = error.message().to_owned();
    if let Some(excerpt) = error.excerpt(content) {
        message.push('\n');
        message.push_str(&excerpt);
    }
    Diagnostic::error(message).at(at)
}
