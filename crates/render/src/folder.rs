//! What kind of folder is this.

use trueup_model::app::{HelmRender, KustomizeRender, PlainRender, Render};
use trueup_model::tree::{EntryKind, Tree, TreeError, join, resolve};
use trueup_model::{Diagnostic, Location};

/// The names under which Kustomize looks for its file, in its order.
pub const KUSTOMIZATION_FILES: [&str; 3] =
    ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// How a folder is rendered.
#[derive(Clone, Debug, PartialEq)]
pub enum FolderKind {
    /// As a Helm chart.
    Helm(HelmRender),
    /// As a Kustomize overlay.
    Kustomize(KustomizeRender),
    /// As files that stand for themselves.
    Plain(PlainRender),
}

/// Decides by the App's options, else by what is in the folder: `Chart.yaml` → Helm, a
/// kustomization file → Kustomize, else plain. The error says what is wrong with the path.
pub fn kind(
    tree: &dyn Tree,
    path: &str,
    options: Option<&Render>,
) -> Result<FolderKind, Diagnostic> {
    must_be_folder(tree, path)?;
    if let Some(options) = options {
        let given = [options.helm.is_some(), options.kustomize.is_some(), options.plain.is_some()];
        match given {
            [true, false, false] => {
                return Ok(FolderKind::Helm(options.helm.clone().unwrap_or_default()));
            }
            [false, true, false] => {
                return Ok(FolderKind::Kustomize(options.kustomize.clone().unwrap_or_default()));
            }
            [false, false, true] => {
                return Ok(FolderKind::Plain(options.plain.clone().unwrap_or_default()));
            }
            [false, false, false] => {}
            _ => {
                return Err(Diagnostic::error("`render` names more than one way")
                    .hint("keep one of helm, kustomize and plain"));
            }
        }
    }
    if is_file(tree, path, "Chart.yaml") {
        Ok(FolderKind::Helm(HelmRender::default()))
    } else if is_overlay(tree, path) {
        Ok(FolderKind::Kustomize(KustomizeRender::default()))
    } else {
        Ok(FolderKind::Plain(PlainRender::default()))
    }
}

/// Whether the folder holds a kustomization file.
pub fn is_overlay(tree: &dyn Tree, path: &str) -> bool {
    KUSTOMIZATION_FILES.iter().any(|name| is_file(tree, path, name))
}

/// Whether the folder holds a file of this name.
pub fn is_file(tree: &dyn Tree, path: &str, name: &str) -> bool {
    let Some(file) = join(path, name) else { return false };
    let found = resolve(tree, &file).ok().flatten();
    found.is_some_and(|(_, entry)| matches!(entry.kind, EntryKind::File { .. }))
}

fn must_be_folder(tree: &dyn Tree, path: &str) -> Result<(), Diagnostic> {
    let at = || Location::file(if path.is_empty() { "." } else { path });
    match resolve(tree, path) {
        Ok(Some((_, entry))) if entry.kind == EntryKind::Directory => Ok(()),
        Ok(Some((_, entry))) if entry.kind == EntryKind::Submodule => {
            Err(Diagnostic::error("this folder is a Git submodule, which is not read")
                .at(at())
                .hint("name the submodule's own repository as the source"))
        }
        Ok(Some(_)) => Err(Diagnostic::error("this is a file; a folder is wanted").at(at())),
        Ok(None) => Err(Diagnostic::error("there is no such folder in this commit")
            .at(at())
            .hint(near(tree, path))),
        Err(error) => Err(unreadable(&error).at(at())),
    }
}

/// What could have been meant by a path that does not exist.
fn near(tree: &dyn Tree, path: &str) -> String {
    let parent = trueup_model::tree::parent(path);
    let Ok(entries) = tree.list(parent) else {
        return "check the path".to_owned();
    };
    let folders = entries.iter().filter(|(_, entry)| entry.kind == EntryKind::Directory);
    let names: Vec<&str> = folders.map(|(name, _)| name.as_str()).take(8).collect();
    let place = if parent.is_empty() { "the root" } else { parent };
    if names.is_empty() {
        format!("there are no folders in {place}")
    } else {
        format!("the folders in {place} are: {}", names.join(", "))
    }
}

/// An error of the tree as a diagnostic.
pub fn unreadable(error: &TreeError) -> Diagnostic {
    Diagnostic::error(error.to_string())
}
