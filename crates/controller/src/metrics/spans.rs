//! Durations from spans: the spans that become traces are measured here, so that a stage is named in
//! one place only. Adapters say what they do as spans too:
//!
//! | span | fields | becomes |
//! |---|---|---|
//! | `run`, `declare`, `render`, `observe`, `plan`, `execute` | | `trueup_stage_duration_seconds{stage}` |
//! | `git` | `result` | `trueup_git_request_duration_seconds{result}` |
//! | `api` | `verb`, `code` | `trueup_api_request_duration_seconds{verb,code}` |

use std::fmt;
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::Metrics;

/// The spans that are measured.
const MEASURED: &[&str] = &["run", "declare", "observe", "plan", "execute", "render", "git", "api"];

/// Whether a span is measured: a filter for the layer, so that others cost nothing.
pub fn is_measured(metadata: &Metadata<'_>) -> bool {
    metadata.is_span()
        && metadata.target().starts_with("trueup")
        && MEASURED.contains(&metadata.name())
}

/// A layer of a subscriber that measures spans.
pub struct SpanTimes {
    metrics: Metrics,
}

impl SpanTimes {
    /// Measured into these metrics.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }
}

struct Begun {
    at: Instant,
    labels: Labels,
}

/// What spans say of themselves.
#[derive(Default)]
pub(super) struct Labels {
    result: String,
    verb: String,
    code: String,
}

impl Visit for Labels {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "code" {
            self.code = value.to_string();
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "result" => self.result = value.to_owned(),
            "verb" => self.verb = value.to_owned(),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanTimes {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut labels = Labels::default();
        attributes.record(&mut labels);
        span.extensions_mut().insert(Begun { at: Instant::now(), labels });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(begun) = span.extensions_mut().get_mut::<Begun>() {
            values.record(&mut begun.labels);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        if let Some(begun) = span.extensions_mut().remove::<Begun>() {
            self.metrics.took(span.name(), begun.labels, begun.at.elapsed());
        }
    }
}

impl Metrics {
    pub(super) fn took(&self, span: &str, labels: Labels, time: Duration) {
        let seconds = time.as_secs_f64();
        match span {
            "git" => {
                self.0.fetches.get_or_create(&[("result", labels.result)]).observe(seconds);
            }
            "api" => {
                let code = if labels.code.is_empty() { "none".to_owned() } else { labels.code };
                let labels = [("verb", labels.verb), ("code", code)];
                self.0.requests.get_or_create(&labels).observe(seconds);
            }
            stage => {
                self.0.stages.get_or_create(&[("stage", stage.to_owned())]).observe(seconds);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[test]
    fn spans_become_durations() {
        let metrics = Metrics::new();
        let filter = tracing_subscriber::filter::filter_fn(is_measured);
        let layer = SpanTimes::new(metrics.clone()).with_filter(filter);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("api", verb = "GET", code = tracing::field::Empty);
            span.record("code", 200_u16);
            drop(span.entered());
            drop(tracing::info_span!("render").entered());
            drop(tracing::info_span!("something else").entered());
        });
        let text = metrics.text(&BTreeMap::new(), false);
        let has = |line: &str| assert!(text.contains(line), "{line} is missing in\n{text}");
        has("trueup_api_request_duration_seconds_count{verb=\"GET\",code=\"200\"} 1");
        has("trueup_stage_duration_seconds_count{stage=\"render\"} 1");
        assert!(!text.contains("something else"));
    }
}
