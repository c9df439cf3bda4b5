//! `time.Time`, with the methods that templates call, and the types that these return.

use std::any::Any;

use super::calendar::{MONTHS, WEEKDAYS, civil_from_days, days_from_civil};
use super::zone::Zone;
use super::{duration, layout};
use crate::context::Timestamp;
use crate::function::{Args, Function, FunctionError};
use crate::types::{Field, Method, NamedType, Text, Type};
use crate::value::{Named, Object, Str, Value};

/// A moment in a time zone.
#[derive(Clone, Debug)]
pub(in super::super) struct Time {
    pub(in super::super) at: Timestamp,
    pub(super) zone: Zone,
}

const INT: &Type = Type::INT;
const INT64: &Type = Type::INT64;
const BOOL: &Type = Type::BOOL;
const STRING: &Type = Type::STRING;

/// `time.Time`.
pub(super) static TIME: Type = Type::Named(&NamedType {
    name: "time.Time",
    underlying: &Type::Struct(&[
        Field::new("wall", Type::UINT64),
        Field::new("ext", INT64),
        Field::new("loc", Type::ANY),
    ]),
    methods: &[
        Method(Function::new("Year", &[], INT, |_, a| Ok(Value::Int(this(a)?.date().0)))),
        Method(Function::new("Month", &[], &MONTH, |_, a| Ok(named(&MONTH, this(a)?.date().1)))),
        Method(Function::new("Day", &[], INT, |_, a| Ok(Value::Int(this(a)?.date().2)))),
        Method(Function::new("YearDay", &[], INT, |_, a| Ok(Value::Int(this(a)?.year_day())))),
        Method(Function::new("Weekday", &[], &WEEKDAY, |_, a| {
            Ok(named(&WEEKDAY, this(a)?.weekday()))
        })),
        Method(Function::new("Hour", &[], INT, |_, a| Ok(Value::Int(this(a)?.clock().0)))),
        Method(Function::new("Minute", &[], INT, |_, a| Ok(Value::Int(this(a)?.clock().1)))),
        Method(Function::new("Second", &[], INT, |_, a| Ok(Value::Int(this(a)?.clock().2)))),
        Method(Function::new("Nanosecond", &[], INT, |_, a| {
            Ok(Value::Int(this(a)?.at.nanoseconds.into()))
        })),
        Method(Function::new("Unix", &[], INT64, |_, a| Ok(Value::Int64(this(a)?.at.seconds)))),
        Method(Function::new("UnixMilli", &[], INT64, |_, a| {
            Ok(Value::Int64(this(a)?.unix(1_000)))
        })),
        Method(Function::new("UnixMicro", &[], INT64, |_, a| {
            Ok(Value::Int64(this(a)?.unix(1_000_000)))
        })),
        Method(Function::new("UnixNano", &[], INT64, |_, a| {
            Ok(Value::Int64(this(a)?.unix(1_000_000_000)))
        })),
        Method(Function::new("Format", &[STRING], STRING, |_, a| {
            Ok(Value::string(layout::format(this(a)?, a.string(1)?)))
        })),
        Method(Function::new("String", &[], STRING, |_, a| Ok(this(a)?.text().into()))),
        Method(Function::new("IsZero", &[], BOOL, |_, a| {
            Ok(Value::Bool(this(a)?.at == Time::zero().at))
        })),
        Method(Function::new("UTC", &[], &TIME, |_, a| {
            Ok(Time { zone: Zone::Utc, ..this(a)?.clone() }.into())
        })),
        Method(Function::new("Local", &[], &TIME, |_, a| {
            Ok(Time { zone: Zone::Local, ..this(a)?.clone() }.into())
        })),
        Method(Function::new("Add", &[&DURATION], &TIME, |_, a| {
            Ok(this(a)?.plus(a.int(1)?).into())
        })),
        Method(Function::new("AddDate", &[INT, INT, INT], &TIME, |_, a| {
            Ok(this(a)?.plus_date(a.int(1)?, a.int(2)?, a.int(3)?).into())
        })),
        Method(Function::new("Sub", &[&TIME], &DURATION, |_, a| {
            Ok(named(&DURATION, this(a)?.since(other(a)?)))
        })),
        Method(Function::new("Before", &[&TIME], BOOL, |_, a| {
            Ok(Value::Bool(this(a)?.at < other(a)?.at))
        })),
        Method(Function::new("After", &[&TIME], BOOL, |_, a| {
            Ok(Value::Bool(this(a)?.at > other(a)?.at))
        })),
        Method(Function::new("Equal", &[&TIME], BOOL, |_, a| {
            Ok(Value::Bool(this(a)?.at == other(a)?.at))
        })),
    ],
    text: Text::Stringer(|value| match value {
        Value::Object(object) => (**object).as_any().downcast_ref().map_or(Str::EMPTY, Time::text),
        _ => Str::EMPTY,
    }),
});

/// `time.Month`, which prints its name.
static MONTH: Type =
    Type::Named(&NamedType {
        name: "time.Month",
        underlying: INT,
        methods: &[Method(Function::new("String", &[], STRING, |_, a| {
            Ok(month_name(a.any(0)).into())
        }))],
        text: Text::Stringer(month_name),
    });

/// `time.Weekday`, which prints its name.
static WEEKDAY: Type = Type::Named(&NamedType {
    name: "time.Weekday",
    underlying: INT,
    methods: &[Method(Function::new("String", &[], STRING, |_, a| {
        Ok(weekday_name(a.any(0)).into())
    }))],
    text: Text::Stringer(weekday_name),
});

/// `time.Duration`.
static DURATION: Type = Type::Named(&NamedType {
    name: "time.Duration",
    underlying: INT64,
    methods: &[
        Method(Function::new("String", &[], STRING, |_, a| Ok(duration_text(a.any(0)).into()))),
        Method(Function::new("Nanoseconds", &[], INT64, |_, a| Ok(Value::Int64(a.int(0)?)))),
        Method(Function::new("Milliseconds", &[], INT64, |_, a| {
            Ok(Value::Int64(a.int(0)? / 1_000_000))
        })),
        Method(Function::new("Seconds", &[], Type::FLOAT64, |_, a| quotient(a, 1))),
        Method(Function::new("Minutes", &[], Type::FLOAT64, |_, a| quotient(a, 60))),
        Method(Function::new("Hours", &[], Type::FLOAT64, |_, a| quotient(a, 3600))),
    ],
    text: Text::Stringer(duration_text),
});

fn named(of: &'static Type, number: i64) -> Value {
    let is_duration = std::ptr::eq(of, &raw const DURATION);
    let value = if is_duration { Value::Int64(number) } else { Value::Int(number) };
    Value::object(Named { of, value })
}

fn name_of(value: &Value, names: &[&str], first: i64) -> Str {
    let index = value.as_signed().unwrap_or(0) - first;
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or("").into()
}

fn month_name(value: &Value) -> Str {
    name_of(value, &MONTHS, 1)
}

fn weekday_name(value: &Value) -> Str {
    name_of(value, &WEEKDAYS, 0)
}

fn duration_text(value: &Value) -> Str {
    duration::format(value.as_signed().unwrap_or(0)).into()
}

/// Whole units and the rest apart, as Go divides.
fn quotient(args: Args<'_>, seconds: i64) -> Result<Value, FunctionError> {
    let unit = seconds * duration::SECOND;
    let nanoseconds = args.int(0)?;
    let rest = (nanoseconds % unit) as f64 / unit as f64;
    Ok(Value::Float64((nanoseconds / unit) as f64 + rest))
}

/// The number, if an object is a month or a weekday, which count as `int` where other named
/// integers do not.
pub(in super::super) fn month_or_weekday(object: &dyn Object) -> Option<i64> {
    let of = object.go_type();
    (of.is(&MONTH) || of.is(&WEEKDAY)).then(|| object.underlying()?.as_signed()).flatten()
}

fn time_at<'a>(args: Args<'a>, index: usize) -> Result<&'a Time, FunctionError> {
    match args.any(index) {
        Value::Object(object) => (**object).as_any().downcast_ref(),
        _ => None,
    }
    .ok_or_else(|| FunctionError::new(super::super::NIL_POINTER))
}

fn this<'a>(args: Args<'a>) -> Result<&'a Time, FunctionError> {
    time_at(args, 0)
}

fn other<'a>(args: Args<'a>) -> Result<&'a Time, FunctionError> {
    time_at(args, 1)
}

impl From<Time> for Value {
    fn from(time: Time) -> Self {
        Self::object(time)
    }
}

impl Object for Time {
    fn go_type(&self) -> &'static Type {
        &TIME
    }
    /// What tells two times apart; the fields are private.
    fn field(&self, index: usize) -> Value {
        match index {
            0 => Value::Uint64(self.at.nanoseconds.into()),
            1 => Value::Int64(self.at.seconds),
            _ => match &self.zone {
                Zone::Utc => Value::Nil,
                zone => format!("{zone:?}").into(),
            },
        }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Time {
    /// Go's zero time: the beginning of year 1.
    pub(super) fn zero() -> Self {
        let seconds = days_from_civil(1, 1, 1) * 86_400;
        Self { at: Timestamp { seconds, nanoseconds: 0 }, zone: Zone::Utc }
    }

    pub(super) fn offset(&self) -> i64 {
        self.zone.at(self.at.seconds).1
    }

    fn local_seconds(&self) -> i64 {
        self.at.seconds.saturating_add(self.offset())
    }

    pub(super) fn date(&self) -> (i64, i64, i64) {
        civil_from_days(self.local_seconds().div_euclid(86_400))
    }

    pub(super) fn clock(&self) -> (i64, i64, i64) {
        let seconds = self.local_seconds().rem_euclid(86_400);
        (seconds / 3600, seconds / 60 % 60, seconds % 60)
    }

    /// From Sunday, which is 0.
    pub(super) fn weekday(&self) -> i64 {
        (self.local_seconds().div_euclid(86_400) + 4).rem_euclid(7)
    }

    pub(super) fn year_day(&self) -> i64 {
        let days = self.local_seconds().div_euclid(86_400);
        days - days_from_civil(self.date().0, 1, 1) + 1
    }

    /// Units since 1970, of which a second has so many.
    fn unix(&self, units: i64) -> i64 {
        let part = i64::from(self.at.nanoseconds) / (1_000_000_000 / units);
        self.at.seconds.wrapping_mul(units).wrapping_add(part)
    }

    pub(super) fn plus(&self, nanoseconds: i64) -> Self {
        let sum = i64::from(self.at.nanoseconds) + nanoseconds % duration::SECOND;
        let carried = sum.div_euclid(duration::SECOND);
        let seconds = self.at.seconds.wrapping_add(nanoseconds / duration::SECOND + carried);
        let rest = sum.rem_euclid(duration::SECOND);
        let nanoseconds = u32::try_from(rest).unwrap_or(0);
        Self { at: Timestamp { seconds, nanoseconds }, ..self.clone() }
    }

    fn plus_date(&self, years: i64, months: i64, days: i64) -> Self {
        let (year, month, day) = self.date();
        let first = days_from_civil(year.saturating_add(years), month.saturating_add(months), 1);
        let day = first.saturating_add(day - 1).saturating_add(days);
        let local =
            day.saturating_mul(86_400).saturating_add(self.local_seconds().rem_euclid(86_400));
        let at = Timestamp { seconds: local.saturating_sub(self.offset()), ..self.at };
        Self { at, ..self.clone() }
    }

    /// The nanoseconds between, as many as a duration can hold.
    pub(super) fn since(&self, then: &Self) -> i64 {
        let seconds = i128::from(self.at.seconds) - i128::from(then.at.seconds);
        let rest = i128::from(self.at.nanoseconds) - i128::from(then.at.nanoseconds);
        let all = seconds * 1_000_000_000 + rest;
        i64::try_from(all).unwrap_or(if all < 0 { i64::MIN } else { i64::MAX })
    }

    /// `Time.String`.
    fn text(&self) -> Str {
        layout::format(self, b"2006-01-02 15:04:05.999999999 -0700 MST").into()
    }
}
