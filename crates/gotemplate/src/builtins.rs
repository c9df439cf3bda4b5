//! The functions that every template has: Go's own.

mod compare;
mod escape;
mod index;

use crate::context::Context;
use crate::fmt;
use crate::function::{Args, Evaluation, Function, FunctionError, Signature};
use crate::types::{Kind, Type};
use crate::value::Value;

type Result = std::result::Result<Value, FunctionError>;

const ANY: &Type = Type::ANY;
const REFLECT: &Type = Type::REFLECT;

/// What `Functions::builtins` has.
pub(crate) const BUILTINS: &[Function] = &[
    special("and", Evaluation::And),
    special("or", Evaluation::Or),
    special("call", Evaluation::Call),
    Function::variadic("html", &[ANY], Type::STRING, escape::html),
    Function::variadic("js", &[ANY], Type::STRING, escape::js),
    Function::variadic("urlquery", &[ANY], Type::STRING, escape::urlquery),
    Function::variadic("index", &[REFLECT, REFLECT], REFLECT, index::index),
    Function { body: index::slice, ..special("slice", Evaluation::Slice) },
    Function::new("len", &[REFLECT], Type::INT, index::len),
    Function::new("not", &[REFLECT], Type::BOOL, not),
    Function::variadic("print", &[ANY], Type::STRING, print),
    Function::variadic("printf", &[Type::STRING, ANY], Type::STRING, printf),
    Function::variadic("println", &[ANY], Type::STRING, println),
    Function::variadic("eq", &[REFLECT, REFLECT], Type::BOOL, compare::eq),
    Function::new("ne", &[REFLECT, REFLECT], Type::BOOL, compare::ne),
    Function::new("lt", &[REFLECT, REFLECT], Type::BOOL, compare::lt),
    Function::new("le", &[REFLECT, REFLECT], Type::BOOL, compare::le),
    Function::new("gt", &[REFLECT, REFLECT], Type::BOOL, compare::gt),
    Function::new("ge", &[REFLECT, REFLECT], Type::BOOL, compare::ge),
];

/// A function that the interpreter does not evaluate like others.
const fn special(name: &'static str, evaluation: Evaluation) -> Function {
    let signature = Signature { params: &[REFLECT, REFLECT], variadic: true, result: REFLECT };
    Function { name, signature, body: call, evaluation }
}

fn not(_: &mut Context<'_>, args: Args<'_>) -> Result {
    Ok(Value::Bool(!args.any(0).is_true()))
}

fn print(cx: &mut Context<'_>, args: Args<'_>) -> Result {
    Ok(Value::String(cx.sprint(args.0)?))
}

fn printf(cx: &mut Context<'_>, args: Args<'_>) -> Result {
    Ok(Value::String(cx.sprintf(args.string(0)?, args.rest(1))?))
}

fn println(cx: &mut Context<'_>, args: Args<'_>) -> Result {
    Ok(Value::string(fmt::sprintln(cx.byte_limit(), args.0)?))
}

/// `call function argument…`; before these, the interpreter puts the text of the function's node.
fn call(cx: &mut Context<'_>, args: Args<'_>) -> Result {
    let name = args.string(0)?;
    let (of, function) = match args.any(1) {
        Value::Nil => return Err(FunctionError::new("call of nil")),
        Value::TypedNil(of) if of.kind() == Kind::Interface => {
            return Err(FunctionError::new("call of nil"));
        }
        Value::Func(of, function) => (*of, function.clone()),
        other => {
            let of = other.go_type().unwrap_or(ANY);
            return Err(FunctionError::new(format!("non-function {name} of type {of}")));
        }
    };
    let Type::Func(signature) = of.underlying() else {
        return Err(FunctionError::new(format!("non-function {name} of type {of}")));
    };
    let given = args.rest(2);
    let wanted = signature.params.len();
    let wrong = |wanted: String| {
        let got = given.len();
        FunctionError::new(format!("wrong number of args for {name}: got {got} want {wanted}"))
    };
    if signature.variadic && given.len() + 1 < wanted {
        return Err(wrong(format!("at least {}", wanted - 1)));
    }
    if !signature.variadic && given.len() != wanted {
        return Err(wrong(wanted.to_string()));
    }
    let mut values = Vec::with_capacity(given.len());
    for (index, arg) in given.iter().enumerate() {
        let param = signature.params.get(index).or(signature.params.last());
        let value = index::prepare(arg, param.copied().unwrap_or(ANY));
        values.push(value.map_err(|error| error.within(format!("arg {index}")))?);
    }
    (function.body)(cx, Args(&values))
}
