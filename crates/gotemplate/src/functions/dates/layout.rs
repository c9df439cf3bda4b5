//! Layouts: `Mon Jan 2 15:04:05 MST 2006` and its parts say how a time is written.

use super::calendar::{MONTHS, WEEKDAYS};
use super::time::Time;

/// A part of a layout that stands for a part of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    LongMonth,
    ShortMonth,
    Month,
    ZeroMonth,
    LongWeekday,
    ShortWeekday,
    Day,
    SpaceDay,
    ZeroDay,
    SpaceYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    ShortYear,
    /// `PM` or `pm`.
    Noon {
        capital: bool,
    },
    ZoneName,
    Offset(Offset),
    /// Digits behind the sign before them; trimmed if they are written as nines.
    Fraction {
        sign: u8,
        digits: usize,
        trimmed: bool,
    },
}

/// How an offset from UTC is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offset {
    /// `Z` for zero.
    pub(super) z: bool,
    pub(super) colons: bool,
    pub(super) minutes: bool,
    pub(super) seconds: bool,
}

/// The first part of a layout, with what stands before and behind it.
pub(super) fn next_part(layout: &[u8]) -> Option<(&[u8], Part, &[u8])> {
    (0..layout.len()).find_map(|at| {
        let rest = &layout[at..];
        // `_2006` is an underscore and a year.
        let skip = usize::from(rest.starts_with(b"_2006"));
        let (part, length) = part(&rest[skip..])?;
        Some((&layout[..at + skip], part, &rest[skip + length..]))
    })
}

/// Parts that are plain text, longer ones first.
const WRITTEN: [(&[u8], Part); 23] = [
    (b"January", Part::LongMonth),
    (b"Monday", Part::LongWeekday),
    (b"MST", Part::ZoneName),
    (b"002", Part::ZeroYearDay),
    (b"01", Part::ZeroMonth),
    (b"02", Part::ZeroDay),
    (b"03", Part::ZeroHour12),
    (b"04", Part::ZeroMinute),
    (b"05", Part::ZeroSecond),
    (b"06", Part::ShortYear),
    (b"15", Part::Hour),
    (b"1", Part::Month),
    (b"2006", Part::LongYear),
    (b"2", Part::Day),
    (b"__2", Part::SpaceYearDay),
    (b"_2", Part::SpaceDay),
    (b"3", Part::Hour12),
    (b"4", Part::Minute),
    (b"5", Part::Second),
    (b"PM", Part::Noon { capital: true }),
    (b"pm", Part::Noon { capital: false }),
    (b"Jan", Part::ShortMonth),
    (b"Mon", Part::ShortWeekday),
];

/// The part that a layout begins with, and its length.
fn part(layout: &[u8]) -> Option<(Part, usize)> {
    if let Some(found) = offset(layout).or_else(|| fraction(layout)) {
        return Some(found);
    }
    let (text, part) = WRITTEN.iter().find(|(text, _)| layout.starts_with(text))?;
    let short_name = matches!(part, Part::ShortMonth | Part::ShortWeekday);
    let goes_on = layout.get(text.len()).is_some_and(u8::is_ascii_lowercase);
    (!(short_name && goes_on)).then_some((*part, text.len()))
}

fn offset(layout: &[u8]) -> Option<(Part, usize)> {
    let (z, digits) = match layout {
        [b'-', rest @ ..] => (false, rest),
        [b'Z', rest @ ..] => (true, rest),
        _ => return None,
    };
    let forms: [(&[u8], bool, bool, bool); 5] = [
        (b"070000", false, true, true),
        (b"07:00:00", true, true, true),
        (b"0700", false, true, false),
        (b"07:00", true, true, false),
        (b"07", false, false, false),
    ];
    let form = forms.into_iter().find(|(text, ..)| digits.starts_with(text));
    let (text, colons, minutes, seconds) = form?;
    Some((Part::Offset(Offset { z, colons, minutes, seconds }), 1 + text.len()))
}

/// `.000`, `,999`: as many digits as follow, if nothing but these do.
fn fraction(layout: &[u8]) -> Option<(Part, usize)> {
    let (sign, digits) = match layout {
        [sign @ (b'.' | b','), rest @ ..] => (*sign, rest),
        _ => return None,
    };
    let digit = *digits.first().filter(|b| matches!(b, b'0' | b'9'))?;
    let length = digits.iter().take_while(|b| **b == digit).count();
    if digits.get(length).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    Some((Part::Fraction { sign, digits: length, trimmed: digit == b'9' }, 1 + length))
}

/// `Time.Format`.
pub(super) fn format(time: &Time, layout: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(layout.len() + 16);
    let mut rest = layout;
    while let Some((before, part, after)) = next_part(rest) {
        out.extend_from_slice(before);
        out.extend(written(time, part).bytes());
        rest = after;
    }
    out.extend_from_slice(rest);
    out
}

fn written(time: &Time, part: Part) -> String {
    let (year, month, day) = time.date();
    let (hour, minute, second) = time.clock();
    let hour12 = (hour + 11) % 12 + 1;
    let name = |names: &[&'static str], index: i64| {
        usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default()
    };
    match part {
        Part::LongMonth => name(&MONTHS, month - 1).to_owned(),
        Part::ShortMonth => name(&MONTHS, month - 1).chars().take(3).collect(),
        Part::LongWeekday => name(&WEEKDAYS, time.weekday()).to_owned(),
        Part::ShortWeekday => name(&WEEKDAYS, time.weekday()).chars().take(3).collect(),
        Part::Month => month.to_string(),
        Part::ZeroMonth => padded(month, 2),
        Part::Day => day.to_string(),
        Part::SpaceDay => format!("{day:2}"),
        Part::ZeroDay => padded(day, 2),
        Part::SpaceYearDay => format!("{:3}", time.year_day()),
        Part::ZeroYearDay => padded(time.year_day(), 3),
        Part::Hour => padded(hour, 2),
        Part::Hour12 => hour12.to_string(),
        Part::ZeroHour12 => padded(hour12, 2),
        Part::Minute => minute.to_string(),
        Part::ZeroMinute => padded(minute, 2),
        Part::Second => second.to_string(),
        Part::ZeroSecond => padded(second, 2),
        Part::LongYear => padded(year, 4),
        Part::ShortYear => padded(year.abs() % 100, 2),
        Part::Noon { capital } => match (hour >= 12, capital) {
            (true, true) => "PM",
            (false, true) => "AM",
            (true, false) => "pm",
            (false, false) => "am",
        }
        .to_owned(),
        Part::ZoneName => zone_name(time),
        Part::Offset(form) => written_offset(time.offset(), form),
        Part::Fraction { sign, digits, trimmed } => {
            written_fraction(time.at.nanoseconds, sign, digits, trimmed)
        }
    }
}

/// At least so many digits, behind a minus if need be.
fn padded(number: i64, width: usize) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{:0width$}", number.unsigned_abs())
}

fn zone_name(time: &Time) -> String {
    let (name, offset) = time.zone.at(time.at.seconds);
    let unnamed = Offset { z: false, colons: false, minutes: true, seconds: false };
    if name.is_empty() { written_offset(offset, unnamed) } else { name }
}

fn written_offset(offset: i64, form: Offset) -> String {
    if offset == 0 && form.z {
        return "Z".to_owned();
    }
    let minutes = offset / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let amount = if minutes < 0 { -offset } else { offset };
    let minutes = minutes.abs();
    let colon = if form.colons { ":" } else { "" };
    let mut out = format!("{sign}{:02}", minutes / 60);
    if form.minutes {
        out += &format!("{colon}{:02}", minutes % 60);
    }
    if form.seconds {
        out += &format!("{colon}{}", padded(amount % 60, 2));
    }
    out
}

fn written_fraction(nanoseconds: u32, sign: u8, digits: usize, trimmed: bool) -> String {
    let all = format!("{nanoseconds:09}");
    let shown = all.get(..digits).unwrap_or(&all);
    let shown = if trimmed { shown.trim_end_matches('0') } else { shown };
    match shown {
        "" => String::new(),
        _ => format!("{}{shown}", char::from(sign)),
    }
}
