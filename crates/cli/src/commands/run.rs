//! `trueup run`.

use std::sync::Arc;

use futures::StreamExt as _;
use tokio::sync::{broadcast, mpsc};
use trueup_controller::run::Board;
use trueup_controller::{Controller, Notice, Operator, Settings, Signal};
use trueup_server::ControlSocket;

use super::Exit;
use super::subject::Where;
use crate::config::Config;
use crate::error::CliError;
use crate::output::{Output, Paint};
use crate::state::State;
use crate::{Global, place, text};

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
    /// Log what happens inside (a filter such as info or trueup_host=debug)
    #[arg(long, env = "TRUEUP_LOG", value_name = "FILTER")]
    log: Option<String>,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    start_log(args.log.as_deref());
    let root = args.place.root(&args.repo)?;
    let folder = place::state_folder(global)?;
    let state = State::open(global)?;
    for note in state.store().notes() {
        output.note(note);
    }
    start_after_boot(&state, output).await?;
    let settings = settings(global.config()?, args.poll);
    let controller = Controller::new(state.clone(), vec![root.clone()], settings);
    let teller = tokio::spawn(tell(controller.notices(), Arc::new(Teller::new(output, args.once))));
    let socket =
        ControlSocket::bind(&place::socket(&folder)).map_err(|error| CliError::of(&error))?;
    let operator = Operator {
        worlds: state.clone(),
        subjects: controller.subjects(),
        board: controller.board(),
        signals: Some(controller.signals()),
    };
    let serving = tokio::spawn(socket.serve(operator));
    let exit = if args.once {
        once(controller, output).await?
    } else {
        keep(controller, &state, &root.source, output).await?
    };
    serving.abort();
    teller.abort();
    leave(&args, &state, output).await?;
    Ok(exit)
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
    colour: Output,
}

impl Teller {
    fn new(output: &Output, quiet: bool) -> Self {
        Self { quiet, colour: Output::new(output.format()) }
    }

    fn say(&self, notice: &Notice) {
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

fn start_log(filter: Option<&str>) {
    let filter = tracing_subscriber::EnvFilter::new(filter.unwrap_or("warn"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Another subscriber is there already only in tests.
    let _ = subscriber.try_init();
}
