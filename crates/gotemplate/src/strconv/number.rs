//! Numbers read from text, as Go's literals are written.

/// An integer without a sign in the base its prefix says: `0x`, `0o`, `0b`, or `0` for octal
/// (`strconv.ParseUint(text, 0, 64)`).
pub fn parse_uint(text: &str) -> Option<u64> {
    let (radix, digits) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, text.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, text.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, text.get(2..)?),
        [b'0', _, ..] => (8, text.get(1..)?),
        _ => (10, text),
    };
    if text.contains('_') && !underscores_separate_digits(text) {
        return None;
    }
    let mut value: u64 = 0;
    let mut any = false;
    for c in digits.chars().filter(|c| *c != '_') {
        value = value.checked_mul(radix.into())?.checked_add(c.to_digit(radix)?.into())?;
        any = true;
    }
    any.then_some(value)
}

/// An integer with an optional sign (`strconv.ParseInt(text, 0, 64)`).
pub fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let value = parse_uint(digits)?;
    if negative { 0_i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// A decimal or hexadecimal floating-point number; `None` also if it is too large
/// (`strconv.ParseFloat(text, 64)`, without infinities and NaN).
pub fn parse_float(text: &str) -> Option<f64> {
    if text.contains('_') && !underscores_separate_digits(text) {
        return None;
    }
    let text: String = text.chars().filter(|c| *c != '_').collect();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let value = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => hexadecimal(digits.get(2..)?)?,
        [b'0'..=b'9' | b'.', ..] => digits.parse().ok()?,
        _ => return None,
    };
    let value: f64 = if text.starts_with('-') { -value } else { value };
    value.is_finite().then_some(value)
}

/// `1.8p3`: hexadecimal digits, and an exponent of two that must be there.
fn hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let mut exponent = exponent.parse::<i64>().ok()?.clamp(-100_000, 100_000);
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if before.is_empty() && after.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    let mut inexact = false;
    for (index, c) in before.chars().chain(after.chars()).enumerate() {
        let digit = c.to_digit(16)?;
        let scale = if index >= before.len() { 4 } else { 0 };
        if value >> 58 == 0 {
            value = value << 4 | u64::from(digit);
            exponent -= scale;
        } else {
            inexact |= digit != 0;
            exponent += 4 - scale;
        }
    }
    Some(scale(value | u64::from(inexact), exponent))
}

/// `mantissa × 2^exponent`, rounded once.
fn scale(mantissa: u64, exponent: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let top = 63 - i64::from(mantissa.leading_zeros()) + exponent;
    if top > 1023 {
        return f64::INFINITY;
    }
    // The exponent of the last bit that the number can hold.
    let last = (top - 52).max(-1074);
    let drop = last - exponent;
    if drop <= 0 {
        return mantissa as f64 * pow2(exponent);
    }
    if drop > 64 {
        return 0.0;
    }
    let wide = u128::from(mantissa);
    let kept = wide >> drop;
    let rest = wide & ((1 << drop) - 1);
    let half = 1_u128 << (drop - 1);
    let kept = kept + u128::from(rest > half || rest == half && kept & 1 == 1);
    kept as u64 as f64 * pow2(last)
}

/// A power of two, for exponents down to the smallest number there is.
fn pow2(exponent: i64) -> f64 {
    let half = exponent / 2;
    2_f64.powi(half as i32) * 2_f64.powi((exponent - half) as i32)
}

/// Does each underscore stand between two digits, or between the base's prefix and a digit?
fn underscores_separate_digits(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = text.to_ascii_lowercase();
    let prefixed = ["0x", "0o", "0b"].iter().any(|prefix| lower.starts_with(prefix));
    let is_digit = |c: char| c.is_ascii_digit() || lower.starts_with("0x") && c.is_ascii_hexdigit();
    let mut before = if prefixed { '0' } else { '^' };
    for c in lower.chars().skip(if prefixed { 2 } else { 0 }) {
        let now = if is_digit(c) { '0' } else { c };
        if now == '_' && before != '0' || before == '_' && now != '0' {
            return false;
        }
        before = now;
    }
    before != '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_in_go() {
        let check = |text, expected| assert_eq!(parse_int(text), expected, "{text}");
        check("12", Some(12));
        check("-0x1_F", Some(-31));
        check("017", Some(15));
        check("0b_101", Some(5));
        check("089", None);
        check("1__2", None);
        check("0x", None);
        check("-9223372036854775808", Some(i64::MIN));
        check("9223372036854775808", None);
    }

    #[test]
    fn floats_are_read_as_in_go() {
        let check = |text, expected| assert_eq!(parse_float(text), expected, "{text}");
        check("+0x_1.e_0p+0_2", Some(7.5));
        check("0x1p-1074", Some(5e-324));
        check("0x1.fffffffffffff8p0", Some(2.0));
        check("0_1.5e1", Some(15.0));
        check("1e999", None);
        check("0x1.8", None);
        check(".", None);
    }
}
