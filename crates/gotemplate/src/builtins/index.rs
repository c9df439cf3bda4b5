//! `index`, `slice` and `len`.

use super::Result;
use crate::context::Context;
use crate::exec::{integer, zero};
use crate::function::{Args, FunctionError};
use crate::types::{Kind, Type};
use crate::value::{List, Str, Value};

fn error<T>(text: impl Into<String>) -> std::result::Result<T, FunctionError> {
    Err(FunctionError::new(text))
}

/// Is it no value, or an interface that holds none?
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Nil => true,
        Value::TypedNil(of) => of.kind() == Kind::Interface,
        _ => false,
    }
}

/// What pointers point to in the end; `None` for a nil pointer or interface.
fn indirect(value: &Value) -> Option<Value> {
    let target = value.indirect();
    match &target {
        Value::Nil => None,
        Value::TypedNil(of) if matches!(of.kind(), Kind::Interface | Kind::Ptr) => None,
        _ => Some(target),
    }
}

fn type_of(value: &Value) -> &'static Type {
    value.go_type().unwrap_or(Type::ANY)
}

pub(super) fn index(_: &mut Context<'_>, args: Args<'_>) -> Result {
    let mut item = args.any(0).clone();
    if is_nothing(&item) {
        return error("index of untyped nil");
    }
    for index in args.rest(1) {
        let Some(target) = indirect(&item) else { return error("index of nil pointer") };
        item = element(&target, index)?;
    }
    Ok(item)
}

fn element(item: &Value, index: &Value) -> Result {
    let kind = item.kind();
    let found = match kind {
        Kind::String => {
            let text = item.as_str().unwrap_or_default();
            let at = position(index, text.len())?;
            text.get(at).map(|byte| Value::Uint8(*byte))
        }
        Kind::Slice | Kind::Array => {
            if let Value::Bytes(bytes) = item {
                let at = position(index, bytes.len())?;
                bytes.get(at).map(|byte| Value::Uint8(*byte))
            } else {
                let list = item.as_list().unwrap_or(List::of_bytes(b""));
                list.get(position(index, list.len())?).cloned()
            }
        }
        Kind::Map => {
            let of = type_of(item);
            let key = prepare(index, of.key())?;
            let found = item.as_map().and_then(|map| map.get_value(&key));
            return Ok(found.unwrap_or_else(|| zero(of.element())));
        }
        _ => return error(format!("can't index item of type {}", type_of(item))),
    };
    // Go lets the position after the last pass its own check, and then panics.
    found.map_or_else(|| error(format!("reflect: {kind} index out of range")), Ok)
}

/// The value as one of this type: an integer of one type passes as another's.
pub(super) fn prepare(value: &Value, of: &'static Type) -> Result {
    if is_nothing(value) {
        if !of.can_be_nil() {
            return error(format!("value is nil; should be of type {of}"));
        }
        return Ok(zero(of));
    }
    let own = type_of(value);
    if own.is_assignable_to(of) || of.is(Type::REFLECT) {
        return Ok(value.clone());
    }
    let is_integer = |kind: Kind| kind.is_signed() || kind.is_unsigned();
    if is_integer(own.kind()) && is_integer(of.kind()) {
        let signed = value.as_signed().map(i64::cast_unsigned);
        return Ok(integer(of.kind(), signed.or(value.as_unsigned()).unwrap_or(0)));
    }
    error(format!("value has type {own}; should be {of}"))
}

fn no_index(of: &Type) -> String {
    format!("cannot index slice/array with type {of}")
}

/// The index as a number from 0 to `end`.
fn position(index: &Value, end: usize) -> std::result::Result<usize, FunctionError> {
    if is_nothing(index) {
        return error("cannot index slice/array with nil");
    }
    let Some(at) = index.as_signed().or(index.as_unsigned().map(u64::cast_signed)) else {
        return error(no_index(type_of(index)));
    };
    match usize::try_from(at) {
        Ok(at) if at <= end => Ok(at),
        _ => error(format!("index out of range: {at}")),
    }
}

pub(super) fn slice(_: &mut Context<'_>, args: Args<'_>) -> Result {
    if is_nothing(args.any(0)) {
        return error("slice of untyped nil");
    }
    let Some(item) = indirect(args.any(0)) else { return error("slice of nil pointer") };
    let indexes = args.rest(1);
    if indexes.len() > 3 {
        return error(format!("too many slice indexes: {}", indexes.len()));
    }
    match item.kind() {
        Kind::String if indexes.len() == 3 => error("cannot 3-index slice a string"),
        Kind::String => {
            let text = item.as_str().unwrap_or_default();
            let [start, end, _] = bounds(indexes, text.len(), text.len())?;
            Ok(Value::String(Str::new(text.get(start..end).unwrap_or_default())))
        }
        Kind::Slice | Kind::Array => slice_list(&item, indexes),
        _ => error(format!("can't slice item of type {}", type_of(&item))),
    }
}

fn slice_list(item: &Value, indexes: &[Value]) -> Result {
    if let Value::Bytes(bytes) = item {
        let [start, end, _] = bounds(indexes, bytes.len(), bytes.len())?;
        return Ok(Value::Bytes(bytes.get(start..end).unwrap_or_default().into()));
    }
    let list = item.as_list().unwrap_or(List::of_bytes(b""));
    let [start, end, cap] = bounds(indexes, list.len(), list.capacity())?;
    let there = list.get(start.min(list.len())..end.min(list.len())).unwrap_or_default();
    let mut items = there.to_vec();
    items.resize_with(end - start, || zero(list.element()));
    Ok(Value::List(List::with_capacity(slice_type(list.go_type()), items, cap - start)))
}

/// Start, end and capacity that the indexes say.
fn bounds(
    indexes: &[Value],
    len: usize,
    cap: usize,
) -> std::result::Result<[usize; 3], FunctionError> {
    let mut bounds = [0, len, cap];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = match index {
            Value::TypedNil(of) => return error(no_index(of)),
            _ => position(index, cap)?,
        };
    }
    let [start, end, cap] = bounds;
    if start > end {
        return error(format!("invalid slice index: {start} > {end}"));
    }
    if indexes.len() == 3 && end > cap {
        return error(format!("invalid slice index: {end} > {cap}"));
    }
    Ok(bounds)
}

/// The type of a slice of it: an array's is not its own. (Only those of the common types are known.)
fn slice_type(of: &'static Type) -> &'static Type {
    let Type::Array(_, element) = of.underlying() else { return of };
    let known = [Type::ANY_SLICE, Type::STRING_SLICE, Type::INT_SLICE, Type::BYTES];
    known.into_iter().find(|known| known.element().is(element)).unwrap_or(of)
}

pub(super) fn len(_: &mut Context<'_>, args: Args<'_>) -> Result {
    if matches!(args.any(0), Value::Nil) {
        return error("reflect: call of reflect.Value.Type on zero Value");
    }
    let Some(item) = indirect(args.any(0)) else { return error("len of nil pointer") };
    let len = match item.kind() {
        Kind::String => item.as_str().map_or(0, |text| text.len()),
        Kind::Map => item.as_map().map_or(0, |map| map.len()),
        Kind::Slice | Kind::Array => match &item {
            Value::Bytes(bytes) => bytes.len(),
            _ => item.as_list().map_or(0, |list| list.len()),
        },
        Kind::Chan => 0,
        _ => return error(format!("len of type {}", type_of(&item))),
    };
    Ok(Value::Int(len as i64))
}
