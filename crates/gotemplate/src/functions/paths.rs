//! Slash-separated paths (`path`), which are also those of files here (`path/filepath` on Unix).

use crate::function::Function;
use crate::types::Type;
use crate::value::{Str, Value};

const STRING: &Type = Type::STRING;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("base", &[STRING], STRING, |_, a| Ok(text(base(a.string(0)?)))),
    Function::new("dir", &[STRING], STRING, |_, a| Ok(text(&dir(a.string(0)?)))),
    Function::new("clean", &[STRING], STRING, |_, a| Ok(text(&clean(a.string(0)?)))),
    Function::new("ext", &[STRING], STRING, |_, a| Ok(text(extension(a.string(0)?)))),
    Function::new("isAbs", &[STRING], Type::BOOL, |_, a| {
        Ok(Value::Bool(a.string(0)?.starts_with(b"/")))
    }),
    Function::new("osBase", &[STRING], STRING, |_, a| Ok(text(base(a.string(0)?)))),
    Function::new("osDir", &[STRING], STRING, |_, a| Ok(text(&dir(a.string(0)?)))),
    Function::new("osClean", &[STRING], STRING, |_, a| Ok(text(&clean(a.string(0)?)))),
    Function::new("osExt", &[STRING], STRING, |_, a| Ok(text(extension(a.string(0)?)))),
    Function::new("osIsAbs", &[STRING], Type::BOOL, |_, a| {
        Ok(Value::Bool(a.string(0)?.starts_with(b"/")))
    }),
];

fn text(bytes: &[u8]) -> Value {
    Value::String(Str::new(bytes))
}

/// The last element; `.` of the empty path, `/` of slashes alone.
fn base(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|b| *b != b'/').map_or(0, |at| at + 1);
    match &path[..end] {
        [] if path.is_empty() => b".",
        [] => b"/",
        named => named.rsplit(|b| *b == b'/').next().unwrap_or(named),
    }
}

/// All but the last element, cleaned.
fn dir(path: &[u8]) -> Vec<u8> {
    let end = path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
    clean(&path[..end])
}

/// The shortest path that means the same, by its text alone.
fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut kept: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if kept.last().is_some_and(|last| *last != b"..") => {
                kept.pop();
            }
            b".." if rooted => {}
            _ => kept.push(part),
        }
    }
    let joined = kept.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", &joined[..]].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

/// From the last dot of the last element on.
fn extension(path: &[u8]) -> &[u8] {
    let start = path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
    let name = &path[start..];
    name.iter().rposition(|b| *b == b'.').map_or(b"", |dot| &name[dot..])
}
