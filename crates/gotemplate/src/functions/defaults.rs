//! Emptiness and what to take instead.

use super::Outcome;
use crate::context::Context;
use crate::function::{Args, Function};
use crate::types::Type;
use crate::value::Value;

const ANY: &Type = Type::ANY;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("default", &[ANY, ANY], ANY, |_, a| {
        Ok(a.any(if is_empty(a.any(1)) { 0 } else { 1 }).clone())
    }),
    Function::new("empty", &[ANY], Type::BOOL, |_, a| Ok(Value::Bool(is_empty(a.any(0))))),
    Function::variadic("coalesce", &[ANY], ANY, coalesce),
    Function::variadic("all", &[ANY], Type::BOOL, |_, a| {
        Ok(Value::Bool(!a.0.iter().any(is_empty)))
    }),
    Function::variadic("any", &[ANY], Type::BOOL, |_, a| {
        Ok(Value::Bool(!a.0.iter().all(is_empty)))
    }),
    Function::new("ternary", &[ANY, ANY, Type::BOOL], ANY, |_, a| {
        Ok(a.any(if a.bool(2)? { 0 } else { 1 }).clone())
    }),
];

/// Sprig's `empty`: the zero value of a kind; a struct never is.
pub(super) fn is_empty(value: &Value) -> bool {
    !value.is_true()
}

fn coalesce(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    Ok(args.0.iter().find(|value| !is_empty(value)).cloned().unwrap_or_default())
}
