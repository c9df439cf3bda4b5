//! The shim: the small process between TrueUp and what it runs.
//!
//! Each process, task and timer has one, of the same binary: `trueup shim`. The controller can be
//! killed, upgraded or stopped, and what runs goes on: the shim restarts it, probes it, rotates its
//! log, and answers the next controller through a socket in the state folder. It is in a session
//! and, where it can be, a control group of its own.
//!
//! Secrets reach it through a pipe, and the process through its environment; the shim writes none
//! of them down and none stands on a command line.

mod announce;
mod cgroup;
mod children;
pub mod client;
mod exec;
mod lifecycle;
mod once;
mod output;
mod ports;
mod probe;
pub mod protocol;
mod serve;
mod signals;
mod supervise;
mod task;
mod timer;
mod unit;

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use trueup_model::ResourceId;
use trueup_model::host::{Limits, ProcessSpec, TaskSpec, TimerSpec};

pub use cgroup::bytes;
pub use children::{processes, signal, signal_group};
pub use output::older as older_log;
pub use timer::When;
pub use unit::Units;

use announce::Announcer;
use protocol::{About, Launch, Reply, Report};
use serve::{Address, Asked, report_of};
use signals::Signals;

/// Runs as a shim, if this process was started as one: `None` otherwise. For the start of `main`,
/// before anything else is set up.
pub fn shim_of_this_process() -> Option<ExitCode> {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|text| text.to_string_lossy().into_owned()).collect();
    let (first, rest) = arguments.split_first()?;
    (first == "shim").then(|| shim_main(rest))
}

/// What `trueup shim …` does; `arguments` are those after `shim`. Without any it reads what to run
/// from its standard input, as JSON, and answers with one line.
pub fn shim_main(arguments: &[String]) -> ExitCode {
    match arguments.split_first() {
        Some((stage, rest)) if stage == "exec" => exec::main(rest),
        _ => match launch() {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => {
                let refused = Reply::Refused { message };
                let _ = tell(&refused);
                ExitCode::FAILURE
            }
        },
    }
}

/// The longest launch: a document and an environment.
const LONGEST_LAUNCH: u64 = 16 * 1024 * 1024;

fn launch() -> Result<(), String> {
    let mut text = Vec::new();
    io::stdin()
        .take(LONGEST_LAUNCH)
        .read_to_end(&mut text)
        .map_err(|error| format!("cannot read what to run: {error}"))?;
    let launch: Launch = serde_json::from_slice(&text)
        .map_err(|error| format!("cannot understand what to run: {error}"))?;
    drop(text);
    let job = Job::of(&launch)?;
    detach();
    let group = format!("trueup-{}-{}", launch.about.app, crate::layout::stem(&launch.about.id));
    let memory = job.memory()?;
    let notes = match &launch.unit {
        // Its control group is systemd's, limits included.
        Some(_) => Vec::new(),
        None => cgroup::leave(&group, memory).err().into_iter().collect(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let address = address(&launch);
    let result = runtime.block_on(live(launch, job, notes, &address));
    let _ = std::fs::remove_file(address.folder.join(&address.name));
    cgroup::remove(&group);
    result
}

/// The socket of the shim of a resource.
pub fn socket_name(id: &ResourceId) -> String {
    format!("{}.sock", crate::layout::stem(id))
}

fn address(launch: &Launch) -> Address {
    Address { folder: launch.run.clone(), name: socket_name(&launch.about.id) }
}

/// Away from the terminal, the folder and the session of whoever started it.
fn detach() {
    // Fails only for the leader of a group, which then has a group of its own already.
    let _ = rustix::process::setsid();
    let _ = rustix::process::chdir("/");
    children::adopt_descendants();
}

async fn live(
    launch: Launch,
    job: Job,
    notes: Vec<String>,
    address: &Address,
) -> Result<(), String> {
    let signals =
        Signals::listen().map_err(|error| format!("cannot listen to signals: {error}"))?;
    let listener = address.listen().map_err(|error| {
        format!("cannot listen at {}/{}: {error}", address.folder.display(), address.name)
    })?;
    let (reports, seen) = watch::channel(Arc::new(Announcer::first(&launch.about)));
    let (asker, asked) = mpsc::channel::<Asked>(16);
    tokio::spawn(serve::stay_reachable(address.clone(), listener, seen.clone(), asker));
    tokio::spawn(say_that_it_lives(seen));
    job.run(launch, notes, reports, asked, signals).await;
    // Whoever waits for the last report is given the time to read it.
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// The first news go to whoever started the shim; then it lets go of what it was given.
async fn say_that_it_lives(mut reports: watch::Receiver<Arc<Report>>) {
    let _ = reports.changed().await;
    let report = reports.borrow().clone();
    let _ = tell(&report_of(&report));
    if let Ok(null) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}

fn tell(reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    let mut stdout = io::stdout();
    stdout.write_all(&line)?;
    stdout.flush()
}

/// What a shim does.
enum Job {
    Process(Box<ProcessSpec>),
    Task(Box<TaskSpec>),
    Timer(Box<TimerSpec>, timer::When),
}

impl Job {
    fn of(launch: &Launch) -> Result<Self, String> {
        let About { id, body, .. } = &launch.about;
        let read = match id.kind.as_str() {
            "Process" => {
                crate::document::spec_of(id, body).map(|spec| Self::Process(Box::new(spec)))
            }
            "Task" => crate::document::spec_of(id, body).map(|spec| Self::Task(Box::new(spec))),
            "Timer" => {
                let spec = crate::document::spec_of(id, body).map_err(|error| error.sentence())?;
                let when = timer::When::of(&spec)?;
                return Ok(Self::Timer(Box::new(spec), when));
            }
            other => return Err(format!("a shim runs no {other}")),
        };
        read.map_err(|error| error.sentence())
    }

    fn memory(&self) -> Result<Option<u64>, String> {
        let Self::Process(spec) = self else { return Ok(None) };
        let Some(Limits { memory: Some(text), .. }) = &spec.limits else { return Ok(None) };
        let wrong = || format!("limits.memory: `{text}` is not a quantity such as 256Mi");
        cgroup::bytes(text).map(Some).ok_or_else(wrong)
    }

    async fn run(
        self,
        launch: Launch,
        notes: Vec<String>,
        reports: watch::Sender<Arc<Report>>,
        asked: mpsc::Receiver<Asked>,
        signals: Signals,
    ) {
        match self {
            Self::Process(spec) => {
                supervise::run(launch, *spec, notes, reports, asked, signals).await;
            }
            Self::Task(spec) => task::run(launch, *spec, notes, reports, asked, signals).await,
            Self::Timer(spec, when) => {
                timer::run(launch, *spec, when, notes, reports, asked, signals).await;
            }
        }
    }
}
