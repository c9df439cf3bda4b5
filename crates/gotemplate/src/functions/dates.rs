//! Dates and durations. The local time zone is UTC: what is rendered must not depend on the machine.

mod calendar;
mod duration;
mod layout;
mod parse;
mod time;
mod zone;

use crate::context::{Context, Timestamp};
use crate::function::{Args, Function, FunctionError};
use crate::types::Type;
use crate::value::{Object, Str, Value};

use super::Outcome;
use super::cast::parse_int_or_nearest;
use time::TIME;
pub(super) use time::{Time, month_or_weekday};
use zone::Zone;

const ANY: &Type = Type::ANY;
const STRING: &Type = Type::STRING;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("now", &[], &TIME, |c, _| Ok(now(c).into())),
    Function::new("date", &[STRING, ANY], STRING, |c, a| {
        in_zone(c, a.string(0)?, a.any(1), b"Local")
    }),
    Function::new("dateInZone", DATE_IN_ZONE, STRING, |c, a| {
        in_zone(c, a.string(0)?, a.any(1), a.string(2)?)
    }),
    Function::new("date_in_zone", DATE_IN_ZONE, STRING, |c, a| {
        in_zone(c, a.string(0)?, a.any(1), a.string(2)?)
    }),
    Function::new("htmlDate", &[ANY], STRING, |c, a| in_zone(c, HTML, a.any(0), b"Local")),
    Function::new("htmlDateInZone", &[ANY, STRING], STRING, |c, a| {
        in_zone(c, HTML, a.any(0), a.string(1)?)
    }),
    Function::new("dateModify", MODIFY, &TIME, |c, a| {
        modify(c, a).or_else(|_| Ok(a.any(1).clone()))
    }),
    Function::new("date_modify", MODIFY, &TIME, |c, a| {
        modify(c, a).or_else(|_| Ok(a.any(1).clone()))
    }),
    Function::new("mustDateModify", MODIFY, &TIME, modify),
    Function::new("must_date_modify", MODIFY, &TIME, modify),
    Function::new("ago", &[ANY], STRING, ago),
    Function::new("duration", &[ANY], STRING, seconds),
    Function::new("durationRound", &[ANY], STRING, round),
    Function::new("toDate", &[STRING, STRING], &TIME, |_, a| {
        let parsed = parse::parse(a.string(0)?, a.string(1)?);
        Ok(parsed.unwrap_or_else(|_| Time::zero()).into())
    }),
    Function::new("mustToDate", &[STRING, STRING], &TIME, |_, a| {
        parse::parse(a.string(0)?, a.string(1)?).map(Value::from).map_err(FunctionError::new)
    }),
    Function::new("unixEpoch", ONE_TIME, STRING, |_, a| {
        Ok(time(a.any(0)).map_or(0, |t| t.at.seconds).to_string().into())
    }),
];

const DATE_IN_ZONE: &[&Type] = &[STRING, ANY, STRING];
const ONE_TIME: &[&Type] = &[&TIME];
const MODIFY: &[&Type] = &[STRING, &TIME];

/// What an HTML date input takes.
const HTML: &[u8] = b"2006-01-02";

fn now(context: &mut Context<'_>) -> Time {
    Time { at: context.host().now(), zone: Zone::Local }
}

/// The time, if the value is one.
fn time(value: &Value) -> Option<Time> {
    let Value::Object(object) = value else { return None };
    (**object).as_any().downcast_ref::<Time>().cloned()
}

/// A time, seconds since 1970 as an integer, or else now.
fn time_or_now(context: &mut Context<'_>, value: &Value) -> Time {
    let seconds = match value {
        Value::Int(n) | Value::Int64(n) => Some(*n),
        Value::Int32(n) => Some(i64::from(*n)),
        _ => None,
    };
    let at = |seconds| Time { at: Timestamp { seconds, nanoseconds: 0 }, zone: Zone::Local };
    seconds.map(at).or_else(|| time(&value.indirect())).unwrap_or_else(|| now(context))
}

/// The date in a time zone, which is UTC if there is none of that name.
fn in_zone(context: &mut Context<'_>, layout: &[u8], date: &Value, zone: &[u8]) -> Outcome {
    let zone = Zone::load(zone).unwrap_or(Zone::Utc);
    let time = Time { zone, ..time_or_now(context, date) };
    Ok(Value::string(layout::format(&time, layout)))
}

fn modify(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let by = duration::parse(args.string(0)?).map_err(FunctionError::new)?;
    Ok(time(args.any(1)).unwrap_or_else(Time::zero).plus(by).into())
}

/// How long ago it was, to the second.
fn ago(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let then = match args.any(0) {
        Value::Int32(_) => now(context),
        date => time_or_now(context, date),
    };
    let passed = now(context).since(&then);
    Ok(duration::format(duration::round_to_seconds(passed)).into())
}

/// A number of seconds as a duration; only text and `int64` count.
fn seconds(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let seconds = match args.any(0) {
        Value::Int64(n) => *n,
        Value::String(text) => parse_int_or_nearest(text),
        _ => 0,
    };
    Ok(duration::format(seconds.wrapping_mul(duration::SECOND)).into())
}

/// A duration in its largest unit: `2h`. Of a time, how long ago it was.
fn round(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let nanoseconds = match args.any(0) {
        Value::Int64(n) => *n,
        Value::String(text) => duration::parse(text).unwrap_or(0),
        other => match time(other) {
            Some(then) => now(context).since(&then),
            None => 0,
        },
    };
    let units = [
        (365 * 24 * 3600, "y"),
        (30 * 24 * 3600, "mo"),
        (24 * 3600, "d"),
        (3600, "h"),
        (60, "m"),
        (1, "s"),
    ];
    let amount = nanoseconds.unsigned_abs();
    let unit = units.into_iter().map(|(seconds, name)| (seconds * 1_000_000_000, name));
    let largest = unit.into_iter().find(|(length, _)| amount > *length);
    Ok(largest.map_or("0s".into(), |(length, name)| format!("{}{name}", amount / length).into()))
}

/// What JSON and YAML print for an object, if it is a time.
pub(super) fn to_rfc3339(object: &dyn Object) -> Option<Str> {
    let time: &Time = object.as_any().downcast_ref()?;
    Some(layout::format(time, b"2006-01-02T15:04:05.999999999Z07:00").into())
}

/// The year of a moment in UTC, and the rest as digits.
pub(super) fn utc_parts(at: Timestamp) -> (i64, String) {
    let time = Time { at, zone: Zone::Utc };
    let rest = layout::format(&time, b"0102150405");
    (time.date().0, String::from_utf8_lossy(&rest).into_owned())
}

/// A time read by a layout.
pub(super) fn parsed(layout: &[u8], text: &[u8]) -> Option<Value> {
    parse::parse(layout, text).ok().map(Value::from)
}

#[cfg(test)]
mod tests;
