//! Floating-point numbers as Go's `strconv.FormatFloat` prints them.

use std::fmt::Write as _;

/// Format `'g'` with the shortest precision: `1e+06`, `1.5`, `+Inf`, `NaN`.
pub fn format_g(value: f64) -> String {
    match Shortest::of(value) {
        Err(special) => special.to_owned(),
        Ok(digits) => digits.general(),
    }
}

/// The same for a value of 32 bits, as `sigs.k8s.io/yaml` prints keys.
#[expect(clippy::cast_possible_truncation, reason = "as Go rounds it to 32 bits")]
pub(crate) fn format_g32(value: f64) -> String {
    let value = value as f32;
    if !value.is_finite() {
        return special(f64::from(value)).to_owned();
    }
    Shortest::from_scientific(&format!("{value:e}")).general()
}

/// How YAML writes what is no number.
pub(crate) fn special(value: f64) -> &'static str {
    if value.is_nan() {
        ".nan"
    } else if value > 0.0 {
        ".inf"
    } else {
        "-.inf"
    }
}

/// As `encoding/json`: `'f'`, or `'e'` below 1e-6 and from 1e21, the exponent without padding.
/// `None` for what JSON does not have.
pub(crate) fn format_json(value: f64) -> Option<String> {
    let digits = Shortest::of(value).ok()?;
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = digits.scientific();
        // e-09 becomes e-9.
        return Some(match text.strip_suffix(|c: char| c.is_ascii_digit()) {
            Some(head) if head.ends_with("e-0") => {
                let last = text.get(head.len()..).unwrap_or_default();
                format!("{}{last}", head.trim_end_matches('0'))
            }
            _ => text,
        });
    }
    Some(digits.plain())
}

/// The shortest decimal digits that read back as the same number.
struct Shortest {
    negative: bool,
    digits: String,
    /// The exponent of the first digit.
    exponent: i32,
}

impl Shortest {
    fn of(value: f64) -> Result<Self, &'static str> {
        if value.is_nan() {
            Err("NaN")
        } else if value.is_infinite() {
            Err(if value > 0.0 { "+Inf" } else { "-Inf" })
        } else {
            Ok(Self::from_scientific(&format!("{value:e}")))
        }
    }

    /// From Rust's `1.25e-7`.
    fn from_scientific(text: &str) -> Self {
        let negative = text.starts_with('-');
        let (mantissa, exponent) =
            text.trim_start_matches('-').split_once('e').unwrap_or((text, "0"));
        let digits = mantissa.replace('.', "");
        Self { negative, digits, exponent: exponent.parse().unwrap_or(0) }
    }

    /// `'g'`: scientific from 1e-5 down and from 1e6 up.
    fn general(&self) -> String {
        if (-4..6).contains(&self.exponent) { self.plain() } else { self.scientific() }
    }

    fn scientific(&self) -> String {
        let mut text = String::with_capacity(self.digits.len() + 8);
        if self.negative {
            text.push('-');
        }
        let (first, rest) = self.digits.split_at(1);
        text.push_str(first);
        if !rest.is_empty() {
            text.push('.');
            text.push_str(rest);
        }
        let sign = if self.exponent < 0 { '-' } else { '+' };
        let _ = write!(text, "e{sign}{:02}", self.exponent.unsigned_abs());
        text
    }

    fn plain(&self) -> String {
        let mut text = String::with_capacity(self.digits.len() + 24);
        if self.negative {
            text.push('-');
        }
        match usize::try_from(self.exponent) {
            Err(_) => {
                text.push_str("0.");
                let zeros = usize::try_from(-self.exponent - 1).unwrap_or(0);
                text.extend(std::iter::repeat_n('0', zeros));
                text.push_str(&self.digits);
            }
            Ok(exponent) => {
                let point = exponent + 1;
                if self.digits.len() <= point {
                    text.push_str(&self.digits);
                    text.extend(std::iter::repeat_n('0', point - self.digits.len()));
                } else {
                    let (whole, fraction) = self.digits.split_at(point);
                    text.push_str(whole);
                    text.push('.');
                    text.push_str(fraction);
                }
            }
        }
        text
    }
}
