//! Go's own test tables of `text/template`, Sprig's tests, and the inputs of our own with the
//! originals' answers.

mod described;
mod fmt_cases;
mod function_calls;
mod go_types;
mod hostile;
mod template_cases;

use std::any::Any;
use std::fs;
use std::path::{Path, PathBuf};

use trueup_gotemplate::{
    Context, Delims, Functions, Host, List, RandomCall, Settings, Str, Timestamp, Value, parse,
};

/// A host without time and randomness.
struct NoHost;

impl Host for NoHost {
    fn now(&mut self) -> Timestamp {
        Timestamp { seconds: 0, nanoseconds: 0 }
    }
    fn random(&mut self, _: &RandomCall<'_>, _: &mut [u8]) {}
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

/// What the template prints, or its error text.
fn execute(
    name: &str,
    template: &[u8],
    functions: &Functions,
    data: &Value,
) -> Result<Vec<u8>, String> {
    execute_with(name, template, Settings::new(functions.clone()), data)
}

fn execute_with(
    name: &str,
    template: &[u8],
    mut settings: Settings,
    data: &Value,
) -> Result<Vec<u8>, String> {
    let trees = parse::parse(name, template, &settings.functions, &Delims::default());
    settings.templates.add(trees.map_err(|error| error.to_string())?);
    let mut host = NoHost;
    let mut context = Context::new(&mut host, settings);
    context.run(name.as_bytes(), data).map_err(|error| error.to_string())
}

/// Cases that are part of the repository.
fn own_cases(file: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/gotemplate");
    folder.join(file)
}

/// The rows of a file with a JSON object a line.
fn rows(path: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(path).expect("the suite can be read");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// A JSON document as Go values: whole numbers as `int64`.
fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(b) => Value::Bool(*b),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(n) => Value::Int64(n),
            None => Value::Float64(number.as_f64().unwrap_or(0.0)),
        },
        serde_json::Value::String(text) => Value::string(text.as_str()),
        serde_json::Value::Array(items) => {
            Value::List(List::decoded(items.iter().map(from_json).collect()))
        }
        serde_json::Value::Object(entries) => {
            let entries = entries.iter();
            Value::map(entries.map(|(key, value)| (Str::from(key.as_str()), from_json(value))))
        }
    }
}

/// Compares, and says in a line how they differ.
fn compare(actual: Result<Vec<u8>, String>, expected: Result<&str, &str>) -> Result<(), String> {
    let actual = actual.map(|text| String::from_utf8_lossy(&text).into_owned());
    if actual.as_deref().map_err(String::as_str) == expected {
        return Ok(());
    }
    Err(format!("{actual:?} instead of {expected:?}"))
}
