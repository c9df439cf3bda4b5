//! What the host target is told by the machine's own configuration: never by a repository.

use std::path::PathBuf;

use trueup_model::InstallationKey;

use crate::allowed::Allowed;
use crate::shim::Units;

/// Where programs are looked for.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// For whom this target works on its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For one user: what it writes and runs is that user's.
    User,
    /// For the machine: owners, groups and users of processes may be named.
    System,
}

impl Level {
    /// System level for root, else user level.
    pub fn of_this_process() -> Self {
        if rustix::process::geteuid().is_root() { Self::System } else { Self::User }
    }
}

/// How a [`crate::HostTarget`] is set up.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// TrueUp's state folder. Below it, this target uses `apps` (the apps' own folders) and `host`.
    pub state_dir: PathBuf,
    /// Folders, beside the apps' own, below which files may be written.
    pub roots: Vec<PathBuf>,
    /// The key that secret values are named with.
    pub key: InstallationKey,
    /// The program that answers to `shim` as its first argument: TrueUp's own binary.
    pub shim: PathBuf,
    /// Whether owners and users may be named.
    pub level: Level,
    /// `PATH` of everything that is started.
    pub search_path: String,
    /// How units of systemd are started; `None`: processes are no units.
    pub units: Option<Units>,
    /// Which users and programs documents may use.
    pub allowed: Allowed,
    /// Take a state folder over although it was made on another machine or at another place.
    pub accept_identity: bool,
}

impl HostConfig {
    /// The default: the user's own state folder and nothing else.
    pub fn new(
        state_dir: impl Into<PathBuf>,
        shim: impl Into<PathBuf>,
        key: InstallationKey,
    ) -> Self {
        let level = Level::of_this_process();
        Self {
            state_dir: state_dir.into(),
            roots: Vec::new(),
            key,
            shim: shim.into(),
            level,
            search_path: SEARCH_PATH.to_owned(),
            units: Units::of_this_machine(level, SEARCH_PATH),
            allowed: Allowed::default(),
            accept_identity: false,
        }
    }
}
