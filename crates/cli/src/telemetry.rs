//! What a running controller says of itself: log lines, durations, traces. One subscriber for all
//! three, set up once, from spans and events that the crates below emit without knowing of it.

mod lines;
mod traces;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use trueup_controller::Notice;
use trueup_controller::metrics::Metrics;
use trueup_controller::metrics::spans::{SpanTimes, is_measured};

use crate::config::{LogFormat, Telemetry};
use crate::error::CliError;
use lines::Lines;
use traces::Traces;

/// Ends with what it was started for: what is still to be sent is sent.
pub struct Running {
    traces: Option<Traces>,
}

/// Starts logging, measuring and tracing for this process. `filter` overrides the configured level.
pub fn start(
    settings: &Telemetry,
    filter: Option<&str>,
    metrics: Metrics,
) -> Result<Running, CliError> {
    let usual = if settings.log_format.is_some() { "info" } else { "warn" };
    let level = settings.log_level.map_or(usual, |level| level.as_str());
    let filter = EnvFilter::try_new(filter.unwrap_or(level))
        .map_err(|error| CliError::new(format!("the log filter cannot be understood: {error}")))?;
    let lines = Lines::new(settings.log_format.unwrap_or(LogFormat::Text), std::io::stderr);
    let traces = settings.traces.as_ref().map(Traces::new).transpose()?;
    let subscriber = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(SpanTimes::new(metrics).with_filter(filter_fn(is_measured)))
        .with(traces.as_ref().map(Traces::layer));
    // Another subscriber is there already only in tests.
    let _ = subscriber.try_init();
    Ok(Running { traces })
}

impl Running {
    /// Sends what is left to be sent.
    pub async fn end(self) {
        if let Some(traces) = self.traces {
            traces.end().await;
        }
    }
}

/// Logs what a controller has to tell: one line an event.
pub fn log(notice: &Notice) {
    match notice {
        Notice::Entry(entry) => {
            let revision = entry.revision.as_ref().map(|revision| revision.commit.as_str());
            let kind = serde_json::to_value(entry.kind).unwrap_or_default();
            let kind = kind.as_str().unwrap_or_default();
            let by = (!entry.by.is_empty()).then_some(entry.by.as_str());
            tracing::info!(app = %entry.app, revision, kind, by, "{}", entry.message);
        }
        Notice::Status(status) => {
            let revision = status.runs.as_ref().map(|revision| revision.commit.as_str());
            let state = status.state.as_str();
            tracing::info!(app = %status.app, revision, state, "{}", said(state, &status.why));
        }
        Notice::Root { repo, diagnostics } => {
            for diagnostic in diagnostics {
                tracing::warn!(repo, "{diagnostic}");
            }
        }
    }
}

fn said<'a>(state: &'a str, why: &'a str) -> &'a str {
    if why.is_empty() { state } else { why }
}
