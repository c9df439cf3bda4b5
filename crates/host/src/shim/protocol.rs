//! What a shim is told at its start, what it says of itself, and what it is asked over its socket.
//!
//! All of it is JSON, one value a line. Version 1. A controller of a later version must be able to
//! read what a shim of this one says, since a shim lives until its process changes: fields are
//! added, never changed or removed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trueup_model::{AppName, Digest, ResourceId};

/// Version of the protocol.
pub const VERSION: u32 = 1;

/// What is to be run. It goes to the shim through a pipe, since it holds secrets, and is never
/// written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Launch {
    /// What a shim may say to everybody.
    pub about: About,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Environment, complete.
    pub environment: Vec<(String, String)>,
    /// User and groups, at system level.
    pub user: Option<RunAs>,
    /// Folder of sockets and last words.
    pub run: PathBuf,
    /// Where output goes.
    pub log: PathBuf,
    /// When a timer was next due, where one for the same document was there before the boot.
    #[serde(default)]
    pub was_due: Option<Timestamp>,
    /// The unit of systemd that the shim is, if it is one.
    #[serde(default)]
    pub unit: Option<String>,
}

/// What a shim was started for. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// Version of the protocol.
    pub version: u32,
    /// The app.
    pub app: AppName,
    /// The resource.
    pub id: ResourceId,
    /// Its document.
    pub body: Value,
    /// Digest of the document.
    pub document: Digest,
    /// Names of the secret values that it was started with.
    pub inputs: BTreeMap<String, String>,
    /// The folder that it runs in, without links.
    pub folder: PathBuf,
}

/// Numbers of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAs {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// All groups.
    pub groups: Vec<u32>,
}

/// A process, told from every other that ever had its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRef {
    /// Its number; also that of its group.
    pub pid: i32,
    /// Its start, in clock ticks since the boot.
    pub start: u64,
    /// Id of the boot.
    pub boot: String,
}

impl ProcessRef {
    /// The process that has this number now.
    pub fn of(pid: i32) -> Option<Self> {
        let start = crate::identity::start_time(pid)?;
        Some(Self { pid, start, boot: crate::identity::boot_id() })
    }

    /// Whether it still runs.
    pub fn runs(&self) -> bool {
        crate::identity::start_time(self.pid) == Some(self.start)
            && crate::identity::boot_id() == self.boot
    }
}

/// What a shim says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What it was started for.
    pub about: About,
    /// The shim itself.
    pub shim: ProcessRef,
    /// How what it runs does; the `status` of its document.
    pub status: Status,
}

/// How what a shim runs does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// Where it is.
    pub phase: Phase,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The process, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main: Option<ProcessRef>,
    /// Ends in a row without it having run well between.
    pub failures: u32,
    /// How often it was started again.
    pub restarts: u32,
    /// How it last ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_exit: Option<Exit>,
    /// The last line it printed before it last ended.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_line: String,
    /// What its probe last said against it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub probe: String,
    /// Why it could not be started, or did not end by itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// A timer's last run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run: Option<LastRun>,
    /// When a timer runs next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_run: Option<Timestamp>,
    /// What a person should know: limits that could not be set, processes left behind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Where a process, task or timer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// It is started, and has not yet shown that it works.
    #[default]
    Starting,
    /// It runs; it has no probe that could say more.
    Running,
    /// Its probes pass.
    Ready,
    /// It was ready, and its probe fails.
    NotReady,
    /// It ended, and is started again soon.
    Backoff,
    /// It was told to stop.
    Stopping,
    /// It was stopped.
    Stopped,
    /// It ended with success, and is not started again.
    Completed,
    /// It ended without success, and is not started again.
    GaveUp,
    /// It could not be started; or a task failed.
    Failed,
    /// A task succeeded.
    Succeeded,
    /// A timer waits for its time.
    Waiting,
}

/// How a process ended: by itself with a code, or by a signal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", untagged)]
pub enum Exit {
    /// By itself.
    Code {
        /// Its code.
        code: i32,
    },
    /// By a signal.
    Signal {
        /// Its name, `KILL`.
        signal: String,
    },
}

impl Exit {
    /// Whether that is success.
    pub fn success(&self) -> bool {
        matches!(self, Self::Code { code: 0 })
    }
}

/// A run of a timer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastRun {
    /// When it was started.
    pub at: Timestamp,
    /// Whether it succeeded.
    pub ok: bool,
}

/// What a shim is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "ask")]
pub enum Request {
    /// How does it do? One report.
    Status,
    /// A report now and one at each change, until the shim ends.
    Events,
    /// Stop it, and end. One report when it has stopped.
    Stop,
    /// Take this document over without a restart: what differs does not change what was started.
    Adjust {
        /// What it is for from now on.
        about: Box<About>,
    },
    /// Tell the process to read its configuration again, and take this document over.
    Reload {
        /// What it is for from now on.
        about: Box<About>,
    },
}

/// What a shim answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "answer")]
pub enum Reply {
    /// A report.
    Report {
        /// What it says.
        report: Box<Report>,
    },
    /// It could not be done.
    Refused {
        /// Why.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_version_1_is_read() {
        let request: Request = serde_json::from_str(r#"{"ask":"status"}"#).unwrap();
        assert_eq!(request, Request::Status);
        let exit = |text: &str| serde_json::from_str::<Exit>(text).unwrap();
        assert!(exit(r#"{"code":0}"#).success());
        assert!(!exit(r#"{"signal":"KILL"}"#).success());
    }

    #[test]
    fn a_process_is_told_from_its_successors() {
        let me = ProcessRef::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(me.runs());
        assert!(!ProcessRef { start: me.start + 1, ..me.clone() }.runs());
        assert!(!ProcessRef { boot: "other".to_owned(), ..me }.runs());
    }
}
