//! `html`, `js` and `urlquery`.

use super::Result;
use crate::context::Context;
use crate::function::{Args, FunctionError};
use crate::unicode;
use crate::value::{Str, Value};

/// The arguments as one text: as an action would print one, as `print` would print several.
fn joined(cx: &mut Context<'_>, args: Args<'_>) -> std::result::Result<Str, FunctionError> {
    if let [Value::String(text)] = args.0 {
        return Ok(text.clone());
    }
    let printable = |value: &Value| match value {
        Value::Nil => Value::string("<no value>"),
        other => other.indirect(),
    };
    let values: Vec<Value> = args.0.iter().map(printable).collect();
    cx.sprint(&values)
}

pub(super) fn html(cx: &mut Context<'_>, args: Args<'_>) -> Result {
    let text = joined(cx, args)?;
    let mut out = Vec::with_capacity(text.len());
    for byte in text.iter() {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            byte => out.push(*byte),
        }
    }
    Ok(Value::string(out))
}

pub(super) fn js(cx: &mut Context<'_>, args: Args<'_>) -> Result {
    let text = joined(cx, args)?;
    let mut out = Vec::with_capacity(text.len());
    for (c, bytes) in unicode::runes(&text) {
        match c {
            '\\' => out.extend_from_slice(b"\\\\"),
            '\'' => out.extend_from_slice(b"\\'"),
            '"' => out.extend_from_slice(b"\\\""),
            '<' | '>' | '&' | '=' | '\0'..' ' => {
                out.extend(format!("\\u{:04X}", u32::from(c)).bytes());
            }
            ' '..'\u{80}' => out.extend_from_slice(bytes),
            _ if unicode::is_print(c) => out.extend_from_slice(bytes),
            _ => out.extend(format!("\\u{:04X}", u32::from(c)).bytes()),
        }
    }
    Ok(Value::string(out))
}

pub(super) fn urlquery(cx: &mut Context<'_>, args: Args<'_>) -> Result {
    let text = joined(cx, args)?;
    let mut out = Vec::with_capacity(text.len());
    for byte in text.iter() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            b' ' => out.push(b'+'),
            byte => out.extend(format!("%{byte:02X}").bytes()),
        }
    }
    Ok(Value::string(out))
}
