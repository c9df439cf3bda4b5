//! Values of named types, structs and pointers.

use std::any::Any;
use std::fmt;

use super::Value;
use crate::types::Type;

/// A value whose type has a name, fields or methods: a struct, a pointer, or a `time.Duration`.
///
/// What fields and methods there are says its [`Type`]; an object only holds the data. Implement it for
/// a Rust type that does the work of a Go type (a time, a version); for plain data take [`Struct`],
/// [`Pointer`] or [`Named`].
pub trait Object: Any + fmt::Debug {
    /// Its dynamic type.
    fn go_type(&self) -> &'static Type;

    /// The value of the type's n-th field, if it is a struct.
    fn field(&self, _index: usize) -> Value {
        Value::Nil
    }

    /// The value beneath a named type that is no struct.
    fn underlying(&self) -> Option<Value> {
        None
    }

    /// What it points to, if it is a pointer.
    fn pointee(&self) -> Option<Value> {
        None
    }

    /// What `range` gets from it, if it is a channel or an iterator function.
    fn elements(&self) -> Option<Elements<'_>> {
        None
    }

    /// The Rust value, for the functions and methods that know it: always `self`.
    fn as_any(&self) -> &dyn Any;
}

/// What a channel or an iterator function gives, one after the other.
pub enum Elements<'a> {
    /// From a channel.
    Received(Box<dyn Iterator<Item = Value> + 'a>),
    /// From an `iter.Seq`.
    Single(Box<dyn Iterator<Item = Value> + 'a>),
    /// From an `iter.Seq2`.
    Pairs(Box<dyn Iterator<Item = (Value, Value)> + 'a>),
}

/// A struct of plain values.
#[derive(Debug)]
pub struct Struct {
    /// A struct type, named or not.
    pub of: &'static Type,
    /// The values of the type's fields, in their order.
    pub fields: Vec<Value>,
}

impl Object for Struct {
    fn go_type(&self) -> &'static Type {
        self.of
    }
    fn field(&self, index: usize) -> Value {
        self.fields.get(index).cloned().unwrap_or_default()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A pointer that is not nil.
#[derive(Debug)]
pub struct Pointer {
    /// A pointer type.
    pub of: &'static Type,
    /// What it points to.
    pub target: Value,
}

impl Object for Pointer {
    fn go_type(&self) -> &'static Type {
        self.of
    }
    fn pointee(&self) -> Option<Value> {
        Some(self.target.clone())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A value of a named type that is no struct, no map and no list (these carry their type themselves).
#[derive(Debug)]
pub struct Named {
    /// The named type.
    pub of: &'static Type,
    /// The value beneath.
    pub value: Value,
}

impl Object for Named {
    fn go_type(&self) -> &'static Type {
        self.of
    }
    fn underlying(&self) -> Option<Value> {
        Some(self.value.clone())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
