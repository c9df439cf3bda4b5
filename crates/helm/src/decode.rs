//! Reading a document into known fields, as `sigs.k8s.io/yaml` reads it into a Go struct.
//!
//! Field names are matched without regard to case where no field has the very name; numbers and
//! booleans become strings where a string is wanted; null leaves a field as it is; and the first
//! type error is kept, in the words of Go's `encoding/json`, while the rest is still read.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A document that is being read, with its first error and the place that is being read.
#[derive(Default)]
pub(crate) struct Decoder {
    error: Option<String>,
    structs: Vec<&'static str>,
    fields: Vec<&'static str>,
}

impl Decoder {
    /// Nothing, or the first type error.
    pub(crate) fn finish(self) -> Result<(), String> {
        match self.error {
            None => Ok(()),
            Some(error) => {
                Err(format!("error unmarshaling JSON: while decoding JSON: json: {error}"))
            }
        }
    }

    fn mismatch(&mut self, value: &Value, wanted: &str) {
        if self.error.is_some() {
            return;
        }
        let held = json_kind(value);
        self.error = Some(match self.structs.last() {
            Some(name) => format!(
                "cannot unmarshal {held} into Go struct field {name}.{} of type {wanted}",
                self.fields.join(".")
            ),
            None => format!("cannot unmarshal {held} into Go value of type {wanted}"),
        });
    }

    /// A struct: calls `read` with each field that occurs and is one of `known`. `name` is what Go
    /// calls the struct in messages about its fields, `type_name` in messages about itself.
    pub(crate) fn structure(
        &mut self,
        value: &Value,
        (name, type_name): (&'static str, &str),
        known: &[&'static str],
        read: &mut dyn FnMut(&mut Self, &'static str, &Value),
    ) {
        let entries = match value {
            Value::Null => return,
            Value::Object(entries) => entries,
            other => return self.mismatch(other, type_name),
        };
        self.structs.push(name);
        for (key, value) in entries {
            if let Some(field) = field_of(known, key) {
                self.fields.push(field);
                read(self, field, value);
                self.fields.pop();
            }
        }
        self.structs.pop();
    }

    /// A string; `None` for null and for what is none.
    pub(crate) fn string(&mut self, value: &Value) -> Option<String> {
        match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Number(number) => Some(number_text(number)),
            other => {
                self.mismatch(other, "string");
                None
            }
        }
    }

    /// A boolean.
    pub(crate) fn boolean(&mut self, value: &Value) -> Option<bool> {
        match value {
            Value::Null => None,
            Value::Bool(flag) => Some(*flag),
            other => {
                self.mismatch(other, "bool");
                None
            }
        }
    }

    /// A list, each item read by `read`.
    pub(crate) fn list<T>(
        &mut self,
        value: &Value,
        type_name: &str,
        read: &mut dyn FnMut(&mut Self, &Value) -> T,
    ) -> Vec<T> {
        match value {
            Value::Null => Vec::new(),
            Value::Array(items) => items.iter().map(|item| read(self, item)).collect(),
            other => {
                self.mismatch(other, type_name);
                Vec::new()
            }
        }
    }

    /// A list of strings, in which null is an empty one.
    pub(crate) fn strings(&mut self, value: &Value) -> Vec<String> {
        self.list(value, "[]string", &mut |decoder, item| decoder.string(item).unwrap_or_default())
    }

    /// A map from strings to strings; `None` for null.
    pub(crate) fn string_map(&mut self, value: &Value) -> Option<BTreeMap<String, String>> {
        let entries: &Map<String, Value> = match value {
            Value::Null => return None,
            Value::Object(entries) => entries,
            other => {
                self.mismatch(other, "map[string]string");
                return None;
            }
        };
        let mut read = BTreeMap::new();
        for (key, value) in entries {
            read.insert(key.clone(), self.string(value).unwrap_or_default());
        }
        Some(read)
    }
}

fn field_of(known: &[&'static str], key: &str) -> Option<&'static str> {
    let exact = known.iter().find(|field| **field == key);
    exact.or_else(|| known.iter().find(|field| field.eq_ignore_ascii_case(key))).copied()
}

/// As `strconv` prints it: integers in full, floats in the shortest form with an exponent from 1e21
/// or, what matters here, from seven digits on.
fn number_text(number: &serde_json::Number) -> String {
    if let Some(float) = number.as_f64().filter(|_| number.is_f64()) {
        return trueup_yaml::format_g(float).to_string();
    }
    number.to_string()
}

/// What Go's `encoding/json` calls the value in its messages.
pub(crate) fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
