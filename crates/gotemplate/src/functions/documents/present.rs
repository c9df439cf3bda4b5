//! Template values as the printers of the `yaml` crate take them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use trueup_yaml::{Sink, Value as Printable};

use super::super::{dates, versions};
use crate::context::{Context, Exhausted};
use crate::function::FunctionError;
use crate::stack::with_room;
use crate::types::{Kind, Type};
use crate::value::{Map, Object, Str, Value};

/// Whose rules hold for what is no plain data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// `encoding/json`: a nil list is null.
    Json,
    /// yaml.v3: a nil list is empty, the names of fields are in lower case.
    Yaml,
}

/// A value under a view.
pub(super) struct Presented<'a> {
    value: Shown<'a>,
    view: View,
}

enum Shown<'a> {
    Borrowed(&'a Value),
    Owned(Value),
}

impl<'a> Presented<'a> {
    pub(super) fn new(value: &'a Value, view: View) -> Self {
        Self { value: Shown::Borrowed(value), view }
    }

    fn owned(value: Value, view: View) -> Presented<'static> {
        Presented { value: Shown::Owned(value), view }
    }
}

impl Printable for Presented<'_> {
    fn present<S: Sink>(&self, sink: &mut S) {
        let value = match &self.value {
            Shown::Borrowed(value) => value,
            Shown::Owned(value) => value,
        };
        with_room(|| present(value, self.view, sink));
    }
}

fn present<S: Sink>(value: &Value, view: View, sink: &mut S) {
    match value {
        Value::Bool(b) => sink.bool(*b),
        Value::Float64(n) => sink.float(*n),
        Value::Float32(n) => sink.float(f64::from(*n)),
        Value::String(text) => sink.string(text),
        Value::Bytes(bytes) if view == View::Json => {
            sink.string(STANDARD.encode(bytes).as_bytes());
        }
        Value::Bytes(bytes) => {
            sink.sequence(bytes.iter().map(|b| Presented::owned(Value::Uint8(*b), view)));
        }
        Value::List(list) => sink.sequence(list.iter().map(|item| Presented::new(item, view))),
        Value::Map(map) => present_map(map, view, sink),
        Value::TypedNil(of) if view == View::Yaml && of.kind() == Kind::Slice => {
            sink.sequence(std::iter::empty::<Presented<'_>>());
        }
        Value::TypedNil(of) if view == View::Yaml && of.kind() == Kind::Map => {
            sink.mapping(std::iter::empty::<(&[u8], Presented<'_>)>());
        }
        Value::Object(object) => present_object(&**object, value, view, sink),
        number => match (number.as_signed(), number.as_unsigned()) {
            (Some(n), _) => sink.int(n),
            (_, Some(n)) => sink.uint(n),
            _ => sink.null(),
        },
    }
}

fn present_map<S: Sink>(map: &Map, view: View, sink: &mut S) {
    if map.go_type().key().kind() == Kind::String {
        let entries = map.borrow();
        return sink.mapping(entries.iter().map(|(key, v)| (&key[..], Presented::new(v, view))));
    }
    let entries = map.pairs();
    let keyed: Vec<(Str, Value)> =
        entries.into_iter().map(|(key, value)| (key_text(&key), value)).collect();
    sink.mapping(keyed.iter().map(|(key, value)| (&key[..], Presented::new(value, view))));
}

fn key_text(key: &Value) -> Str {
    crate::fmt::sprint(KEY_LIMIT, std::slice::from_ref(key)).unwrap_or_default().into()
}

/// Keys are numbers or booleans.
const KEY_LIMIT: usize = 64;

fn present_object<S: Sink>(object: &dyn Object, value: &Value, view: View, sink: &mut S) {
    if let Some(text) = text_of(object) {
        return sink.string(&text);
    }
    if let Some(beneath) = object.pointee().or_else(|| object.underlying()) {
        return present(&beneath, view, sink);
    }
    let fields = fields(value, view);
    sink.structure(fields.iter().map(|(name, value)| (&name[..], Presented::new(value, view))));
}

/// What an object that writes itself as text writes.
pub(super) fn text_of(object: &dyn Object) -> Option<Str> {
    dates::to_rfc3339(object).or_else(|| Some(versions::version(object)?.to_string().into()))
}

/// The public fields of a struct under their printed names, those of embedded structs included.
fn fields(value: &Value, view: View) -> Vec<(Str, Value)> {
    let Value::Object(object) = value else { return Vec::new() };
    let mut found = Vec::new();
    for (index, field) in object.go_type().fields().iter().enumerate() {
        let value = object.field(index);
        if field.embedded && view == View::Json {
            found.extend(fields(&value, view));
        } else if field.name.starts_with(|c: char| c.is_ascii_uppercase()) {
            let (tagged, options) = field.tag.split_once(',').unwrap_or((field.tag, ""));
            let name = match view {
                View::Json if options == "omitempty" && !value.is_true() => continue,
                View::Json if tagged.is_empty() => field.name.to_owned(),
                View::Json => tagged.to_owned(),
                View::Yaml => field.name.to_lowercase(),
            };
            found.push((name.into(), value));
        }
    }
    found
}

/// How deep values may be nested in each other.
const DEEPEST: usize = 500;

/// Looks through a value for what cannot be printed, and pays for printing it.
///
/// # Errors
/// Go's text for a value of a wrong type, and for one that holds itself.
pub(super) fn check(
    context: &mut Context<'_>,
    value: &Value,
    view: View,
) -> Result<(), FunctionError> {
    Check { context, view, inside: Vec::new() }.value(value)
}

struct Check<'a, 'b> {
    context: &'a mut Context<'b>,
    view: View,
    /// The maps around the value.
    inside: Vec<usize>,
}

impl Check<'_, '_> {
    fn value(&mut self, value: &Value) -> Result<(), FunctionError> {
        self.context.charge_steps(1)?;
        match value {
            Value::List(list) => {
                self.nested(0, |this| list.iter().try_for_each(|item| this.value(item)))
            }
            Value::Map(map) => {
                if self.inside.contains(&map.identity()) {
                    let of = map.go_type();
                    return Err(unsupported(&format!("value: encountered a cycle via {of}")));
                }
                self.nested(map.identity(), |this| {
                    map.borrow().values().try_for_each(|item| this.value(item))
                })
            }
            Value::Object(object) if text_of(&**object).is_none() => {
                match object.pointee().or_else(|| object.underlying()) {
                    Some(beneath) => self.nested(0, |this| this.value(&beneath)),
                    None => self.nested(0, |this| {
                        fields(value, this.view).iter().try_for_each(|(_, item)| this.value(item))
                    }),
                }
            }
            Value::Func(..) | Value::Complex64(..) | Value::Complex128(_) => {
                let of = value.go_type().map(Type::to_string).unwrap_or_default();
                Err(unsupported(&format!("type: {of}")))
            }
            _ => Ok(()),
        }
    }

    fn nested(
        &mut self,
        identity: usize,
        check: impl FnOnce(&mut Self) -> Result<(), FunctionError>,
    ) -> Result<(), FunctionError> {
        if self.inside.len() >= DEEPEST {
            return Err(Exhausted::Nesting.into());
        }
        self.inside.push(identity);
        let outcome = with_room(|| check(self));
        self.inside.pop();
        outcome
    }
}

fn unsupported(what: &str) -> FunctionError {
    FunctionError::new(format!("json: unsupported {what}"))
}
