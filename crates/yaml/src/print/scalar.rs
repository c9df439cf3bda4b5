//! The style that a text is printed in, and the writing of it.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Context, Printer};
use crate::dialect::{Dialect, needs_quotes};
use crate::node::Style;

/// What the caller would like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A string: bare if it is read back as one, else quoted; literal if it has several lines.
    Text,
    /// Base64 with its tag.
    Binary,
    /// This style, if it can be.
    Style(Style),
}

/// What the characters of a text allow.
struct Analysis {
    multiline: bool,
    flow_plain: bool,
    block_plain: bool,
    single_quoted: bool,
    block: bool,
}

impl Analysis {
    const ANY: Self = Self {
        multiline: false,
        flow_plain: true,
        block_plain: true,
        single_quoted: true,
        block: true,
    };
    const EMPTY: Self = Self {
        multiline: false,
        flow_plain: false,
        block_plain: true,
        single_quoted: true,
        block: false,
    };
}

/// Whether a key can be followed by its colon: one line of at most 128 bytes.
pub(super) fn fits_before_colon(key: &str) -> bool {
    key.len() <= 128 && !has_break(key)
}

/// Base64 in lines of 70, as go-yaml writes binary data.
pub(super) fn base64_lines(data: &[u8]) -> String {
    let encoded = STANDARD.encode(data);
    if encoded.len() < 70 {
        return encoded;
    }
    let mut out = String::with_capacity(encoded.len() + encoded.len() / 70 + 1);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(70));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out
}

impl Printer {
    /// Prints a text, with a tag before it if that is not empty.
    pub(super) fn scalar(&mut self, text: &str, wish: Wish, tag: &str) {
        let analysis = analyze(text, self.rules.dialect);
        let style = self.choose(text, wish, &analysis, tag);
        if !tag.is_empty() {
            self.tag(tag);
        }
        let indent = self.deeper(true, false, false);
        let breakable = self.context != Context::SimpleKey;
        match style {
            Style::Plain | Style::Flow => self.plain(text, indent, breakable),
            Style::SingleQuoted => self.single_quoted(text, indent, breakable),
            Style::DoubleQuoted => self.double_quoted(text, indent, breakable),
            Style::Literal => self.literal(text, indent),
            Style::Folded => self.folded(text, indent),
        }
    }

    fn choose(&self, text: &str, wish: Wish, analysis: &Analysis, tag: &str) -> Style {
        let key = self.context == Context::SimpleKey;
        let mut style = match wish {
            Wish::Text if text.contains('\n') => Style::Literal,
            Wish::Text if needs_quotes(text, self.rules.dialect) => Style::DoubleQuoted,
            Wish::Text => Style::Plain,
            Wish::Binary if text.contains('\n') => Style::Literal,
            Wish::Binary => Style::Plain,
            Wish::Style(style) => style,
        };
        if key && analysis.multiline {
            style = Style::DoubleQuoted;
        }
        if style == Style::Plain {
            let allowed = if self.flow > 0 { analysis.flow_plain } else { analysis.block_plain };
            let empty = text.is_empty() && (self.flow > 0 || key);
            if !allowed || (empty && tag.is_empty()) || (empty && self.rules.dialect == Dialect::V2)
            {
                style = Style::SingleQuoted;
            }
        }
        if style == Style::SingleQuoted && !analysis.single_quoted {
            style = Style::DoubleQuoted;
        }
        let block = matches!(style, Style::Literal | Style::Folded);
        if block && (!analysis.block || self.flow > 0 || key) {
            style = Style::DoubleQuoted;
        }
        style
    }

    /// Whether a line may be broken here.
    fn is_full(&self, breakable: bool) -> bool {
        breakable && self.writer.column > self.rules.width
    }

    fn plain(&mut self, text: &str, indent: usize, breakable: bool) {
        if text.is_empty() && self.rules.dialect == Dialect::V3 {
            self.writer.indention = false;
            return;
        }
        self.writer.space(true);
        self.flowing(text, indent, breakable, false);
        self.writer.end_scalar();
    }

    fn single_quoted(&mut self, text: &str, indent: usize, breakable: bool) {
        self.writer.indicator("'", true, false, false);
        self.flowing(text, indent, breakable, true);
        self.writer.indicator("'", false, false, false);
        self.writer.end_scalar();
    }

    /// The inside of a plain or single-quoted scalar, with lines folded at single spaces.
    fn flowing(&mut self, text: &str, indent: usize, breakable: bool, quoted: bool) {
        let roomy = !breakable || self.writer.column.saturating_add(text.len()) <= self.rules.width;
        let special = has_break(text) || (quoted && text.contains('\''));
        if roomy && !special {
            return self.writer.push(text);
        }
        let (mut spaces, mut breaks) = (false, false);
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let after = rest.get(c.len_utf8()..).unwrap_or_default();
            if c == ' ' {
                let inner = !quoted || (rest.len() < text.len() && !after.is_empty());
                let single = !spaces && !after.starts_with(' ');
                if single && inner && self.is_full(breakable) {
                    self.writer.indent(indent);
                } else {
                    self.writer.push(" ");
                }
                spaces = true;
                rest = after;
            } else if is_break(c) {
                if !breaks && c == '\n' {
                    self.writer.line_break();
                }
                self.writer.text_break(c);
                breaks = true;
                rest = after;
            } else {
                if breaks {
                    self.writer.indent(indent);
                }
                let end = rest.find(|c| c == ' ' || is_break(c)).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                self.word(word, quoted);
                self.writer.indention = false;
                (spaces, breaks) = (false, false);
                rest = after;
            }
        }
    }

    fn word(&mut self, word: &str, quoted: bool) {
        if !quoted {
            return self.writer.push(word);
        }
        for (index, part) in word.split('\'').enumerate() {
            if index > 0 {
                self.writer.push("''");
            }
            self.writer.push(part);
        }
    }

    fn double_quoted(&mut self, text: &str, indent: usize, breakable: bool) {
        self.writer.indicator("\"", true, false, false);
        let mut spaces = false;
        let mut rest = text;
        // go-yaml asks at each character whether the *text* starts with a byte order mark.
        let escape_all = text.starts_with('\u{feff}');
        while let Some(c) = rest.chars().next() {
            let after = rest.get(c.len_utf8()..).unwrap_or_default();
            if escape_all {
                self.escape(c);
                rest = after;
                continue;
            }
            if c == ' ' {
                let inner = rest.len() < text.len() && !after.is_empty();
                if !spaces && inner && self.is_full(breakable) {
                    self.writer.indent(indent);
                    if after.starts_with(' ') {
                        self.writer.push("\\");
                    }
                } else {
                    self.writer.push(" ");
                }
                spaces = true;
                rest = after;
                continue;
            }
            spaces = false;
            if needs_escape(c) {
                self.escape(c);
                rest = after;
            } else {
                let end = rest.find(|c| c == ' ' || needs_escape(c)).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                self.writer.push(word);
                rest = after;
            }
        }
        self.writer.indicator("\"", false, false, false);
        self.writer.end_scalar();
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '\0' => "\\0",
            '\x07' => "\\a",
            '\x08' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\x0b' => "\\v",
            '\x0c' => "\\f",
            '\r' => "\\r",
            '\x1b' => "\\e",
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{85}' => "\\N",
            '\u{a0}' => "\\_",
            '\u{2028}' => "\\L",
            '\u{2029}' => "\\P",
            _ => "",
        };
        if !short.is_empty() {
            return self.writer.push(short);
        }
        let code = u32::from(c);
        let start = self.writer.out.len();
        // Writing to a string does not fail.
        let _ = match code {
            0..=0xff => write!(self.writer.out, "\\x{code:02X}"),
            0x100..=0xffff => write!(self.writer.out, "\\u{code:04X}"),
            _ => write!(self.writer.out, "\\U{code:08X}"),
        };
        self.writer.column += self.writer.out.len() - start;
    }

    /// The header of a block scalar: an indentation hint where the text starts with blank space, and
    /// what is to become of the line breaks at its end.
    fn block_header(&mut self, indicator: &str, text: &str) {
        self.writer.indicator(indicator, true, false, false);
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            let hint = self.rules.indent.spaces.to_string();
            self.writer.indicator(&hint, false, false, false);
        }
        let mut from_end = text.chars().rev();
        let last_breaks = from_end.next().is_some_and(is_break);
        let before = from_end.next();
        if !last_breaks {
            self.writer.indicator("-", false, false, false);
        } else if before.is_none_or(is_break) {
            self.writer.indicator("+", false, false, false);
        }
        self.writer.line_break();
        self.writer.whitespace = true;
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.block_header("|", text);
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(is_break).unwrap_or(rest.len());
            let (line, after) = rest.split_at(end);
            if !line.is_empty() {
                self.writer.indent(indent);
                self.writer.push(line);
                self.writer.indention = false;
            }
            rest = after;
            if let Some(c) = rest.chars().next() {
                self.writer.text_break(c);
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }

    fn folded(&mut self, text: &str, indent: usize) {
        self.block_header(">", text);
        let (mut breaks, mut leading_spaces) = (true, true);
        // libyaml looks for what follows a run of breaks from the start of the text.
        let head = text.trim_start_matches(is_break);
        let head_is_blank = head.starts_with([' ', '\t']) || head.is_empty();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let after = rest.get(c.len_utf8()..).unwrap_or_default();
            if is_break(c) {
                if !breaks && !leading_spaces && c == '\n' && !head_is_blank {
                    self.writer.line_break();
                }
                self.writer.text_break(c);
                breaks = true;
            } else {
                if breaks {
                    self.writer.indent(indent);
                    leading_spaces = c == ' ' || c == '\t';
                }
                if !breaks && c == ' ' && !after.starts_with(' ') && self.is_full(true) {
                    self.writer.indent(indent);
                } else {
                    self.writer.push(rest.get(..c.len_utf8()).unwrap_or_default());
                }
                self.writer.indention = false;
                breaks = false;
            }
            rest = after;
        }
    }
}

/// Whether there is a line break. Most texts need but one pass over their bytes.
fn has_break(text: &str) -> bool {
    let may_be_break = |byte| matches!(byte, b'\n' | b'\r' | 0xc2 | 0xe2);
    text.bytes().any(may_be_break) && text.contains(is_break)
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// libyaml's printable characters, which end where 16 bits end.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

fn needs_escape(c: char) -> bool {
    !is_printable(c) || is_break(c) || c == '"' || c == '\\'
}

/// Bytes that mean nothing in any place but the first; a space, but for the last too.
const HARMLESS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        table[byte] = !matches!(byte as u8, b':' | b'#' | b',' | b'?' | b'[' | b']' | b'{' | b'}');
        byte += 1;
    }
    table
};

fn analyze(text: &str, dialect: Dialect) -> Analysis {
    let bytes = text.as_bytes();
    match bytes.first() {
        None => Analysis::EMPTY,
        Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'_')
            if bytes.iter().all(|&byte| HARMLESS[usize::from(byte)]) && !text.ends_with(' ') =>
        {
            Analysis::ANY
        }
        Some(_) => analyze_slowly(text, dialect),
    }
}

fn analyze_slowly(text: &str, dialect: Dialect) -> Analysis {
    let mut block_indicators = text.starts_with("---") || text.starts_with("...");
    let mut flow_indicators = block_indicators;
    let (mut line_breaks, mut special, mut tabs) = (false, false, false);
    let (mut break_space, mut space_break) = (false, false);
    let (mut after_space, mut after_break, mut after_blank) = (false, false, true);
    let mut chars = text.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        let before_blank = chars.peek().is_none_or(|&c| c == ' ' || c == '\t');
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => {}
            '#' if first || after_blank => (flow_indicators, block_indicators) = (true, true),
            ',' | '[' | ']' | '{' | '}' => {
                flow_indicators = true;
                block_indicators |= first;
            }
            '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' if first => {
                (flow_indicators, block_indicators) = (true, true);
            }
            '?' => {
                flow_indicators = true;
                block_indicators |= first && before_blank;
            }
            ':' => {
                flow_indicators = true;
                block_indicators |= before_blank;
            }
            '-' if first && before_blank => (flow_indicators, block_indicators) = (true, true),
            '\t' if dialect == Dialect::V3 => tabs = true,
            c if !is_printable(c) => special = true,
            _ => {}
        }
        if c == ' ' {
            break_space |= after_break;
            (after_space, after_break) = (true, false);
        } else if is_break(c) {
            line_breaks = true;
            space_break |= after_space;
            (after_space, after_break) = (false, true);
        } else {
            (after_space, after_break) = (false, false);
        }
        after_blank = c == ' ' || c == '\t' || c == '\0' || is_break(c);
        first = false;
    }
    let outer = |c: char| c == ' ' || is_break(c);
    let edges = text.starts_with(outer) || text.ends_with(outer);
    let unplain = edges || break_space || space_break || special || tabs || line_breaks;
    Analysis {
        multiline: line_breaks,
        flow_plain: !unplain && !flow_indicators,
        block_plain: !unplain && !block_indicators,
        single_quoted: !(break_space || space_break || special || tabs),
        block: !(text.ends_with(' ') || space_break || special),
    }
}
