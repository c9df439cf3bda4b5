//! Reading.

use toml::value::Datetime;
use toml::{Table, Value as Toml};

use super::super::super::dates;
use crate::types::Type;
use crate::value::{List, Value};

const TABLES: &Type = &Type::Slice(Type::ANY_MAP);

/// Reads a document.
///
/// # Errors
/// What is wrong, with its line.
pub(in super::super) fn decode(text: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(text).map_err(|_| "toml: invalid UTF-8 byte".to_owned())?;
    let document: Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        format!("toml: line {line}: {}", error.message())
    })?;
    Ok(table(document))
}

fn table(table: Table) -> Value {
    Value::map(table.into_iter().map(|(key, value)| (key.into(), value_of(value))))
}

fn value_of(value: Toml) -> Value {
    match value {
        Toml::String(text) => text.into(),
        Toml::Integer(n) => Value::Int64(n),
        Toml::Float(n) => Value::Float64(n),
        Toml::Boolean(b) => Value::Bool(b),
        Toml::Datetime(at) => datetime(&at),
        Toml::Array(items) => {
            let tables = !items.is_empty() && items.iter().all(Toml::is_table);
            let of = if tables { TABLES } else { Type::ANY_SLICE };
            Value::List(List::new(of, items.into_iter().map(value_of).collect()))
        }
        Toml::Table(entries) => table(entries),
    }
}

/// A date without a time or an offset is read as if it were in UTC.
fn datetime(at: &Datetime) -> Value {
    let text = at.to_string();
    let layouts = ["2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02", "15:04:05"];
    layouts
        .iter()
        .find_map(|layout| dates::parsed(layout.as_bytes(), text.as_bytes()))
        .unwrap_or_else(|| text.into())
}
