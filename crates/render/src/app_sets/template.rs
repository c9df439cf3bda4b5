//! Texts of a document that are Go templates over parameters.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use trueup_gotemplate::ast::Tree;
use trueup_gotemplate::functions::{Profile, library};
use trueup_gotemplate::parse::{Delims, parse};
use trueup_gotemplate::{
    Budget, Context, Functions, Host, MissingKey, RandomCall, Settings, Timestamp,
    Value as GoValue, value::Map as GoMap,
};

use super::Parameters;

/// What one text may use up.
const BUDGET: Budget = Budget { steps: 200_000, bytes: 1 << 20, depth: 100, nesting: 20 };
/// How deep a document may be nested.
const DEPTH_MAX: usize = 100;

/// Where in the document something is wrong, and what.
pub type Wrong = (String, String);

/// The templates of a document. Each text is parsed once, however many sets of parameters there are.
pub struct Templates {
    functions: Functions,
    parsed: HashMap<String, Arc<[Arc<Tree>]>>,
}

/// Templates of a set depend on their parameters and nothing else.
struct NoHost {
    was_asked: bool,
}

impl Host for NoHost {
    fn now(&mut self) -> Timestamp {
        self.was_asked = true;
        Timestamp { seconds: 0, nanoseconds: 0 }
    }

    fn random(&mut self, _: &RandomCall<'_>, _: &mut [u8]) {
        self.was_asked = true;
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

impl Templates {
    /// None yet. Templates have the functions of charts.
    pub fn new() -> Self {
        let functions = Functions::builtins().with(&library(Profile::Helm4));
        Self { functions, parsed: HashMap::new() }
    }

    /// The value with its texts filled in; `pointer` is where it stands in its document.
    pub fn fill(
        &mut self,
        value: &Value,
        pointer: &str,
        parameters: &Parameters,
    ) -> Result<Value, Wrong> {
        let data = GoValue::Map(go_map(parameters));
        self.fill_in(value, pointer, parameters, &data, 0)
    }

    fn fill_in(
        &mut self,
        value: &Value,
        pointer: &str,
        parameters: &Parameters,
        data: &GoValue,
        depth: usize,
    ) -> Result<Value, Wrong> {
        if depth > DEPTH_MAX {
            return Err((pointer.to_owned(), "this is nested too deep".to_owned()));
        }
        match value {
            Value::String(text) => self.text(text, pointer, parameters, data),
            Value::Array(items) => {
                let item = |(n, item): (usize, &Value)| {
                    self.fill_in(item, &format!("{pointer}/{n}"), parameters, data, depth + 1)
                };
                Ok(Value::Array(items.iter().enumerate().map(item).collect::<Result<_, _>>()?))
            }
            Value::Object(map) => {
                let mut filled = Map::new();
                for (key, value) in map {
                    let part = key.replace('~', "~0").replace('/', "~1");
                    let below = format!("{pointer}/{part}");
                    let value = self.fill_in(value, &below, parameters, data, depth + 1)?;
                    let key = match self.text(key, &below, parameters, data)? {
                        Value::String(key) => key,
                        other => other.to_string(),
                    };
                    filled.insert(key, value);
                }
                Ok(Value::Object(filled))
            }
            other => Ok(other.clone()),
        }
    }

    fn text(
        &mut self,
        text: &str,
        pointer: &str,
        parameters: &Parameters,
        data: &GoValue,
    ) -> Result<Value, Wrong> {
        if !text.contains("{{") {
            return Ok(text.into());
        }
        if let Some(value) = field_alone(text).and_then(|path| lookup(parameters, path)) {
            return Ok(value.clone());
        }
        self.execute(text, data).map(Value::String).map_err(|why| (pointer.to_owned(), why))
    }

    fn execute(&mut self, text: &str, data: &GoValue) -> Result<String, String> {
        const NAME: &str = "text";
        let trees = match self.parsed.get(text) {
            Some(trees) => Arc::clone(trees),
            None => {
                let trees = parse(NAME, text.as_bytes(), &self.functions, &Delims::default());
                let trees: Arc<[Arc<Tree>]> = trees.map_err(|error| error.to_string())?.into();
                self.parsed.insert(text.to_owned(), Arc::clone(&trees));
                trees
            }
        };
        let mut settings = Settings::new(self.functions.clone());
        settings.name = NAME.into();
        settings.missing_key = MissingKey::Error;
        settings.budget = BUDGET;
        settings.templates.add(trees.iter().cloned());
        let mut host = NoHost { was_asked: false };
        let written = Context::new(&mut host, settings).run(NAME.as_bytes(), data);
        if host.was_asked {
            return Err("apps of a set must not depend on time or chance".to_owned());
        }
        let written = written.map_err(|error| error.message)?;
        String::from_utf8(written).map_err(|_| "this does not yield a text".to_owned())
    }
}

/// `.a.b` of `{{ .a.b }}`, if the text is nothing else.
fn field_alone(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let path = inner.strip_suffix('-').unwrap_or(inner).trim().strip_prefix('.')?;
    let fits = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    path.split('.').all(fits).then_some(path)
}

/// The value at a path such as `metadata.labels`.
pub fn lookup<'a>(parameters: &'a Parameters, path: &str) -> Option<&'a Value> {
    let mut parts = path.split('.');
    let mut value = parameters.get(parts.next()?)?;
    for part in parts {
        value = value.get(part)?;
    }
    Some(value)
}

fn go_map(map: &Parameters) -> GoMap {
    GoMap::any(map.iter().map(|(key, value)| (key.as_str().into(), go_value(value))))
}

/// A number without a fraction is an `int`, so that `{{ .number }}` prints it as it stands.
fn go_value(value: &Value) -> GoValue {
    match value {
        Value::Null => GoValue::Nil,
        Value::Bool(flag) => GoValue::Bool(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(int) => GoValue::Int(int),
            None => GoValue::Float64(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => GoValue::string(text.as_str()),
        Value::Array(items) => GoValue::list(items.iter().map(go_value).collect()),
        Value::Object(map) => GoValue::Map(go_map(map)),
    }
}
