//! Strings: cutting, joining, searching, quoting. All of it on bytes, as Go does.

use memchr::memmem;

use super::cast::to_string;
use super::runes::{decode, is_space, map, runes, to_lower, to_upper};
use super::{Outcome, words};
use crate::context::Context;
use crate::function::{Args, Function, FunctionError};
use crate::strconv::{self, Charset};
use crate::types::Type;
use crate::value::{Map, Str, Value};

const ANY: &Type = Type::ANY;
const INT: &Type = Type::INT;
const STRING: &Type = Type::STRING;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("trim", &[STRING], STRING, |_, a| text(trim(a.string(0)?, is_space))),
    Function::new("trimAll", &[STRING, STRING], STRING, trim_all),
    Function::new("trimall", &[STRING, STRING], STRING, trim_all),
    Function::new("trimPrefix", &[STRING, STRING], STRING, |_, a| {
        let (prefix, whole) = (a.string(0)?, a.string(1)?);
        text(whole.strip_prefix(&prefix[..]).unwrap_or(whole))
    }),
    Function::new("trimSuffix", &[STRING, STRING], STRING, |_, a| {
        let (suffix, whole) = (a.string(0)?, a.string(1)?);
        text(whole.strip_suffix(&suffix[..]).unwrap_or(whole))
    }),
    Function::new("upper", &[STRING], STRING, |_, a| text(upper(a.string(0)?))),
    Function::new("lower", &[STRING], STRING, |_, a| text(lower(a.string(0)?))),
    Function::new("title", &[STRING], STRING, |_, a| text(words::title(a.string(0)?))),
    Function::new("untitle", &[STRING], STRING, |_, a| text(words::untitle(a.string(0)?))),
    Function::new("swapcase", &[STRING], STRING, |_, a| text(words::swap_case(a.string(0)?))),
    Function::new("initials", &[STRING], STRING, |_, a| text(words::initials(a.string(0)?))),
    Function::new("nospace", &[STRING], STRING, |_, a| text(words::without_space(a.string(0)?))),
    Function::new("snakecase", &[STRING], STRING, |_, a| {
        text(words::join_lower(a.string(0)?, '_'))
    }),
    Function::new("kebabcase", &[STRING], STRING, |_, a| {
        text(words::join_lower(a.string(0)?, '-'))
    }),
    Function::new("camelcase", &[STRING], STRING, |_, a| text(words::pascal_case(a.string(0)?))),
    Function::new("abbrev", &[INT, STRING], STRING, |_, a| abbreviate(0, a.int(0)?, a.string(1)?)),
    Function::new("abbrevboth", &[INT, INT, STRING], STRING, |_, a| {
        abbreviate(a.int(0)?, a.int(1)?, a.string(2)?)
    }),
    Function::new("wrap", &[INT, STRING], STRING, |_, a| {
        text(words::wrap(a.string(1)?, a.int(0)?, b"", false))
    }),
    Function::new("wrapWith", &[INT, STRING, STRING], STRING, wrap_with),
    Function::new("trunc", &[INT, STRING], STRING, truncate),
    Function::new("substr", &[INT, INT, STRING], STRING, substring),
    Function::new("repeat", &[INT, STRING], STRING, |c, a| {
        text(repeat(c, a.string(1)?, a.int(0)?)?)
    }),
    Function::new("replace", &[STRING, STRING, STRING], STRING, replace),
    Function::new("contains", &[STRING, STRING], Type::BOOL, |_, a| {
        Ok(Value::Bool(memmem::find(a.string(1)?, a.string(0)?).is_some()))
    }),
    Function::new("hasPrefix", &[STRING, STRING], Type::BOOL, |_, a| {
        Ok(Value::Bool(a.string(1)?.starts_with(a.string(0)?)))
    }),
    Function::new("hasSuffix", &[STRING, STRING], Type::BOOL, |_, a| {
        Ok(Value::Bool(a.string(1)?.ends_with(a.string(0)?)))
    }),
    Function::variadic("quote", &[ANY], STRING, |c, a| {
        join_present(c, a, |c, v| Ok(strconv::quote(&to_string(c, v)?, Charset::Unicode)))
    }),
    Function::variadic("squote", &[ANY], STRING, |c, a| {
        join_present(c, a, |c, v| Ok([b"'", &printed(c, v)?[..], b"'"].concat()))
    }),
    Function::variadic("cat", &[ANY], STRING, |c, a| {
        join_present(c, a, |c, v| Ok(printed(c, v)?.to_vec()))
    }),
    Function::new("indent", &[INT, STRING], STRING, |c, a| {
        text(indent(c, a.int(0)?, a.string(1)?, b"")?)
    }),
    Function::new("nindent", &[INT, STRING], STRING, |c, a| {
        text(indent(c, a.int(0)?, a.string(1)?, b"\n")?)
    }),
    Function::new("plural", &[STRING, STRING, INT], STRING, |_, a| {
        Ok(a.any(usize::from(a.int(2)? != 1)).clone())
    }),
    Function::new("toString", &[ANY], STRING, |c, a| to_string(c, a.any(0)).map(Value::String)),
    Function::new("toStrings", &[ANY], Type::STRING_SLICE, |c, a| {
        strings(c, a.any(0)).map(Value::strings)
    }),
    Function::new("join", &[STRING, ANY], STRING, join),
    Function::new("sortAlpha", &[ANY], Type::STRING_SLICE, sort_alpha),
    Function::new("split", &[STRING, STRING], Type::STRING_MAP, |c, a| {
        numbered(c, split(a.string(1)?, a.string(0)?, -1))
    }),
    Function::new("splitn", &[STRING, INT, STRING], Type::STRING_MAP, |c, a| {
        numbered(c, split(a.string(2)?, a.string(0)?, a.int(1)?))
    }),
    Function::new("splitList", &[STRING, STRING], Type::STRING_SLICE, |c, a| {
        let parts = split(a.string(1)?, a.string(0)?, -1);
        c.charge_bytes((parts.len() * size_of::<Value>()) as u64)?;
        Ok(Value::strings(parts.into_iter().map(Str::from)))
    }),
];

fn text(bytes: impl AsRef<[u8]>) -> Outcome {
    Ok(Value::String(Str::new(bytes.as_ref())))
}

fn trim(mut bytes: &[u8], of: impl Fn(char) -> bool) -> &[u8] {
    while let Some((c, width)) = decode(bytes)
        && of(c)
    {
        bytes = &bytes[width..];
    }
    while let Some((c, width)) = decode_last(bytes)
        && of(c)
    {
        bytes = &bytes[..bytes.len() - width];
    }
    bytes
}

/// The last code point, and how many bytes it takes.
fn decode_last(bytes: &[u8]) -> Option<(char, usize)> {
    let whole = |start| decode(&bytes[start..]).filter(|(_, width)| start + width == bytes.len());
    let earliest = bytes.len().saturating_sub(4);
    (earliest..bytes.len()).find_map(whole)
}

fn trim_all(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let mut cut: Vec<char> = runes(args.string(0)?).collect();
    cut.sort_unstable();
    text(trim(args.string(1)?, |c| cut.binary_search(&c).is_ok()))
}

/// `strings.ToUpper`; text that is already so keeps its invalid bytes.
fn upper(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_ascii() { bytes.to_ascii_uppercase() } else { map(bytes, to_upper) }
}

/// `strings.ToLower`.
fn lower(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_ascii() { bytes.to_ascii_lowercase() } else { map(bytes, to_lower) }
}

fn abbreviate(left: i64, right: i64, whole: &Str) -> Outcome {
    if right < 4 || left > 0 && right < 7 {
        return Ok(whole.clone().into());
    }
    let offset = usize::try_from(left).unwrap_or(0);
    let width = usize::try_from(right).unwrap_or(0);
    text(words::abbreviate(whole, offset, width).unwrap_or_default())
}

fn wrap_with(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (width, newline, whole) = (args.int(0)?, args.string(1)?, args.string(2)?);
    let lines = whole.len() as u64 / width.max(1).unsigned_abs() + 1;
    context.charge_bytes(lines.saturating_mul(newline.len() as u64))?;
    text(words::wrap(whole, width, newline, true))
}

/// The first bytes, or the last if the number is negative.
fn truncate(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (count, whole) = (args.int(0)?, args.string(1)?);
    let many = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    match whole.len().checked_sub(many) {
        Some(start) if count < 0 && start > 0 => text(&whole[start..]),
        Some(_) if count >= 0 => text(&whole[..many]),
        _ => Ok(whole.clone().into()),
    }
}

/// `text[start:end]`; a negative start is the beginning, an end outside of the text its end.
fn substring(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (start, end, whole) = (args.int(0)?, args.int(1)?, args.string(2)?);
    let len = whole.len() as i64;
    let bounds = |low: i64, high: i64| whole.get(low as usize..high as usize);
    let (part, wrong) = if start < 0 {
        let part = (0..=len).contains(&end).then(|| bounds(0, end)).flatten();
        let wrong =
            if end < 0 { format!("[:{end}]") } else { format!("[:{end}] with length {len}") };
        (part, wrong)
    } else if end < 0 || end > len {
        (if start <= len { bounds(start, len) } else { None }, format!("[{start}:{len}]"))
    } else {
        (bounds(start, end), format!("[{start}:{end}]"))
    };
    let out_of_range =
        || FunctionError::new(format!("runtime error: slice bounds out of range {wrong}"));
    text(part.ok_or_else(out_of_range)?)
}

/// `strings.Repeat`.
fn repeat(context: &mut Context<'_>, part: &[u8], times: i64) -> Result<Vec<u8>, FunctionError> {
    let Ok(count) = usize::try_from(times) else {
        return Err(FunctionError::new("strings: negative Repeat count"));
    };
    let Some(len) = part.len().checked_mul(count).filter(|len| i64::try_from(*len).is_ok()) else {
        return Err(FunctionError::new("strings: Repeat output length overflow"));
    };
    context.charge_bytes(len as u64)?;
    Ok(if part.is_empty() { Vec::new() } else { part.repeat(count) })
}

fn replace(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (old, new, whole) = (args.string(0)?, args.string(1)?, args.string(2)?);
    let places = if old.is_empty() {
        boundaries(whole)
    } else {
        memmem::find_iter(whole, &old[..]).collect()
    };
    if places.is_empty() {
        return Ok(whole.clone().into());
    }
    context.charge_bytes((places.len() as u64).saturating_mul(new.len() as u64))?;
    let mut out = Vec::with_capacity(whole.len() + places.len() * new.len());
    let mut from = 0;
    for at in places {
        out.extend_from_slice(&whole[from..at]);
        out.extend_from_slice(new);
        from = at + old.len();
    }
    out.extend_from_slice(&whole[from..]);
    text(out)
}

/// The offsets of all code points, and the end.
fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let mut at = 0;
    let mut places = vec![0];
    while let Some((_, width)) = decode(&bytes[at..]) {
        at += width;
        places.push(at);
    }
    places
}

/// `%v`.
fn printed(context: &mut Context<'_>, value: &Value) -> Result<Str, FunctionError> {
    context.sprint(std::slice::from_ref(value))
}

type Written = Result<Vec<u8>, FunctionError>;

/// What is not nil, separated by spaces.
fn join_present(
    context: &mut Context<'_>,
    args: Args<'_>,
    write: impl Fn(&mut Context<'_>, &Value) -> Written,
) -> Outcome {
    let present = args.0.iter().filter(|value| !matches!(value, Value::Nil));
    let parts = present.map(|value| write(context, value)).collect::<Result<Vec<_>, _>>()?;
    text(parts.join(&b' '))
}

fn indent(
    context: &mut Context<'_>,
    spaces: i64,
    whole: &[u8],
    before: &[u8],
) -> Result<Vec<u8>, FunctionError> {
    let pad = repeat(context, b" ", spaces)?;
    let lines = memchr::memchr_iter(b'\n', whole).count() + 1;
    context.charge_bytes((lines as u64).saturating_mul(pad.len() as u64))?;
    let mut out = Vec::with_capacity(before.len() + whole.len() + lines * pad.len());
    out.extend_from_slice(before);
    out.extend_from_slice(&pad);
    for line in whole.split_inclusive(|b| *b == b'\n') {
        out.extend_from_slice(line);
        if line.ends_with(b"\n") {
            out.extend_from_slice(&pad);
        }
    }
    Ok(out)
}

/// Sprig's `strslice`: the elements of a list as strings, without nil; another value alone.
fn strings(context: &mut Context<'_>, value: &Value) -> Result<Vec<Str>, FunctionError> {
    if let Value::Nil = value {
        return Ok(Vec::new());
    }
    let Some(list) = value.as_list() else { return Ok(vec![to_string(context, value)?]) };
    let present = list.iter().filter(|value| !matches!(value, Value::Nil));
    present.map(|value| to_string(context, value)).collect()
}

fn join(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let separator = args.string(0)?;
    let parts = strings(context, args.any(1))?;
    let len = parts.iter().map(|part| part.len() as u64 + separator.len() as u64).sum();
    context.charge_bytes(len)?;
    text(parts.join(&separator[..]))
}

fn sort_alpha(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let mut sorted = match args.any(0).indirect().as_list() {
        Some(_) => strings(context, args.any(0))?,
        None => vec![to_string(context, args.any(0))?],
    };
    sorted.sort_unstable();
    Ok(Value::strings(sorted))
}

/// `strings.SplitN`: at most `limit` parts, none for 0, all for a negative one. Without a separator
/// the code points.
fn split<'a>(whole: &'a [u8], separator: &[u8], limit: i64) -> Vec<&'a [u8]> {
    let most = if limit < 0 { usize::MAX } else { usize::try_from(limit).unwrap_or(usize::MAX) };
    if most == 0 {
        return Vec::new();
    }
    let cuts: Vec<usize> = if separator.is_empty() {
        let inner = boundaries(whole);
        inner.get(1..inner.len().saturating_sub(1)).unwrap_or_default().to_vec()
    } else {
        memmem::find_iter(whole, separator).take(most - 1).collect()
    };
    let mut parts = Vec::new();
    let mut from = 0;
    for cut in cuts.into_iter().take(most - 1) {
        parts.push(&whole[from..cut]);
        from = cut + separator.len();
    }
    if !separator.is_empty() || !whole.is_empty() {
        parts.push(&whole[from..]);
    }
    parts
}

/// A map of the parts under the keys `_0`, `_1`, ...
fn numbered(context: &mut Context<'_>, parts: Vec<&[u8]>) -> Outcome {
    context.charge_bytes((parts.len() * size_of::<(Str, Value)>()) as u64)?;
    let entry = |(index, part): (usize, &[u8])| (format!("_{index}").into(), Str::new(part).into());
    Ok(Value::Map(Map::new(Type::STRING_MAP, parts.into_iter().enumerate().map(entry))))
}
