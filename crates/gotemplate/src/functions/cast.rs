//! Conversions between kinds, as `github.com/spf13/cast` makes them: what cannot be converted is 0.

use crate::context::Context;
use crate::function::FunctionError;
use crate::strconv;
use crate::value::{Str, Value};

/// `cast.ToInt64` and `cast.ToInt`, which agree on 64 bits.
pub(super) fn to_int(value: &Value) -> i64 {
    match value.indirect() {
        Value::Bool(b) => i64::from(b),
        Value::Float64(n) => truncate(n),
        Value::Float32(n) => truncate(f64::from(n)),
        Value::String(text) => std::str::from_utf8(without_zero_decimals(&text))
            .ok()
            .and_then(strconv::parse_int)
            .unwrap_or(0),
        Value::Object(object) => super::dates::month_or_weekday(&*object).unwrap_or(0),
        number => {
            number.as_signed().or_else(|| number.as_unsigned().map(u64::cast_signed)).unwrap_or(0)
        }
    }
}

/// `cast.ToFloat64`.
pub(super) fn to_float(value: &Value) -> f64 {
    match value.indirect() {
        Value::Bool(b) => f64::from(u8::from(b)),
        Value::Float64(n) => n,
        Value::Float32(n) => f64::from(n),
        Value::String(text) => parse_float(&text).unwrap_or(0.0),
        Value::Object(object) => super::dates::month_or_weekday(&*object).map_or(0.0, |n| n as f64),
        number => match (number.as_signed(), number.as_unsigned()) {
            (Some(n), _) => n as f64,
            (_, Some(n)) => n as f64,
            _ => 0.0,
        },
    }
}

/// Sprig's `strval`: bytes as they are, all else as `%v` prints it.
pub(super) fn to_string(context: &mut Context<'_>, value: &Value) -> Result<Str, FunctionError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bytes(bytes) => Ok(Str::new(bytes)),
        other => context.sprint(std::slice::from_ref(other)),
    }
}

/// Go's conversion on amd64: towards zero; what does not fit is the smallest number.
pub(super) fn truncate(n: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&n) { n as i64 } else { i64::MIN }
}

/// `1.00` counts as `1`, `1.50` does not change.
fn without_zero_decimals(text: &[u8]) -> &[u8] {
    let zeros = text.iter().rev().take_while(|b| **b == b'0').count();
    match text.get(..text.len() - zeros) {
        Some([number @ .., b'.']) if zeros > 0 => number,
        _ => text,
    }
}

/// `strconv.ParseInt` in base 8 or 10.
pub(super) fn parse_int(text: &[u8], base: u32) -> Result<i64, NotAnInteger> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let nearest = NotAnInteger::Range(if negative { i64::MIN } else { i64::MAX });
    if digits.is_empty() {
        return Err(NotAnInteger::Syntax);
    }
    digits.iter().try_fold(0i64, |sum, digit| {
        let digit = char::from(*digit).to_digit(base).ok_or(NotAnInteger::Syntax)?;
        let (base, digit) = (i64::from(base), i64::from(digit));
        let digit = if negative { -digit } else { digit };
        sum.checked_mul(base).and_then(|sum| sum.checked_add(digit)).ok_or(nearest)
    })
}

/// Why a text is no integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAnInteger {
    /// It does not have the form of one.
    Syntax,
    /// Its digits were all right as far as they were needed; this is the nearest number.
    Range(i64),
}

/// `strconv.ParseInt` in base 10 with its error thrown away: the nearest number, or 0.
pub(super) fn parse_int_or_nearest(text: &[u8]) -> i64 {
    match parse_int(text, 10) {
        Ok(n) | Err(NotAnInteger::Range(n)) => n,
        Err(NotAnInteger::Syntax) => 0,
    }
}

/// `strconv.ParseFloat` with 64 bits, with infinities and NaN; what is out of range is no number.
fn parse_float(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => Some(sign * f64::INFINITY),
        "nan" if unsigned.len() == text.len() => Some(f64::NAN),
        _ => strconv::parse_float(text),
    }
}

/// `number * 2^power` (`math.Ldexp`), exact where the result is.
pub(super) fn scale_by_power_of_two(mut number: f64, power: i64) -> f64 {
    const STEP: i64 = 1000;
    let two_to = |power: i64| f64::from_bits(u64::try_from(1023 + power).unwrap_or(1023) << 52);
    let mut power = power.clamp(-10_000, 10_000);
    while power.abs() > STEP {
        let step = STEP * power.signum();
        number *= two_to(step);
        power -= step;
    }
    number * two_to(power)
}
