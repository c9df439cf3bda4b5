//! Number constants: each under every type that can hold its value, as Go's untyped constants.

use crate::ast::Number;
use crate::lex::Kind;
use crate::strconv::{Charset, parse_float, parse_int, parse_uint, quote, unquote_char};

/// The value of a number token.
pub(super) fn parse(text: &[u8], kind: Kind) -> Result<Number, String> {
    let literal = String::from_utf8_lossy(text);
    match kind {
        Kind::CharConstant => character(text),
        Kind::Complex => complex(text, &literal),
        _ => {
            if let Some(digits) = literal.strip_suffix('i')
                && let Some(imaginary) = parse_float(digits)
            {
                return Ok(simplified(text, (0.0, imaginary)));
            }
            real(text, &literal)
        }
    }
}

fn quoted(literal: &str) -> String {
    String::from_utf8_lossy(&quote(literal.as_bytes(), Charset::Unicode)).into_owned()
}

fn character(text: &[u8]) -> Result<Number, String> {
    let inner = text.get(1..).unwrap_or_default();
    let (unit, tail) = unquote_char(inner, b'\'').ok_or("invalid syntax")?;
    if tail != b"'" {
        let text = String::from_utf8_lossy(text);
        return Err(format!("malformed character constant: {text}"));
    }
    let code = unit.code();
    Ok(Number {
        text: text.into(),
        int: Some(code.into()),
        uint: Some(code.into()),
        float: Some(code.into()),
        complex: None,
    })
}

/// Real and imaginary part, each with its sign: `1+2i`.
fn complex(text: &[u8], literal: &str) -> Result<Number, String> {
    let is_sign = |(index, c): &(usize, char)| {
        let before = literal.as_bytes().get(index.wrapping_sub(1));
        let hexadecimal = literal.contains(['x', 'X']);
        let exponent = if hexadecimal { b"pP" } else { b"eE" };
        matches!(c, '+' | '-')
            && *index > 0
            && !before.is_some_and(|before| exponent.contains(before))
    };
    let parts = literal.char_indices().find(is_sign).and_then(|(index, _)| {
        let (re, im) = literal.split_at(index);
        Some((parse_float(re)?, parse_float(im.strip_suffix('i')?)?))
    });
    parts.map(|parts| simplified(text, parts)).ok_or("syntax error scanning complex number".into())
}

/// A complex number, and what it is without its imaginary part if that is zero.
fn simplified(text: &[u8], parts: (f64, f64)) -> Number {
    let mut number = Number { text: text.into(), complex: Some(parts), ..Number::default() };
    if parts.1 == 0.0 {
        number.float = Some(parts.0);
        number.int = exact_int(parts.0);
        number.uint = exact_uint(parts.0);
    }
    number
}

fn real(text: &[u8], literal: &str) -> Result<Number, String> {
    let int = parse_int(literal);
    let uint = parse_uint(literal).or(int.filter(|n| *n == 0).map(|_| 0));
    let mut number = Number { text: text.into(), int, uint, float: None, complex: None };
    number.float = match (int, uint) {
        (Some(n), _) => Some(n as f64),
        (None, Some(n)) => Some(n as f64),
        (None, None) => {
            let float = parse_float(literal)
                .ok_or_else(|| format!("illegal number syntax: {}", quoted(literal)))?;
            // It looks like an integer, but is too large for one.
            if !literal.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(format!("integer overflow: {}", quoted(literal)));
            }
            number.int = exact_int(float);
            number.uint = exact_uint(float);
            Some(float)
        }
    };
    Ok(number)
}

fn exact_int(float: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (float.trunc() == float && (-LIMIT..LIMIT).contains(&float)).then_some(float as i64)
}

fn exact_uint(float: f64) -> Option<u64> {
    const LIMIT: f64 = 18_446_744_073_709_551_616.0;
    (float.trunc() == float && (0.0..LIMIT).contains(&float)).then_some(float as u64)
}
