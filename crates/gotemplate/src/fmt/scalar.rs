//! Booleans, numbers, strings and bytes.

use super::Printer;
use crate::strconv::{self, Charset};
use crate::unicode::{self, REPLACEMENT};

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// An integer of any type: its magnitude, and whether it is below zero.
#[derive(Clone, Copy)]
pub(super) struct Integer {
    pub(super) magnitude: u64,
    pub(super) negative: bool,
    pub(super) signed: bool,
}

impl From<i64> for Integer {
    fn from(n: i64) -> Self {
        Self { magnitude: n.unsigned_abs(), negative: n < 0, signed: true }
    }
}

impl From<u64> for Integer {
    fn from(n: u64) -> Self {
        Self { magnitude: n, negative: false, signed: false }
    }
}

impl Integer {
    /// The character of this number; the replacement character if there is none.
    fn to_char(self) -> char {
        let code = u32::try_from(self.magnitude).ok().filter(|_| !self.negative);
        code.and_then(char::from_u32).unwrap_or(REPLACEMENT)
    }
}

impl Printer<'_> {
    /// Each of these says `false` where the verb does not suit the kind.
    pub(super) fn boolean(&mut self, value: bool, verb: char) -> bool {
        if !matches!(verb, 't' | 'v') {
            return false;
        }
        self.pad(if value { b"true" } else { b"false" });
        true
    }

    pub(super) fn integer(&mut self, value: Integer, verb: char) -> bool {
        match verb {
            'v' if self.flags.sharp_v && !value.signed => self.address(value.magnitude, true),
            'v' | 'd' => self.digits(value, 10, verb),
            'b' => self.digits(value, 2, verb),
            'o' | 'O' => self.digits(value, 8, verb),
            'x' | 'X' => self.digits(value, 16, verb),
            'c' => self.pad(value.to_char().encode_utf8(&mut [0; 4]).as_bytes()),
            'q' => self.pad(&strconv::quote_rune(value.to_char(), self.charset())),
            'U' => self.code_point(value),
            _ => return false,
        }
        true
    }

    /// A number in hexadecimal, with or without `0x`.
    pub(super) fn address(&mut self, value: u64, prefix: bool) {
        let sharp = std::mem::replace(&mut self.flags.sharp, prefix);
        self.digits(Integer::from(value), 16, 'v');
        self.flags.sharp = sharp;
    }

    fn digits(&mut self, value: Integer, base: u64, verb: char) {
        let flags = self.flags;
        let sign = match value.negative {
            true => Some(b'-'),
            false if flags.plus => Some(b'+'),
            false if flags.space => Some(b' '),
            false => None,
        };
        let least = match flags.precision {
            // No digit at all: only the field.
            Some(0) if value.magnitude == 0 => {
                let zero = std::mem::replace(&mut self.flags.zero, false);
                self.fill(flags.width.unwrap_or(0));
                self.flags.zero = zero;
                return;
            }
            Some(precision) => precision,
            None if flags.zero && !flags.minus => {
                flags.width.unwrap_or(0).saturating_sub(usize::from(sign.is_some()))
            }
            None => 0,
        };
        let mut reversed = Vec::with_capacity(24);
        push_digits(&mut reversed, value.magnitude, base, verb);
        if least > reversed.len() {
            reversed.resize(least, b'0');
        }
        match base {
            2 if flags.sharp => reversed.extend(b"b0"),
            8 if flags.sharp && reversed.last() != Some(&b'0') => reversed.push(b'0'),
            16 if flags.sharp => reversed.extend(if verb == 'X' { b"X0" } else { b"x0" }),
            _ => {}
        }
        if verb == 'O' {
            reversed.extend(b"o0");
        }
        reversed.extend(sign);
        reversed.reverse();
        self.pad_with_spaces(&reversed);
    }

    fn code_point(&mut self, value: Integer) {
        // A negative number shows as the unsigned number of its bits.
        let code = if value.negative { value.magnitude.wrapping_neg() } else { value.magnitude };
        let places = self.flags.precision.unwrap_or(0).max(4);
        let digits = format!("{code:X}");
        let mut text = format!("U+{}{digits}", "0".repeat(places.saturating_sub(digits.len())));
        let c = u32::try_from(code).ok().and_then(char::from_u32);
        if let Some(c) = c.filter(|c| self.flags.sharp && unicode::is_print(*c)) {
            text.extend([' ', '\'', c, '\'']);
        }
        self.pad_with_spaces(text.as_bytes());
    }

    pub(super) fn float(&mut self, value: f64, bits: u32, verb: char) -> bool {
        let (form, precision) = match verb {
            'v' => (b'g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb as u8, None),
            'f' | 'e' | 'E' => (verb as u8, Some(6)),
            'F' => (b'f', Some(6)),
            _ => return false,
        };
        let precision = self.flags.precision.or(precision);
        let text = strconv::format_float(value, form, precision, bits);
        let (sign, digits) = match text.strip_prefix(['-', '+']) {
            Some(digits) if text.starts_with('-') => (b'-', digits),
            Some(digits) => (b'+', digits),
            None => (b'+', text.as_str()),
        };
        let sign = if self.flags.space && sign == b'+' && !self.flags.plus { b' ' } else { sign };
        if value.is_nan() || value.is_infinite() {
            self.infinite(sign, digits);
        } else if self.flags.sharp && form != b'b' {
            self.finite(sign, &with_point(digits, form, precision));
        } else {
            self.finite(sign, digits);
        }
        true
    }

    /// Infinities and NaN do not look like numbers and are not padded with zeros. An infinity always
    /// has a sign.
    fn infinite(&mut self, sign: u8, text: &str) {
        let mut bytes = Vec::new();
        if text != "NaN" || self.flags.space || self.flags.plus {
            bytes.push(sign);
        }
        bytes.extend(text.bytes());
        self.pad_with_spaces(&bytes);
    }

    fn finite(&mut self, sign: u8, digits: &str) {
        if !self.flags.plus && sign == b'+' {
            return self.pad(digits.as_bytes());
        }
        let width = self.flags.width.unwrap_or(0);
        if self.flags.zero && !self.flags.minus && width > digits.len() + 1 {
            self.write(&[sign]);
            self.fill(width - digits.len() - 1);
            self.write(digits.as_bytes());
        } else {
            let mut text = vec![sign];
            text.extend(digits.bytes());
            self.pad(&text);
        }
    }

    pub(super) fn complex(&mut self, (re, im): (f64, f64), bits: u32, verb: char) -> bool {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return false;
        }
        self.write(b"(");
        self.float(re, bits / 2, verb);
        let plus = std::mem::replace(&mut self.flags.plus, true);
        self.float(im, bits / 2, verb);
        self.flags.plus = plus;
        self.write(b"i)");
        true
    }

    pub(super) fn text(&mut self, text: &[u8], verb: char) -> bool {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(text),
            'v' | 's' => self.pad(self.truncate(text)),
            'q' => self.quoted(text),
            'x' => self.hex(text, LOWER, b'x'),
            'X' => self.hex(text, UPPER, b'X'),
            _ => return false,
        }
        true
    }

    /// A `[]byte`, or a slice or an array of another type whose elements are bytes.
    pub(super) fn bytes(&mut self, bytes: &[u8], verb: char, of: &str) -> bool {
        match verb {
            'v' | 'd' if self.flags.sharp_v => {
                self.write(of.as_bytes());
                self.write(b"{");
                for (index, byte) in bytes.iter().enumerate() {
                    self.write(if index > 0 { b", " } else { b"" });
                    self.address(u64::from(*byte), true);
                }
                self.write(b"}");
            }
            'v' | 'd' => {
                self.write(b"[");
                for (index, byte) in bytes.iter().enumerate() {
                    self.write(if index > 0 { b" " } else { b"" });
                    self.digits(u64::from(*byte).into(), 10, verb);
                }
                self.write(b"]");
            }
            's' => self.pad(self.truncate(bytes)),
            'q' => self.quoted(bytes),
            'x' => self.hex(bytes, LOWER, b'x'),
            'X' => self.hex(bytes, UPPER, b'X'),
            _ => return false,
        }
        true
    }

    fn charset(&self) -> Charset {
        if self.flags.plus { Charset::Ascii } else { Charset::Unicode }
    }

    /// As many characters as the precision allows.
    fn truncate<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Some(precision) = self.flags.precision else { return text };
        let len = unicode::runes(text).take(precision).map(|(_, bytes)| bytes.len()).sum();
        text.get(..len).unwrap_or(text)
    }

    fn quoted(&mut self, text: &[u8]) {
        let text = self.truncate(text);
        if self.flags.sharp && strconv::can_backquote(text) {
            return self.pad(&[b"`", text, b"`"].concat());
        }
        let charset = self.charset();
        self.pad(&strconv::quote(text, charset));
    }

    fn hex(&mut self, bytes: &[u8], digits: &[u8; 16], x: u8) {
        let flags = self.flags;
        let len = flags.precision.unwrap_or(usize::MAX).min(bytes.len());
        let mut text = Vec::with_capacity(2 * len);
        for (index, byte) in bytes.iter().take(len).enumerate() {
            if flags.space && index > 0 {
                text.push(b' ');
            }
            if flags.sharp && (flags.space || index == 0) {
                text.extend([b'0', x]);
            }
            text.extend([digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
        }
        self.pad(&text);
    }
}

fn push_digits(reversed: &mut Vec<u8>, magnitude: u64, base: u64, verb: char) {
    let table = if verb == 'X' { UPPER } else { LOWER };
    let mut left = magnitude;
    loop {
        reversed.push(table[(left % base) as usize]);
        left /= base;
        if left == 0 {
            break;
        }
    }
}

/// The number with a decimal point always, and for `g` with trailing zeros: the flag `#`.
fn with_point(digits: &str, form: u8, precision: Option<usize>) -> String {
    let hexadecimal = matches!(form, b'x' | b'X');
    let is_exponent = |c: char| matches!(c, 'p' | 'P') || !hexadecimal && matches!(c, 'e' | 'E');
    let (number, tail) = digits.split_at(digits.find(is_exponent).unwrap_or(digits.len()));
    let mut missing = match form {
        b'g' | b'G' | b'x' => precision.map_or(6, |precision| precision as i64),
        _ => 0,
    };
    // Each digit from the first that is not zero counts.
    missing -= number.chars().filter(|c| *c != '.').skip_while(|c| *c == '0').count() as i64;
    let mut text = number.to_owned();
    if !number.contains('.') {
        missing -= i64::from(number == "0");
        text.push('.');
    }
    text.extend(std::iter::repeat_n('0', usize::try_from(missing).unwrap_or(0)));
    text + tail
}
