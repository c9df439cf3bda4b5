//! Reading a time by a layout (`time.ParseInLocation` with UTC as the local zone).

use super::calendar::{MONTHS, WEEKDAYS, days_from_civil, days_in, is_leap};
use super::layout::{Offset, Part, next_part};
use super::time::Time;
use super::zone::Zone;
use crate::context::Timestamp;

/// Reads a time.
///
/// # Errors
/// Go's text.
pub(super) fn parse(layout: &[u8], value: &[u8]) -> Result<Time, String> {
    let mut fields = Fields::default();
    let (mut layout_rest, mut value_rest) = (layout, value);
    let cannot = |found: &[u8], wanted: &[u8]| {
        let [value, layout, found, wanted] = [value, layout, found, wanted].map(quote);
        format!("parsing time {value} as {layout}: cannot parse {found} as {wanted}")
    };
    let wrong = |what: &str| format!("parsing time {}: {what}", quote(value));
    while let Some((before, part, after)) = next_part(layout_rest) {
        let written = &layout_rest[before.len()..layout_rest.len() - after.len()];
        value_rest = skip(value_rest, before).map_err(|rest| cannot(rest, before))?;
        match fields.read(part, value_rest, after) {
            Some((_, Some(what))) => return Err(wrong(&format!("{what} out of range"))),
            Some((rest, None)) => value_rest = rest,
            None => return Err(cannot(value_rest, written)),
        }
        layout_rest = after;
    }
    value_rest = skip(value_rest, layout_rest).map_err(|rest| cannot(rest, layout_rest))?;
    if !value_rest.is_empty() {
        return Err(wrong(&format!("extra text: {}", quote(value_rest))));
    }
    fields.time().map_err(wrong)
}

/// Text in quotes as this package of Go quotes: bytes beyond ASCII are escaped one by one.
pub(super) fn quote(text: &[u8]) -> String {
    let mut out = "\"".to_owned();
    for byte in text {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            b' '..=0x7f => out.push(char::from(*byte)),
            _ => out += &format!("\\x{byte:02x}"),
        }
    }
    out + "\""
}

/// Skips literal text; any number of spaces matches any number of them.
fn skip<'a>(mut value: &'a [u8], mut literal: &[u8]) -> Result<&'a [u8], &'a [u8]> {
    let spaces = |text: &[u8]| text.iter().take_while(|b| **b == b' ').count();
    while let Some((sign, rest)) = literal.split_first() {
        match (sign, value.split_first()) {
            (b' ', Some((found, _))) if *found != b' ' => return Err(value),
            (b' ', _) => {
                literal = &literal[spaces(literal)..];
                value = &value[spaces(value)..];
            }
            (_, Some((found, after))) if found == sign => (literal, value) = (rest, after),
            _ => return Err(value),
        }
    }
    Ok(value)
}

#[derive(Default)]
struct Fields {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanoseconds: u32,
    /// Set by `PM` and `AM`.
    afternoon: Option<bool>,
    utc: bool,
    offset: Option<i64>,
    zone_name: Option<String>,
}

/// What is left of the value, and what was out of range.
type Read<'a> = Option<(&'a [u8], Option<&'static str>)>;

impl Fields {
    /// Reads a part at the start of a value. `None`: it is not there.
    fn read<'a>(&mut self, part: Part, value: &'a [u8], next: &[u8]) -> Read<'a> {
        let ok = |rest| Some((rest, None));
        let checked = |rest, valid: bool, what| Some((rest, (!valid).then_some(what)));
        match part {
            Part::ShortYear => {
                let (digits, rest) = value.split_at_checked(2)?;
                let year = signed(digits)?;
                self.year = year + if year >= 69 { 1900 } else { 2000 };
                ok(rest)
            }
            Part::LongYear => {
                let (digits, rest) = value.split_at_checked(4)?;
                self.year = signed(digits).filter(|_| digits[0].is_ascii_digit())?;
                ok(rest)
            }
            Part::ShortMonth | Part::LongMonth => {
                let (index, rest) = name(&MONTHS, part == Part::ShortMonth, value)?;
                self.month = Some(index + 1);
                ok(rest)
            }
            Part::Month | Part::ZeroMonth => {
                let (month, rest) = number(value, part == Part::ZeroMonth)?;
                self.month = Some(month);
                checked(rest, (1..=12).contains(&month), "month")
            }
            Part::ShortWeekday | Part::LongWeekday => {
                ok(name(&WEEKDAYS, part == Part::ShortWeekday, value)?.1)
            }
            Part::Day | Part::SpaceDay | Part::ZeroDay => {
                let padded = value.strip_prefix(b" ").filter(|_| part == Part::SpaceDay);
                let (day, rest) = number(padded.unwrap_or(value), part == Part::ZeroDay)?;
                self.day = Some(day);
                ok(rest)
            }
            Part::SpaceYearDay | Part::ZeroYearDay => {
                let (day, rest) = year_day(value, part)?;
                self.year_day = Some(day);
                ok(rest)
            }
            Part::Hour => {
                let (hour, rest) = number(value, false)?;
                self.hour = hour;
                checked(rest, hour < 24, "hour")
            }
            Part::Hour12 | Part::ZeroHour12 => {
                let (hour, rest) = number(value, part == Part::ZeroHour12)?;
                self.hour = hour;
                checked(rest, hour <= 12, "hour")
            }
            Part::Minute | Part::ZeroMinute => {
                let (minute, rest) = number(value, part == Part::ZeroMinute)?;
                self.minute = minute;
                checked(rest, minute < 60, "minute")
            }
            Part::Second | Part::ZeroSecond => {
                let (second, rest) = number(value, part == Part::ZeroSecond)?;
                self.second = second;
                if second >= 60 {
                    return checked(rest, false, "second");
                }
                ok(self.unannounced_fraction(rest, next))
            }
            Part::Noon { capital } => {
                let (text, rest) = value.split_at_checked(2)?;
                self.afternoon = Some(match (text, capital) {
                    (b"PM", true) | (b"pm", false) => true,
                    (b"AM", true) | (b"am", false) => false,
                    _ => return None,
                });
                ok(rest)
            }
            Part::Offset(form) => self.read_offset(form, value),
            Part::ZoneName => self.read_zone_name(value).and_then(ok),
            Part::Fraction { trimmed: true, .. } => ok(self.fraction(value).unwrap_or(value)),
            Part::Fraction { digits, .. } => {
                let (text, rest) = value.split_at_checked(digits + 1)?;
                let exact = self.fraction(text).filter(|rest| rest.is_empty());
                exact.and_then(|_| ok(rest))
            }
        }
    }

    /// A fraction of a second that the layout does not mention is read all the same.
    fn unannounced_fraction<'a>(&mut self, value: &'a [u8], next: &[u8]) -> &'a [u8] {
        let announced = matches!(next_part(next), Some((_, Part::Fraction { .. }, _)));
        if announced { value } else { self.fraction(value).unwrap_or(value) }
    }

    /// A sign and digits, of which nine count.
    fn fraction<'a>(&mut self, value: &'a [u8]) -> Option<&'a [u8]> {
        let digits = value.strip_prefix(b".").or_else(|| value.strip_prefix(b","))?;
        let length = digits.iter().take_while(|b| b.is_ascii_digit()).count();
        if length == 0 {
            return None;
        }
        let digit = |at: usize| digits[..length].get(at).map_or(0, |b| u32::from(b - b'0'));
        self.nanoseconds = (0..9).fold(0, |sum, at| sum * 10 + digit(at));
        Some(&digits[length..])
    }

    fn read_offset<'a>(&mut self, form: Offset, value: &'a [u8]) -> Read<'a> {
        if let Some(rest) = value.strip_prefix(b"Z").filter(|_| form.z) {
            self.utc = true;
            return Some((rest, None));
        }
        let (sign, mut rest) = value.split_first()?;
        let mut pairs = [0; 3];
        let wanted = [true, form.minutes, form.seconds];
        for (at, pair) in pairs.iter_mut().enumerate().filter(|(at, _)| wanted[*at]) {
            if form.colons && at > 0 {
                rest = rest.strip_prefix(b":")?;
            }
            let (digits, after) = rest.split_at_checked(2)?;
            (*pair, rest) = (number(digits, true)?.0, after);
        }
        let [hours, minutes, seconds] = pairs;
        let amount = (hours * 60 + minutes) * 60 + seconds;
        let wrong = [
            (seconds > 60, "time zone offset second"),
            (minutes > 60, "time zone offset minute"),
            (hours > 24, "time zone offset hour"),
        ];
        self.offset = Some(match sign {
            b'+' => amount,
            b'-' => -amount,
            _ => return None,
        });
        Some((rest, wrong.into_iter().find(|(is, _)| *is).map(|(_, what)| what)))
    }

    fn read_zone_name<'a>(&mut self, value: &'a [u8]) -> Option<&'a [u8]> {
        if let Some(rest) = value.strip_prefix(b"UTC") {
            self.utc = true;
            return Some(rest);
        }
        let (name, rest) = value.split_at(zone_name_length(value)?);
        self.zone_name = Some(String::from_utf8_lossy(name).into_owned());
        Some(rest)
    }

    fn time(self) -> Result<Time, &'static str> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let (month, day) = self.month_and_day()?;
        if day < 1 || day > days_in(month, self.year) {
            return Err("day out of range");
        }
        let days = days_from_civil(self.year, month, day);
        let seconds = days * 86_400 + hour * 3600 + self.minute * 60 + self.second;
        let at = |offset: i64, zone| {
            let seconds = seconds - offset;
            Time { at: Timestamp { seconds, nanoseconds: self.nanoseconds }, zone }
        };
        let fixed = |name: &str, offset: i64| {
            Zone::Fixed(name.to_owned(), i32::try_from(offset).unwrap_or(0))
        };
        let name = self.zone_name.as_deref().unwrap_or_default();
        Ok(match self.offset {
            _ if self.utc => at(0, Zone::Utc),
            Some(0) if name.is_empty() => at(0, Zone::Local),
            Some(offset) => at(offset, fixed(name, offset)),
            None if name.is_empty() => at(0, Zone::Local),
            None => {
                let hours = name.strip_prefix("GMT").and_then(|hours| signed(hours.as_bytes()));
                // The clock is taken to be UTC: the offset of an abbreviation is not known.
                at(0, fixed(name, hours.unwrap_or(0) * 3600))
            }
        })
    }

    /// From the day of the year, if that was given; it must agree with what else was.
    fn month_and_day(&self) -> Result<(i64, i64), &'static str> {
        let Some(year_day) = self.year_day else {
            return Ok((self.month.unwrap_or(1), self.day.unwrap_or(1)));
        };
        let length = if is_leap(self.year) { 366 } else { 365 };
        if !(1..=length).contains(&year_day) {
            return Err("day-of-year out of range");
        }
        let (mut month, mut day) = (1, year_day);
        while day > days_in(month, self.year) {
            day -= days_in(month, self.year);
            month += 1;
        }
        if self.month.is_some_and(|given| given != month) {
            return Err("day-of-year does not match month");
        }
        if self.day.is_some_and(|given| given != day) {
            return Err("day-of-year does not match day");
        }
        Ok((month, day))
    }
}

/// Digits behind an optional sign.
fn signed(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let number = digits.iter().try_fold(0i64, |sum, b| {
        let digit = b.is_ascii_digit().then(|| i64::from(b - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if negative { -number } else { number })
}

/// One or two digits; `fixed`: just two.
fn number(value: &[u8], fixed: bool) -> Option<(i64, &[u8])> {
    let digit =
        |at: usize| value.get(at).filter(|b| b.is_ascii_digit()).map(|b| i64::from(b - b'0'));
    match (digit(0)?, digit(1)) {
        (tens, Some(ones)) => Some((tens * 10 + ones, &value[2..])),
        (ones, None) => (!fixed).then(|| (ones, &value[1..])),
    }
}

fn year_day(mut value: &[u8], part: Part) -> Option<(i64, &[u8])> {
    for _ in 0..2 {
        let spaced = value.strip_prefix(b" ").filter(|_| part == Part::SpaceYearDay);
        value = spaced.unwrap_or(value);
    }
    let length = value.iter().take(3).take_while(|b| b.is_ascii_digit()).count();
    if length == 0 || part == Part::ZeroYearDay && length != 3 {
        return None;
    }
    let (digits, rest) = value.split_at(length);
    Some((signed(digits)?, rest))
}

/// The index of the name that a value begins with, whatever its case.
fn name<'a>(names: &[&str], short: bool, value: &'a [u8]) -> Option<(i64, &'a [u8])> {
    names.iter().zip(0..).find_map(|(name, index)| {
        let name = if short { &name[..3] } else { name };
        let (found, rest) = value.split_at_checked(name.len())?;
        found.eq_ignore_ascii_case(name.as_bytes()).then_some((index, rest))
    })
}

/// How much of a value looks like the abbreviation of a time zone.
fn zone_name_length(value: &[u8]) -> Option<usize> {
    if value.len() < 3 {
        return None;
    }
    if value.starts_with(b"ChST") || value.starts_with(b"MeST") {
        return Some(4);
    }
    if let Some(rest) = value.strip_prefix(b"GMT") {
        return Some(3 + signed_hours(rest));
    }
    if matches!(value[0], b'+' | b'-') {
        return Some(signed_hours(value)).filter(|length| *length > 0);
    }
    let capitals = value.iter().take(6).take_while(|b| b.is_ascii_uppercase()).count();
    match capitals {
        5 if value[4] == b'T' => Some(5),
        4 if value[3] == b'T' || value.starts_with(b"WITA") => Some(4),
        3 => Some(3),
        _ => None,
    }
}

/// The length of a signed number of at most 23 at the start of a value; 0 if there is none.
fn signed_hours(value: &[u8]) -> usize {
    let [b'+' | b'-', digits @ ..] = value else { return 0 };
    let length = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let hours = signed(&digits[..length]).filter(|hours| length > 0 && *hours <= 23);
    hours.map_or(0, |_| 1 + length)
}
