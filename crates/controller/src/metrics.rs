//! What is counted and measured, as OpenMetrics text. `docs/metrics.md` lists every name.
//!
//! Three sources feed it, so that neither the engine nor an adapter knows of metrics:
//!
//! - [`Notice`]s of the controller: what was written to the ledger;
//! - the spans of runs, stages and requests ([`spans`]): the same ones that become traces;
//! - whoever scrapes: states of apps and the process's own figures are read at that moment.
//!
//! No label has a value that a repository chooses, except the names of apps where `per_app` is asked
//! for, and these are bounded: the number of series does not grow with what is deployed.

pub mod process;
pub mod spans;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use trueup_api::AppStatus;
use trueup_model::{AppName, LedgerKind};
use trueup_render::Renderer;

use crate::Notice;

/// The media type of [`Metrics::text`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Every state that an app can stand in: a scrape names each, so that a graph has no gaps.
pub const STATES: &[&str] = &[
    "awaiting-approval",
    "blocked",
    "careful",
    "degraded",
    "deleted",
    "drifted",
    "elsewhere",
    "failed",
    "healthy",
    "held",
    "left",
    "paused",
    "pinned",
    "rolled-back",
    "shut",
    "unknown",
    "unreadable",
    "waiting",
];
/// Apps that are named one by one at most.
const NAMED_MAX: usize = 2000;
/// Seconds: a look at an app that needs nothing takes less than a millisecond, a rollout minutes.
const BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];

type One = [(&'static str, String); 1];
type Two = [(&'static str, String); 2];
type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;
type Seconds = Gauge<f64, AtomicU64>;

/// All metrics of a process. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    apps: Family<One, Gauge>,
    ledger: Family<One, Counter>,
    drifts: Counter,
    rollbacks: Counter,
    roots_failed: Counter,
    waiting: Gauge,
    running: Gauge,
    oldest: Seconds,
    stages: Histograms<One>,
    renderer: OnceLock<Arc<Renderer>>,
    fetches: Histograms<One>,
    requests: Histograms<Two>,
    notifications: Family<Two, Counter>,
    webhooks: Family<Two, Counter>,
    served: Family<Two, Counter>,
    members: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that start at nothing.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("trueup");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Which version runs", build);
        let histogram = || -> Histogram { Histogram::new(BUCKETS) };
        let mut inner = Inner {
            apps: Family::default(),
            ledger: Family::default(),
            drifts: Counter::default(),
            rollbacks: Counter::default(),
            roots_failed: Counter::default(),
            waiting: Gauge::default(),
            running: Gauge::default(),
            oldest: Gauge::default(),
            stages: Family::new_with_constructor(histogram),
            renderer: OnceLock::new(),
            fetches: Family::new_with_constructor(histogram),
            requests: Family::new_with_constructor(histogram),
            notifications: Family::default(),
            webhooks: Family::default(),
            served: Family::default(),
            members: Gauge::default(),
            registry,
        };
        inner.register();
        Self(Arc::new(inner))
    }

    /// Takes in what the controller has to tell.
    pub fn note(&self, notice: &Notice) {
        match notice {
            Notice::Entry(entry) => {
                self.0.ledger.get_or_create(&[("kind", word(entry.kind))]).inc();
                match entry.kind {
                    LedgerKind::Drifted => self.0.drifts.inc(),
                    LedgerKind::RolledBack => self.0.rollbacks.inc(),
                    _ => 0,
                };
            }
            Notice::Root { .. } => {
                self.0.roots_failed.inc();
            }
            Notice::Status(_) => {}
        }
    }

    /// How the queue stands: apps that wait, apps that are looked at, and how long the first waits.
    pub fn queue(&self, waiting: usize, running: usize, oldest: Duration) {
        self.0.waiting.set(count(waiting));
        self.0.running.set(count(running));
        self.0.oldest.set(oldest.as_secs_f64());
    }

    /// A notification ended as `result`: `sent`, `failed`, `dropped`, `repeated`.
    pub fn notified(&self, sink: &str, result: &'static str) {
        let labels = [("sink", sink.to_owned()), ("result", result.to_owned())];
        self.0.notifications.get_or_create(&labels).inc();
    }

    /// A webhook ended as `result`: `taken`, `ping`, `ignored`, `unsigned`, `replayed`, `malformed`.
    pub fn hooked(&self, from: &'static str, result: &'static str) {
        let labels = [("from", from.to_owned()), ("result", result.to_owned())];
        self.0.webhooks.get_or_create(&labels).inc();
    }

    /// A request to our own listener was answered. `route` is the pattern, never the path.
    pub fn served(&self, route: &str, code: u16) {
        let labels = [("route", route.to_owned()), ("code", code.to_string())];
        self.0.served.get_or_create(&labels).inc();
    }

    /// So many controllers share the apps.
    pub fn members(&self, members: usize) {
        self.0.members.set(count(members));
    }

    /// What this renderer counts is a part of what is shown.
    pub fn rendered_by(&self, renderer: &Arc<Renderer>) {
        // Whoever came first stays: a process has one renderer.
        let _ = self.0.renderer.set(Arc::clone(renderer));
    }

    /// Everything as OpenMetrics text. With `per_app`, also the state of each app by name, as long
    /// as they are no more than 2,000.
    pub fn text(&self, board: &BTreeMap<AppName, AppStatus>, per_app: bool) -> String {
        let mut states: BTreeMap<&str, i64> = STATES.iter().map(|state| (*state, 0)).collect();
        for status in board.values() {
            *states.entry(status.state.as_str()).or_default() += 1;
        }
        for (state, apps) in states {
            self.0.apps.get_or_create(&[("state", state.to_owned())]).set(apps);
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.0.registry);
        let end = text.rfind("# EOF").unwrap_or(text.len());
        text.truncate(end);
        if per_app && board.len() <= NAMED_MAX {
            text.push_str(&named(board));
        }
        text.push_str(&self.renders());
        text.push_str(&process::text());
        text.push_str("# EOF\n");
        text
    }
}

impl Metrics {
    fn renders(&self) -> String {
        let counts = self.0.renderer.get().map(|renderer| renderer.counts()).unwrap_or_default();
        format!(
            "# HELP trueup_renders Times that an app was rendered, or that what was kept of the same render still held.\n# TYPE trueup_renders counter\ntrueup_renders_total{{kept=\"false\"}} {}\ntrueup_renders_total{{kept=\"true\"}} {}\n",
            counts.made, counts.kept
        )
    }
}

impl Inner {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("apps", "Apps by the state they stand in", self.apps.clone());
        r.register("ledger_entries", "Entries written to the ledger", self.ledger.clone());
        r.register("drifts", "Times that drift was found and put back", self.drifts.clone());
        r.register("rollbacks", "Automatic rollbacks that began", self.rollbacks.clone());
        let help = "Times that a root could not be read, or something was wrong with its documents";
        r.register("root_failures", help, self.roots_failed.clone());
        r.register("queue_depth", "Apps that wait to be looked at", self.waiting.clone());
        let help = "How long the app that waits longest has waited";
        r.register_with_unit("queue_oldest_age", help, Unit::Seconds, self.oldest.clone());
        r.register("runs_in_flight", "Apps that are looked at now", self.running.clone());
        let help = "How long runs and their stages take";
        r.register_with_unit("stage_duration", help, Unit::Seconds, self.stages.clone());
        let help = "How long asking a Git repository takes";
        r.register_with_unit("git_request_duration", help, Unit::Seconds, self.fetches.clone());
        let help = "How long requests to Kubernetes API servers take";
        r.register_with_unit("api_request_duration", help, Unit::Seconds, self.requests.clone());
        r.register(
            "notifications",
            "Notifications by what became of them",
            self.notifications.clone(),
        );
        r.register("webhooks", "Webhooks by what became of them", self.webhooks.clone());
        let help = "Requests that the listener answered";
        r.register("http_requests", help, self.served.clone());
        let help = "Controllers that share the apps; 0 where none does";
        r.register("members", help, self.members.clone());
    }
}

fn named(board: &BTreeMap<AppName, AppStatus>) -> String {
    let mut text = String::from(
        "# HELP trueup_app_state The state that an app stands in.\n# TYPE trueup_app_state gauge\n",
    );
    for (app, status) in board {
        text.push_str(&format!("trueup_app_state{{app=\"{app}\",state=\"{}\"}} 1\n", status.state));
    }
    text
}

/// An entry's kind, as it stands in JSON.
fn word(kind: LedgerKind) -> String {
    serde_json::to_value(kind)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use trueup_model::LedgerEntry;

    fn status(name: &str, state: &str) -> (AppName, AppStatus) {
        let app = AppName::new(name).unwrap();
        let mut status = crate::status::of_record(&app, &Default::default());
        status.state = state.to_owned();
        (app, status)
    }

    #[test]
    fn apps_are_counted_by_state_and_named_only_when_asked_for() {
        let board: BTreeMap<_, _> =
            [status("a", "healthy"), status("b", "healthy"), status("c", "held")].into();
        let metrics = Metrics::new();
        let text = metrics.text(&board, false);
        assert!(text.contains("trueup_apps{state=\"healthy\"} 2\n"), "{text}");
        assert!(text.contains("trueup_apps{state=\"degraded\"} 0\n"), "{text}");
        assert!(!text.contains("app=\"a\""), "{text}");
        assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
        let text = metrics.text(&board, true);
        assert!(text.contains("trueup_app_state{app=\"c\",state=\"held\"} 1\n"), "{text}");
    }

    #[test]
    fn a_state_that_no_app_stands_in_any_more_goes_back_to_nothing() {
        let metrics = Metrics::new();
        metrics.text(&[status("a", "held")].into(), false);
        let text = metrics.text(&[status("a", "healthy")].into(), false);
        assert!(text.contains("trueup_apps{state=\"held\"} 0\n"), "{text}");
    }

    #[test]
    fn entries_are_counted_by_kind() {
        let metrics = Metrics::new();
        let app = AppName::new("a").unwrap();
        for kind in [LedgerKind::Drifted, LedgerKind::Drifted, LedgerKind::RolledBack] {
            let entry = LedgerEntry::new(&app, Timestamp::UNIX_EPOCH, kind, "");
            metrics.note(&Notice::Entry(Box::new(entry)));
        }
        let text = metrics.text(&BTreeMap::new(), false);
        assert!(text.contains("trueup_ledger_entries_total{kind=\"drifted\"} 2\n"), "{text}");
        assert!(text.contains("trueup_drifts_total 2\n"), "{text}");
        assert!(text.contains("trueup_rollbacks_total 1\n"), "{text}");
    }

    /// A process to which everything has happened once.
    fn lived() -> String {
        let metrics = Metrics::new();
        let app = AppName::new("a").unwrap();
        let entry = LedgerEntry::new(&app, Timestamp::UNIX_EPOCH, LedgerKind::Drifted, "");
        metrics.note(&Notice::Entry(Box::new(entry)));
        metrics.note(&Notice::Root { repo: String::new(), diagnostics: Vec::new() });
        metrics.queue(1, 1, Duration::from_secs(1));
        metrics.notified("s", "sent");
        metrics.hooked("github", "taken");
        metrics.served("/metrics", 200);
        metrics.members(1);
        for span in ["run", "git", "api"] {
            metrics.took(span, Default::default(), Duration::from_secs(1));
        }
        metrics.text(&[status("a", "healthy")].into(), true)
    }

    /// The names of all metrics, with the suffixes that samples have.
    fn names() -> std::collections::BTreeSet<String> {
        let text = lived();
        let sample = |line: &str| line.split(['{', ' ']).next().map(str::to_owned);
        text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect()
    }

    fn words(text: &str) -> impl Iterator<Item = &str> {
        let ours = |word: &&str| word.starts_with("trueup_") || word.starts_with("process_");
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(ours)
    }

    #[test]
    fn dashboards_and_alerts_name_metrics_that_there_are() {
        let names = names();
        for (file, text) in [
            ("grafana-dashboard.json", include_str!("../../../deploy/grafana-dashboard.json")),
            ("alerts.yaml", include_str!("../../../deploy/alerts.yaml")),
        ] {
            for word in words(text) {
                assert!(names.contains(word), "{file}: there is no {word} in {names:?}");
            }
        }
    }

    #[test]
    fn every_metric_is_documented_and_every_documented_one_is_there() {
        let base = |name: &str| {
            let cut = ["_bucket", "_sum", "_count"].iter().find_map(|s| name.strip_suffix(s));
            cut.unwrap_or(name).to_owned()
        };
        let there: std::collections::BTreeSet<String> =
            names().iter().map(|name| base(name)).collect();
        let documented: std::collections::BTreeSet<String> =
            include_str!("../../../docs/metrics.md")
                .lines()
                .filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned))
                .collect();
        assert_eq!(documented, there);
    }

    #[test]
    fn names_and_units_follow_openmetrics() {
        let text = lived();
        for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, kind) = line.split_once(' ').unwrap();
            assert!(!name.ends_with("_total"), "{name}: the suffix is the sample's");
            if kind == "histogram" {
                assert!(text.contains(&format!("# UNIT {name} seconds")), "{name} has no unit");
            }
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
