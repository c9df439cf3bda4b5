//! yaml.v3 nodes, printed as they were written.

use std::fmt::Write as _;

use super::scalar::{Wish, fits_before_colon};
use super::{Context, Printer};
use crate::dialect::{Dialect, Resolved, resolve_plain};
use crate::node::{Content, Node, Style, Tag};

impl Printer {
    pub(super) fn node(&mut self, node: &Node) {
        if let Some(name) = node.alias() {
            self.writer.indicator("*", true, false, false);
            self.writer.push(name);
            return self.writer.end_scalar();
        }
        if let Some(name) = node.anchor() {
            self.writer.indicator("&", true, false, false);
            self.writer.push(name);
            self.writer.end_scalar();
        }
        match &node.content {
            Content::Scalar(text) => self.written_scalar(node, text),
            Content::Sequence(items) => self.written_sequence(node, items),
            Content::Mapping(entries) => self.written_mapping(node, entries),
        }
    }

    fn written_scalar(&mut self, node: &Node, text: &str) {
        let (tag, quote) = scalar_tag(node, text);
        let style = match node.style {
            Style::Plain if text.contains('\n') => Style::Literal,
            Style::Plain if quote => Style::DoubleQuoted,
            style => style,
        };
        self.scalar(text, Wish::Style(style), tag);
    }

    fn collection_tag(&mut self, node: &Node, implied: Tag) {
        let shown = match node.given_tag() {
            None => false,
            Some(tag) => node.has_explicit_tag() || tag != implied,
        };
        if shown {
            self.tag(node.tag_text());
        }
    }

    /// `!local`, `!!known`, or any other in full.
    pub(super) fn tag(&mut self, tag: &str) {
        let text =
            if tag.starts_with('!') { escape_uri(tag) } else { format!("!<{}>", escape_uri(tag)) };
        self.writer.indicator(&text, true, false, false);
    }

    fn written_sequence(&mut self, node: &Node, items: &[Node]) {
        self.collection_tag(node, Tag::Seq);
        if items.is_empty() {
            self.empty("[]");
        } else if node.style == Style::Flow || self.flow > 0 {
            self.flow_collection("[", "]", |printer| {
                for (index, item) in items.iter().enumerate() {
                    printer.flow_separator(index);
                    printer.context = Context::Item;
                    printer.node(item);
                }
            });
        } else {
            self.block_sequence(|printer| {
                for item in items {
                    printer.block_item(|printer| printer.node(item));
                }
            });
        }
    }

    fn written_mapping(&mut self, node: &Node, entries: &[(Node, Node)]) {
        self.collection_tag(node, Tag::Map);
        if entries.is_empty() {
            self.empty("{}");
        } else if node.style == Style::Flow || self.flow > 0 {
            self.flow_collection("{", "}", |printer| {
                for (index, (key, value)) in entries.iter().enumerate() {
                    printer.flow_separator(index);
                    printer.flow_entry(key, value);
                }
            });
        } else {
            self.block_mapping(|printer| {
                for (key, value) in entries {
                    printer.block_entry(
                        is_simple(key),
                        |printer| printer.node(key),
                        |printer| printer.node(value),
                    );
                }
            });
        }
    }

    fn flow_collection(&mut self, open: &str, close: &str, body: impl FnOnce(&mut Self)) {
        self.writer.indicator(open, true, true, false);
        let indent = self.deeper(true, false, false);
        self.flow += 1;
        self.nested(indent, body);
        self.flow -= 1;
        self.writer.indicator(close, false, false, false);
    }

    fn flow_separator(&mut self, index: usize) {
        if index > 0 {
            self.writer.indicator(",", false, false, false);
        }
        if self.writer.column > self.rules.width {
            self.break_line();
        }
    }

    fn flow_entry(&mut self, key: &Node, value: &Node) {
        if is_simple(key) {
            self.context = Context::SimpleKey;
            self.node(key);
            self.writer.indicator(":", false, false, false);
        } else {
            self.writer.indicator("?", true, false, false);
            self.context = Context::Entry;
            self.node(key);
            self.writer.indicator(":", true, false, false);
        }
        self.context = Context::Entry;
        self.node(value);
    }
}

/// Whether a key can stand before its colon.
fn is_simple(key: &Node) -> bool {
    match &key.content {
        Content::Scalar(text) => fits_before_colon(text),
        Content::Sequence(items) => items.is_empty() || key.alias().is_some(),
        Content::Mapping(entries) => entries.is_empty() || key.alias().is_some(),
    }
}

/// The tag to print, and whether quotes are to say that the text is a string.
fn scalar_tag<'a>(node: &'a Node, text: &str) -> (&'a str, bool) {
    let Some(given) = node.given_tag() else {
        // yaml.v3 knows a merge key when it reads one, and says so when it writes one.
        return (if node.is_merge_key() { "!!merge" } else { "" }, false);
    };
    if node.has_explicit_tag() {
        return (node.tag_text(), false);
    }
    if given == Tag::Str && node.style != Style::Plain {
        return ("", false);
    }
    if resolve_plain(text, Dialect::V3).tag() == given {
        return ("", false);
    }
    match given {
        // A null is nothing, and a string that looks like something else is quoted.
        Tag::Str => ("", true),
        _ => (node.tag_text(), false),
    }
}

/// Tags hold the characters of URIs; all others are written as `%` and their bytes' numbers.
fn escape_uri(tag: &str) -> String {
    let mut out = String::with_capacity(tag.len());
    for byte in tag.bytes() {
        if byte.is_ascii_alphanumeric() || b";/?:@&=+$,_.~*'()[]-!".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

impl Resolved<'_> {
    /// Whether it is a plain text.
    pub fn is_str(&self) -> bool {
        matches!(self, Self::Str(_))
    }
}
