//! Merging maps as `dario.cat/mergo` does it with and without its overwrite option.
//!
//! Maps merge into the destination's own map, deeply and in place; what the destination lacks is
//! taken over from the source by reference, so that the two then share it. Without overwriting, only
//! what is empty in the destination gives way; with it, even an empty value of the source wins, but
//! a list or map that both have is treated as below.

use super::super::Outcome;
use super::super::defaults::is_empty;
use crate::context::{Context, Exhausted};
use crate::function::{Args, FunctionError};
use crate::types::Kind;
use crate::value::{Map, Value};

/// How deep maps may be nested in each other.
const DEEPEST: usize = 1000;

/// `merge` and `mergeOverwrite`: a failed merge gives the empty string.
pub(super) fn quietly(context: &mut Context<'_>, args: Args<'_>, overwrite: bool) -> Outcome {
    match all(context, args, overwrite) {
        Err(FunctionError::Message(_)) => Ok("".into()),
        outcome => outcome,
    }
}

/// Merges all maps that follow into the first, and returns it.
pub(super) fn all(context: &mut Context<'_>, args: Args<'_>, overwrite: bool) -> Outcome {
    let mut into = args.map(0)?;
    for index in 1..args.len() {
        let Some(from) = args.map(index)? else { continue };
        let into = into.get_or_insert_with(|| Map::any([]));
        merge(context, into, &from, overwrite, 0)?;
    }
    Ok(into.map_or_else(|| args.any(0).clone(), Value::Map))
}

fn merge(
    context: &mut Context<'_>,
    into: &Map,
    from: &Map,
    overwrite: bool,
    depth: usize,
) -> Result<(), FunctionError> {
    if depth > DEEPEST {
        return Err(Exhausted::Nesting.into());
    }
    context.charge_steps(from.len() as u64)?;
    for (key, theirs) in from.entries() {
        let ours = into.get(&key);
        if let Value::Nil = theirs {
            if overwrite {
                context.put(into, key, theirs);
            }
            continue;
        }
        if let (Some(Value::Map(ours)), Value::Map(theirs)) = (&ours, &theirs) {
            merge(context, ours, theirs, overwrite, depth + 1)?;
        }
        check_pointers(ours.as_ref(), &theirs, overwrite)?;
        // An empty map takes a list over even where its place is not free.
        let list = theirs.kind() == Kind::Slice;
        let replaced = list && (overwrite || into.is_empty());
        let ours = ours.filter(|value| !is_zero(value));
        let keeps = ours.is_some_and(|ours| {
            list || ours.kind() == Kind::Map && theirs.kind() == Kind::Map || !overwrite
        });
        if replaced || !keeps {
            context.put(into, key, theirs);
        }
    }
    Ok(())
}

/// A pointer in the destination cannot be merged with a map or a struct.
fn check_pointers(
    ours: Option<&Value>,
    theirs: &Value,
    overwrite: bool,
) -> Result<(), FunctionError> {
    let pointer = ours.is_some_and(|value| value.kind() == Kind::Ptr);
    if pointer && !overwrite && matches!(theirs.kind(), Kind::Map | Kind::Struct) {
        return Err(FunctionError::new("src and dst must be of same type"));
    }
    Ok(())
}

/// Mergo's notion of empty, which is that of `encoding/json`'s `omitempty`: a pointer counts as what
/// it points to.
fn is_zero(value: &Value) -> bool {
    is_empty(&value.indirect())
}
