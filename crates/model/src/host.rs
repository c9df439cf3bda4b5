//! The documents of group `host.trueup.dev/v1`: what runs on one machine without Kubernetes.
//!
//! These are wire types: the `spec` of each kind, as users write it. Field names, probes and
//! durations follow Kubernetes' conventions.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::Duration;
use crate::kinds::HOST_GROUP;
use crate::resource::canonical_digest;
use crate::{Diagnostic, Digest, Resource};

/// `apiVersion` of the host resources.
pub const API_VERSION: &str = "host.trueup.dev/v1";

/// The kinds, in the order in which they are applied.
pub const KINDS: [&str; 5] = ["Directory", "File", "Task", "Process", "Timer"];

/// `File`: one file, replaced whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileSpec {
    /// Where: relative to the app's own folder, absolute or below `~/` where the machine's policy
    /// allows it.
    pub path: String,
    /// Its content as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Its content in base64, for what is not text. Admission writes this form for binary files of
    /// the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_base64: Option<String>,
    /// Its content from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_from: Option<ContentFrom>,
    /// Mode in octal, `"0640"`. Left out: kept where the file exists, else 0644 (0600 where the
    /// content is secret).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Owner by name or number. Left out: kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Group by name or number. Left out: kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Command that must succeed on the new file before it replaces the old one; `{}` stands for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validate: Vec<String>,
    /// Whether a file that is there already and not ours is taken over (and put back later).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopt: bool,
    /// Whether the content is secret: then it is named by digest everywhere, and born 0600.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

/// Content of a file that is not written in its document; one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ContentFrom {
    /// A file of the repository, relative to the document's folder. Admission replaces it by the
    /// content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// From this machine when it is applied: secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_from: Option<ValueFrom>,
}

/// `Directory`: a folder of the repository, released under its digest and switched by a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectorySpec {
    /// Where the link stands.
    pub path: String,
    /// The folder of the repository, relative to the document's folder.
    pub from: String,
    /// Digest of the folder's content. Admission writes it; it is not for users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How many releases are kept.
    #[serde(default = "five", skip_serializing_if = "is_five")]
    pub keep: u32,
    /// Paths in the folder that are shared between releases (uploads, caches).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep_paths: Vec<String>,
    /// Whether a folder that is there already and not ours is taken over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopt: bool,
}

fn five() -> u32 {
    5
}

fn is_five(n: &u32) -> bool {
    *n == 5
}

/// Declares a kind that runs a command. What processes, tasks and timers have in common stands here
/// once; `flatten` would do, were an unknown field then still refused with what was meant.
macro_rules! runs_a_command {
    ($(#[$about:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $(#[$about])*
        pub struct $name {
            /// Program and arguments.
            pub command: Vec<String>,
            /// Where it runs. Left out: the app's own folder.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub working_directory: Option<String>,
            /// Resources of the app that it needs, as `Kind/name`: it comes after them, and is
            /// changed when they are.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub uses: Vec<String>,
            /// Digests of what it uses, by `Kind/name`. Admission writes them ([`bind_uses`]), so
            /// that the document's own digest covers what it uses; they are not for users.
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            pub uses_digests: BTreeMap<String, String>,
            /// Environment variables.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub env: Vec<EnvVar>,
            /// Environment variables from files (`KEY=value` lines) of this machine.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub env_from: Vec<EnvFrom>,
            /// User it runs as; at system level only.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub user: Option<String>,
            $($own)*
        }

        impl From<$name> for Running {
            fn from(spec: $name) -> Self {
                Self {
                    command: spec.command,
                    working_directory: spec.working_directory,
                    env: spec.env,
                    env_from: spec.env_from,
                    user: spec.user,
                }
            }
        }
    };
}

/// What a process, a task or a timer runs, where, and as whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Where it runs. Left out: the app's own folder.
    pub working_directory: Option<String>,
    /// Environment variables.
    pub env: Vec<EnvVar>,
    /// Environment variables from files of this machine.
    pub env_from: Vec<EnvFrom>,
    /// User it runs as.
    pub user: Option<String>,
}

runs_a_command! {
    /// `Process`: a supervised process.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct ProcessSpec {
        /// How it takes over a change of itself or of what it uses.
        #[serde(default, skip_serializing_if = "OnChange::is_restart")]
        pub on_change: OnChange,
        /// When it is started again.
        #[serde(default)]
        pub restart: RestartSpec,
        /// Must succeed once before the others count.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub startup_probe: Option<Probe>,
        /// Tells whether it is ready.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub readiness_probe: Option<Probe>,
        /// Tells whether it must be restarted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub liveness_probe: Option<Probe>,
        /// How it is stopped.
        #[serde(default)]
        pub stop: StopSpec,
        /// What it may use.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub limits: Option<Limits>,
    }
}

/// How a process takes over a change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum OnChange {
    /// It is stopped and started.
    #[default]
    Restart,
    /// It is told to read its configuration again. A change of its command or environment restarts
    /// it all the same.
    Reload(Reload),
}

impl OnChange {
    fn is_restart(&self) -> bool {
        *self == Self::Restart
    }
}

/// How a process is told to read its configuration again; one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Reload {
    /// By a signal: `HUP`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// By a command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
}

/// One environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Its value from this machine: secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<ValueFrom>,
}

/// A value that is resolved on this machine when it is needed; one of them. It is secret: sealed in
/// the store and named by its keyed digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ValueFrom {
    /// The content of a file, without a last newline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// A variable of the controller's environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// What a command prints, without a last newline.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
}

/// A file of environment variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvFrom {
    /// Path on this machine; relative to the app's own folder.
    pub file: String,
}

/// When a process is started again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RestartSpec {
    /// After which ends.
    pub policy: RestartPolicy,
    /// How long between.
    pub backoff: RestartBackoff,
}

/// After which ends a process is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RestartPolicy {
    /// After each.
    #[default]
    Always,
    /// After one that was not a success.
    OnFailure,
    /// After none.
    Never,
}

/// Growing pauses between starts; reset after ten minutes of running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RestartBackoff {
    /// The first pause; each later one is twice as long.
    pub initial: Duration,
    /// The longest.
    pub max: Duration,
}

impl Default for RestartBackoff {
    fn default() -> Self {
        Self { initial: Duration::from_secs(1), max: Duration::from_secs(300) }
    }
}

/// A probe, in Kubernetes' own shape; one of the three ways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Probe {
    /// A GET that answers 200 to 399.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_get: Option<HttpGet>,
    /// A port that accepts a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_socket: Option<TcpSocket>,
    /// A command that exits with 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<Exec>,
    /// Seconds before the first try. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_delay_seconds: Option<u32>,
    /// Seconds between tries. Default 10; a startup probe is tried every 100 ms until it succeeds
    /// unless this is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_seconds: Option<u32>,
    /// Seconds a try may take. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// Successes in a row after a failure before it counts as success. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_threshold: Option<u32>,
    /// Failures in a row before it counts as failure. Default 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_threshold: Option<u32>,
}

/// A GET request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpGet {
    /// Port on this machine.
    pub port: u16,
    /// Path; `/` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Address; 127.0.0.1 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Headers to send.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http_headers: Vec<HttpHeader>,
}

/// A header to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A port to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpSocket {
    /// Port on this machine.
    pub port: u16,
    /// Address; 127.0.0.1 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// A command to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exec {
    /// Program and arguments.
    pub command: Vec<String>,
}

/// How a process is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StopSpec {
    /// The signal; `TERM` if left out.
    pub signal: String,
    /// How long until it is killed.
    pub grace: Duration,
}

impl Default for StopSpec {
    fn default() -> Self {
        Self { signal: "TERM".to_owned(), grace: Duration::from_secs(10) }
    }
}

/// What a process may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Memory as a Kubernetes quantity: `256Mi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// Open files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
}

runs_a_command! {
    /// `Task`: a script that runs once for each content of itself and of what it uses.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct TaskSpec {
        /// How long it may take; 10 minutes if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub timeout: Option<Duration>,
        /// Whether going back runs it again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pub rerun_on_rollback: bool,
        /// Whether one that a crash cut short is not run again without a person.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pub at_most_once: bool,
    }
}

runs_a_command! {
    /// `Timer`: a command at certain times.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct TimerSpec {
        /// Five fields of cron.
        pub schedule: String,
        /// Time zone by its IANA name; UTC if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub time_zone: Option<String>,
        /// How long a run may take; 10 minutes if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub timeout: Option<Duration>,
        /// What happens when it is time and the last run still goes on.
        #[serde(default)]
        pub overlap: Overlap,
        /// What becomes of times that passed while the machine was off.
        #[serde(default, skip_serializing_if = "Missed::is_default")]
        pub missed: Missed,
    }
}

/// What becomes of times that passed while the machine was off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Missed {
    /// They are left out.
    #[default]
    Skip,
    /// However many there were, it runs once when the machine is back.
    Run,
}

impl Missed {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What happens when it is time and the last run still goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Overlap {
    /// This time is left out.
    #[default]
    Skip,
    /// The running one is stopped first.
    Replace,
    /// Both run.
    Allow,
}

/// Writes into each `Process`, `Task` and `Timer` the digests of what it uses, as
/// `spec.usesDigests`, and sets its own digest anew: a change of a file it uses is then a change of
/// the document itself, for planning, for the ledger and for going back alike. What is said about a
/// resource that is not there, or about a circle, is an error of the resource that says it.
pub fn bind_uses(resources: &mut [Resource]) -> Vec<Diagnostic> {
    let known: BTreeMap<String, Digest> = resources
        .iter()
        .filter(|resource| resource.id.group == HOST_GROUP)
        .map(|resource| (resource.id.to_string(), used_digest(&resource.body)))
        .collect();
    let graph: BTreeMap<String, Vec<String>> = resources
        .iter()
        .filter(|resource| resource.id.group == HOST_GROUP)
        .map(|resource| (resource.id.to_string(), uses(&resource.body)))
        .collect();
    let mut diagnostics = Vec::new();
    for resource in resources.iter_mut().filter(|resource| resource.id.group == HOST_GROUP) {
        let name = resource.id.to_string();
        let complain = |message: String| {
            Diagnostic::error(message)
                .at(resource.origin.at.clone())
                .about(name.clone())
                .field("/spec/uses")
        };
        let mut digests = serde_json::Map::new();
        for used in uses(&resource.body) {
            match known.get(&used) {
                Some(digest) => {
                    digests.insert(used, Value::from(digest.to_string()));
                }
                None => diagnostics.push(
                    complain(format!("it uses {used}, which this app does not declare"))
                        .hint("write Kind/name of a host resource of the same app"),
                ),
            }
        }
        if reaches(&graph, &name) {
            diagnostics.push(complain("what it uses leads back to itself".to_owned()));
        }
        if let Some(Value::Object(spec)) = resource.body.get_mut("spec")
            && !digests.is_empty()
        {
            spec.insert("usesDigests".to_owned(), Value::Object(digests));
            resource.digest = canonical_digest(&resource.body);
        }
    }
    diagnostics
}

/// What `body` says it uses.
fn uses(body: &Value) -> Vec<String> {
    let list = body.pointer("/spec/uses").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|used| used.as_str().map(str::to_owned)).collect()
}

/// Digest of what matters of a resource to those who use it: its spec, without what only says how
/// it is put there.
fn used_digest(body: &Value) -> Digest {
    let mut spec = body.get("spec").cloned().unwrap_or(Value::Null);
    if let Value::Object(spec) = &mut spec {
        for field in ["adopt", "keep", "validate", "uses", "usesDigests"] {
            spec.remove(field);
        }
    }
    canonical_digest(&spec)
}

/// Whether following `uses` from `start` comes back to it.
fn reaches(graph: &BTreeMap<String, Vec<String>>, start: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = vec![start];
    while let Some(next) = open.pop() {
        for used in graph.get(next).into_iter().flatten() {
            if used == start {
                return true;
            }
            if seen.insert(used.as_str()) {
                open.push(used);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ResourceId;
    use crate::resource::Origin;
    use serde_json::json;

    fn resource(kind: &str, name: &str, spec: Value) -> Resource {
        let body = json!({"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec});
        let id = ResourceId::new(HOST_GROUP, kind, "", name);
        Resource::new(id, API_VERSION.to_owned(), body, Origin::default())
    }

    fn process_digest(content: &str) -> Digest {
        let mut set = [
            resource("File", "settings", json!({"path": "s", "content": content})),
            resource("Process", "web", json!({"command": ["web"], "uses": ["File/settings"]})),
        ];
        assert_eq!(bind_uses(&mut set), []);
        set[1].digest
    }

    #[test]
    fn a_digest_covers_what_is_used() {
        assert_eq!(process_digest("a"), process_digest("a"));
        assert_ne!(process_digest("a"), process_digest("b"));
    }

    #[test]
    fn what_is_not_there_and_circles_are_named() {
        let mut set = [
            resource("Process", "a", json!({"command": ["a"], "uses": ["Process/b", "File/c"]})),
            resource("Process", "b", json!({"command": ["b"], "uses": ["Process/a"]})),
        ];
        let messages: Vec<String> = bind_uses(&mut set).iter().map(|d| d.to_string()).collect();
        assert_eq!(messages.len(), 3, "{messages:?}");
        assert!(messages[0].contains("File/c"), "{messages:?}");
        assert!(messages[1].contains("back to itself"), "{messages:?}");
    }
}
