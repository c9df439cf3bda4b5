//! Schedules as users write them: five fields of cron: minute, hour, day of month, month, day of week.
//!
//! As cron(8) has it: where both days are restricted, either will do. Names of months and days,
//! ranges, steps and lists are known; 7 is Sunday too. Times are those of a time zone: one that does
//! not exist on a day (the clock is put forward over it) is run when the gap ends, one that exists
//! twice is run once.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, civil::Date};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether either of both kinds of days will do.
    either_day: bool,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// So many days ahead a time is looked for: the 29th of February comes after eight years at most.
const FARTHEST: i32 = 366 * 8 + 2;

impl Schedule {
    /// Reads a schedule. The error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let written = text;
        let text = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(format!(
                "`{text}` is not a schedule: it has {} fields and needs five (minute, hour, day of \
                 month, month, day of week)",
                fields.len()
            ));
        };
        let weekdays = field("day of week", weekday, 0, 7, &WEEKDAYS, 0)?;
        Ok(Self {
            text: written.trim().to_owned(),
            minutes: field("minute", minute, 0, 59, &[], 0)?,
            hours: field("hour", hour, 0, 23, &[], 0)?,
            days: field("day of month", day, 1, 31, &[], 0)?,
            months: field("month", month, 1, 12, &MONTHS, 1)?,
            weekdays: (weekdays | (weekdays >> 7)) & 0x7f,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        })
    }

    /// The first time after `after`; `None` if there never is one (the 31st of February).
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = zone.to_datetime(after);
        let mut date = local.date();
        for _ in 0..FARTHEST {
            if self.has_day(date)
                && let Some(at) = self.first_of(date, after, zone)
            {
                return Some(at);
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    fn first_of(&self, date: Date, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let hours = (0..24).filter(|hour| has(self.hours, *hour));
        let times = hours.flat_map(|hour| {
            (0..60).filter(|minute| has(self.minutes, *minute)).map(move |minute| (hour, minute))
        });
        times
            .filter_map(|(hour, minute)| {
                let time =
                    Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0).ok()?;
                let at = zone.to_ambiguous_timestamp(DateTime::from_parts(date, time));
                at.compatible().ok()
            })
            .find(|at| *at > after)
    }

    fn has_day(&self, date: Date) -> bool {
        let month = u32::try_from(date.month()).unwrap_or(0);
        let day = u32::try_from(date.day()).unwrap_or(0);
        let weekday = u32::try_from(date.weekday().to_sunday_zero_offset()).unwrap_or(0);
        let (by_day, by_weekday) = (has(self.days, day), has(self.weekdays, weekday));
        let fits = if self.either_day { by_day || by_weekday } else { by_day && by_weekday };
        has(self.months, month) && fits
    }
}

impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Schedule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Schedule {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Schedule".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "Minute, hour, day of month, month, day of week, as cron has them: 0 9 * * mon-fri",
        })
    }
}

/// A time zone by its name in the IANA database: `Europe/Oslo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneName {
    name: String,
    zone: TimeZone,
}

impl ZoneName {
    /// Reads a name. The error says that there is no such zone here.
    pub fn parse(name: &str) -> Result<Self, String> {
        match TimeZone::get(name) {
            Ok(zone) => Ok(Self { name: name.to_owned(), zone }),
            Err(error) => Err(format!("`{name}` is not a time zone that is known here: {error}")),
        }
    }

    /// The zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

impl Default for ZoneName {
    fn default() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }
}

impl Serialize for ZoneName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl<'de> Deserialize<'de> for ZoneName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for ZoneName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TimeZone".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A name of the IANA time zone database: Europe/Oslo",
        })
    }
}

fn has(set: u64, n: u32) -> bool {
    set.checked_shr(n).is_some_and(|rest| rest & 1 == 1)
}

fn field(
    what: &str,
    text: &str,
    min: u32,
    max: u32,
    names: &[&str],
    first: u32,
) -> Result<u64, String> {
    let wrong = |part: &str| format!("the {what} `{part}` is not within {min} to {max}");
    let number = |part: &str| -> Result<u32, String> {
        let lower = part.to_ascii_lowercase();
        let named = names.iter().position(|name| *name == lower);
        let n = match named.and_then(|n| u32::try_from(n).ok()) {
            Some(n) => n + first,
            None => part.parse().map_err(|_| wrong(part))?,
        };
        (min..=max).contains(&n).then_some(n).ok_or_else(|| wrong(part))
    };
    let mut set = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().map_err(|_| wrong(part))?)),
            None => (part, None),
        };
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => (min, max),
            (_, Some((from, to))) => (number(from)?, number(to)?),
            (single, None) if step.is_some() => (number(single)?, max),
            (single, None) => (number(single)?, number(single)?),
        };
        let step = step.unwrap_or(1);
        if step == 0 || from > to {
            return Err(wrong(part));
        }
        for n in (from..=to).step_by(usize::try_from(step).unwrap_or(1)) {
            set |= 1 << n;
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schedule: &str, zone: &str, after: &str, expected: &[&str]) {
        let schedule = Schedule::parse(schedule).unwrap();
        let zone = TimeZone::get(zone).unwrap();
        let mut at: Timestamp = after.parse().unwrap();
        for expected in expected {
            at = schedule.next(at, &zone).unwrap();
            assert_eq!(at.to_string(), *expected, "{schedule:?}");
        }
    }

    #[test]
    fn times() {
        check(
            "*/5 * * * *",
            "UTC",
            "2026-01-01T00:03:10Z",
            &["2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"],
        );
        check("0 9 * * mon-fri", "UTC", "2026-08-21T10:00:00Z", &["2026-08-24T09:00:00Z"]);
        check(
            "30 6 1 * 0",
            "UTC",
            "2026-08-21T10:00:00Z",
            &["2026-08-23T06:30:00Z", "2026-08-30T06:30:00Z", "2026-09-01T06:30:00Z"],
        );
        check("0 0 29 feb *", "UTC", "2026-01-01T00:00:00Z", &["2028-02-29T00:00:00Z"]);
        check("0 12 * * 7", "UTC", "2026-08-21T10:00:00Z", &["2026-08-23T12:00:00Z"]);
        check(
            "15,45 8-10/2 * * *",
            "UTC",
            "2026-08-21T08:20:00Z",
            &["2026-08-21T08:45:00Z", "2026-08-21T10:15:00Z"],
        );
    }

    #[test]
    fn clocks_that_are_changed() {
        // 02:30 does not exist on the 29th of March: the gap ends at 03:30 summer time.
        check(
            "30 2 * * *",
            "Europe/Oslo",
            "2026-03-28T12:00:00Z",
            &["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"],
        );
        // 02:30 exists twice on the 25th of October: the first counts.
        check(
            "30 2 * * *",
            "Europe/Oslo",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        );
    }

    #[test]
    fn what_is_no_schedule_is_said() {
        for bad in
            ["", "* * * *", "60 * * * *", "* * 0 * *", "5-1 * * * *", "*/0 * * * *", "x * * * *"]
        {
            assert!(Schedule::parse(bad).is_err(), "{bad}");
        }
        let never = Schedule::parse("0 0 31 2 *").unwrap();
        assert_eq!(never.next(Timestamp::UNIX_EPOCH, &TimeZone::UTC), None);
    }
}
