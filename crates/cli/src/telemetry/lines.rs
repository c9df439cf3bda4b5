//! Log lines: one line an event, with the fields of the spans it happened in, so that whatever is
//! logged during a run carries its app and revision.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::Write as _;

use jiff::Timestamp;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::config::LogFormat;

/// A layer that writes log lines.
pub struct Lines<W> {
    format: LogFormat,
    writer: W,
}

impl<W> Lines<W> {
    /// Lines of this format.
    pub fn new(format: LogFormat, writer: W) -> Self {
        Self { format, writer }
    }
}

/// Fields by name; the innermost span's win.
#[derive(Clone, Default)]
struct Fields(BTreeMap<&'static str, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), Value::from(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name(), Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name(), Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name(), Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name(), Value::from(value));
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.0.extend(of_span.0.clone());
            }
        }
        event.record(&mut fields);
        let metadata = event.metadata();
        let line = match self.format {
            LogFormat::Json => json(Timestamp::now(), metadata.level(), metadata.target(), fields),
            LogFormat::Text => text(Timestamp::now(), metadata.level(), fields),
        };
        // Where a log line cannot be written there is nobody to say so to.
        let _ = self.writer.make_writer().write_all(line.as_bytes());
    }
}

fn json(at: Timestamp, level: &Level, target: &str, fields: Fields) -> String {
    let mut object = serde_json::Map::new();
    object.insert("time".to_owned(), Value::from(at.to_string()));
    object.insert("level".to_owned(), Value::from(level.as_str().to_lowercase()));
    object.insert("target".to_owned(), Value::from(target));
    object.extend(fields.0.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Value::Object(object).to_string() + "\n"
}

/// Time, level, app, revision, message, and the rest as `name=value`.
fn text(at: Timestamp, level: &Level, fields: Fields) -> String {
    let mut fields = fields.0;
    let mut take = |name: &str| fields.remove(name).map(|value| plain(&value));
    let (app, revision, message) = (take("app"), take("revision"), take("message"));
    let mut line = format!("{} {level:>5}", at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"));
    let revision = revision.map(|commit| commit.get(..7).unwrap_or(&commit).to_owned());
    for part in [app, revision, message].into_iter().flatten() {
        // Writing to a string cannot fail.
        let _ = write!(line, " {part}");
    }
    for (name, value) in &fields {
        let _ = write!(line, " {name}={}", plain(value));
    }
    line.push('\n');
    line
}

/// On one line, whatever is in it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace('\r', "\\r").replace('\n', "\\n"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt as _;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(format: LogFormat) -> String {
        let written = Written::default();
        let out = written.clone();
        let layer = Lines::new(format, move || out.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let run = tracing::info_span!("run", app = "shop", revision = tracing::field::Empty);
            run.record("revision", "0123456789");
            let _run = run.entered();
            let _stage = tracing::info_span!("observe", resources = 3).entered();
            tracing::warn!(code = 409, "two\nlines");
        });
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_of_text_carries_app_and_revision() {
        let line = written(LogFormat::Text);
        assert!(line.ends_with(" WARN shop 0123456 two\\nlines code=409 resources=3\n"), "{line}");
        assert_eq!(line.lines().count(), 1);
    }

    #[test]
    fn a_line_of_json_is_one_object() {
        let line = written(LogFormat::Json);
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["app"], "shop");
        assert_eq!(object["revision"], "0123456789");
        assert_eq!(object["message"], "two\nlines");
        assert_eq!((&object["level"], &object["code"]), (&Value::from("warn"), &Value::from(409)));
        assert_eq!(line.lines().count(), 1);
    }
}
