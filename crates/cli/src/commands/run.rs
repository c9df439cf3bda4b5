//! `trueup run`.

mod beside;
mod teller;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::mpsc;
use trueup_controller::metrics::Metrics;
use trueup_controller::notify::Notifier;
use trueup_controller::run::Board;
use trueup_controller::{Controller, Settings, Signal};

use super::Exit;
use super::subject::Where;
use crate::config::{Config, LogFormat, LogLevel};
use crate::error::CliError;
use crate::output::Output;
use crate::state::State;
use crate::{Global, telemetry, text};
use beside::Beside;
use teller::Teller;

/// How long what runs may take to end. A service manager that waits less kills it, which loses nothing.
const ENDING: Duration = Duration::from_secs(50);

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
    /// Keep the App objects of the cluster too (of --context)
    #[arg(long)]
    app_objects: bool,
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
    let teller = Arc::new(Teller::new(output, args.once, config.telemetry.log_format.is_some()));
    let state = State::open(global).await?;
    for note in state.store().notes() {
        teller.note(note);
    }
    start_after_boot(&state, &teller).await?;
    if args.app_objects {
        state.follow_objects(args.place.context.clone());
    }
    metrics.rendered_by(state.renderer());
    let settings = settings(&config, args.poll);
    let controller =
        Controller::new(state.clone(), vec![root.clone()], settings).measured(metrics.clone());
    let (controller, beside) =
        Beside::start(controller, &state, &root.source, &config, notifier, &teller).await?;
    let exit = if args.once {
        once(controller, output).await?
    } else {
        keep(controller, &state, &root.source, &teller).await?
    };
    beside.end().await;
    leave(&args, &state, &teller).await?;
    telemetry.end().await;
    Ok(exit)
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
        ..Settings::default()
    }
}

/// What ran before the machine was started anew runs again, in order and before Git is asked.
async fn start_after_boot(state: &State, teller: &Teller) -> Result<(), CliError> {
    if state.recorded_subjects().await?.values().all(|subject| subject.declaration.target != "host")
    {
        return Ok(());
    }
    for started in state.host()?.start_last_applied().await {
        match started.error {
            None => teller.note(&format!("{} {} is started again", started.app, started.id)),
            Some(error) => teller.note(&format!("{} {}: {error}", started.app, started.id)),
        }
    }
    Ok(())
}

async fn once(controller: Controller, output: &Output) -> Result<Exit, CliError> {
    let board = controller.once().await;
    let list = trueup_api::StatusList {
        api_version: trueup_api::VERSION.to_owned(),
        apps: board.apps.into_values().collect(),
        sources: board.sources.into_values().collect(),
        frozen: None,
    };
    output.print(&list, || text::status::list(&list, output))?;
    let fine = list.apps.iter().all(|app| matches!(app.state.as_str(), "healthy" | "drifted"));
    Ok(if fine { Exit::Done } else { Exit::Failed })
}

async fn keep(
    controller: Controller,
    state: &State,
    source: &trueup_model::SourceSpec,
    teller: &Teller,
) -> Result<Exit, CliError> {
    let signals = controller.signals();
    let watching = tokio::spawn(watch(state.source().clone(), source.clone(), signals.clone()));
    let board = controller.board();
    teller.note(&format!("keeping this machine true to {} (Ctrl-C ends)", source.repo));
    let keeping = tokio::spawn(controller.keep());
    let ended = tokio::select! {
        signal = interrupted() => signal.map(|()| true)?,
        () = ended_by_itself(&signals) => false,
    };
    if ended {
        // A controller that has ended already needs no telling.
        let _ = signals.send(Signal::Stop).await;
    }
    match tokio::time::timeout(ENDING, keeping).await {
        Ok(ended) => ended.map_err(|error| CliError::of(&error))?,
        Err(_) => teller.note("what still runs is cut off; the next start looks and goes on"),
    }
    watching.abort();
    last_words(&board, teller).await;
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

async fn leave(args: &Args, state: &State, teller: &Teller) -> Result<(), CliError> {
    if args.ephemeral {
        state.host()?.stop_all().await.map_err(|error| CliError::of(&error))?;
        teller.note("the processes are stopped");
    }
    Ok(())
}

async fn last_words(board: &Board, teller: &Teller) {
    let names: Vec<String> = board.read().await.apps.keys().map(ToString::to_string).collect();
    if !names.is_empty() {
        teller.note(&format!(
            "\n{} go on without the controller; `trueup run` takes them up again, `trueup stop` ends them",
            names.join(", ")
        ));
    }
}
