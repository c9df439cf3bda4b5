//! What runs beside a controller: whoever is told, whoever asks, and whoever shares.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use trueup_controller::metrics::Metrics;
use trueup_controller::notify::Notifier;
use trueup_controller::share::Member;
use trueup_controller::{Controller, Operator, remarks};
use trueup_kubernetes::{Connection, LeaseMembership};
use trueup_model::SourceSpec;
use trueup_model::membership::Membership;
use trueup_server::{ControlSocket, HttpListener};

use super::teller::{self, Teller};
use crate::config::{Config, Ledger, Sharing};
use crate::error::CliError;
use crate::place;
use crate::state::State;

/// How long what ends by itself may take to: the last notifications, and our Lease.
const ENDING: Duration = Duration::from_secs(10);

/// The tasks beside a controller.
pub struct Beside {
    /// Those that end when the controller has.
    ending: JoinSet<()>,
    /// Those that go on until they are stopped.
    serving: JoinSet<()>,
}

impl Beside {
    /// Starts what the configuration asks for, around a controller that has not begun.
    pub async fn start(
        mut controller: Controller,
        state: &Arc<State>,
        source: &SourceSpec,
        config: &Config,
        notifier: Notifier,
        teller: &Arc<Teller>,
    ) -> Result<(Controller, Self), CliError> {
        let (mut ending, mut serving) = (JoinSet::new(), JoinSet::new());
        let metrics = controller.metrics();
        let (notices, subjects) = (|| controller.notices(), || controller.subjects());
        ending.spawn(teller::tell(notices(), Arc::clone(teller)));
        serving.spawn(remarks::listen(notices(), state.clone(), subjects()));
        if !notifier.is_empty() {
            ending.spawn(notifier.listen(notices(), subjects(), metrics.clone()));
        }
        let operator = Operator {
            worlds: state.clone(),
            subjects: subjects(),
            board: controller.board(),
            signals: Some(controller.signals()),
            locks: controller.locks(),
        };
        let socket = ControlSocket::bind(&place::socket(state.folder()));
        serving.spawn(socket.map_err(|error| CliError::of(&error))?.serve(operator.clone()));
        let roots = vec![source.clone()];
        let (listen, hooks) = (&config.listen, &config.webhooks);
        let listener =
            HttpListener::bind(listen, hooks, operator, metrics.clone(), roots, controller.read());
        if let Some(listener) = listener.await.map_err(|error| CliError::of(&error))? {
            if let Some(address) = listener.address() {
                teller.note(&format!("listening on http://{address}"));
            }
            serving.spawn(listener.serve());
        }
        serving.spawn(sweep(state.clone(), config.ledger.clone()));
        if let Some(sharing) = &config.share {
            let (member, keeping) = join(sharing, &controller, metrics)?;
            ending.spawn(keeping);
            controller = controller.shared(member);
        }
        Ok((controller, Self { ending, serving }))
    }

    /// Ends all, after the controller has ended.
    pub async fn end(mut self) {
        let ended = async { while self.ending.join_next().await.is_some() {} };
        if tokio::time::timeout(ENDING, ended).await.is_err() {
            tracing::warn!("the last notifications were not sent in time");
        }
        self.serving.shutdown().await;
    }
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
    let connection = Connection { context: sharing.context.clone(), ..Connection::default() };
    let group = sharing.name.clone();
    let meet = move || -> Arc<dyn Membership> {
        // Each start and each return is another member.
        let started = jiff::Timestamp::now().as_nanosecond();
        let identity = format!("{name}-{:x}-{:x}", std::process::id(), started);
        Arc::new(LeaseMembership::new(connection.clone(), &namespace, &group, &identity))
    };
    Ok(Member::join(meet, controller.signals(), metrics))
}

/// Drops what need not be remembered any more, from time to time. Failing to is no reason to end:
/// it is tried again.
async fn sweep(state: Arc<State>, ledger: Ledger) {
    let states = usize::try_from(ledger.keep).unwrap_or(usize::MAX);
    let pause = ledger.sweep.as_std().max(Duration::from_secs(1));
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
