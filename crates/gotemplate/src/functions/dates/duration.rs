//! `time.Duration`: nanoseconds, written as `1h2m3.5s`.

use super::parse::quote;

pub(super) const SECOND: i64 = 1_000_000_000;

/// `time.ParseDuration`.
///
/// # Errors
/// Go's text.
pub(super) fn parse(text: &[u8]) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, mut rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if rest == b"0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut sum = 0u64;
    while !rest.is_empty() {
        let (whole, after) = leading_integer(rest).ok_or_else(invalid)?;
        let fraction = after.strip_prefix(b".").map(leading_fraction);
        let digits = after.len() < rest.len()
            || fraction.as_ref().is_some_and(|(_, _, end)| end.len() + 1 < after.len());
        if !digits {
            return Err(invalid());
        }
        let (fraction, scale, after) = fraction.unwrap_or((0, 1.0, after));
        let length = after.iter().take_while(|b| !matches!(b, b'.' | b'0'..=b'9')).count();
        let (name, after) = after.split_at(length);
        if name.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let unit = unit(name).ok_or_else(|| {
            format!("time: unknown unit {} in duration {}", quote(name), quote(text))
        })?;
        let part = (fraction as f64 * (unit as f64 / scale)) as u64;
        let amount = whole.checked_mul(unit).filter(|n| *n <= 1 << 63);
        let amount = amount.and_then(|n| n.checked_add(part)).filter(|n| *n <= 1 << 63);
        sum = amount
            .and_then(|n| sum.checked_add(n))
            .filter(|n| *n <= 1 << 63)
            .ok_or_else(invalid)?;
        rest = after;
    }
    match negative {
        true => Ok(sum.wrapping_neg().cast_signed()),
        false => i64::try_from(sum).map_err(|_| invalid()),
    }
}

fn unit(name: &[u8]) -> Option<u64> {
    Some(match name {
        b"ns" => 1,
        b"us" | [0xc2, 0xb5, b's'] | [0xce, 0xbc, b's'] => 1_000,
        b"ms" => 1_000_000,
        b"s" => 1_000_000_000,
        b"m" => 60_000_000_000,
        b"h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// Leading digits as a number of at most 2^63; `None` if it is larger.
fn leading_integer(text: &[u8]) -> Option<(u64, &[u8])> {
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    let number = digits.iter().try_fold(0u64, |sum, digit| {
        let sum = sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        (sum <= 1 << 63).then_some(sum)
    })?;
    Some((number, rest))
}

/// Leading digits as the numerator and denominator of a fraction; what goes beyond 63 bits is cut.
fn leading_fraction(text: &[u8]) -> (u64, f64, &[u8]) {
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    let (mut number, mut scale) = (0u64, 1.0);
    for digit in digits {
        let next = number.checked_mul(10).and_then(|n| n.checked_add(u64::from(digit - b'0')));
        let Some(next) = next.filter(|n| *n <= 1 << 63 && number <= (i64::MAX / 10) as u64) else {
            break;
        };
        number = next;
        scale *= 10.0;
    }
    (number, scale, rest)
}

/// `Duration.String`: without leading zero units; below a second in a smaller unit.
pub(super) fn format(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let amount = nanoseconds.unsigned_abs();
    let text = match amount {
        0 => "0s".to_owned(),
        1..1_000 => format!("{amount}ns"),
        1_000..1_000_000 => decimal(amount, 1_000, 3) + "µs",
        1_000_000..1_000_000_000 => decimal(amount, 1_000_000, 6) + "ms",
        _ => {
            let minutes = amount / 60_000_000_000;
            let seconds = decimal(amount % 60_000_000_000, 1_000_000_000, 9);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}

/// A quotient of so many places, without trailing zeros.
fn decimal(amount: u64, unit: u64, places: usize) -> String {
    let fraction = format!("{:0places$}", amount % unit);
    match fraction.trim_end_matches('0') {
        "" => (amount / unit).to_string(),
        fraction => format!("{}.{fraction}", amount / unit),
    }
}

/// `Duration.Round(time.Second)`: halves away from zero.
pub(super) fn round_to_seconds(nanoseconds: i64) -> i64 {
    let rest = nanoseconds % SECOND;
    let down = nanoseconds - rest;
    if rest.abs() * 2 < SECOND { down } else { down.saturating_add(SECOND * rest.signum()) }
}
