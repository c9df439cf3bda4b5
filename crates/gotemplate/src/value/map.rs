//! Maps: shared, changeable, ordered.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use super::list::{drop_iteratively, is_container};
use super::{Str, Value};
use crate::types::Type;

/// A map of Go whose keys are strings, with its type. A handle: clones are aliases of one map.
///
/// Iteration is bytewise by key, as `range`, `print` and JSON do it in Go. Functions that iterate in
/// random order there (`keys`, `values`) are given this order too.
#[derive(Clone)]
pub struct Map(Rc<Shared>);

struct Shared {
    of: &'static Type,
    entries: RefCell<BTreeMap<Str, Value>>,
}

impl Map {
    /// A map of this type, which must have strings as keys: `map[string]string`, say, or a named type.
    pub fn new(of: &'static Type, entries: impl IntoIterator<Item = (Str, Value)>) -> Self {
        Self(Rc::new(Shared { of, entries: RefCell::new(entries.into_iter().collect()) }))
    }

    /// A `map[string]interface {}`.
    pub fn any(entries: impl IntoIterator<Item = (Str, Value)>) -> Self {
        Self::new(Type::ANY_MAP, entries)
    }

    /// The map's type.
    pub fn go_type(&self) -> &'static Type {
        self.0.of
    }

    /// The type of its elements.
    pub fn element(&self) -> &'static Type {
        self.0.of.element()
    }

    /// Are they one map in memory?
    pub fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// An address-like number that no other living map has; for cycle detection.
    pub fn identity(&self) -> usize {
        Rc::as_ptr(&self.0) as usize
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.entries.borrow().len()
    }

    /// Has it no entry?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.0.entries.borrow().get(key).cloned()
    }

    /// Is there such a key?
    pub fn contains(&self, key: &[u8]) -> bool {
        self.0.entries.borrow().contains_key(key)
    }

    /// Sets the value of a key; all aliases see it.
    pub fn insert(&self, key: Str, value: Value) {
        let before = self.0.entries.borrow_mut().insert(key, value);
        drop(before); // only now: dropping it may reach this map again
    }

    /// Removes a key; all aliases see it.
    pub fn remove(&self, key: &[u8]) -> Option<Value> {
        self.0.entries.borrow_mut().remove(key)
    }

    /// The keys, in order.
    pub fn keys(&self) -> Vec<Str> {
        self.0.entries.borrow().keys().cloned().collect()
    }

    /// Keys and values, in order, as they are now.
    pub fn entries(&self) -> Vec<(Str, Value)> {
        self.0.entries.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Looks at the entries without copying them. The map must not be changed meanwhile: to call
    /// anything that could, take [`Map::entries`].
    pub fn borrow(&self) -> Ref<'_, BTreeMap<Str, Value>> {
        self.0.entries.borrow()
    }

    /// Moves the values out to `values`, if nothing else holds this map.
    pub(super) fn take_into(self, values: &mut Vec<Value>) {
        if let Some(mut unique) = Rc::into_inner(self.0) {
            values.extend(std::mem::take(unique.entries.get_mut()).into_values());
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let entries = self.entries.get_mut();
        if entries.values().any(is_container) {
            drop_iteratively(std::mem::take(entries).into_values().collect());
        }
    }
}

impl fmt::Debug for Map {
    /// Without the values: a map can hold itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} entries", self.go_type(), self.len())
    }
}
