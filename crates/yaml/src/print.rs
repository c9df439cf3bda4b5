//! YAML as goyaml.v2 and yaml.v3 print it.
//!
//! Both emitters descend from libyaml's: where a line breaks, which quotes a text gets and how far a
//! block is indented follow from a little state (column, indent, what was written last). That state
//! is [`writer::Writer`]; the choice of a scalar's style is in `scalar`; this file holds the nesting.

mod nodes;
mod scalar;
mod writer;

use std::borrow::Cow;

use crate::dialect::Dialect;
use crate::float::{format_g, format_json, special};
use crate::key_order;
use crate::node::Node;
use crate::value::{Sink, Value};
use scalar::Wish;
use writer::Writer;

/// What cannot be printed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrintError {
    /// JSON has no such number: `NaN`, `+Inf`, `-Inf`.
    #[error("json: unsupported value: {0}")]
    NotJson(&'static str),
    /// A character that go-yaml refuses to read back, as `sigs.k8s.io/yaml` does before it prints.
    #[error("yaml: control characters are not allowed")]
    ControlCharacter,
    /// A value that contains itself, or something like it.
    #[error("the value is nested more than {DEPTH} levels deep")]
    TooDeep,
}

/// How deep a printed value may be nested.
const DEPTH: usize = 256;

impl PrintError {
    pub(crate) fn not_json(value: f64) -> Self {
        Self::NotJson(if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        })
    }
}

/// How yaml.v3 indents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indent {
    /// Spaces a level (2 to 9).
    pub spaces: usize,
    /// Whether the items of a sequence in a mapping stand below its key rather than further right.
    pub compact_sequences: bool,
}

impl Indent {
    /// `SetIndent(2)`: Helm's `toYamlPretty`, kyaml's wide style.
    pub const WIDE: Self = Self { spaces: 2, compact_sequences: false };
    /// `SetIndent(2)` and `CompactSeqIndent()`: what kyaml prints by default.
    pub const COMPACT: Self = Self { spaces: 2, compact_sequences: true };
}

/// `sigs.k8s.io/yaml`'s `Marshal`: Helm's `toYaml` (but for the line end that Helm cuts off), and
/// what Kustomize and kubectl print.
///
/// # Errors
/// What JSON does not have; a control character in a text.
pub fn to_yaml(value: &impl Value) -> Result<String, PrintError> {
    let mut out = String::with_capacity(256);
    append_yaml(value, &mut out)?;
    Ok(out)
}

/// The same, to the end of a text.
///
/// # Errors
/// As above; `out` then holds a part.
pub fn append_yaml(value: &impl Value, out: &mut String) -> Result<(), PrintError> {
    let rules = Rules { dialect: Dialect::V2, width: 80, indent: Indent::WIDE };
    let mut printer = Printer::new(std::mem::take(out), rules);
    value.present(&mut printer);
    printer.finish(out)
}

/// yaml.v3's `Encoder` on plain values: Helm's `toYamlPretty`.
///
/// # Errors
/// Nesting without end.
pub fn to_yaml_v3(value: &impl Value, indent: Indent) -> Result<String, PrintError> {
    let mut out = String::new();
    let mut printer = Printer::new(String::with_capacity(256), Rules::v3(indent));
    value.present(&mut printer);
    printer.finish(&mut out)?;
    Ok(out)
}

/// yaml.v3's `Encoder` on a `yaml.Node`: styles, tags, anchors and the order of keys are kept.
///
/// # Errors
/// Nesting without end.
pub fn node_to_yaml_v3(node: &Node, indent: Indent) -> Result<String, PrintError> {
    let mut out = String::new();
    let mut printer = Printer::new(String::with_capacity(256), Rules::v3(indent));
    printer.node(node);
    printer.finish(&mut out)?;
    Ok(out)
}

#[derive(Clone, Copy)]
struct Rules {
    dialect: Dialect,
    /// The column after which a line is broken at the next space.
    width: usize,
    indent: Indent,
}

impl Rules {
    fn v3(indent: Indent) -> Self {
        let indent = Indent { spaces: indent.spaces.clamp(2, 9), ..indent };
        Self { dialect: Dialect::V3, width: usize::MAX, indent }
    }
}

/// What a value is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Context {
    Root,
    /// An item of a sequence.
    Item,
    /// A key that is followed by its colon.
    SimpleKey,
    /// A value, or a key that is announced by a question mark.
    Entry,
}

struct Printer {
    writer: Writer,
    rules: Rules,
    /// The indent of the block that is being written; `None` outside of all.
    indent: Option<usize>,
    context: Context,
    /// How many flow collections are open.
    flow: usize,
    depth: usize,
    error: Option<PrintError>,
}

impl Printer {
    fn new(out: String, rules: Rules) -> Self {
        Self {
            writer: Writer::new(out),
            rules,
            indent: None,
            context: Context::Root,
            flow: 0,
            depth: 0,
            error: None,
        }
    }

    fn finish(mut self, out: &mut String) -> Result<(), PrintError> {
        self.writer.indent(0);
        *out = self.writer.out;
        self.error.map_or(Ok(()), Err)
    }

    /// The indent of what is inside; libyaml's `increase_indent`.
    fn deeper(&self, flow: bool, indentless: bool, compact: bool) -> usize {
        let spaces = self.rules.indent.spaces;
        match self.indent {
            None if flow => spaces,
            None => 0,
            Some(indent) if indentless => indent,
            Some(indent) => match self.rules.dialect {
                Dialect::V2 => indent + spaces,
                // Inside of a sequence the first indent just skips the dash.
                Dialect::V3 if self.context == Context::Item && self.flow == 0 => indent + 2,
                Dialect::V3 => {
                    let aligned = (indent + spaces) / spaces * spaces;
                    if compact { aligned.saturating_sub(2) } else { aligned }
                }
            },
        }
    }

    /// Runs `body` one level further in, unless that is too deep.
    fn nested(&mut self, indent: usize, body: impl FnOnce(&mut Self)) {
        if self.depth >= DEPTH {
            self.error.get_or_insert(PrintError::TooDeep);
            return;
        }
        let outer = self.indent.replace(indent);
        self.depth += 1;
        body(self);
        self.depth -= 1;
        self.indent = outer;
    }

    fn block_sequence(&mut self, items: impl FnOnce(&mut Self)) {
        let in_mapping = self.context == Context::Entry;
        let (indentless, compact) = match self.rules.dialect {
            Dialect::V2 => (in_mapping && !self.writer.indention, false),
            Dialect::V3 => {
                let own_line = self.writer.column == 0 || !self.writer.indention;
                (false, in_mapping && own_line && self.rules.indent.compact_sequences)
            }
        };
        let indent = self.deeper(false, indentless, compact);
        self.nested(indent, items);
    }

    fn block_item(&mut self, item: impl FnOnce(&mut Self)) {
        self.break_line();
        self.writer.indicator("-", true, false, true);
        self.context = Context::Item;
        item(self);
    }

    fn block_mapping(&mut self, entries: impl FnOnce(&mut Self)) {
        let indent = self.deeper(false, false, false);
        self.nested(indent, entries);
    }

    /// An entry of a mapping in block style; `simple`: the key fits before its colon.
    fn block_entry(
        &mut self,
        simple: bool,
        key: impl FnOnce(&mut Self),
        value: impl FnOnce(&mut Self),
    ) {
        self.break_line();
        if simple {
            self.context = Context::SimpleKey;
            key(self);
            self.writer.indicator(":", false, false, false);
        } else {
            self.writer.indicator("?", true, false, true);
            self.context = Context::Entry;
            key(self);
            self.break_line();
            self.writer.indicator(":", true, false, true);
        }
        self.context = Context::Entry;
        value(self);
    }

    fn empty(&mut self, brackets: &str) {
        self.writer.indicator(brackets, true, false, false);
    }

    fn break_line(&mut self) {
        self.writer.indent(self.indent.unwrap_or(0));
    }

    /// A scalar that needs no thought.
    fn bare(&mut self, text: &str) {
        self.writer.bare(text);
    }

    fn text(&mut self, text: &[u8]) {
        let Ok(text) = std::str::from_utf8(text) else { return self.invalid_text(text) };
        match self.rules.dialect {
            Dialect::V3 => self.scalar(text, Wish::Text, ""),
            Dialect::V2 => {
                let text = self.read_back(text);
                self.scalar(&text, Wish::Text, "");
            }
        }
    }

    /// `sigs.k8s.io/yaml` has been through JSON, which replaces each bad byte; yaml.v3 encodes.
    fn invalid_text(&mut self, text: &[u8]) {
        match self.rules.dialect {
            Dialect::V2 => {
                let valid = replace_invalid(text);
                let valid = self.read_back(&valid);
                self.scalar(&valid, Wish::Text, "");
            }
            Dialect::V3 => {
                let encoded = scalar::base64_lines(text);
                self.scalar(&encoded, Wish::Binary, "!!binary");
            }
        }
    }

    /// What goyaml.v2 makes of a text when it reads it from JSON: a next-line character (U+0085) is
    /// a line break and is folded; other control characters that JSON does not escape are refused.
    fn read_back<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        if text.bytes().all(|byte| byte != 0x7f && byte < 0xc2) {
            return Cow::Borrowed(text);
        }
        let refused =
            |c| matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
        if text.contains(refused) {
            self.error.get_or_insert(PrintError::ControlCharacter);
        }
        if text.contains('\u{85}') { fold_next_lines(text).into() } else { text.into() }
    }
}

/// Folds U+0085 with the spaces around it as a double-quoted scalar is folded: one becomes a space,
/// several become one line feed less.
fn fold_next_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut lines = text.split('\u{85}').peekable();
    // Tabs come from JSON as escapes, which are not trimmed.
    let blank = ' ';
    let mut breaks = 0usize;
    if let Some(first) = lines.next() {
        out.push_str(if lines.peek().is_some() { first.trim_end_matches(blank) } else { first });
    }
    while let Some(line) = lines.next() {
        breaks += 1;
        let line = line.trim_start_matches(blank);
        let last = lines.peek().is_none();
        let line = if last { line } else { line.trim_end_matches(blank) };
        if line.is_empty() && !last {
            continue;
        }
        match breaks {
            1 => out.push(' '),
            more => out.extend(std::iter::repeat_n('\n', more - 1)),
        }
        breaks = 0;
        out.push_str(line);
    }
    out
}

/// A replacement character for each byte that is not UTF-8.
pub(crate) fn replace_invalid(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for chunk in text.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(std::iter::repeat_n('\u{fffd}', chunk.invalid().len()));
    }
    out
}

impl Sink for Printer {
    fn null(&mut self) {
        self.bare("null");
    }

    fn bool(&mut self, value: bool) {
        self.bare(if value { "true" } else { "false" });
    }

    fn int(&mut self, value: i64) {
        self.bare(&value.to_string());
    }

    fn uint(&mut self, value: u64) {
        self.bare(&value.to_string());
    }

    fn float(&mut self, value: f64) {
        match (self.rules.dialect, format_json(value)) {
            (Dialect::V3, None) => self.bare(special(value)),
            (Dialect::V3, Some(_)) => self.bare(&format_g(value)),
            (Dialect::V2, None) => {
                self.error.get_or_insert(PrintError::not_json(value));
            }
            // Through JSON: a whole number comes back as an integer if it fits.
            (Dialect::V2, Some(json)) => {
                let whole = json.parse::<i64>().is_ok() || json.parse::<u64>().is_ok();
                if whole {
                    self.bare(if json == "-0" { "0" } else { &json });
                } else {
                    self.bare(&format_g(value));
                }
            }
        }
    }

    fn string(&mut self, text: &[u8]) {
        self.text(text);
    }

    fn sequence<V: Value>(&mut self, mut items: impl Iterator<Item = V>) {
        let Some(first) = items.next() else { return self.empty("[]") };
        self.block_sequence(|printer| {
            printer.block_item(|printer| first.present(printer));
            for item in items {
                printer.block_item(|printer| item.present(printer));
            }
        });
    }

    fn mapping<'a, V: Value>(&mut self, entries: impl Iterator<Item = (&'a [u8], V)>) {
        let mut entries: Vec<(Cow<'a, str>, V)> =
            entries.map(|(key, value)| (key_text(key), value)).collect();
        let compare = match self.rules.dialect {
            Dialect::V2 => key_order::compare_v2,
            Dialect::V3 => key_order::compare_v3,
        };
        key_order::sort(&mut entries, |a, b| compare(&a.0, &b.0).is_lt());
        self.entries(&entries);
    }

    /// goyaml.v2 is given JSON, in which a struct is a map; yaml.v3 is given the struct.
    fn structure<'a, V: Value>(&mut self, fields: impl Iterator<Item = (&'a [u8], V)>) {
        if self.rules.dialect == Dialect::V2 {
            return self.mapping(fields);
        }
        let entries: Vec<_> = fields.map(|(key, value)| (key_text(key), value)).collect();
        self.entries(&entries);
    }
}

impl Printer {
    fn entries<V: Value>(&mut self, entries: &[(Cow<'_, str>, V)]) {
        if entries.is_empty() {
            return self.empty("{}");
        }
        self.block_mapping(|printer| {
            for (key, value) in entries {
                let simple = scalar::fits_before_colon(key);
                printer.block_entry(
                    simple,
                    |printer| printer.text(key.as_bytes()),
                    |printer| value.present(printer),
                );
            }
        });
    }
}

fn key_text(key: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(key) {
        Ok(key) => Cow::Borrowed(key),
        Err(_) => Cow::Owned(replace_invalid(key)),
    }
}
