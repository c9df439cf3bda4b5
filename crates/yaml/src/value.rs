//! What can be printed.

use serde_json::Value as Json;

/// A value that the printers can print, without being converted into a tree of theirs.
pub trait Value {
    /// Says to the sink what it is: calls exactly one of its methods.
    fn present<S: Sink>(&self, sink: &mut S);
}

/// Where a value says what it is. The printers are sinks.
///
/// Text is bytes, because Go's strings are: each printer treats invalid UTF-8 as its original does.
pub trait Sink {
    /// `null`
    fn null(&mut self);
    /// `true` or `false`
    fn bool(&mut self, value: bool);
    /// A signed integer.
    fn int(&mut self, value: i64);
    /// An unsigned integer.
    fn uint(&mut self, value: u64);
    /// A floating-point number.
    fn float(&mut self, value: f64);
    /// A text.
    fn string(&mut self, text: &[u8]);
    /// Items in order.
    fn sequence<V: Value>(&mut self, items: impl Iterator<Item = V>);
    /// Entries in any order; every printer has an order of its own. Keys are unique.
    fn mapping<'a, V: Value>(&mut self, entries: impl Iterator<Item = (&'a [u8], V)>);
    /// The fields of a Go struct, in the order of their declaration: what prints structs itself keeps
    /// it, what turns them into maps first does not.
    fn structure<'a, V: Value>(&mut self, fields: impl Iterator<Item = (&'a [u8], V)>) {
        self.mapping(fields);
    }
}

impl<T: Value + ?Sized> Value for &T {
    fn present<S: Sink>(&self, sink: &mut S) {
        (**self).present(sink);
    }
}

impl Value for Json {
    fn present<S: Sink>(&self, sink: &mut S) {
        match self {
            Json::Null => sink.null(),
            Json::Bool(value) => sink.bool(*value),
            Json::Number(number) => {
                if let Some(value) = number.as_i64() {
                    sink.int(value);
                } else if let Some(value) = number.as_u64() {
                    sink.uint(value);
                } else {
                    sink.float(number.as_f64().unwrap_or(f64::NAN));
                }
            }
            Json::String(text) => sink.string(text.as_bytes()),
            Json::Array(items) => sink.sequence(items.iter()),
            Json::Object(entries) => {
                sink.mapping(entries.iter().map(|(key, value)| (key.as_bytes(), value)));
            }
        }
    }
}
