//! Go's text forms of strings, characters and numbers (package `strconv`).

mod float;
mod number;

pub use float::format_float;
pub use number::{parse_float, parse_int, parse_uint};

use crate::unicode::{self, REPLACEMENT};

/// Which characters quoting leaves as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// All that are printable.
    Unicode,
    /// Printable ASCII.
    Ascii,
}

/// The text in double quotes as a Go string literal (`strconv.Quote`, `%q`).
pub fn quote(text: &[u8], charset: Charset) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    out.push(b'"');
    for (c, bytes) in unicode::runes(text) {
        match bytes {
            [byte] if c == REPLACEMENT => out.extend(format!("\\x{byte:02x}").bytes()),
            _ => push_escaped(&mut out, c, '"', charset),
        }
    }
    out.push(b'"');
    out
}

/// The character in single quotes (`strconv.QuoteRune`).
pub fn quote_rune(c: char, charset: Charset) -> Vec<u8> {
    let mut out = vec![b'\''];
    push_escaped(&mut out, c, '\'', charset);
    out.push(b'\'');
    out
}

fn push_escaped(out: &mut Vec<u8>, c: char, quote: char, charset: Charset) {
    let escape = match c {
        '\x07' => "\\a",
        '\x08' => "\\b",
        '\x0c' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\x0b' => "\\v",
        '\\' => "\\\\",
        '"' if quote == '"' => "\\\"",
        '\'' if quote == '\'' => "\\'",
        _ if unicode::is_print(c) && (c.is_ascii() || charset == Charset::Unicode) => {
            return unicode::push(out, c);
        }
        _ => {
            let code = u32::from(c);
            let escape = match code {
                0..0x20 | 0x7f => format!("\\x{code:02x}"),
                0x20..0x10000 => format!("\\u{code:04x}"),
                _ => format!("\\U{code:08x}"),
            };
            return out.extend(escape.bytes());
        }
    };
    out.extend(escape.bytes());
}

/// Can the text stand between backquotes on one line (`strconv.CanBackquote`)?
pub fn can_backquote(text: &[u8]) -> bool {
    unicode::runes(text).all(|(c, bytes)| match c {
        '\u{feff}' | '`' | '\x7f' => false,
        REPLACEMENT => bytes.len() > 1,
        _ => c == '\t' || c >= ' ',
    })
}

/// The value of a string literal with its quotes, double or back (`strconv.Unquote`); `None` if it is
/// none.
pub fn unquote(literal: &[u8]) -> Option<Vec<u8>> {
    let (quote, rest) = literal.split_first()?;
    let (last, inner) = rest.split_last()?;
    if quote != last {
        return None;
    }
    match quote {
        b'`' if inner.contains(&b'`') => None,
        b'`' => Some(inner.iter().copied().filter(|byte| *byte != b'\r').collect()),
        b'"' if inner.contains(&b'\n') => None,
        b'"' => unquote_escaped(inner),
        _ => None,
    }
}

fn unquote_escaped(inner: &[u8]) -> Option<Vec<u8>> {
    if !inner.contains(&b'\\') && !inner.contains(&b'"') && std::str::from_utf8(inner).is_ok() {
        return Some(inner.to_vec());
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while !rest.is_empty() {
        let (unit, left) = unquote_char(rest, b'"')?;
        match unit {
            Unit::Byte(byte) => out.push(byte),
            Unit::Char(c) => unicode::push(&mut out, c),
        }
        rest = left;
    }
    Some(out)
}

/// What one escape sequence or character of a literal stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A byte, given by its number.
    Byte(u8),
    /// A character.
    Char(char),
}

impl Unit {
    /// The value of a character literal that holds it.
    pub fn code(self) -> u32 {
        match self {
            Self::Byte(byte) => u32::from(byte),
            Self::Char(c) => u32::from(c),
        }
    }
}

/// Decodes the first character or escape sequence of a literal in these quotes and gives what follows
/// (`strconv.UnquoteChar`); `None` if it is not allowed there.
pub fn unquote_char(text: &[u8], quote: u8) -> Option<(Unit, &[u8])> {
    let (c, len) = unicode::decode(text)?;
    if c == char::from(quote) {
        return None;
    }
    let rest = text.get(len..)?;
    if c != '\\' {
        return Some((Unit::Char(c), rest));
    }
    let (escape, rest) = rest.split_first()?;
    let c = match escape {
        b'a' => '\x07',
        b'b' => '\x08',
        b'f' => '\x0c',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'v' => '\x0b',
        b'\\' => '\\',
        b'\'' | b'"' if *escape == quote => char::from(quote),
        b'x' => return number_escape(rest, 2, 16),
        b'u' => return number_escape(rest, 4, 16),
        b'U' => return number_escape(rest, 8, 16),
        b'0'..=b'7' => return number_escape(text.get(1..)?, 3, 8),
        _ => return None,
    };
    Some((Unit::Char(c), rest))
}

fn number_escape(text: &[u8], len: usize, radix: u32) -> Option<(Unit, &[u8])> {
    let (digits, rest) = text.split_at_checked(len)?;
    let mut value: u32 = 0;
    for digit in digits {
        value = value.checked_mul(radix)?.checked_add(char::from(*digit).to_digit(radix)?)?;
    }
    let unit = if len <= 3 {
        Unit::Byte(u8::try_from(value).ok()?)
    } else {
        Unit::Char(char::from_u32(value)?)
    };
    Some((unit, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_as_in_go() {
        let check = |text: &[u8], charset, expected: &str| {
            assert_eq!(String::from_utf8_lossy(&quote(text, charset)), expected);
        };
        check(b"a\"b\\", Charset::Unicode, r#""a\"b\\""#);
        check(b"\x07\x00\x7f\xff", Charset::Unicode, r#""\a\x00\x7f\xff""#);
        check("é☺\u{ad}'".as_bytes(), Charset::Unicode, "\"é☺\\u00ad'\"");
        check("é\u{1F600}".as_bytes(), Charset::Ascii, r#""\u00e9\U0001f600""#);
    }

    #[test]
    fn literals_are_unquoted_as_in_go() {
        let check = |literal: &[u8], expected: Option<&[u8]>| {
            assert_eq!(unquote(literal).as_deref(), expected, "{literal:?}");
        };
        check(br#""a\n\x41\101\u00e9""#, Some("a\nAAé".as_bytes()));
        check(br#""\xff""#, Some(b"\xff"));
        check(b"\"\xff\"", Some("\u{fffd}".as_bytes()));
        check(b"`a\r\n\\n`", Some(b"a\n\\n"));
        check(br#""\'""#, None);
        check(br#""\ud800""#, None);
        check(br#""\400""#, None);
        check(br#"""#, None);
    }
}
