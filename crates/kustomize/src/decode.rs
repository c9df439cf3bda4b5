//! Reads JSON values into typed structs as Go's `encoding/json` does, with its error texts.
//!
//! Upstream turns every configuration file from YAML into JSON and decodes that with Go's decoder,
//! so what it accepts is what Go accepts: keys match without regard to case, `null` leaves a field
//! as it is, and the first mismatch (in the order of the sorted keys) is the one that is reported,
//! with the Go type's name and the path of Go fields that leads there. serde words none of this,
//! hence this small decoder: a struct lists its fields once, by [`go_struct!`].
//!
//! Where the type is known beforehand (`sigs.k8s.io/yaml`'s `Unmarshal`), numbers and booleans are
//! taken for text where text is wanted; the kustomization file itself is not read so.

use std::collections::BTreeMap;

use serde_json::Value;

/// A decoding in progress: where it is, and the first thing that did not fit.
#[derive(Default)]
pub(crate) struct Decoder {
    /// Whether a key that no field has is an error.
    strict: bool,
    /// Whether a number or boolean is text where text is wanted.
    coerce: bool,
    structs: Vec<&'static str>,
    path: Vec<&'static str>,
    first_error: Option<Mismatch>,
}

/// What did not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Go's message.
    pub message: String,
    /// The field that was probably meant by one that is not known.
    pub meant: Option<&'static str>,
}

/// A type that Go's decoder could read.
pub(crate) trait FromGo: Sized + Default {
    /// The type's name as Go prints it.
    fn go_type() -> String;

    /// Reads `value`, which is not null, into `self`; a mismatch is noted in `decoder`.
    fn read(&mut self, value: &Value, decoder: &mut Decoder);
}

/// Reads a value as `encoding/json` does; a key that no field has is an error.
pub(crate) fn strict<T: FromGo>(value: &Value) -> Result<T, Mismatch> {
    decode(value, Decoder { strict: true, ..Decoder::default() })
}

/// Reads a value as `yaml.Unmarshal` does; keys that no field has are ignored.
pub(crate) fn unmarshal<T: FromGo>(value: &Value) -> Result<T, String> {
    decode(value, Decoder { coerce: true, ..Decoder::default() }).map_err(framed)
}

/// Reads a value as `yaml.UnmarshalStrict` does; a key that no field has is an error.
pub(crate) fn unmarshal_strict<T: FromGo>(value: &Value) -> Result<T, String> {
    decode(value, Decoder { strict: true, coerce: true, ..Decoder::default() }).map_err(framed)
}

fn framed(mismatch: Mismatch) -> String {
    format!("error unmarshaling JSON: while decoding JSON: {}", mismatch.message)
}

fn decode<T: FromGo>(value: &Value, mut decoder: Decoder) -> Result<T, Mismatch> {
    let mut result = T::default();
    if !value.is_null() {
        result.read(value, &mut decoder);
    }
    match decoder.first_error {
        Some(error) => Err(error),
        None => Ok(result),
    }
}

impl Decoder {
    /// Reads the fields of an object by `field`, which answers whether there is such a field; `known`
    /// are all there are.
    pub(crate) fn object(
        &mut self,
        value: &Value,
        (name, go_type): (&'static str, String),
        known: &[&'static str],
        mut field: impl FnMut(&str, &Value, &mut Self) -> bool,
    ) {
        let Value::Object(entries) = value else { return self.mismatch(value, &go_type) };
        let mut keys: Vec<&String> = entries.keys().collect();
        keys.sort_unstable();
        self.structs.push(name);
        for key in keys {
            if !field(key, &entries[key], self) && self.strict {
                let message = format!("json: unknown field {}", crate::go_text::quote(key));
                self.note(message, meant(key, known));
            }
        }
        self.structs.pop();
    }

    /// Reads one field; `path` is its Go path below the struct, through embedded structs.
    pub(crate) fn field<T: FromGo>(&mut self, path: &'static str, value: &Value, into: &mut T) {
        if value.is_null() {
            return;
        }
        self.path.push(path);
        into.read(value, self);
        self.path.pop();
    }

    fn mismatch(&mut self, value: &Value, go_type: &str) {
        let what = match value {
            Value::Null => "null".to_owned(),
            Value::Bool(_) => "bool".to_owned(),
            Value::Number(number) if go_type == "int64" => format!("number {number}"),
            Value::Number(_) => "number".to_owned(),
            Value::String(_) => "string".to_owned(),
            Value::Array(_) => "array".to_owned(),
            Value::Object(_) => "object".to_owned(),
        };
        let place = match self.structs.last() {
            Some(name) if !self.path.is_empty() => {
                format!("Go struct field {name}.{}", self.path.join("."))
            }
            _ => "Go value".to_owned(),
        };
        self.note(format!("json: cannot unmarshal {what} into {place} of type {go_type}"), None);
    }

    fn note(&mut self, message: String, meant: Option<&'static str>) {
        self.first_error.get_or_insert(Mismatch { message, meant });
    }
}

/// The field that was probably meant.
fn meant(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let key = key.to_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&key, &known.to_lowercase());
    let nearest = known.iter().map(|known| (distance(known), *known)).min()?;
    let (distance, name) = nearest;
    (distance <= 1 + name.len() / 4).then_some(name)
}

impl FromGo for String {
    fn go_type() -> String {
        "string".to_owned()
    }

    fn read(&mut self, value: &Value, decoder: &mut Decoder) {
        match value {
            Value::String(text) => self.clone_from(text),
            Value::Bool(truth) if decoder.coerce => *self = truth.to_string(),
            Value::Number(number) if decoder.coerce => *self = number_text(number),
            _ => decoder.mismatch(value, "string"),
        }
    }
}

/// Go's `FormatInt`, and `FormatFloat(number, 'g', -1, 64)`.
fn number_text(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => trueup_yaml::format_g(float),
        _ => number.to_string(),
    }
}

impl FromGo for bool {
    fn go_type() -> String {
        "bool".to_owned()
    }

    fn read(&mut self, value: &Value, decoder: &mut Decoder) {
        match value {
            Value::Bool(truth) => *self = *truth,
            _ => decoder.mismatch(value, "bool"),
        }
    }
}

impl FromGo for i64 {
    fn go_type() -> String {
        "int64".to_owned()
    }

    fn read(&mut self, value: &Value, decoder: &mut Decoder) {
        match value.as_i64() {
            Some(number) => *self = number,
            None => decoder.mismatch(value, "int64"),
        }
    }
}

/// Any JSON value; Go's `interface{}`.
impl FromGo for Value {
    fn go_type() -> String {
        "interface {}".to_owned()
    }

    fn read(&mut self, value: &Value, _: &mut Decoder) {
        self.clone_from(value);
    }
}

impl<T: FromGo> FromGo for Option<T> {
    fn go_type() -> String {
        T::go_type()
    }

    fn read(&mut self, value: &Value, decoder: &mut Decoder) {
        self.get_or_insert_default().read(value, decoder);
    }
}

impl<T: FromGo> FromGo for Vec<T> {
    fn go_type() -> String {
        format!("[]{}", T::go_type())
    }

    fn read(&mut self, value: &Value, decoder: &mut Decoder) {
        let Value::Array(items) = value else {
            return decoder.mismatch(value, &Self::go_type());
        };
        *self = items
            .iter()
            .map(|item| {
                let mut element = T::default();
                if !item.is_null() {
                    element.read(item, decoder);
                }
                element
            })
            .collect();
    }
}

impl<T: FromGo> FromGo for BTreeMap<String, T> {
    fn go_type() -> String {
        format!("map[string]{}", T::go_type())
    }

    fn read(&mut self, value: &Value, decoder: &mut Decoder) {
        let Value::Object(entries) = value else {
            return decoder.mismatch(value, &Self::go_type());
        };
        for (key, item) in entries {
            let mut element = T::default();
            if !item.is_null() {
                element.read(item, decoder);
            }
            self.insert(key.clone(), element);
        }
    }
}

/// Declares how a struct is read: its Go name, its Go type, and for each field the JSON key, the Go
/// path (embedded structs included) and the Rust field.
macro_rules! go_struct {
    ($type:ty, $name:literal, $go_type:literal, {
        $($key:literal at $path:literal => $($field:ident).+),* $(,)?
    }) => {
        impl $crate::decode::FromGo for $type {
            fn go_type() -> String {
                $go_type.to_owned()
            }

            fn read(&mut self, value: &serde_json::Value, decoder: &mut $crate::decode::Decoder) {
                let names = ($name, $go_type.to_owned());
                decoder.object(value, names, &[$($key),*], |key, value, decoder| {
                    $(if key == $key {
                        decoder.field($path, value, &mut self.$($field).+);
                        return true;
                    })*
                    $(if key.eq_ignore_ascii_case($key) {
                        decoder.field($path, value, &mut self.$($field).+);
                        return true;
                    })*
                    false
                });
            }
        }
    };
}
pub(crate) use go_struct;
