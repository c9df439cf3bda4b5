//! Units of systemd. Where it is PID 1, a shim is started as a transient service of its own
//! (systemd-run(1)): it shows in `systemctl`, lies in a control group that systemd keeps, and is
//! limited there. What a shim does is the same elsewhere; supervising stays its own affair, so that
//! a process behaves alike on every machine.
//!
//! Transient units are gone after a boot; the controller then starts what was last applied.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::process::Command;

use super::bytes;
use super::protocol::Launch;
use crate::config::Level;

/// What says that systemd is PID 1 (sd_booted(3)).
const BOOTED: &str = "/run/systemd/system";
/// What a user's own systemd is reached with.
const OF_THE_SESSION: [&str; 2] = ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

/// How units are started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    /// `systemd-run`, or what stands in for it.
    pub program: PathBuf,
    /// Whether they are units of the user's own systemd.
    pub user: bool,
}

impl Units {
    /// Of this machine; `None` where systemd is not PID 1, or a user's own is not there.
    pub fn of_this_machine(level: Level, search_path: &str) -> Option<Self> {
        let user = level == Level::User;
        if !Path::new(BOOTED).is_dir() || (user && std::env::var_os("XDG_RUNTIME_DIR").is_none()) {
            return None;
        }
        let mut folders =
            search_path.split(':').map(|folder| Path::new(folder).join("systemd-run"));
        let program = folders.find(|program| program.is_file())?;
        Some(Self { program, user })
    }

    /// The command that starts `shim` as a unit of this name.
    pub(crate) fn command(&self, shim: &Path, launch: &Launch, unit: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear();
        if self.user {
            command.arg("--user");
            command.envs(
                OF_THE_SESSION.iter().filter_map(|name| Some((name, std::env::var_os(name)?))),
            );
        }
        command.args(arguments(launch, unit)).arg("--").arg(shim).arg("shim");
        command
    }
}

/// A name for a unit. The one before it may not be gone yet, so each has a name of its own.
pub(crate) fn name(launch: &Launch) -> String {
    let about = &launch.about;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let of = format!("{}-{}", about.app, crate::layout::stem(&about.id));
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    format!("trueup-{}-{}", of.chars().map(plain).collect::<String>(), now.as_millis())
}

fn arguments(launch: &Launch, unit: &str) -> Vec<String> {
    let about = &launch.about;
    let mut arguments = vec![
        "--quiet".to_owned(),
        // Also what failed is gone when it has ended: what is to be known of it, its shim has said.
        "--collect".to_owned(),
        // What is launched holds secrets: it goes through a pipe.
        "--pipe".to_owned(),
        format!("--unit={unit}"),
        format!("--description=TrueUp: {} of {}", about.id, about.app),
        // The shim is asked to end, and ends what it supervises with the signal and the grace that
        // the document says.
        "--property=KillMode=mixed".to_owned(),
        "--property=TimeoutStopSec=infinity".to_owned(),
    ];
    let limit = about.body.pointer("/spec/limits/memory").and_then(Value::as_str);
    if let Some(limit) = limit.and_then(bytes) {
        arguments.push(format!("--property=MemoryMax={limit}"));
    }
    arguments
}
