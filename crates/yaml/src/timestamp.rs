//! The times that go-yaml recognises, and how Go prints them in JSON.

use std::fmt;

/// A point in time as written in YAML: four forms, of which only the year's four digits are strict.
/// `Display` is RFC 3339 with the fraction's trailing zeros cut off, as Go marshals a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    nanosecond: u32,
    /// Minutes east of Greenwich.
    offset: i16,
}

impl Timestamp {
    /// Reads `2006-1-2`, `2006-1-2 15:4:5.9`, `2006-1-2T15:4:5.9Z` or `…+07:00` (also with `t`).
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() < 8 || bytes.get(4) != Some(&b'-') {
            return None;
        }
        let mut rest = Cursor(bytes);
        let year = u16::try_from(rest.digits(4, 4)?).ok()?;
        rest.byte(b'-')?;
        let month = rest.small()?;
        rest.byte(b'-')?;
        let day = rest.small()?;
        let mut time =
            Self { year, month, day, hour: 0, minute: 0, second: 0, nanosecond: 0, offset: 0 };
        if !rest.0.is_empty() {
            rest.clock(&mut time)?;
        }
        (rest.0.is_empty() && time.is_valid()).then_some(time)
    }

    /// Whether Go marshals it: the zone must be less than a day away.
    pub(crate) fn has_json_zone(&self) -> bool {
        self.offset.unsigned_abs() < 24 * 60
    }

    fn is_valid(&self) -> bool {
        let multiple = |years| self.year.is_multiple_of(years);
        let leap = multiple(4) && (!multiple(100) || multiple(400));
        let days = match self.month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return false,
        };
        (1..=days).contains(&self.day) && self.hour < 24 && self.minute < 60 && self.second < 60
    }
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn byte(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    /// At least and at most so many digits.
    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let count = self.0.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(count)?;
        if count < least {
            return None;
        }
        self.0 = rest;
        Some(digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
    }

    /// One or two digits.
    fn small(&mut self) -> Option<u8> {
        u8::try_from(self.digits(1, 2)?).ok()
    }

    fn clock(&mut self, time: &mut Timestamp) -> Option<()> {
        let zoned = matches!(self.0, [b'T' | b't', ..]);
        if zoned {
            self.0 = &self.0[1..];
        } else {
            self.byte(b' ')?;
            while self.byte(b' ').is_some() {}
        }
        time.hour = self.small()?;
        self.byte(b':')?;
        time.minute = self.small()?;
        self.byte(b':')?;
        time.second = self.small()?;
        time.nanosecond = self.fraction();
        if zoned {
            time.offset = self.zone()?;
        }
        Some(())
    }

    /// Any number of digits after a point or a comma; nine count.
    fn fraction(&mut self) -> u32 {
        let [b'.' | b',', after @ ..] = self.0 else { return 0 };
        let count = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return 0;
        }
        let digit = |index: usize| after.get(index).filter(|_| index < count).unwrap_or(&b'0');
        let value = (0..9).fold(0, |value, index| value * 10 + u32::from(digit(index) - b'0'));
        self.0 = after.get(count..).unwrap_or_default();
        value
    }

    fn zone(&mut self) -> Option<i16> {
        if self.byte(b'Z').is_some() {
            return Some(0);
        }
        let sign = if self.byte(b'+').is_some() { 1 } else { self.byte(b'-').map(|()| -1)? };
        let hours = i16::try_from(self.digits(2, 2)?).ok()?;
        self.byte(b':')?;
        let minutes = i16::try_from(self.digits(2, 2)?).ok()?;
        (hours <= 24 && minutes <= 60).then_some(sign * (hours * 60 + minutes))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second, nanosecond, offset } = *self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if nanosecond > 0 {
            let digits = format!("{nanosecond:09}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        if offset == 0 {
            return f.write_str("Z");
        }
        let sign = if offset < 0 { '-' } else { '+' };
        let minutes = offset.unsigned_abs();
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}
