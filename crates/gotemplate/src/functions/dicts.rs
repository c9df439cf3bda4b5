//! Maps with string keys. `set`, `unset` and the merges change the map that they are given.

mod merge;

use super::cast::to_string;
use super::{Outcome, reflection};
use crate::context::Context;
use crate::function::{Args, Function, FunctionError};
use crate::types::Type;
use crate::value::{Map, Str, Value};

const ANY: &Type = Type::ANY;
const STRING: &Type = Type::STRING;
const MAP: &Type = Type::ANY_MAP;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("dict", &[ANY], MAP, dict),
    Function::new("get", &[MAP, STRING], ANY, |_, a| {
        let found = a.map(0)?.and_then(|map| Some(map.get(a.string(1).ok()?)));
        Ok(found.flatten().unwrap_or_else(|| "".into()))
    }),
    Function::new("set", &[MAP, STRING, ANY], MAP, set),
    Function::new("unset", &[MAP, STRING], MAP, unset),
    Function::new("hasKey", &[MAP, STRING], Type::BOOL, |_, a| {
        let key = a.string(1)?;
        Ok(Value::Bool(a.map(0)?.is_some_and(|map| map.contains(key))))
    }),
    Function::variadic("pluck", &[STRING, MAP], Type::ANY_SLICE, pluck),
    Function::variadic("keys", &[MAP], Type::STRING_SLICE, keys),
    Function::new("values", &[MAP], Type::ANY_SLICE, values),
    Function::variadic("pick", &[MAP, STRING], MAP, pick),
    Function::variadic("omit", &[MAP, STRING], MAP, omit),
    Function::variadic("merge", &[MAP, MAP], ANY, |c, a| merge::quietly(c, a, false)),
    Function::variadic("mergeOverwrite", &[MAP, MAP], ANY, |c, a| merge::quietly(c, a, true)),
    Function::variadic("mustMerge", &[MAP, MAP], ANY, |c, a| merge::all(c, a, false)),
    Function::variadic("mustMergeOverwrite", &[MAP, MAP], ANY, |c, a| merge::all(c, a, true)),
    Function::new("deepCopy", &[ANY], ANY, |c, a| reflection::deep_copy(c, a.any(0))),
    Function::new("mustDeepCopy", &[ANY], ANY, |c, a| reflection::deep_copy(c, a.any(0))),
    Function::variadic("dig", &[ANY], ANY, dig),
];

/// Pairs of key and value; a last key without a value gets the empty string.
fn dict(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let map = Map::any([]);
    for pair in args.0.chunks(2) {
        let key = to_string(context, &pair[0])?;
        map.insert(key, pair.get(1).cloned().unwrap_or_else(|| "".into()));
    }
    Ok(Value::Map(map))
}

fn set(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let map = args.map(0)?.ok_or_else(|| FunctionError::new("assignment to entry in nil map"))?;
    context.put(&map, args.string(1)?.clone(), args.any(2).clone());
    Ok(args.any(0).clone())
}

fn unset(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let key = args.string(1)?;
    args.map(0)?.and_then(|map| map.remove(key));
    Ok(args.any(0).clone())
}

/// The maps among the arguments from `from` on that are not nil.
fn maps(args: Args<'_>, from: usize) -> Result<Vec<Map>, FunctionError> {
    let given = (from..args.len()).map(|index| args.map(index));
    Ok(given.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn pluck(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let key = args.string(0)?;
    Ok(Value::list(maps(args, 1)?.iter().filter_map(|map| map.get(key)).collect()))
}

fn keys(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let maps = maps(args, 0)?;
    context.charge_steps(maps.iter().map(|map| map.len() as u64).sum())?;
    Ok(Value::strings(maps.iter().flat_map(Map::keys)))
}

fn values(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let maps = maps(args, 0)?;
    context.charge_steps(maps.iter().map(|map| map.len() as u64).sum())?;
    let values = maps.iter().flat_map(Map::entries).map(|(_, value)| value);
    Ok(Value::list(values.collect()))
}

fn pick(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let Some(map) = args.map(0)? else { return Ok(Value::map([])) };
    let keys = args.rest(1).iter().filter_map(Value::as_str);
    Ok(Value::map(keys.filter_map(|key| Some((key.clone(), map.get(&key)?)))))
}

fn omit(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let Some(map) = args.map(0)? else { return Ok(Value::map([])) };
    context.charge_steps(map.len() as u64)?;
    let omitted: Vec<Str> = args.rest(1).iter().filter_map(Value::as_str).collect();
    let entries = map.entries().into_iter().filter(|(key, _)| !omitted.contains(key));
    Ok(Value::map(entries))
}

/// The value under a path of keys, or the last argument but one.
fn dig(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let [path @ .., default, map] = args.0 else {
        return Err(FunctionError::new("dig needs at least three arguments"));
    };
    if path.is_empty() {
        return Err(FunctionError::new("dig needs at least three arguments"));
    }
    let mut at = plain_map(map)?;
    let keys = path.iter().map(plain_string).collect::<Result<Vec<_>, _>>()?;
    let Some((last, parents)) = keys.split_last() else { return Ok(default.clone()) };
    for key in parents {
        let Some(next) = at.and_then(|map| map.get(key)) else { return Ok(default.clone()) };
        at = plain_map(&next)?;
    }
    Ok(at.and_then(|map| map.get(last)).unwrap_or_else(|| default.clone()))
}

/// A Go type assertion to `map[string]interface {}`.
fn plain_map(value: &Value) -> Result<Option<Map>, FunctionError> {
    match value {
        Value::Map(map) if map.go_type().is(MAP) => Ok(Some(map.clone())),
        Value::TypedNil(of) if of.is(MAP) => Ok(None),
        _ => Err(wrong_assertion(value, MAP)),
    }
}

/// A Go type assertion to `string`.
fn plain_string(value: &Value) -> Result<Str, FunctionError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        _ => Err(wrong_assertion(value, STRING)),
    }
}

fn wrong_assertion(value: &Value, wanted: &Type) -> FunctionError {
    let found = value.go_type().map_or_else(|| "nil".to_owned(), Type::to_string);
    FunctionError::new(format!("interface conversion: interface {{}} is {found}, not {wanted}"))
}
