//! Reading JSON as Go's `encoding/json` reads it into an `interface {}`, with its error texts.
//!
//! Numbers are `float64`; of equal keys the last holds; broken UTF-8 and lone surrogates become
//! U+FFFD. A number too large is an error that does not stop the reading.

use crate::stack::with_room;
use crate::strconv;
use crate::unicode::{self, runes};
use crate::value::{Str, Value};

/// How deep arrays and objects may be nested.
const DEEPEST: usize = 10_000;

/// Reads a document. Beside the value: what was wrong in it without stopping the reading.
///
/// # Errors
/// Go's text.
pub(super) fn decode(text: &[u8]) -> Result<(Value, Option<String>), String> {
    let mut reader = Reader { text, at: 0, depth: 0, error: None };
    let value = reader.value("looking for beginning of value")?;
    reader.space();
    match reader.text.get(reader.at) {
        None => Ok((value, reader.error)),
        Some(_) => Err(reader.invalid("after top-level value")),
    }
}

/// Reads a document; any error is one.
///
/// # Errors
/// Go's text.
pub(super) fn parse(text: &[u8]) -> Result<Value, String> {
    match decode(text)? {
        (value, None) => Ok(value),
        (_, Some(error)) => Err(error),
    }
}

/// A value read by other means.
pub(super) fn value_of(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(b) => Value::Bool(b),
        serde_json::Value::Number(n) => Value::Float64(n.as_f64().unwrap_or(0.0)),
        serde_json::Value::String(text) => text.into(),
        serde_json::Value::Array(items) => {
            with_room(|| Value::list(items.into_iter().map(value_of).collect()))
        }
        serde_json::Value::Object(entries) => with_room(|| {
            Value::map(entries.into_iter().map(|(key, value)| (key.into(), value_of(value))))
        }),
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    error: Option<String>,
}

type Read<T> = Result<T, String>;

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The error about the byte here, between tokens, or about the end.
    fn invalid(&self, place: &str) -> String {
        match self.peek() {
            Some(byte) => invalid(byte, place),
            None => "unexpected end of JSON input".to_owned(),
        }
    }

    /// The error about the byte here, within a token: Go ends a text with a space.
    fn broken(&self, place: &str) -> String {
        invalid(self.peek().unwrap_or(b' '), place)
    }

    fn value(&mut self, place: &str) -> Read<Value> {
        self.space();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b't') => self.word(b"true", Value::Bool(true)),
            Some(b'f') => self.word(b"false", Value::Bool(false)),
            Some(b'n') => self.word(b"null", Value::Nil),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.invalid(place)),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Read<Value>) -> Read<Value> {
        if self.depth >= DEEPEST {
            return Err("exceeded max depth".to_owned());
        }
        self.depth += 1;
        self.at += 1;
        let value = with_room(|| read(self));
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Read<Value> {
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value("looking for beginning of value")?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::list(items));
                }
                _ => return Err(self.invalid("after array element")),
            }
        }
    }

    fn object(&mut self) -> Read<Value> {
        let mut entries = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::map([]));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.invalid("looking for beginning of object key string"));
            }
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.invalid("after object key"));
            }
            self.at += 1;
            entries.push((key, self.value("looking for beginning of value")?));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::map(entries));
                }
                _ => return Err(self.invalid("after object key:value pair")),
            }
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Read<Value> {
        for expected in word {
            if self.peek() != Some(*expected) {
                let (word, expected) = (String::from_utf8_lossy(word), char::from(*expected));
                return Err(self.broken(&format!("in literal {word} (expecting '{expected}')")));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn number(&mut self) -> Read<Value> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits("in numeric literal")?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        let text = String::from_utf8_lossy(&self.text[start..self.at]);
        match text.parse::<f64>() {
            Ok(n) if n.is_finite() => Ok(Value::Float64(n)),
            _ => {
                let wrong =
                    format!("json: cannot unmarshal number {text} into Go value of type float64");
                self.error.get_or_insert(wrong);
                Ok(Value::Nil)
            }
        }
    }

    fn digits(&mut self, place: &str) -> Read<()> {
        if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
            return Err(self.broken(place));
        }
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Read<Str> {
        self.at += 1;
        let mut out: Vec<u8> = Vec::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|b| b >= 0x20 && b != b'"' && b != b'\\') {
                self.at += 1;
            }
            push_text(&mut out, &self.text[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out.into());
                }
                Some(b'\\') => {
                    self.at += 1;
                    let c = self.escape()?;
                    unicode::push(&mut out, c);
                }
                _ => return Err(self.invalid("in string literal")),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let c = match self.peek() {
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b @ (b'"' | b'\\' | b'/')) => char::from(b),
            Some(b'u') => {
                self.at += 1;
                return self.escaped_character();
            }
            _ => return Err(self.broken("in string escape code")),
        };
        self.at += 1;
        Ok(c)
    }

    /// The digits behind `\u`; a pair of surrogates is one character.
    fn escaped_character(&mut self) -> Read<char> {
        let first = self.code()?;
        if !(0xd800..0xdc00).contains(&first) || !self.text[self.at..].starts_with(b"\\u") {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let back = self.at;
        self.at += 2;
        let second = self.code()?;
        if (0xdc00..0xe000).contains(&second) {
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        self.at = back;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn code(&mut self) -> Read<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            let digit = digit.ok_or_else(|| self.broken("in \\u hexadecimal character escape"))?;
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }
}

fn invalid(byte: u8, place: &str) -> String {
    let shown = match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        _ => {
            let quoted = strconv::quote_rune(char::from(byte), strconv::Charset::Unicode);
            String::from_utf8_lossy(&quoted).into_owned()
        }
    };
    format!("invalid character {shown} {place}")
}

/// Appends text, each byte that is not UTF-8 as U+FFFD.
fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    if std::str::from_utf8(text).is_ok() {
        return out.extend_from_slice(text);
    }
    runes(text).for_each(|(c, _)| unicode::push(out, c));
}
