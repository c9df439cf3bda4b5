//! Slices and arrays.

use std::ops::Deref;
use std::rc::Rc;

use super::Value;
use crate::types::Type;

/// A slice or an array of Go, with its type.
///
/// No template function changes an element in place, so that a list cannot be changed once made and
/// aliasing needs no care. It derefs to its elements.
#[derive(Clone, Debug)]
pub struct List {
    of: &'static Type,
    shared: Rc<Items>,
}

#[derive(Debug)]
struct Items {
    items: Vec<Value>,
    capacity: usize,
}

impl List {
    /// A list of this type, which is that of the list and not of its elements: `[]string`, say.
    pub fn new(of: &'static Type, items: Vec<Value>) -> Self {
        let capacity = items.len();
        Self::with_capacity(of, items, capacity)
    }

    /// A slice that has room for more elements in Go. Only the builtin `slice` can tell: it lets
    /// templates slice beyond the length.
    pub fn with_capacity(of: &'static Type, items: Vec<Value>, capacity: usize) -> Self {
        Self { of, shared: Rc::new(Items { items, capacity }) }
    }

    /// A `[]interface {}` as Go's JSON decoder leaves it, which appends one element after the other.
    pub fn decoded(items: Vec<Value>) -> Self {
        let capacity = items.len().next_power_of_two().max(4);
        Self::with_capacity(Type::ANY_SLICE, items, capacity)
    }

    /// How many elements there is room for in Go; at least as many as there are.
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    /// The elements of a `[]uint8` as values.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::new(Type::BYTES, bytes.iter().map(|byte| Value::Uint8(*byte)).collect())
    }

    /// The list's type.
    pub fn go_type(&self) -> &'static Type {
        self.of
    }

    /// The type of its elements.
    pub fn element(&self) -> &'static Type {
        self.of.element()
    }

    /// The same list in memory under another type.
    #[must_use]
    pub fn retyped(&self, of: &'static Type) -> Self {
        Self { of, shared: self.shared.clone() }
    }

    /// Are they one list in memory?
    pub fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }

    /// The elements, if nothing else holds this list.
    pub(super) fn take(self) -> Option<Vec<Value>> {
        let mut unique = Rc::into_inner(self.shared)?;
        Some(std::mem::take(&mut unique.items))
    }
}

impl Deref for List {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        &self.shared.items
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        if self.items.iter().any(is_container) {
            drop_iteratively(std::mem::take(&mut self.items));
        }
    }
}

pub(super) fn is_container(value: &Value) -> bool {
    matches!(value, Value::List(_) | Value::Map(_))
}

/// Drops values that may be nested a million deep without recursion: a template can make such.
pub(super) fn drop_iteratively(mut values: Vec<Value>) {
    while let Some(value) = values.pop() {
        match value {
            Value::List(list) => values.extend(list.take().unwrap_or_default()),
            Value::Map(map) => map.take_into(&mut values),
            _ => {}
        }
    }
}
