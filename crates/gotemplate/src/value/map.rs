//! Maps: shared, changeable, ordered.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::{Rc, Weak};

use super::key::{decode_key, encode_key};
use super::list::{drop_iteratively, is_container};
use super::{Str, Value};
use crate::types::Type;

/// A map of Go, with its type. A handle: clones are aliases of one map.
///
/// Nearly all maps have strings as keys, and the methods without `value` in their name are for these
/// alone. Keys of other types are kept as strings that sort the same way. Iteration is bytewise by key, as `range`, `print` and JSON do it in Go. Functions that iterate in
/// random order there (`keys`, `values`) are given this order too.
#[derive(Clone)]
pub struct Map {
    of: &'static Type,
    shared: Rc<Shared>,
}

struct Shared {
    entries: RefCell<BTreeMap<Str, Value>>,
}

impl Map {
    /// A map of this type, which has strings as keys: `map[string]string`, say, or a named type.
    pub fn new(of: &'static Type, entries: impl IntoIterator<Item = (Str, Value)>) -> Self {
        Self {
            of,
            shared: Rc::new(Shared { entries: RefCell::new(entries.into_iter().collect()) }),
        }
    }

    /// A `map[string]interface {}`.
    pub fn any(entries: impl IntoIterator<Item = (Str, Value)>) -> Self {
        Self::new(Type::ANY_MAP, entries)
    }

    /// The map's type.
    pub fn go_type(&self) -> &'static Type {
        self.of
    }

    /// The type of its elements.
    pub fn element(&self) -> &'static Type {
        self.of.element()
    }

    /// The same map in memory under another type: a named map type's literal form, or the reverse.
    #[must_use]
    pub fn retyped(&self, of: &'static Type) -> Self {
        Self { of, shared: self.shared.clone() }
    }

    /// Are they one map in memory?
    pub fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }

    /// An address-like number that no other living map has; for cycle detection.
    pub fn identity(&self) -> usize {
        Rc::as_ptr(&self.shared) as usize
    }

    /// A handle that does not keep it.
    pub(crate) fn downgrade(&self) -> WeakMap {
        WeakMap { of: self.of, shared: Rc::downgrade(&self.shared) }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.shared.entries.borrow().len()
    }

    /// Has it no entry?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.shared.entries.borrow().get(key).cloned()
    }

    /// Is there such a key?
    pub fn contains(&self, key: &[u8]) -> bool {
        self.shared.entries.borrow().contains_key(key)
    }

    /// Sets the value of a key; all aliases see it.
    pub fn insert(&self, key: Str, value: Value) {
        let before = self.shared.entries.borrow_mut().insert(key, value);
        drop(before); // only now: dropping it may reach this map again
    }

    /// Removes a key; all aliases see it.
    pub fn remove(&self, key: &[u8]) -> Option<Value> {
        self.shared.entries.borrow_mut().remove(key)
    }

    /// The keys, in order.
    pub fn keys(&self) -> Vec<Str> {
        self.shared.entries.borrow().keys().cloned().collect()
    }

    /// Keys and values, in order, as they are now.
    pub fn entries(&self) -> Vec<(Str, Value)> {
        self.shared
            .entries
            .borrow()
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// A map of this type, whose keys may be of any basic type. Keys of another type are left out.
    pub fn of_values(of: &'static Type, entries: impl IntoIterator<Item = (Value, Value)>) -> Self {
        let entries = entries.into_iter();
        Self::new(of, entries.filter_map(|(key, value)| Some((encode_key(of.key(), &key)?, value))))
    }

    /// The value of a key, in a map with keys of any type.
    pub fn get_value(&self, key: &Value) -> Option<Value> {
        match key {
            Value::String(text) if self.has_string_keys() => self.get(text),
            _ => self.get(&encode_key(self.go_type().key(), key)?),
        }
    }

    /// Keys and values of a map with keys of any type, in order, as they are now.
    pub fn pairs(&self) -> Vec<(Value, Value)> {
        let of = self.go_type().key();
        let entries = self.shared.entries.borrow();
        entries.iter().map(|(key, value)| (decode_key(of, key), value.clone())).collect()
    }

    /// Are its keys strings?
    pub fn has_string_keys(&self) -> bool {
        self.go_type().key().is(Type::STRING)
    }

    /// Looks at the entries without copying them. The map must not be changed meanwhile: to call
    /// anything that could, take [`Map::entries`].
    pub fn borrow(&self) -> Ref<'_, BTreeMap<Str, Value>> {
        self.shared.entries.borrow()
    }

    /// Moves the values out to `values`, if nothing else holds this map.
    pub(super) fn take_into(self, values: &mut Vec<Value>) {
        if let Some(mut unique) = Rc::into_inner(self.shared) {
            values.extend(std::mem::take(unique.entries.get_mut()).into_values());
        }
    }
}

/// A map that may be gone.
#[derive(Clone)]
pub(crate) struct WeakMap {
    of: &'static Type,
    shared: Weak<Shared>,
}

impl WeakMap {
    pub(crate) fn upgrade(&self) -> Option<Map> {
        Some(Map { of: self.of, shared: self.shared.upgrade()? })
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
