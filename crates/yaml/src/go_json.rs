//! JSON as Go's `encoding/json` prints it: keys in the order of bytes, `<`, `>` and `&` escaped
//! unless told otherwise, floats without an exponent between 1e-6 and 1e21.

use crate::float::format_json;
use crate::print::PrintError;
use crate::value::{Sink, Value};

/// `json.Marshal`: on one line, HTML escaped.
///
/// # Errors
/// A float that JSON does not have.
pub fn compact(value: &impl Value) -> Result<String, PrintError> {
    print(value, Layout::Compact, true)
}

/// A `json.Encoder` with `SetEscapeHTML(false)`, without the line end that it adds.
///
/// # Errors
/// A float that JSON does not have.
pub fn raw(value: &impl Value) -> Result<String, PrintError> {
    print(value, Layout::Compact, false)
}

/// `json.MarshalIndent` with no prefix and this indent: two spaces for Sprig's `toPrettyJson`.
///
/// # Errors
/// A float that JSON does not have.
pub fn indented(value: &impl Value, indent: &str) -> Result<String, PrintError> {
    print(value, Layout::Indented(indent), true)
}

/// Prints with all choices open.
///
/// # Errors
/// A float that JSON does not have.
pub fn print(
    value: &impl Value,
    layout: Layout<'_>,
    escape_html: bool,
) -> Result<String, PrintError> {
    let mut printer =
        Printer { out: String::with_capacity(256), layout, escape_html, depth: 0, error: None };
    value.present(&mut printer);
    match printer.error {
        None => Ok(printer.out),
        Some(error) => Err(error),
    }
}

/// Where lines end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout<'a> {
    /// Nowhere.
    Compact,
    /// After each item, indented by this for each level.
    Indented(&'a str),
}

struct Printer<'a> {
    out: String,
    layout: Layout<'a>,
    escape_html: bool,
    depth: usize,
    error: Option<PrintError>,
}

impl Printer<'_> {
    fn line_break(&mut self) {
        if let Layout::Indented(indent) = self.layout {
            self.out.push('\n');
            for _ in 0..self.depth {
                self.out.push_str(indent);
            }
        }
    }

    fn quoted(&mut self, text: &[u8]) {
        self.out.push('"');
        push_escaped(&mut self.out, text, self.escape_html);
        self.out.push('"');
    }
}

impl Sink for Printer<'_> {
    fn null(&mut self) {
        self.out.push_str("null");
    }

    fn bool(&mut self, value: bool) {
        self.out.push_str(if value { "true" } else { "false" });
    }

    fn int(&mut self, value: i64) {
        self.out.push_str(&value.to_string());
    }

    fn uint(&mut self, value: u64) {
        self.out.push_str(&value.to_string());
    }

    fn float(&mut self, value: f64) {
        match format_json(value) {
            Some(text) => self.out.push_str(&text),
            None => {
                self.error.get_or_insert(PrintError::not_json(value));
            }
        }
    }

    fn string(&mut self, text: &[u8]) {
        self.quoted(text);
    }

    fn sequence<V: Value>(&mut self, items: impl Iterator<Item = V>) {
        self.out.push('[');
        self.depth += 1;
        let mut empty = true;
        for item in items {
            if !empty {
                self.out.push(',');
            }
            empty = false;
            self.line_break();
            item.present(self);
        }
        self.depth -= 1;
        if !empty {
            self.line_break();
        }
        self.out.push(']');
    }

    fn mapping<'a, V: Value>(&mut self, entries: impl Iterator<Item = (&'a [u8], V)>) {
        let mut entries: Vec<_> = entries.collect();
        if !entries.is_sorted_by(|a, b| a.0 <= b.0) {
            entries.sort_by(|a, b| a.0.cmp(b.0));
        }
        self.structure(entries.into_iter());
    }

    fn structure<'a, V: Value>(&mut self, fields: impl Iterator<Item = (&'a [u8], V)>) {
        self.out.push('{');
        self.depth += 1;
        let mut empty = true;
        for (key, value) in fields {
            if !empty {
                self.out.push(',');
            }
            empty = false;
            self.line_break();
            self.quoted(key);
            self.out.push(':');
            if self.layout != Layout::Compact {
                self.out.push(' ');
            }
            value.present(self);
        }
        self.depth -= 1;
        if !empty {
            self.line_break();
        }
        self.out.push('}');
    }
}

/// Appends the inside of a JSON string.
fn push_escaped(out: &mut String, bytes: &[u8], html: bool) {
    for chunk in bytes.utf8_chunks() {
        let text = chunk.valid();
        let mut start = 0;
        for (index, c) in text.char_indices() {
            if !is_special(c, html) {
                continue;
            }
            out.push_str(text.get(start..index).unwrap_or_default());
            push_escape(out, c);
            start = index + c.len_utf8();
        }
        out.push_str(text.get(start..).unwrap_or_default());
        // Go writes a replacement for each byte.
        for _ in chunk.invalid() {
            out.push_str("\\ufffd");
        }
    }
}

fn is_special(c: char, html: bool) -> bool {
    match c {
        '"' | '\\' | '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => true,
        '<' | '>' | '&' => html,
        _ => false,
    }
}

fn push_escape(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        other => {
            let code = u32::from(other);
            out.push_str("\\u");
            for shift in [12, 8, 4, 0] {
                out.extend(char::from_digit((code >> shift) & 15, 16));
            }
        }
    }
}
