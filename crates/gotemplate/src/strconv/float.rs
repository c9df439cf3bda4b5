//! Floating-point numbers as text.

/// Decimal digits of a finite number: `0.d₁d₂… × 10^point`.
struct Decimal {
    digits: Vec<u8>,
    point: i32,
}

/// Beyond so many digits after the point every `f64` has only zeros.
const EXACT: usize = 1100;

/// The number in the form that the verb asks for: `b`, `e`, `E`, `f`, `g`, `G`, `x` or `X`
/// (`strconv.FormatFloat`). Without a precision it is the shortest text that reads back as the same
/// number; `bits` (32 or 64) says as a number of which size.
pub fn format_float(value: f64, verb: u8, precision: Option<usize>, bits: u32) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return if sign.is_empty() { "+Inf".into() } else { "-Inf".into() };
    }
    let value = value.abs();
    // Most numbers are small and whole, and their shortest form is that of an integer.
    if verb == b'g' && precision.is_none() && value < 1e6 && value.fract() == 0.0 {
        return format!("{sign}{}", value as u32);
    }
    let digits = match verb {
        b'b' => binary(value, bits),
        b'x' => hexadecimal(value, precision, bits),
        b'X' => hexadecimal(value, precision, bits).to_uppercase(),
        b'e' => exponential(&decimal(value, precision.map(|p| p + 1), bits), precision, 'e'),
        b'E' => exponential(&decimal(value, precision.map(|p| p + 1), bits), precision, 'E'),
        b'f' => fixed(value, precision, bits),
        b'G' => general(value, precision, bits, 'E'),
        _ => general(value, precision, bits, 'e'),
    };
    format!("{sign}{digits}")
}

/// The shortest digits, or just so many, correctly rounded; without trailing zeros.
fn decimal(value: f64, digits: Option<usize>, bits: u32) -> Decimal {
    if value == 0.0 {
        return Decimal { digits: Vec::new(), point: 0 };
    }
    let text = match digits {
        Some(count) => format!("{value:.*e}", count.clamp(1, EXACT) - 1),
        None => shortest(value, bits),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    Decimal { digits, point: exponent.parse::<i32>().unwrap_or(0) + 1 }
}

/// The shortest digits; of several as short and as close, the even ones.
fn shortest(value: f64, bits: u32) -> String {
    let text = if bits == 32 { format!("{:e}", value as f32) } else { format!("{value:e}") };
    let digits = text.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    // Only the last digits that the type can hold can be a tie, which Rust rounds up.
    if digits < 7 { text } else { format!("{value:.*e}", digits - 1) }
}

fn exponential(decimal: &Decimal, precision: Option<usize>, e: char) -> String {
    let mut digits = decimal.digits.iter().map(|digit| char::from(*digit));
    let mut text = String::from(digits.next().unwrap_or('0'));
    let after = precision.unwrap_or(decimal.digits.len().saturating_sub(1));
    if after > 0 {
        text.push('.');
        text.extend(digits.chain(std::iter::repeat('0')).take(after));
    }
    let exponent = if decimal.digits.is_empty() { 0 } else { decimal.point - 1 };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{text}{e}{sign}{:02}", exponent.unsigned_abs())
}

fn fixed(value: f64, precision: Option<usize>, bits: u32) -> String {
    match precision {
        Some(places) => {
            let mut text = format!("{value:.*}", places.min(EXACT));
            text.extend(std::iter::repeat_n('0', places.saturating_sub(EXACT)));
            text
        }
        None => plain(&decimal(value, None, bits)),
    }
}

/// Without an exponent, with all digits and no more.
fn plain(decimal: &Decimal) -> String {
    let digits: String = decimal.digits.iter().map(|digit| char::from(*digit)).collect();
    let Ok(point) = usize::try_from(decimal.point) else {
        let zeros = usize::try_from(decimal.point.unsigned_abs()).unwrap_or(0);
        return format!("0.{}{digits}", "0".repeat(zeros));
    };
    if point >= digits.len() {
        let zeros = "0".repeat(point - digits.len());
        return if point == 0 { "0".into() } else { format!("{digits}{zeros}") };
    }
    let (before, after) = digits.split_at(point);
    format!("{}.{after}", if before.is_empty() { "0" } else { before })
}

fn general(value: f64, precision: Option<usize>, bits: u32, e: char) -> String {
    let wanted = precision.map(|precision| precision.max(1));
    let decimal = decimal(value, wanted, bits);
    let len = decimal.digits.len() as i32;
    let limit = match wanted {
        None => 6,
        Some(wanted) if wanted as i32 > len && len >= decimal.point => len,
        Some(wanted) => wanted as i32,
    };
    let exponent = decimal.point - 1;
    if !(-4..limit).contains(&exponent) {
        return exponential(&decimal, None, e);
    }
    plain(&decimal)
}

/// Mantissa and exponent of two, so that the number is `mantissa × 2^exponent`.
fn parts(value: f64, bits: u32) -> (u64, i32) {
    let (raw, mantissa_bits, bias) = if bits == 32 {
        (u64::from((value as f32).to_bits()), 23, 127)
    } else {
        (value.to_bits(), 52, 1023)
    };
    let fraction = raw & ((1 << mantissa_bits) - 1);
    let exponent = (raw >> mantissa_bits) as i32;
    match exponent {
        0 => (fraction, 1 - bias - mantissa_bits),
        _ => (fraction | 1 << mantissa_bits, exponent - bias - mantissa_bits),
    }
}

fn binary(value: f64, bits: u32) -> String {
    let (mantissa, exponent) = parts(value, bits);
    let sign = if exponent < 0 { "" } else { "+" };
    format!("{mantissa}p{sign}{exponent}")
}

fn hexadecimal(value: f64, precision: Option<usize>, bits: u32) -> String {
    let (mut mantissa, mut exponent) = parts(value, bits);
    if mantissa == 0 {
        exponent = 0;
    } else {
        // One digit before the point, which is 1, and 60 bits after it.
        let shift = mantissa.leading_zeros() as i32 - 3;
        mantissa <<= shift;
        exponent += 60 - shift;
    }
    if let Some(places) = precision.filter(|places| *places < 15) {
        let shift = 60 - places as u32 * 4;
        let dropped = mantissa & ((1 << shift) - 1);
        mantissa >>= shift;
        let half = 1 << (shift - 1);
        mantissa += u64::from(dropped > half || dropped == half && mantissa & 1 == 1);
        mantissa <<= shift;
        if mantissa >> 61 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let first = mantissa >> 60;
    let rest = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let rest = match precision {
        None => rest.trim_end_matches('0').to_owned(),
        Some(places) => rest.chars().chain(std::iter::repeat('0')).take(places).collect(),
    };
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("0x{first}{point}{rest}p{sign}{:02}", exponent.unsigned_abs())
}
