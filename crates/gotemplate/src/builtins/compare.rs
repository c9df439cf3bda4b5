//! `eq`, `ne`, `lt`, `le`, `gt` and `ge`: only values of one kind of basic type can be compared, and
//! integers with integers.

use std::cmp::Ordering;

use super::Result;
use crate::context::{Context, Go};
use crate::fmt;
use crate::function::{Args, FunctionError};
use crate::types::{Kind, Type};
use crate::value::{Object, Str, Value};

/// A value as comparison sees it.
enum Basic {
    Bool(bool),
    Complex(f64, f64),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(Str),
    /// Of another kind, or nil.
    Other,
}

impl Basic {
    fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => return Self::Text(text.clone()),
            Value::Complex64(re, im) => return Self::Complex(f64::from(*re), f64::from(*im)),
            Value::Complex128(parts) => return Self::Complex(parts.0, parts.1),
            _ => {}
        }
        let known = match value.kind() {
            Kind::Bool => Some(Self::Bool(value.is_true())),
            Kind::String => value.as_str().map(Self::Text),
            Kind::Float32 | Kind::Float64 => value.as_float().map(Self::Float),
            kind if kind.is_signed() => value.as_signed().map(Self::Int),
            kind if kind.is_unsigned() => value.as_unsigned().map(Self::Uint),
            _ => None,
        };
        known.unwrap_or(Self::Other)
    }

    fn is_same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

fn is_nil(value: &Value) -> bool {
    value.is_nil()
}

/// Is it no value, or an interface that holds none?
fn is_invalid(value: &Value) -> bool {
    match value {
        Value::Nil => true,
        Value::TypedNil(of) => of.kind() == Kind::Interface,
        _ => false,
    }
}

fn type_of(value: &Value) -> &'static Type {
    value.go_type().unwrap_or(Type::ANY)
}

const INCOMPATIBLE: &str = "incompatible types for comparison";

fn incompatible(a: &Value, b: &Value) -> FunctionError {
    let (a, b) = (type_of(a), type_of(b));
    FunctionError::new(format!("{INCOMPATIBLE}: {a} and {b}"))
}

/// Go 1.23 does not say which types they are.
fn worded(cx: &Context<'_>) -> impl Fn(FunctionError) -> FunctionError + use<> {
    let is_short = cx.go == Go::V1_23;
    move |error| match error {
        FunctionError::Message(text) if is_short && text.starts_with(INCOMPATIBLE) => {
            FunctionError::new(INCOMPATIBLE)
        }
        error => error,
    }
}

fn equal(a: &Value, b: &Value) -> std::result::Result<bool, FunctionError> {
    Ok(match (Basic::of(a), Basic::of(b)) {
        (Basic::Bool(a), Basic::Bool(b)) => a == b,
        (Basic::Complex(re, im), Basic::Complex(re2, im2)) => re == re2 && im == im2,
        (Basic::Int(a), Basic::Int(b)) => a == b,
        (Basic::Uint(a), Basic::Uint(b)) => a == b,
        (Basic::Float(a), Basic::Float(b)) => a == b,
        (Basic::Text(a), Basic::Text(b)) => a == b,
        (Basic::Int(a), Basic::Uint(b)) | (Basic::Uint(b), Basic::Int(a)) => {
            u64::try_from(a).is_ok_and(|a| a == b)
        }
        (Basic::Other, Basic::Other) => return other_equal(a, b),
        _ if is_invalid(a) || is_invalid(b) => false,
        _ => return Err(incompatible(a, b)),
    })
}

fn other_equal(a: &Value, b: &Value) -> std::result::Result<bool, FunctionError> {
    if a.kind() != b.kind() && !is_invalid(a) && !is_invalid(b) {
        let text = format!(
            "non-comparable types {}: {}, {}: {}",
            text_of(a),
            type_of(a),
            type_of(b),
            fmt::describe(b)
        );
        return Err(FunctionError::new(text));
    }
    if is_nil(a) || is_nil(b) {
        return Ok(is_nil(a) == is_nil(b));
    }
    if !is_comparable(type_of(b)) {
        let text = format!("non-comparable type {}: {}", text_of(b), type_of(b));
        return Err(FunctionError::new(text));
    }
    Ok(identical(a, b))
}

/// As `%s` prints it.
fn text_of(value: &Value) -> String {
    let text = fmt::sprintf(10_000, b"%s", std::slice::from_ref(value));
    text.map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}

fn is_comparable(of: &'static Type) -> bool {
    match of.kind() {
        Kind::Map | Kind::Slice | Kind::Func => false,
        Kind::Array => is_comparable(of.element()),
        Kind::Struct => of.fields().iter().all(|field| is_comparable(field.of)),
        _ => true,
    }
}

/// Go's `==` for values of comparable types that are not basic.
fn identical(a: &Value, b: &Value) -> bool {
    if !type_of(a).is(type_of(b)) {
        return false;
    }
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            std::rc::Rc::ptr_eq(a, b) || same_fields(a.as_ref(), b.as_ref())
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equal(a, b).unwrap_or(false))
        }
        _ => false,
    }
}

fn same_fields(a: &dyn Object, b: &dyn Object) -> bool {
    let of = a.go_type();
    let fields = of.fields();
    of.kind() == Kind::Struct
        && !fields.is_empty()
        && (0..fields.len()).all(|index| equal(&a.field(index), &b.field(index)).unwrap_or(false))
}

fn less(a: &Value, b: &Value) -> std::result::Result<bool, FunctionError> {
    let (basic_a, basic_b) = (Basic::of(a), Basic::of(b));
    let bad = || FunctionError::new("invalid type for comparison");
    if matches!(basic_a, Basic::Other) || matches!(basic_b, Basic::Other) {
        return Err(bad());
    }
    let order = match (&basic_a, &basic_b) {
        (Basic::Int(a), Basic::Int(b)) => Some(a.cmp(b)),
        (Basic::Uint(a), Basic::Uint(b)) => Some(a.cmp(b)),
        (Basic::Float(a), Basic::Float(b)) => a.partial_cmp(b),
        (Basic::Text(a), Basic::Text(b)) => Some(a.cmp(b)),
        (Basic::Int(a), Basic::Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Basic::Uint(a), Basic::Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (a, b) if a.is_same_kind(b) => return Err(bad()),
        _ => return Err(incompatible(a, b)),
    };
    Ok(order == Some(Ordering::Less))
}

fn less_or_equal(a: &Value, b: &Value) -> std::result::Result<bool, FunctionError> {
    Ok(less(a, b)? || equal(a, b)?)
}

pub(super) fn eq(cx: &mut Context<'_>, args: Args<'_>) -> Result {
    if args.len() < 2 {
        return Err(FunctionError::new("missing argument for comparison"));
    }
    for other in args.rest(1) {
        if equal(args.any(0), other).map_err(worded(cx))? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

pub(super) fn ne(cx: &mut Context<'_>, args: Args<'_>) -> Result {
    Ok(Value::Bool(!equal(args.any(0), args.any(1)).map_err(worded(cx))?))
}

pub(super) fn lt(cx: &mut Context<'_>, args: Args<'_>) -> Result {
    Ok(Value::Bool(less(args.any(0), args.any(1)).map_err(worded(cx))?))
}

pub(super) fn le(cx: &mut Context<'_>, args: Args<'_>) -> Result {
    Ok(Value::Bool(less_or_equal(args.any(0), args.any(1)).map_err(worded(cx))?))
}

/// The reverse of `le`, also where there is no order (NaN).
pub(super) fn gt(cx: &mut Context<'_>, args: Args<'_>) -> Result {
    Ok(Value::Bool(!less_or_equal(args.any(0), args.any(1)).map_err(worded(cx))?))
}

/// The reverse of `lt`, also where there is no order (NaN).
pub(super) fn ge(cx: &mut Context<'_>, args: Args<'_>) -> Result {
    Ok(Value::Bool(!less(args.any(0), args.any(1)).map_err(worded(cx))?))
}
