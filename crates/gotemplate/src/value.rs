//! Values as a Go template sees them.
//!
//! A [`Value`] is what a Go `interface{}` can hold: its dynamic type is always known, so that `kindOf`,
//! `typeOf` and `%T` can tell `int` from `int64` and `[]string` from `[]interface {}`. Strings, lists,
//! maps and objects are handles: cloning a value never copies what it refers to. Maps are the only
//! values that can be changed, and every alias sees the change, as in Go.

mod circles;
mod key;
mod list;
mod map;
mod object;
mod str;

use std::rc::Rc;
use std::sync::Arc;

pub(crate) use circles::break_circles;
pub use list::List;
pub use map::Map;
pub(crate) use map::WeakMap;
pub use object::{Elements, Named, Object, Pointer, Struct};
pub use str::Str;

use crate::types::{Kind, Type};

/// A Go value with its dynamic type. 24 bytes, cheap to clone.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// An interface that holds nothing: untyped `nil`.
    #[default]
    Nil,
    /// A nil map, slice, pointer, function or channel of this type, or a nil interface that has methods.
    TypedNil(&'static Type),
    /// `bool`
    Bool(bool),
    /// `int`, of 64 bits
    Int(i64),
    /// `int8`
    Int8(i8),
    /// `int16`
    Int16(i16),
    /// `int32`, also called `rune`
    Int32(i32),
    /// `int64`
    Int64(i64),
    /// `uint`, of 64 bits
    Uint(u64),
    /// `uint8`, also called `byte`
    Uint8(u8),
    /// `uint16`
    Uint16(u16),
    /// `uint32`
    Uint32(u32),
    /// `uint64`
    Uint64(u64),
    /// `uintptr`
    Uintptr(u64),
    /// `float32`
    Float32(f32),
    /// `float64`: what a number of a YAML or JSON document is
    Float64(f64),
    /// `complex64`: real and imaginary part
    Complex64(f32, f32),
    /// `complex128`: real and imaginary part, shared to keep values small
    Complex128(Rc<(f64, f64)>),
    /// `string`: bytes, which need not be UTF-8
    String(Str),
    /// `[]uint8`, also called `[]byte`
    Bytes(Arc<[u8]>),
    /// A slice or an array of anything else, never nil
    List(List),
    /// A map, never nil
    Map(Map),
    /// A struct, a pointer, or a value of a named type
    Object(Rc<dyn Object>),
    /// A function that `call` can call, and its type
    Func(&'static Type, Rc<crate::function::Function>),
}

impl Value {
    /// A `string`.
    pub fn string(text: impl Into<Str>) -> Self {
        Self::String(text.into())
    }

    /// A `[]interface {}`.
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(List::new(Type::ANY_SLICE, items))
    }

    /// A `[]string`.
    pub fn strings(items: impl IntoIterator<Item = Str>) -> Self {
        let items = items.into_iter().map(Self::String).collect();
        Self::List(List::new(Type::STRING_SLICE, items))
    }

    /// A new `map[string]interface {}`.
    pub fn map(entries: impl IntoIterator<Item = (Str, Self)>) -> Self {
        Self::Map(Map::any(entries))
    }

    /// An object: a struct, a pointer or a value of a named type.
    pub fn object(object: impl Object) -> Self {
        Self::Object(Rc::new(object))
    }

    /// A `complex128`.
    pub fn complex(real: f64, imaginary: f64) -> Self {
        Self::Complex128(Rc::new((real, imaginary)))
    }

    /// The dynamic type; `None` for [`Value::Nil`], which has none.
    pub fn go_type(&self) -> Option<&'static Type> {
        Some(match self {
            Self::Nil => return None,
            Self::TypedNil(of) => of,
            Self::Bool(_) => Type::BOOL,
            Self::Int(_) => Type::INT,
            Self::Int8(_) => Type::INT8,
            Self::Int16(_) => Type::INT16,
            Self::Int32(_) => Type::INT32,
            Self::Int64(_) => Type::INT64,
            Self::Uint(_) => Type::UINT,
            Self::Uint8(_) => Type::UINT8,
            Self::Uint16(_) => Type::UINT16,
            Self::Uint32(_) => Type::UINT32,
            Self::Uint64(_) => Type::UINT64,
            Self::Uintptr(_) => Type::UINTPTR,
            Self::Float32(_) => Type::FLOAT32,
            Self::Float64(_) => Type::FLOAT64,
            Self::Complex64(..) => Type::COMPLEX64,
            Self::Complex128(_) => Type::COMPLEX128,
            Self::String(_) => Type::STRING,
            Self::Bytes(_) => Type::BYTES,
            Self::List(list) => list.go_type(),
            Self::Map(map) => map.go_type(),
            Self::Object(object) => object.go_type(),
            Self::Func(of, _) => of,
        })
    }

    /// The kind, as `reflect.Value.Kind`: what the type is beneath its name. `Invalid` for nil.
    pub fn kind(&self) -> Kind {
        match self {
            Self::String(_) => Kind::String,
            Self::Map(_) => Kind::Map,
            _ => self.go_type().map_or(Kind::Invalid, Type::kind),
        }
    }

    /// Is it [`Value::Nil`] or [`Value::TypedNil`]?
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil | Self::TypedNil(_))
    }

    /// The value beneath the name of its type, if it is of a named type that is not a struct:
    /// the `int64` of a `time.Duration`, say. Any other value as it is.
    pub fn underlying(&self) -> Self {
        match self {
            Self::Object(object) => object.underlying().unwrap_or_else(|| self.clone()),
            _ => self.clone(),
        }
    }

    /// Follows pointers to what they point to. A nil pointer stays.
    pub fn indirect(&self) -> Self {
        let mut value = self.clone();
        while let Self::Object(object) = &value {
            let Some(target) = object.pointee() else { break };
            value = target;
        }
        value
    }

    /// The number, if the kind is one of `int` to `int64`.
    pub fn as_signed(&self) -> Option<i64> {
        Some(match self {
            Self::Int(n) | Self::Int64(n) => *n,
            Self::Int8(n) => i64::from(*n),
            Self::Int16(n) => i64::from(*n),
            Self::Int32(n) => i64::from(*n),
            Self::Object(object) => return object.underlying()?.as_signed(),
            _ => return None,
        })
    }

    /// The number, if the kind is one of `uint` to `uintptr`.
    pub fn as_unsigned(&self) -> Option<u64> {
        Some(match self {
            Self::Uint(n) | Self::Uint64(n) | Self::Uintptr(n) => *n,
            Self::Uint8(n) => u64::from(*n),
            Self::Uint16(n) => u64::from(*n),
            Self::Uint32(n) => u64::from(*n),
            Self::Object(object) => return object.underlying()?.as_unsigned(),
            _ => return None,
        })
    }

    /// The number, if the kind is `float32` or `float64`.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float64(n) => Some(*n),
            Self::Float32(n) => Some(f64::from(*n)),
            Self::Object(object) => object.underlying()?.as_float(),
            _ => None,
        }
    }

    /// The bytes, if the kind is `string`.
    pub fn as_str(&self) -> Option<Str> {
        match self {
            Self::String(text) => Some(text.clone()),
            Self::Object(object) => object.underlying()?.as_str(),
            _ => None,
        }
    }

    /// The map, if it is one that is not nil.
    pub fn as_map(&self) -> Option<Map> {
        match self {
            Self::Map(map) => Some(map.clone()),
            Self::Object(object) => object.underlying()?.as_map(),
            _ => None,
        }
    }

    /// The elements, if it is a slice or an array; a nil slice has none.
    pub fn as_list(&self) -> Option<List> {
        match self {
            Self::List(list) => Some(list.clone()),
            Self::Bytes(bytes) => Some(List::of_bytes(bytes)),
            Self::TypedNil(of) if of.kind() == Kind::Slice => Some(List::new(of, Vec::new())),
            Self::Object(object) => object.underlying()?.as_list(),
            _ => None,
        }
    }

    /// Truth as `if`, `and`, `not` and `default` see it (`text/template.IsTrue`): not the zero value of
    /// its type. Structs are always true.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil | Self::TypedNil(_) => false,
            Self::Bool(b) => *b,
            Self::Float32(n) => *n != 0.0,
            Self::Float64(n) => *n != 0.0,
            Self::Complex64(re, im) => *re != 0.0 || *im != 0.0,
            Self::Complex128(parts) => parts.0 != 0.0 || parts.1 != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Object(object) => object.underlying().is_none_or(|value| value.is_true()),
            Self::Func(..) => true,
            _ => {
                self.as_signed().is_some_and(|n| n != 0)
                    || self.as_unsigned().is_some_and(|n| n != 0)
            }
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<Str> for Value {
    fn from(text: Str) -> Self {
        Self::String(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_three_words() {
        assert_eq!(size_of::<Value>(), 24);
        assert_eq!(size_of::<Str>(), 24);
    }

    #[test]
    fn an_alias_sees_what_is_set() {
        let map = Map::any([]);
        let alias = map.clone();
        map.insert("a".into(), Value::Int(1));
        assert!(alias.same(&map));
        assert_eq!(alias.get(b"a").and_then(|v| v.as_signed()), Some(1));
    }

    #[test]
    fn deep_nesting_is_dropped_without_recursion() {
        let mut value = Value::list(vec![]);
        for _ in 0..200_000 {
            value = Value::list(vec![value]);
        }
        drop(value);
        let mut value = Value::map([]);
        for _ in 0..200_000 {
            value = Value::map([("a".into(), Value::list(vec![value]))]);
        }
        drop(value);
    }
}
