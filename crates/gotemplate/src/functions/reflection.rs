//! Types and kinds as text, deep equality and deep copies.

use super::{Outcome, versions};
use crate::context::{Context, Exhausted};
use crate::function::{Args, Function, FunctionError};
use crate::stack::with_room;
use crate::types::{Kind, Type};
use crate::value::{List, Map, Value};

const ANY: &Type = Type::ANY;
const STRING: &Type = Type::STRING;

/// How deep values may be nested in each other.
const DEEPEST: usize = 10_000;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("typeOf", &[ANY], STRING, |_, a| Ok(type_name(a.any(0)).into())),
    Function::new("typeIs", &[STRING, ANY], Type::BOOL, |_, a| {
        Ok(Value::Bool(*a.string(0)? == *type_name(a.any(1))))
    }),
    Function::new("typeIsLike", &[STRING, ANY], Type::BOOL, type_is_like),
    Function::new("kindOf", &[ANY], STRING, |_, a| Ok(a.any(0).kind().name().into())),
    Function::new("kindIs", &[STRING, ANY], Type::BOOL, |_, a| {
        Ok(Value::Bool(*a.string(0)? == *a.any(1).kind().name()))
    }),
    Function::new("deepEqual", &[ANY, ANY], Type::BOOL, |c, a| {
        deep_equal(c, a.any(0), a.any(1)).map(Value::Bool)
    }),
];

/// `%T`.
fn type_name(value: &Value) -> String {
    value.go_type().map_or_else(|| "<nil>".to_owned(), Type::to_string)
}

/// Is it of that type, or a pointer to it?
fn type_is_like(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (wanted, found) = (args.string(0)?, type_name(args.any(1)));
    let pointed = found.strip_prefix('*');
    Ok(Value::Bool(*wanted == *found || pointed.is_some_and(|name| *wanted == *name)))
}

/// `reflect.DeepEqual`: of one type, and equal all the way down.
pub(super) fn deep_equal(
    context: &mut Context<'_>,
    a: &Value,
    b: &Value,
) -> Result<bool, FunctionError> {
    Comparison { context, pairs: Vec::new() }.equal(a, b)
}

struct Comparison<'a, 'b> {
    context: &'a mut Context<'b>,
    /// The maps that are being compared: a pair met again within itself counts as equal.
    pairs: Vec<(usize, usize)>,
}

impl Comparison<'_, '_> {
    fn equal(&mut self, a: &Value, b: &Value) -> Result<bool, FunctionError> {
        self.context.charge_steps(1)?;
        Ok(match (a, b) {
            (Value::Nil, Value::Nil) => true,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Float64(a), Value::Float64(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => return self.maps(a, b),
            (Value::List(a), Value::List(b)) => return self.lists(a, b),
            (Value::Object(_), Value::Object(_)) => return self.objects(a, b),
            _ if !same_type(a, b) => false,
            (Value::TypedNil(_), other) | (other, Value::TypedNil(_)) => other.is_nil(),
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Func(..), _) => false,
            _ => scalars(a, b),
        })
    }

    fn lists(&mut self, a: &List, b: &List) -> Result<bool, FunctionError> {
        if !a.go_type().is(b.go_type()) || a.len() != b.len() {
            return Ok(false);
        }
        if a.same(b) {
            return Ok(true);
        }
        self.nested((0, 0), |this| {
            for (a, b) in a.iter().zip(b.iter()) {
                if !this.equal(a, b)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    fn maps(&mut self, a: &Map, b: &Map) -> Result<bool, FunctionError> {
        if !a.go_type().is(b.go_type()) || a.len() != b.len() {
            return Ok(false);
        }
        let pair = (a.identity(), b.identity());
        if a.same(b) || self.pairs.contains(&pair) {
            return Ok(true);
        }
        self.nested(pair, |this| {
            for (key, a) in a.entries() {
                let Some(b) = b.get(&key) else { return Ok(false) };
                if !this.equal(&a, &b)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Structs by their fields, pointers by what they point to, named values by what is beneath.
    fn objects(&mut self, a: &Value, b: &Value) -> Result<bool, FunctionError> {
        let (Value::Object(left), Value::Object(right)) = (a, b) else { return Ok(false) };
        if !same_type(a, b) {
            return Ok(false);
        }
        if std::rc::Rc::ptr_eq(left, right) {
            return Ok(true);
        }
        self.nested((0, 0), |this| {
            if let (Some(a), Some(b)) = (left.pointee(), right.pointee()) {
                return this.equal(&a, &b);
            }
            if let (Some(a), Some(b)) = (left.underlying(), right.underlying()) {
                return this.equal(&a, &b);
            }
            for index in 0..left.go_type().fields().len() {
                if !this.equal(&left.field(index), &right.field(index))? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    fn nested(
        &mut self,
        pair: (usize, usize),
        compare: impl FnOnce(&mut Self) -> Result<bool, FunctionError>,
    ) -> Result<bool, FunctionError> {
        if self.pairs.len() >= DEEPEST {
            return Err(Exhausted::Nesting.into());
        }
        self.pairs.push(pair);
        let equal = with_room(|| compare(self));
        self.pairs.pop();
        equal
    }
}

fn same_type(a: &Value, b: &Value) -> bool {
    matches!((a.go_type(), b.go_type()), (Some(a), Some(b)) if a.is(b))
}

/// Are two values of one basic type equal?
fn scalars(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float32(a), Value::Float32(b)) => a == b,
        (Value::Complex64(a, b), Value::Complex64(c, d)) => a == c && b == d,
        (Value::Complex128(a), Value::Complex128(b)) => a == b,
        _ => a.as_signed() == b.as_signed() && a.as_unsigned() == b.as_unsigned(),
    }
}

/// A copy that shares no map with the original (`copystructure.Copy`).
pub(super) fn deep_copy(context: &mut Context<'_>, value: &Value) -> Outcome {
    if let Value::Nil = value {
        return Err(FunctionError::new("reflect: call of reflect.Value.Type on zero Value"));
    }
    copy(context, value, 0)
}

fn copy(context: &mut Context<'_>, value: &Value, depth: usize) -> Outcome {
    if depth >= DEEPEST {
        return Err(Exhausted::Nesting.into());
    }
    context.charge_bytes(size_of::<Value>() as u64)?;
    context.charge_steps(1)?;
    match value {
        Value::List(list) if holds_containers(list) => {
            let copies = with_room(|| {
                list.iter().map(|item| copy(context, item, depth + 1)).collect::<Result<_, _>>()
            })?;
            Ok(Value::List(List::new(list.go_type(), copies)))
        }
        Value::Map(map) => {
            let copies = Map::new(map.go_type(), []);
            with_room(|| {
                for (key, item) in map.entries() {
                    copies.insert(key, copy(context, &item, depth + 1)?);
                }
                Ok::<_, FunctionError>(())
            })?;
            Ok(Value::Map(copies))
        }
        Value::Object(object) => {
            Ok(versions::private_copy(&**object).unwrap_or_else(|| value.clone()))
        }
        other => Ok(other.clone()),
    }
}

/// Lists of scalars cannot be told from their copies.
fn holds_containers(list: &List) -> bool {
    list.iter().any(|item| matches!(item.kind(), Kind::Map | Kind::Slice | Kind::Array | Kind::Ptr))
}
