//! An app is called otherwise: its folders move, and what runs from them goes on.
//!
//! A process keeps its folder by inode, and its shim its socket and log; but paths that they were
//! handed lead through the former names. So a link stays under each of these, until an app of that
//! name is made anew. Every step can be done again after a crash.

use std::io;
use std::path::{Path, PathBuf};

use trueup_model::AppName;

use crate::book::{Book, Entry};
use crate::error::{Doing, HostError};
use crate::layout::{AppLayout, Layout};

/// Moves what an app has.
pub fn rename(layout: &Layout, from: &AppName, to: &AppName) -> Result<(), HostError> {
    let (old, new) = (layout.app(from), layout.app(to));
    for (before, after) in [(&old.own, &new.own), (&old.kept, &new.kept)] {
        move_folder(before, after)
            .doing(|| format!("move {} to {}", before.display(), after.display()))?;
    }
    rewrite_book(&old, &new)
}

/// A link that a rename left under a name is no folder of the app that has that name now.
pub fn clear(layout: &AppLayout) -> io::Result<()> {
    for path in [&layout.own, &layout.kept] {
        if path.is_symlink() {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn move_folder(before: &Path, after: &Path) -> io::Result<()> {
    if before.is_dir() && !before.is_symlink() {
        if after.is_symlink() {
            std::fs::remove_file(after)?;
        } else if after.is_dir() {
            // An empty one is what a look at the new name left; anything else is refused here.
            std::fs::remove_dir(after)?;
        }
        std::fs::rename(before, after)?;
    }
    if after.is_dir() && !before.exists() {
        let name = after.file_name().unwrap_or_default();
        std::os::unix::fs::symlink(name, before)?;
    }
    Ok(())
}

/// The book names paths in full, and a `Directory` is a link to one.
fn rewrite_book(old: &AppLayout, new: &AppLayout) -> Result<(), HostError> {
    let mut book = Book::open(new.book())?;
    let moved = |path: &Path| -> Option<PathBuf> {
        let own = path.strip_prefix(&old.own).map(|rest| new.own.join(rest));
        own.or_else(|_| path.strip_prefix(&old.kept).map(|rest| new.kept.join(rest))).ok()
    };
    let mut changes = Vec::new();
    for (id, entry) in book.entries() {
        if let Some(path) = moved(&entry.path) {
            let made = |path: &PathBuf| moved(path).unwrap_or_else(|| path.clone());
            let made_folders = entry.made_folders.iter().map(made).collect();
            changes.push((id.clone(), Some(Entry { path, made_folders, ..entry.clone() })));
        }
        let path = moved(&entry.path).unwrap_or_else(|| entry.path.clone());
        if id.kind == "Directory" {
            turn_link(&path, moved).doing(|| format!("switch {}", path.display()))?;
        }
    }
    book.write(changes)
}

/// Lets a link lead to where its target moved, in one step.
fn turn_link(link: &Path, moved: impl Fn(&Path) -> Option<PathBuf>) -> io::Result<()> {
    let Ok(target) = std::fs::read_link(link) else { return Ok(()) };
    let Some(target) = moved(&target) else { return Ok(()) };
    let mut name = link.file_name().unwrap_or_default().to_owned();
    name.push(".trueup-renamed");
    let beside = link.with_file_name(name);
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::os::unix::fs::symlink(target, &beside)?;
    std::fs::rename(beside, link)
}
