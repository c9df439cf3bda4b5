//! Where things lie in the state folder.
//!
//! ```text
//! apps/APP/                      the app's own folder: relative paths of its resources
//! host/identity.json             which machine and folder this state belongs to
//! host/APP/book                  bookkeeping of what was applied (see `book`)
//! host/APP/left                  the app is no more, and left behind what the book lists
//! host/APP/originals/            what stood at adopted paths
//! host/APP/releases/NAME/DIGEST  immutable folders of a Directory, and DIGEST.json, their manifests
//! host/APP/shared/NAME/          its `keepPaths`
//! host/APP/run/KIND-NAME.sock    sockets of shims; KIND-NAME.json, what they last said of themselves
//! host/APP/logs/KIND-NAME.log    output, and KIND-NAME.log.1 …, older output
//! ```

use std::path::{Path, PathBuf};

use trueup_model::{AppName, ResourceId};

/// The state folder's layout.
#[derive(Clone, Debug)]
pub struct Layout {
    state: PathBuf,
}

impl Layout {
    /// Of this state folder, an absolute path without symbolic links.
    pub fn new(state: PathBuf) -> Self {
        Self { state }
    }

    /// The state folder.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// What this target keeps for itself.
    pub fn host(&self) -> PathBuf {
        self.state.join("host")
    }

    /// The file that says which machine and folder this state belongs to.
    pub fn identity(&self) -> PathBuf {
        self.host().join("identity.json")
    }

    /// What belongs to one app.
    pub fn app(&self, app: &AppName) -> AppLayout {
        AppLayout {
            own: self.state.join("apps").join(app.as_str()),
            kept: self.host().join(app.as_str()),
        }
    }
}

/// The part of the layout that belongs to one app.
#[derive(Clone, Debug)]
pub struct AppLayout {
    /// The app's own folder.
    pub own: PathBuf,
    /// What this target keeps for the app.
    pub kept: PathBuf,
}

impl AppLayout {
    /// Bookkeeping.
    pub fn book(&self) -> PathBuf {
        self.kept.join("book")
    }

    /// The mark that the app is no more, and what it had is nobody's.
    pub fn left(&self) -> PathBuf {
        self.kept.join("left")
    }

    /// What stood at adopted paths.
    pub fn originals(&self) -> PathBuf {
        self.kept.join("originals")
    }

    /// Releases of a `Directory`.
    pub fn releases(&self, name: &str) -> PathBuf {
        self.kept.join("releases").join(file_name(name))
    }

    /// What the releases of a `Directory` share.
    pub fn shared(&self, name: &str) -> PathBuf {
        self.kept.join("shared").join(file_name(name))
    }

    /// Sockets and last words of shims.
    pub fn run(&self) -> PathBuf {
        self.kept.join("run")
    }

    /// Output of a process, task or timer.
    pub fn log(&self, id: &ResourceId) -> PathBuf {
        self.kept.join("logs").join(format!("{}.log", stem(id)))
    }
}

/// The file name, without its ending, of what belongs to a resource.
pub fn stem(id: &ResourceId) -> String {
    format!("{}-{}", id.kind, file_name(&id.name))
}

/// A resource's name as one part of a path. Names of Kubernetes-style documents may hold dots and
/// colons, and nothing stops a hostile one from holding slashes.
fn file_name(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= 100 && !name.starts_with('.') && name.chars().all(fits) {
        return name.to_owned();
    }
    format!("_{}", trueup_model::Digest::of(name.as_bytes()).short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_part_of_a_path() {
        assert_eq!(file_name("web-1.x"), "web-1.x");
        for hostile in ["", ".", "..", "a/b", "../x", &"a".repeat(300)] {
            let name = file_name(hostile);
            assert!(name.starts_with('_') && !name.contains('/'), "{hostile}: {name}");
        }
    }
}
