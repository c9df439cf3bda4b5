//! What a scalar means: the rules of goyaml.v2 and of yaml.v3 (their `resolve.go`).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Error, ErrorKind};
use crate::node::{Content, Node, Style, Tag};
use crate::timestamp::Timestamp;

/// Whose rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// goyaml.v2 behind `sigs.k8s.io/yaml`: Helm, kubectl, Argo CD.
    V2,
    /// yaml.v3: Kustomize.
    V3,
}

/// What a scalar means.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved<'a> {
    /// Nothing.
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above `i64::MAX`.
    Uint(u64),
    /// A number with a point or exponent, too large for an integer, infinite, or not a number.
    Float(f64),
    /// A point in time. goyaml.v2 gives its text to whoever asks for any type.
    Timestamp(Timestamp),
    /// A text.
    Str(&'a str),
    /// The decoded content of `!!binary`.
    Bytes(Vec<u8>),
}

impl Node {
    /// What this scalar means.
    ///
    /// # Errors
    /// The text is not what its tag claims. A sequence or mapping is no scalar.
    pub fn resolve(&self, dialect: Dialect) -> Result<Resolved<'_>, Error> {
        let Content::Scalar(text) = &self.content else {
            return Err(self.error(ErrorKind::Value, "not a scalar"));
        };
        match self.given_tag() {
            None if self.style != Style::Plain => Ok(Resolved::Str(text)),
            None if self.is_non_specific() && dialect == Dialect::V2 => Ok(Resolved::Str(text)),
            None => Ok(resolve_plain(text, dialect)),
            Some(Tag::Str) => Ok(Resolved::Str(text)),
            Some(tag) if self.has_explicit_tag() => self.resolve_as(tag, text, dialect),
            // A tag that the text has by itself is not printed, and then the quotes decide.
            Some(tag) => match resolve_plain(text, dialect) {
                found if found.tag() != tag => self.resolve_as(tag, text, dialect),
                _ if self.style != Style::Plain => Ok(Resolved::Str(text)),
                found => Ok(found),
            },
        }
    }

    fn resolve_as<'a>(
        &self,
        tag: Tag,
        text: &'a str,
        dialect: Dialect,
    ) -> Result<Resolved<'a>, Error> {
        match tag {
            Tag::Str => Ok(Resolved::Str(text)),
            Tag::Binary => {
                STANDARD.decode(text.replace(['\r', '\n'], "")).map(Resolved::Bytes).map_err(|_| {
                    self.error(ErrorKind::Value, "!!binary value contains invalid base64 data")
                })
            }
            Tag::Null | Tag::Bool | Tag::Int | Tag::Float | Tag::Timestamp => {
                self.resolve_claimed(tag, text, dialect)
            }
            Tag::Merge | Tag::Seq | Tag::Map | Tag::Other => Ok(Resolved::Str(text)),
        }
    }

    /// A number or the like whose tag is given: what the text says by itself must agree.
    fn resolve_claimed<'a>(
        &self,
        tag: Tag,
        text: &'a str,
        dialect: Dialect,
    ) -> Result<Resolved<'a>, Error> {
        let found = resolve_among(text, dialect, tag == Tag::Timestamp);
        match (tag, &found) {
            (Tag::Null, Resolved::Null)
            | (Tag::Bool, Resolved::Bool(_))
            | (Tag::Int, Resolved::Int(_) | Resolved::Uint(_))
            | (Tag::Float, Resolved::Float(_))
            | (Tag::Timestamp, Resolved::Timestamp(_)) => Ok(found),
            // Go converts int64 alone; an integer above it stays an error.
            #[expect(clippy::cast_precision_loss, reason = "as Go converts it")]
            (Tag::Float, Resolved::Int(number)) => Ok(Resolved::Float(*number as f64)),
            (_, found) => {
                let found = found.tag().as_str();
                let message = format!("cannot decode {found} `{text}` as a {}", tag.as_str());
                Err(self.error(ErrorKind::Value, message))
            }
        }
    }

    pub(crate) fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        let position = self.position();
        Error::new(kind, message, position.line, position.column)
    }
}

impl Resolved<'_> {
    /// The type.
    pub fn tag(&self) -> Tag {
        match self {
            Self::Null => Tag::Null,
            Self::Bool(_) => Tag::Bool,
            Self::Int(_) | Self::Uint(_) => Tag::Int,
            Self::Float(_) => Tag::Float,
            Self::Timestamp(_) => Tag::Timestamp,
            Self::Str(_) => Tag::Str,
            Self::Bytes(_) => Tag::Binary,
        }
    }
}

/// What a bare scalar without a tag means.
pub fn resolve_plain(text: &str, dialect: Dialect) -> Resolved<'_> {
    resolve_among(text, dialect, true)
}

/// Go tries times only where no other type is claimed.
fn resolve_among(text: &str, dialect: Dialect, times: bool) -> Resolved<'_> {
    let Some(&first) = text.as_bytes().first() else { return Resolved::Null };
    match first {
        b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'y' | b'Y' | b'o' | b'O' => {
            word(text, dialect)
        }
        b'.' => point(text),
        b'+' | b'-' | b'0'..=b'9' => number(text, dialect, times),
        _ => Resolved::Str(text),
    }
}

fn word(text: &str, dialect: Dialect) -> Resolved<'_> {
    if text.len() > 5 {
        return Resolved::Str(text);
    }
    match text {
        "~" | "null" | "Null" | "NULL" => Resolved::Null,
        "true" | "True" | "TRUE" => Resolved::Bool(true),
        "false" | "False" | "FALSE" => Resolved::Bool(false),
        _ => match (dialect, yaml11_bool(text)) {
            (Dialect::V2, Some(value)) => Resolved::Bool(value),
            _ => Resolved::Str(text),
        },
    }
}

/// The words that YAML 1.1 alone takes for booleans.
pub(crate) fn yaml11_bool(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn special_float(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// A text that starts with a point goes straight to Go's `ParseFloat`.
fn point(text: &str) -> Resolved<'_> {
    if let Some(value) = special_float(text) {
        return Resolved::Float(value);
    }
    let value = if text.contains('_') { decimal_with_gaps(text) } else { decimal(text) };
    value.map_or(Resolved::Str(text), Resolved::Float)
}

/// Go's `ParseFloat` lets a `_` stand between two digits.
fn decimal_with_gaps(text: &str) -> Option<f64> {
    let between_digits = text.as_bytes().windows(3).filter(|window| {
        matches!(window, [before, b'_', after] if before.is_ascii_digit() && after.is_ascii_digit())
    });
    let gaps = text.bytes().filter(|&byte| byte == b'_').count();
    if between_digits.count() != gaps {
        return None;
    }
    decimal(&text.replace('_', ""))
}

fn number(text: &str, dialect: Dialect, times: bool) -> Resolved<'_> {
    if let Some(value) = small_int(text) {
        return Resolved::Int(value);
    }
    if let Some(value) = special_float(text) {
        return Resolved::Float(value);
    }
    if times && let Some(time) = Timestamp::parse(text) {
        return Resolved::Timestamp(time);
    }
    let plain: Cow<'_, str> =
        if text.contains('_') { text.replace('_', "").into() } else { text.into() };
    go_integer(&plain, dialect)
        .or_else(|| decimal(&plain).map(Resolved::Float))
        .unwrap_or(Resolved::Str(text))
}

/// The common case: a few decimal digits without a leading zero.
fn small_int(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() > 18 || (bytes.len() > 1 && bytes.first() == Some(&b'0')) {
        return None;
    }
    bytes.iter().try_fold(0i64, |value, &byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })
}

/// Go's `ParseInt` and `ParseUint` with base 0, and go-yaml's own prefixes with a sign after them.
fn go_integer(plain: &str, dialect: Dialect) -> Option<Resolved<'static>> {
    let (negative, digits) = match plain.as_bytes().first() {
        Some(b'-') => (true, &plain[1..]),
        Some(b'+') => (false, &plain[1..]),
        _ => (false, plain),
    };
    let (radix, body) = radix(digits);
    if let Some(value) = unsigned(body, radix) {
        let value = if negative { -value } else { value };
        if let Ok(value) = i64::try_from(value) {
            return Some(Resolved::Int(value));
        }
        // `ParseUint` takes no sign at all.
        if digits.len() == plain.len() {
            return u64::try_from(value).ok().map(Resolved::Uint);
        }
    }
    signed_after_prefix(plain, dialect)
}

/// Digits alone: Rust's own parser takes a sign.
fn unsigned(digits: &str, radix: u32) -> Option<i128> {
    if digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        i128::from_str_radix(digits, radix).ok()
    } else {
        None
    }
}

fn radix(digits: &str) -> (u32, &str) {
    let Some(rest) = digits.strip_prefix('0') else { return (10, digits) };
    match rest.as_bytes().first() {
        None => (10, digits),
        Some(b'x' | b'X') => (16, &rest[1..]),
        Some(b'b' | b'B') => (2, &rest[1..]),
        Some(b'o' | b'O') => (8, &rest[1..]),
        Some(_) => (8, rest),
    }
}

/// `0b-101` and `-0b+1`: go-yaml hands what follows its own prefix to `ParseInt`, sign and all.
fn signed_after_prefix(plain: &str, dialect: Dialect) -> Option<Resolved<'static>> {
    let parse = |negative: bool, rest: &str, radix: u32| {
        let text = if negative { format!("-{rest}") } else { rest.to_owned() };
        let body = text.strip_prefix(['-', '+']).unwrap_or(&text);
        if body.is_empty() || !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        i64::from_str_radix(&text, radix).ok().map(Resolved::Int)
    };
    for (prefix, radix) in [("0b", 2), ("0o", 8)] {
        if radix == 8 && dialect == Dialect::V2 {
            continue;
        }
        if let Some(rest) = plain.strip_prefix(prefix) {
            return parse(false, rest, radix);
        }
        if let Some(rest) = plain.strip_prefix('-').and_then(|rest| rest.strip_prefix(prefix)) {
            return parse(true, rest, radix);
        }
    }
    None
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, and not too large for a float.
fn decimal(text: &str) -> Option<f64> {
    let mut bytes = text.as_bytes();
    if let [b'-' | b'+', rest @ ..] = bytes {
        bytes = rest;
    }
    let (whole, rest) = digits(bytes);
    let (fraction, rest) = match rest {
        [b'.', after @ ..] => digits(after),
        _ => (0, rest),
    };
    if whole == 0 && fraction == 0 {
        return None;
    }
    match rest {
        [] => {}
        [b'e' | b'E', b'-' | b'+', after @ ..] | [b'e' | b'E', after @ ..] => {
            let (exponent, rest) = digits(after);
            if exponent == 0 || !rest.is_empty() {
                return None;
            }
        }
        _ => return None,
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// How many digits there are, and what follows.
fn digits(bytes: &[u8]) -> (usize, &[u8]) {
    let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count, bytes.get(count..).unwrap_or_default())
}

/// Whether a text, printed bare, would be read as something other than itself.
pub(crate) fn needs_quotes(text: &str, dialect: Dialect) -> bool {
    let Some(&first) = text.as_bytes().first() else { return true };
    match first {
        b'+' | b'-' | b'0'..=b'9' => {
            !matches!(number(text, dialect, true), Resolved::Str(_)) || is_base60(text)
        }
        b'.' => !matches!(point(text), Resolved::Str(_)),
        b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'y' | b'Y' | b'o' | b'O' => {
            !matches!(word(text, Dialect::V2), Resolved::Str(_))
        }
        _ => false,
    }
}

/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`: YAML 1.1's numbers in base 60, which go-yaml does
/// not read but quotes for the sake of others.
fn is_base60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (text, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
        return false;
    }
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default().as_bytes();
    let whole = first.first().is_some_and(u8::is_ascii_digit)
        && first.iter().all(|&byte| byte.is_ascii_digit() || byte == b'_');
    let mut sixties = 0;
    for part in parts {
        sixties += 1;
        match part.as_bytes() {
            [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'] => {}
            _ => return false,
        }
    }
    whole && sixties > 0
}
