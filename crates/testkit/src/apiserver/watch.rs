//! Watches: what happened to the selected objects of a kind since a version, as events.

use std::sync::Arc;

use serde_json::{Value, json};

use super::kinds::Kind;
use super::objects::{Happening, Objects};
use super::request::Selector;

/// What a watch follows.
#[derive(Clone, Debug)]
pub struct Following {
    /// The kind, at the version its objects are told at.
    pub kind: Arc<Kind>,
    /// One namespace; empty for all.
    pub namespace: String,
    /// Which objects.
    pub selector: Selector,
    /// What was told of up to here.
    pub version: u64,
    /// Whether everything that is there is told first.
    pub lists_first: bool,
    /// Whether to tell of progress.
    pub bookmarks: bool,
    /// How long it lasts, in seconds.
    pub lasts: u64,
}

impl Following {
    /// The events since the last call, and on from here. `Err` is the last event: the server forgot
    /// what happened since.
    pub fn next(&mut self, objects: &Objects) -> Result<Vec<Value>, Value> {
        if std::mem::take(&mut self.lists_first) {
            self.version = objects.version();
            let all = objects.of_kind(&self.kind.group, &self.kind.plural, &self.namespace);
            let taken = all.filter(|(_, object)| self.selector.takes(object));
            return Ok(taken.map(|(_, object)| self.event("ADDED", object, None)).collect());
        }
        let Some(happened) = objects.since(self.version) else {
            let message = format!("too old resource version: {}", self.version);
            return Err(json!({"type": "ERROR", "object": {
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": "Expired", "code": 410,
            }}));
        };
        let events = happened.iter().filter_map(|happening| self.told(happening)).collect();
        self.version = objects.version();
        Ok(events)
    }

    /// An object that is not selected any more is told as deleted, as it was.
    fn told(&self, happening: &Happening) -> Option<Value> {
        let key = &happening.key;
        let concerns = key.group == self.kind.group
            && key.plural == self.kind.plural
            && (self.namespace.is_empty() || key.namespace == self.namespace);
        if !concerns {
            return None;
        }
        let taken = |object: &Option<Arc<Value>>| {
            object.clone().filter(|object| self.selector.takes(object))
        };
        match (taken(&happening.before), taken(&happening.after)) {
            (None, Some(after)) => Some(self.event("ADDED", &after, None)),
            (Some(_), Some(after)) => Some(self.event("MODIFIED", &after, None)),
            (Some(before), None) => Some(self.event("DELETED", &before, Some(happening.version))),
            (None, None) => None,
        }
    }

    fn event(&self, what: &str, object: &Value, version: Option<u64>) -> Value {
        let mut object = object.clone();
        object["apiVersion"] = self.kind.api_version().into();
        if let Some(version) = version {
            object["metadata"]["resourceVersion"] = version.to_string().into();
        }
        json!({"type": what, "object": object})
    }

    /// How far it is.
    pub fn bookmark(&self) -> Value {
        json!({"type": "BOOKMARK", "object": {
            "kind": self.kind.kind, "apiVersion": self.kind.api_version(),
            "metadata": {"resourceVersion": self.version.to_string(), "creationTimestamp": null},
        }})
    }
}
