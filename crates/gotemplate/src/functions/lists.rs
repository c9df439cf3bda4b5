//! Lists. Each function exists twice, `X` and `mustX`; the first panics where the second returns an
//! error, which a template cannot tell apart.

use super::cast::to_int;
use super::defaults::is_empty;
use super::reflection::deep_equal;
use super::{NIL_POINTER, Outcome};
use crate::context::Context;
use crate::function::{Args, Function, FunctionError};
use crate::types::{Kind, Type};
use crate::value::{List, Value};

const ANY: &Type = Type::ANY;
const LIST: &Type = Type::ANY_SLICE;
const LISTS: &Type = &Type::Slice(Type::ANY_SLICE);
const INT: &Type = Type::INT;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("list", &[ANY], LIST, |_, a| Ok(Value::list(a.0.to_vec()))),
    Function::variadic("tuple", &[ANY], LIST, |_, a| Ok(Value::list(a.0.to_vec()))),
    Function::new("append", &[ANY, ANY], LIST, push),
    Function::new("push", &[ANY, ANY], LIST, push),
    Function::new("mustAppend", &[ANY, ANY], LIST, push),
    Function::new("mustPush", &[ANY, ANY], LIST, push),
    Function::new("prepend", &[ANY, ANY], LIST, prepend),
    Function::new("mustPrepend", &[ANY, ANY], LIST, prepend),
    Function::new("first", &[ANY], ANY, first),
    Function::new("mustFirst", &[ANY], ANY, first),
    Function::new("last", &[ANY], ANY, last),
    Function::new("mustLast", &[ANY], ANY, last),
    Function::new("rest", &[ANY], LIST, rest),
    Function::new("mustRest", &[ANY], LIST, rest),
    Function::new("initial", &[ANY], LIST, initial),
    Function::new("mustInitial", &[ANY], LIST, initial),
    Function::new("reverse", &[ANY], LIST, reverse),
    Function::new("mustReverse", &[ANY], LIST, reverse),
    Function::new("compact", &[ANY], LIST, compact),
    Function::new("mustCompact", &[ANY], LIST, compact),
    Function::new("uniq", &[ANY], LIST, unique),
    Function::new("mustUniq", &[ANY], LIST, unique),
    Function::variadic("without", &[ANY, ANY], LIST, without),
    Function::variadic("mustWithout", &[ANY, ANY], LIST, without),
    Function::new("has", &[ANY, ANY], Type::BOOL, has),
    Function::new("mustHas", &[ANY, ANY], Type::BOOL, has),
    Function::variadic("slice", &[ANY, ANY], ANY, slice),
    Function::variadic("mustSlice", &[ANY, ANY], ANY, slice),
    Function::variadic("concat", &[ANY], ANY, concat),
    Function::new("chunk", &[INT, ANY], LISTS, chunk),
    Function::new("mustChunk", &[INT, ANY], LISTS, chunk),
];

/// The list, or the error of a function that does `what` it says.
fn list(value: &Value, what: &str) -> Result<List, FunctionError> {
    match value.kind() {
        Kind::Slice | Kind::Array => Ok(value.as_list().unwrap_or_else(|| List::new(LIST, vec![]))),
        Kind::Invalid => Err(FunctionError::new(NIL_POINTER)),
        kind => Err(FunctionError::new(format!("{what} {kind}"))),
    }
}

/// Pays for a new list of so many elements, and for looking at them.
fn charge(context: &mut Context<'_>, elements: usize) -> Result<(), FunctionError> {
    context.charge_steps(elements as u64)?;
    context.charge_bytes((elements as u64).saturating_mul(size_of::<Value>() as u64))
}

fn push(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let list = list(args.any(0), "Cannot push on type")?;
    charge(context, list.len() + 1)?;
    Ok(Value::list(list.iter().chain([args.any(1)]).cloned().collect()))
}

fn prepend(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let list = list(args.any(0), "Cannot prepend on type")?;
    charge(context, list.len() + 1)?;
    Ok(Value::list([args.any(1)].into_iter().chain(list.iter()).cloned().collect()))
}

fn first(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let list = list(args.any(0), "Cannot find first on type")?;
    Ok(list.first().cloned().unwrap_or_default())
}

fn last(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let list = list(args.any(0), "Cannot find last on type")?;
    Ok(list.last().cloned().unwrap_or_default())
}

fn rest(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let list = list(args.any(0), "Cannot find rest on type")?;
    charge(context, list.len())?;
    Ok(list.get(1..).map_or(Value::TypedNil(LIST), |rest| Value::list(rest.to_vec())))
}

fn initial(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let list = list(args.any(0), "Cannot find initial on type")?;
    charge(context, list.len())?;
    let initial = list.split_last().map(|(_, initial)| initial.to_vec());
    Ok(initial.map_or(Value::TypedNil(LIST), Value::list))
}

fn reverse(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let list = list(args.any(0), "Cannot find reverse on type")?;
    charge(context, list.len())?;
    Ok(Value::list(list.iter().rev().cloned().collect()))
}

fn compact(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let list = list(args.any(0), "Cannot compact on type")?;
    charge(context, list.len())?;
    Ok(Value::list(list.iter().filter(|value| !is_empty(value)).cloned().collect()))
}

fn unique(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let list = list(args.any(0), "Cannot find uniq on type")?;
    let mut seen: Vec<Value> = Vec::new();
    for value in list.iter() {
        if !contains(context, &seen, value)? {
            seen.push(value.clone());
        }
    }
    charge(context, seen.len())?;
    Ok(Value::list(seen))
}

fn contains(
    context: &mut Context<'_>,
    values: &[Value],
    value: &Value,
) -> Result<bool, FunctionError> {
    for candidate in values {
        context.charge_steps(1)?;
        if deep_equal(context, value, candidate)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn without(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let list = list(args.any(0), "Cannot find without on type")?;
    charge(context, list.len())?;
    let mut kept = Vec::new();
    for value in list.iter() {
        if !contains(context, args.rest(1), value)? {
            kept.push(value.clone());
        }
    }
    Ok(Value::list(kept))
}

fn has(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    if let Value::Nil = args.any(1) {
        return Ok(Value::Bool(false));
    }
    let list = list(args.any(1), "Cannot find has on type")?;
    contains(context, &list, args.any(0)).map(Value::Bool)
}

/// A part of a list, of the list's own type; nil of an empty one.
fn slice(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let list = list(args.any(0), "list should be type of slice or array but")?;
    if list.is_empty() {
        return Ok(Value::Nil);
    }
    let len = list.len() as i64;
    let start = if args.len() > 1 { to_int(args.any(1)) } else { 0 };
    let end = if args.len() > 2 { to_int(args.any(2)) } else { len };
    let part = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let part = part.and_then(|(start, end)| list.get(start..end));
    let part =
        part.ok_or_else(|| FunctionError::new("reflect.Value.Slice: slice index out of bounds"))?;
    charge(context, part.len())?;
    Ok(Value::List(List::new(list.go_type(), part.to_vec())))
}

/// One list of all elements; nil of none.
fn concat(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let mut all = Vec::new();
    for value in args.0 {
        let list = match value.kind() {
            Kind::Slice | Kind::Array | Kind::Invalid => list(value, "")?,
            kind => {
                return Err(FunctionError::new(format!("Cannot concat type {kind} as list")));
            }
        };
        charge(context, list.len())?;
        all.extend(list.iter().cloned());
    }
    Ok(if all.is_empty() { Value::TypedNil(LIST) } else { Value::list(all) })
}

/// Lists of `size` elements each; the last may be shorter.
fn chunk(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let list = list(args.any(1), "Cannot chunk type")?;
    let size = args.int(0)?;
    charge(context, list.len())?;
    let chunks = match usize::try_from(size) {
        Ok(size @ 1..) => list.chunks(size).map(|part| Value::list(part.to_vec())).collect(),
        _ => return impossible_chunks(&list, size),
    };
    Ok(Value::List(List::new(LISTS, chunks)))
}

/// What Go's arithmetic makes of a size below 1: of one element a chunk, of several none or a panic.
fn impossible_chunks(list: &List, size: i64) -> Outcome {
    let chunks = match (list.len() as i64, size) {
        (1, ..-1) => vec![Value::list(list.to_vec())],
        (len @ 2.., ..0) if len - 1 <= size.saturating_neg() => vec![],
        _ => return Err(FunctionError::new("runtime error: makeslice: len out of range")),
    };
    Ok(Value::List(List::new(LISTS, chunks)))
}
