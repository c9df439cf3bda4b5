//! Printing: the scalars of a table first, then its sub-tables, each group sorted by key; two
//! spaces a level; an empty line before each table at the top.

use super::super::present::{self, View, text_of};
use crate::context::Context;
use crate::function::FunctionError;
use crate::strconv::format_float;
use crate::types::{Field, Kind};
use crate::value::{List, Str, Value};

const NIL_ELEMENT: &str = "toml: cannot encode array with nil element";
const NO_KEY: &str = "toml: top-level values must be Go maps or structs";

/// Prints a value. The inner error is the encoder's own.
///
/// # Errors
/// Of nil, which makes the original panic; of a value nested without end.
pub(in super::super) fn encode(
    context: &mut Context<'_>,
    value: &Value,
    floats: Floats,
) -> Result<Result<String, String>, FunctionError> {
    if let Value::Nil = value {
        return Err(FunctionError::new("reflect: call of reflect.Value.Type on zero Value"));
    }
    match present::check(context, value, View::Yaml) {
        Err(FunctionError::Message(text)) if text.contains("type: func") => {
            return Ok(Err("unsupported type: func".to_owned()));
        }
        checked => checked?,
    }
    let mut encoder = Encoder { out: String::new(), floats };
    let outcome = encoder.encode(&[], &direct(value));
    Ok(outcome.map(|()| encoder.out))
}

/// The value behind pointers, unless the pointer is one that writes itself as text.
fn direct(value: &Value) -> Value {
    match value {
        Value::Object(object) if text_of(&**object).is_some() => value.clone(),
        Value::Object(object) => match object.pointee() {
            Some(target) => direct(&target),
            None => value.underlying(),
        },
        other => other.clone(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Nothing,
    Scalar,
    Array,
    Table,
    TableArray,
}

fn form(value: &Value) -> Result<Form, String> {
    Ok(match value {
        Value::Nil | Value::TypedNil(_) => Form::Nothing,
        Value::Map(_) => Form::Table,
        Value::Object(object) if text_of(&**object).is_none() => match value.kind() {
            Kind::Struct => Form::Table,
            _ => Form::Scalar,
        },
        Value::List(list) if is_table_array(list)? => Form::TableArray,
        Value::List(_) => Form::Array,
        _ => Form::Scalar,
    })
}

fn is_table_array(list: &List) -> Result<bool, String> {
    let mut all = !list.is_empty();
    for item in list.iter() {
        match form(&direct(item))? {
            Form::Nothing => return Err(NIL_ELEMENT.to_owned()),
            Form::Table => {}
            _ => all = false,
        }
    }
    Ok(all)
}

struct Encoder {
    out: String,
    floats: Floats,
}

/// How large and small floating-point numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Floats {
    /// With all their digits: before release 1.5.
    Plain,
    /// With an exponent.
    Exponent,
}

type Encoded = Result<(), String>;

impl Encoder {
    fn newline(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn indent(&mut self, key: &[Str]) {
        for _ in 1..key.len() {
            self.out.push_str("  ");
        }
    }

    fn encode(&mut self, key: &[Str], value: &Value) -> Encoded {
        match form(value)? {
            Form::Nothing => {
                if value.kind() == Kind::Slice {
                    self.out.push_str("[]");
                }
                Ok(())
            }
            Form::Table => {
                if key.len() == 1 {
                    self.newline();
                }
                if !key.is_empty() {
                    self.header(key, "[", "]");
                }
                self.table(key, value, Style::Lines)
            }
            Form::TableArray => self.table_array(key, value),
            Form::Scalar | Form::Array => self.key_value(key, value, Style::Lines),
        }
    }

    fn header(&mut self, key: &[Str], open: &str, close: &str) {
        self.indent(key);
        let path: Vec<String> = key.iter().map(quoted_key).collect();
        self.out += &format!("{open}{}{close}", path.join("."));
        self.newline();
    }

    fn table_array(&mut self, key: &[Str], value: &Value) -> Encoded {
        if key.is_empty() {
            return Err(NO_KEY.to_owned());
        }
        for item in value.as_list().iter().flat_map(|list| list.iter()) {
            self.newline();
            self.header(key, "[[", "]]");
            self.table(key, &direct(item), Style::Lines)?;
        }
        Ok(())
    }

    fn key_value(&mut self, key: &[Str], value: &Value, style: Style) -> Encoded {
        if let Some(last) = key.last() {
            self.indent(key);
            self.out += &format!("{} = ", quoted_key(last));
        }
        self.element(value)?;
        if !key.is_empty() && style == Style::Lines {
            self.newline();
        }
        Ok(())
    }

    fn table(&mut self, key: &[Str], value: &Value, style: Style) -> Encoded {
        let (mut scalars, mut tables) = (Vec::new(), Vec::new());
        for (name, value) in entries(value) {
            let value = direct(&value);
            match form(&value)? {
                Form::Table | Form::TableArray => tables.push((name, value)),
                _ => scalars.push((name, value)),
            }
        }
        let group_follows = !tables.is_empty();
        if style == Style::Inline {
            self.out.push('{');
        }
        self.group(key, scalars, style, group_follows)?;
        self.group(key, tables, style, false)?;
        if style == Style::Inline {
            self.out.push('}');
        }
        Ok(())
    }

    fn group(
        &mut self,
        key: &[Str],
        entries: Vec<(Str, Value)>,
        style: Style,
        group_follows: bool,
    ) -> Encoded {
        let last = entries.len().saturating_sub(1);
        for (index, (name, value)) in entries.into_iter().enumerate() {
            if value.is_nil() {
                continue;
            }
            if style == Style::Lines {
                self.encode(&[key, &[name]].concat(), &value)?;
                continue;
            }
            self.key_value(&[name], &value, style)?;
            if group_follows || index != last {
                self.out.push_str(", ");
            }
        }
        Ok(())
    }

    fn element(&mut self, value: &Value) -> Encoded {
        match value {
            Value::Bool(b) => self.out += &b.to_string(),
            Value::Float64(n) => self.out += &float(*n, 64, self.floats),
            Value::Float32(n) => self.out += &float(f64::from(*n), 32, self.floats),
            Value::String(text) => self.out += &quoted(text),
            Value::List(_) | Value::Bytes(_) => {
                self.out.push('[');
                let list = value.as_list();
                for (index, item) in list.iter().flat_map(|list| list.iter()).enumerate() {
                    self.out.push_str(if index > 0 { ", " } else { "" });
                    self.element(&direct(item))?;
                }
                self.out.push(']');
            }
            Value::Object(object) => match text_of(&**object) {
                Some(text) if is_time(value) => self.out += &text.to_text(),
                Some(text) => self.out += &quoted(&text),
                None => return self.table(&[], value, Style::Inline),
            },
            Value::Map(_) => return self.table(&[], value, Style::Inline),
            number => match (number.as_signed(), number.as_unsigned()) {
                (Some(n), _) => self.out += &n.to_string(),
                (_, Some(n)) => self.out += &n.to_string(),
                _ => {}
            },
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Lines,
    Inline,
}

fn is_time(value: &Value) -> bool {
    value.go_type().is_some_and(|of| of.to_string() == "time.Time")
}

/// A map by key, a struct's public fields in their order.
fn entries(value: &Value) -> Vec<(Str, Value)> {
    match value {
        Value::Map(map) => map.entries(),
        Value::Object(object) => {
            let public = |field: &Field| field.name.starts_with(|c: char| c.is_ascii_uppercase());
            let fields = object.go_type().fields().iter().enumerate();
            let named = fields.filter(|(_, field)| public(field));
            named.map(|(index, field)| (field.name.into(), object.field(index))).collect()
        }
        _ => Vec::new(),
    }
}

/// A number with a point or an exponent.
fn float(n: f64, bits: u32, floats: Floats) -> String {
    match n {
        _ if n.is_nan() => "nan".to_owned(),
        f64::INFINITY => "inf".to_owned(),
        f64::NEG_INFINITY => "-inf".to_owned(),
        _ => {
            let verb = if floats == Floats::Plain { b'f' } else { b'g' };
            let text = format_float(n, verb, None, bits);
            if text.contains(['e', '.']) { text } else { text + ".0" }
        }
    }
}

fn quoted_key(key: &Str) -> String {
    let bare = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !key.is_empty() && key.iter().all(bare) { key.to_string() } else { quoted(key) }
}

fn quoted(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\x08' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\x0c' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\x1f' | '\x7f' => out += &format!("\\u{:04x}", u32::from(c)),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}
