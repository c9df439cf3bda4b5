//! What is stored: objects, and the log of what happened to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

/// What an object is stored under; the version it is read at does not matter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// API group.
    pub group: String,
    /// As in paths.
    pub plural: String,
    /// Namespace, or empty.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// Something that happened to an object.
#[derive(Clone, Debug)]
pub struct Happening {
    /// The version it brought.
    pub version: u64,
    /// To which object.
    pub key: Key,
    /// The object before; `None`: it was made.
    pub before: Option<Arc<Value>>,
    /// The object after; `None`: it is gone.
    pub after: Option<Arc<Value>>,
}

/// All objects.
#[derive(Debug, Default)]
pub struct Objects {
    all: BTreeMap<Key, Arc<Value>>,
    log: Vec<Happening>,
    version: u64,
    /// What happened up to here is forgotten.
    forgotten: u64,
    born: u64,
}

impl Objects {
    /// The version of the newest write.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// An object.
    pub fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.all.get(key)
    }

    /// All objects, in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.all.iter()
    }

    /// The objects of a kind, in one namespace or in all.
    pub fn of_kind<'a>(
        &'a self,
        group: &'a str,
        plural: &'a str,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
        let own = str::to_owned;
        let first = Key {
            group: own(group),
            plural: own(plural),
            namespace: own(namespace),
            name: String::new(),
        };
        self.all
            .range(first..)
            .take_while(move |(key, _)| key.group == group && key.plural == plural)
            .filter(move |(key, _)| namespace.is_empty() || key.namespace == namespace)
    }

    /// A uid that no object has.
    pub fn next_uid(&mut self) -> String {
        self.born += 1;
        format!("{:08x}-0000-4000-8000-{:012x}", self.born, self.born)
    }

    /// Stores an object; gives it as it is stored.
    pub fn put(&mut self, key: &Key, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let object = Arc::new(object);
        let before = self.all.insert(key.clone(), Arc::clone(&object));
        self.note(key, before, Some(Arc::clone(&object)));
        object
    }

    /// Takes an object out.
    pub fn remove(&mut self, key: &Key) {
        if let Some(before) = self.all.remove(key) {
            self.version += 1;
            self.note(key, Some(before), None);
        }
    }

    fn note(&mut self, key: &Key, before: Option<Arc<Value>>, after: Option<Arc<Value>>) {
        self.log.push(Happening { version: self.version, key: key.clone(), before, after });
    }

    /// What happened after a version; `None`: it is forgotten.
    pub fn since(&self, version: u64) -> Option<&[Happening]> {
        if version < self.forgotten {
            return None;
        }
        let start = self.log.partition_point(|happening| happening.version <= version);
        Some(self.log.get(start..).unwrap_or_default())
    }

    /// Forgets what happened up to now.
    pub fn compact(&mut self) {
        self.log.clear();
        self.forgotten = self.version;
    }
}
