//! `trueup run`.

use std::sync::Arc;

use futures::StreamExt as _;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use trueup_controller::metrics::Metrics;
use trueup_controller::notify::Notifier;
use trueup_controller::run::Board;
use trueup_controller::share::Member;
use trueup_controller::{Controller, Notice, Operator, Settings, Signal};
use trueup_kubernetes::{Connection, LeaseMembership};
use trueup_model::membership::Membership;
use trueup_server::{ControlSocket, HttpListener};

use super::Exit;
use super::subject::Where;
use crate::config::{Config, Ledger, LogFormat, LogLevel, Sharing};
use crate::error::CliError;
use crate::output::{Output, Paint};
use crate::state::State;
use crate::{Global, place, telemetry, text};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// A repository: a folder, or a URL with https://, ssh:// or user@host:path
    #[arg(value_name = "REPO")]
    repo: String,
    #[command(flatten)]
    place: Where,
    /// Apply once and end; processes go on
    #[arg(long)]
    once: bool,
    /// Stop the processes when this ends
    #[arg(long)]
    ephemeral: bool,
    /// How often a remote repository is asked for news [default: 1m, or as configured]
    #[arg(long, value_name = "DURATION", value_parser = super::duration)]
    poll: Option<trueup_model::app::Duration>,
    /// Serve health, metrics, the read-only API and webhooks here
    #[arg(long, env = "TRUEUP_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<std::net::SocketAddr>,
    /// Log one line an event in place of telling people [default: as configured]
    #[arg(long, value_enum, hide_possible_values = true, value_name = "text|json")]
    log_format: Option<LogFormat>,
    /// The least that is logged [default: info with a format, else warn]
    #[arg(
        long,
        value_enum,
        hide_possible_values = true,
        value_name = "error|warn|info|debug|trace"
    )]
    log_level: Option<LogLevel>,
    /// Log what happens inside (a filter such as info or trueup_host=debug)
    #[arg(long, env = "TRUEUP_LOG", value_name = "FILTER")]
    log: Option<String>,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let config = configured(&args, global)?;
    let metrics = Metrics::new();
    let telemetry = telemetry::start(&config.telemetry, args.log.as_deref(), metrics.clone())?;
    let notifier = Notifier::new(&config.notifications).map_err(|error| CliError::of(&error))?;
    let root = args.place.root(&args.repo)?;
    let folder = place::state_folder(global)?;
    let state = State::open(global).await?;
    for note in state.store().notes() {
        output.note(note);
    }
    start_after_boot(&state, output).await?;
    metrics.rendered_by(state.renderer());
    let settings = settings(&config, args.poll);
    let mut controller =
        Controller::new(state.clone(), vec![root.clone()], settings).measured(metrics.clone());
    let teller = Teller::new(output, &args, config.telemetry.log_format.is_some());
    let mut beside = JoinSet::new();
    beside.spawn(tell(controller.notices(), Arc::new(teller)));
    let (notices, subjects) = (controller.notices(), controller.subjects());
    beside.spawn(trueup_controller::remarks::listen(notices, state.clone(), subjects));
    if !notifier.is_empty() {
        let (notices, subjects) = (controller.notices(), controller.subjects());
        beside.spawn(notifier.listen(notices, subjects, metrics.clone()));
    }
    if let Some(sharing) = &config.share {
        let (member, keeping) = join(sharing, &controller, metrics.clone())?;
        beside.spawn(keeping);
        controller = controller.shared(member);
    }
    let socket =
        ControlSocket::bind(&place::socket(&folder)).map_err(|error| CliError::of(&error))?;
    let operator = Operator {
        worlds: state.clone(),
        subjects: controller.subjects(),
        board: controller.board(),
        signals: Some(controller.signals()),
    };
    beside.spawn(socket.serve(operator.clone()));
    let listener = HttpListener::bind(
        &config.listen,
        &config.webhooks,
        operator,
        metrics,
        vec![root.source.clone()],
        controller.read(),
    );
    if let Some(listener) = listener.await.map_err(|error| CliError::of(&error))? {
        if let Some(address) = listener.address() {
            output.note(&format!("listening on http://{address}"));
        }
        beside.spawn(listener.serve());
    }
    beside.spawn(sweep(state.clone(), config.ledger.clone()));
    let exit = if args.once {
        once(controller, output).await?
    } else {
        keep(controller, &state, &root.source, output).await?
    };
    beside.shutdown().await;
    telemetry.end().await;
    leave(&args, &state, output).await?;
    Ok(exit)
}

/// Takes part among the controllers that share the apps.
fn join(
    sharing: &Sharing,
    controller: &Controller,
    metrics: Metrics,
) -> Result<(Member, impl Future<Output = ()> + Send + use<>), CliError> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let namespace = sharing.namespace.clone().or_else(|| variable("POD_NAMESPACE"));
    let namespace = namespace.ok_or_else(|| {
        CliError::new("controllers that share apps need a namespace to meet in")
            .hint("set `share.namespace`")
    })?;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name = variable("POD_NAME").unwrap_or(host);
    let connection = Connection { kubeconfig: None, context: sharing.context.clone() };
    let group = sharing.name.clone();
    let meet = move || -> Arc<dyn Membership> {
        // Each start and each return is another member.
        let started = jiff::Timestamp::now().as_nanosecond();
        let identity = format!("{name}-{:x}-{:x}", std::process::id(), started);
        Arc::new(LeaseMembership::new(connection.clone(), &namespace, &group, &identity))
    };
    Ok(Member::join(meet, controller.signals(), metrics))
}

/// The configuration, with what the flags of this command say.
fn configured(args: &Args, global: &Global) -> Result<Config, CliError> {
    let mut config = global.config()?.clone();
    config.listen.address = args.listen.or(config.listen.address);
    config.telemetry.log_format = args.log_format.or(config.telemetry.log_format);
    config.telemetry.log_level = args.log_level.or(config.telemetry.log_level);
    Ok(config)
}

fn settings(config: &Config, poll: Option<trueup_model::app::Duration>) -> Settings {
    let intervals = &config.intervals;
    Settings {
        at_once: usize::try_from(config.limits.apps_at_once).unwrap_or(usize::MAX).max(1),
        poll: poll.unwrap_or(intervals.poll).as_std(),
        resync: intervals.resync.as_std(),
        retry: intervals.retry.as_std(),
    }
}

/// Drops what need not be remembered any more, from time to time. Failing to is no reason to end:
/// it is tried again.
async fn sweep(state: Arc<State>, ledger: Ledger) {
    let states = usize::try_from(ledger.keep).unwrap_or(usize::MAX);
    let pause = ledger.sweep.as_std().max(std::time::Duration::from_secs(1));
    let mut due = tokio::time::interval_at(tokio::time::Instant::now() + pause, pause);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        match state.store().sweep(states).await {
            Ok(swept) => tracing::info!(removed = swept.removed, "old contents are dropped"),
            Err(error) => tracing::warn!("old contents could not be dropped: {}", error.message),
        }
    }
}

/// What ran before the machine was started anew runs again, in order and before Git is asked.
async fn start_after_boot(state: &State, output: &Output) -> Result<(), CliError> {
    if state.recorded_subjects().await?.values().all(|subject| subject.declaration.target != "host")
    {
        return Ok(());
    }
    for started in state.host()?.start_last_applied().await {
        match started.error {
            None => output.note(&format!("{} {} is started again", started.app, started.id)),
            Some(error) => output.note(&format!("{} {}: {error}", started.app, started.id)),
        }
    }
    Ok(())
}

async fn once(controller: Controller, output: &Output) -> Result<Exit, CliError> {
    let board = controller.once().await;
    let list = trueup_api::StatusList {
        api_version: trueup_api::VERSION.to_owned(),
        apps: board.into_values().collect(),
    };
    output.print(&list, || text::status::list(&list, output))?;
    let fine = list.apps.iter().all(|app| matches!(app.state.as_str(), "healthy" | "drifted"));
    Ok(if fine { Exit::Done } else { Exit::Failed })
}

async fn keep(
    controller: Controller,
    state: &State,
    source: &trueup_model::SourceSpec,
    output: &Output,
) -> Result<Exit, CliError> {
    let signals = controller.signals();
    let watching = tokio::spawn(watch(state.source().clone(), source.clone(), signals.clone()));
    let board = controller.board();
    output.note(&format!("keeping this machine true to {} (Ctrl-C ends)", source.repo));
    let keeping = tokio::spawn(controller.keep());
    let ended = tokio::select! {
        signal = interrupted() => signal.map(|()| true)?,
        () = ended_by_itself(&signals) => false,
    };
    if ended {
        // A controller that has ended already needs no telling.
        let _ = signals.send(Signal::Stop).await;
    }
    keeping.await.map_err(|error| CliError::of(&error))?;
    watching.abort();
    last_words(&board, output).await;
    Ok(Exit::Done)
}

async fn ended_by_itself(signals: &mpsc::Sender<Signal>) {
    signals.closed().await;
}

/// Ctrl-C, or what a service manager sends.
async fn interrupted() -> Result<(), CliError> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => Ok(result?),
        _ = terminate.recv() => Ok(()),
    }
}

/// A commit in a repository on this machine is seen at once.
async fn watch(
    git: Arc<trueup_git::GitSource>,
    source: trueup_model::SourceSpec,
    signals: mpsc::Sender<Signal>,
) {
    let mut news = match git.watch(&source) {
        Ok(Some(news)) => news,
        Ok(None) => return,
        Err(error) => {
            tracing::warn!("{}: commits are seen by polling: {}", source.repo, error.message);
            return;
        }
    };
    while news.next().await.is_some() {
        let signal = Signal::Source { repo: source.repo.clone() };
        if signals.send(signal).await.is_err() {
            return;
        }
    }
}

async fn leave(args: &Args, state: &State, output: &Output) -> Result<(), CliError> {
    if args.ephemeral {
        state.host()?.stop_all().await.map_err(|error| CliError::of(&error))?;
        output.note("the processes are stopped");
    }
    Ok(())
}

async fn last_words(board: &Board, output: &Output) {
    let names: Vec<String> = board.read().await.keys().map(ToString::to_string).collect();
    if !names.is_empty() {
        output.note(&format!(
            "\n{} go on without the controller; `trueup run` takes them up again, `trueup stop` ends them",
            names.join(", ")
        ));
    }
}

/// Says what happens, as it happens.
struct Teller {
    quiet: bool,
    /// Whether it is logged, for machines, in place of being told to people.
    logs: bool,
    colour: Output,
}

impl Teller {
    fn new(output: &Output, args: &Args, logs: bool) -> Self {
        Self { quiet: args.once, logs, colour: Output::new(output.format()) }
    }

    fn say(&self, notice: &Notice) {
        if self.logs {
            return telemetry::log(notice);
        }
        match notice {
            Notice::Entry(entry) => self.colour.note(&text::history::line(entry, &self.colour)),
            Notice::Status(status) if !self.quiet => {
                self.colour.note(&text::status::line(status, &self.colour));
            }
            Notice::Status(_) => {}
            Notice::Root { repo, diagnostics } => {
                for diagnostic in diagnostics {
                    let text = format!("{repo}: {diagnostic}");
                    self.colour.note(&self.colour.paint(Paint::Bad, &text));
                }
            }
        }
    }
}

async fn tell(mut notices: broadcast::Receiver<Notice>, teller: Arc<Teller>) {
    loop {
        match notices.recv().await {
            Ok(notice) => teller.say(&notice),
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}
