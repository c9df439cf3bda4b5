//! The entries of `metadata.managedFields`.

use serde_json::{Value, json};

use crate::Set;

/// How a writer wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// In any other way.
    Update,
}

/// What one writer is known to have set.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The field manager's name.
    pub manager: String,
    /// How it wrote.
    pub operation: Operation,
    /// The version its paths belong to.
    pub api_version: String,
    /// When, RFC 3339; empty where it is not told.
    pub time: String,
    /// `status`, `scale` …; empty for the object itself.
    pub subresource: String,
    /// The paths.
    pub set: Set,
}

impl Entry {
    /// An entry for server-side apply.
    pub fn apply(manager: &str, api_version: &str, set: Set) -> Self {
        Self {
            manager: manager.to_owned(),
            operation: Operation::Apply,
            api_version: api_version.to_owned(),
            time: String::new(),
            subresource: String::new(),
            set,
        }
    }

    /// Whether it is the one that server-side apply by this manager writes and reads.
    pub fn is_apply_of(&self, manager: &str) -> bool {
        self.operation == Operation::Apply && self.subresource.is_empty() && self.manager == manager
    }

    /// As an element of `metadata.managedFields`.
    pub fn to_json(&self) -> Value {
        let operation = match self.operation {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        };
        let mut entry = json!({
            "manager": self.manager,
            "operation": operation,
            "apiVersion": self.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.set.to_json(),
        });
        if let Value::Object(map) = &mut entry {
            for (name, text) in [("time", &self.time), ("subresource", &self.subresource)] {
                if !text.is_empty() {
                    map.insert(name.to_owned(), text.as_str().into());
                }
            }
        }
        entry
    }

    fn read(entry: &Value) -> Option<Self> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        Some(Self {
            manager: text("manager").to_owned(),
            operation: match text("operation") {
                "Apply" => Operation::Apply,
                _ => Operation::Update,
            },
            api_version: text("apiVersion").to_owned(),
            time: text("time").to_owned(),
            subresource: text("subresource").to_owned(),
            set: Set::parse(entry.get("fieldsV1")?).ok()?,
        })
    }
}

/// The entries of an object. One that cannot be read is left out: it names nothing that anybody
/// could rely on.
pub fn entries(object: &Value) -> Vec<Entry> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.into_iter().flatten().filter_map(Entry::read).collect()
}

/// What a manager's server-side apply owns.
pub fn applied<'a>(entries: &'a [Entry], manager: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.is_apply_of(manager))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_written() {
        let entry = json!({
            "manager": "kubectl", "operation": "Update", "apiVersion": "apps/v1",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}},
            "time": "2026-01-01T00:00:00Z", "subresource": "scale",
        });
        let object = json!({"metadata": {"managedFields": [entry, {"manager": "odd"}]}});
        let read = entries(&object);
        assert_eq!(read.iter().map(Entry::to_json).collect::<Vec<_>>(), [entry]);
        assert!(applied(&read, "kubectl").is_none());
        assert!(entries(&json!({})).is_empty());
    }
}
