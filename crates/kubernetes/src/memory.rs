//! What is remembered of objects between looks: digests, never objects.
//!
//! For each object there are two things: what our last look or write said (*synced*: this content
//! makes this state), and the newest state that anything told us of (*seen*: a look, the answer of a
//! write, or an event of a watch, whichever has the highest resourceVersion). While the two agree,
//! and a watch would have told of a change, there is nothing to ask. It does not matter in which
//! order answers and events arrive.
//!
//! All of it can be lost: then everything is looked at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use trueup_fields::managed::{self, applied};
use trueup_fields::{Set, values};
use trueup_model::{Digest, Health, HealthStatus, ResourceId};

use crate::{APP_LABEL, INSTALLATION_LABEL, MANAGER, document, writers};

/// An object, reduced.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    version: u64,
    uid: String,
    /// `None`: there is no set to reduce it by.
    state: Option<Digest>,
    health: Health,
    app: String,
}

/// What a content makes.
#[derive(Clone, Debug)]
struct Synced {
    content: Digest,
    uid: String,
    owned: Arc<Set>,
    state: Digest,
}

#[derive(Clone, Debug, Default)]
struct Object {
    seen: Option<Seen>,
    synced: Option<Synced>,
    /// A job that was seen to succeed: its content.
    completed: Option<Digest>,
}

/// What is remembered of all objects.
#[derive(Debug, Default)]
pub struct Memory {
    objects: Mutex<BTreeMap<ResourceId, Object>>,
}

/// What is known of an object without asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its uid.
    pub uid: String,
    /// How it does.
    pub health: Health,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ResourceId, Object>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an object that is exactly what `content` makes, as a look or an answer says.
    pub fn note_synced(&self, id: &ResourceId, object: &Value, content: Digest) {
        let entries = managed::entries(object);
        let Some(entry) = applied(&entries, MANAGER) else { return };
        // What people added is reported by each look, so each look must see it.
        if !writers::added(object, &entries).is_empty() {
            return self.note_gone(id);
        }
        let owned = Arc::new(entry.set.clone());
        let state = reduce(object, &owned);
        let uid = document::metadata(object, "uid").to_owned();
        let mut objects = self.lock();
        let known = objects.entry(id.clone()).or_default();
        known.synced = Some(Synced { content, uid, owned, state });
        // Seen before by a set that we did not know: it can be told now only if it is the same.
        let newer = known.seen.as_ref().is_some_and(|s| s.version > document::version(object));
        if !newer {
            known.seen = None;
        }
        drop(objects);
        self.note_seen(id, object);
    }

    /// Takes in an object as something showed it. Says whether that is news: another state, or
    /// another health, than what was known before.
    pub fn note_seen(&self, id: &ResourceId, object: &Value) -> bool {
        let mut objects = self.lock();
        let known = objects.entry(id.clone()).or_default();
        let version = document::version(object);
        if known.seen.as_ref().is_some_and(|seen| seen.version >= version) {
            return false;
        }
        let seen = Seen {
            version,
            uid: document::metadata(object, "uid").to_owned(),
            state: known.synced.as_ref().map(|synced| reduce(object, &synced.owned)),
            health: trueup_health::of(object),
            app: document::label(object, APP_LABEL).unwrap_or_default().to_owned(),
        };
        if let Some(synced) = &known.synced
            && id.kind == "Job"
            && synced.uid == seen.uid
            && seen.health.status == HealthStatus::Healthy
        {
            known.completed = Some(synced.content);
        }
        let before = known.seen.replace(seen);
        let state = |seen: &Seen| (seen.uid.clone(), seen.state, seen.health.clone());
        match (before.as_ref().map(state), known.seen.as_ref().map(state)) {
            (Some(before), Some(now)) => before != now,
            // Not looked at or written by us yet: whoever does so learns of it.
            _ => known.synced.is_some(),
        }
    }

    /// An object is said to be gone, or not to carry our label any more: a read tells which.
    pub fn note_gone(&self, id: &ResourceId) {
        if let Some(known) = self.lock().get_mut(id) {
            known.seen = None;
            known.synced = None;
        }
    }

    /// What is known of an object that is as `content` makes it; `None` if it must be asked for.
    pub fn known(&self, id: &ResourceId, content: Digest) -> Option<Known> {
        let objects = self.lock();
        let known = objects.get(id)?;
        let (seen, synced) = (known.seen.as_ref()?, known.synced.as_ref()?);
        let same =
            synced.content == content && seen.uid == synced.uid && seen.state == Some(synced.state);
        same.then(|| Known { uid: seen.uid.clone(), health: seen.health.clone() })
    }

    /// Whether a job was seen to succeed for this content, though it may be gone by now.
    pub fn completed(&self, id: &ResourceId, content: Digest) -> bool {
        self.lock().get(id).is_some_and(|known| known.completed == Some(content))
    }

    /// After a list: what was seen before it, and is not in it, is gone. Gives the apps of these.
    pub fn sweep(
        &self,
        listed: &BTreeSet<ResourceId>,
        version: u64,
        concerns: impl Fn(&ResourceId) -> bool,
    ) -> Vec<(ResourceId, String)> {
        let mut gone = Vec::new();
        for (id, known) in self.lock().iter_mut().filter(|(id, _)| concerns(id)) {
            if listed.contains(id) || known.seen.as_ref().is_none_or(|s| s.version > version) {
                continue;
            }
            if let Some(seen) = known.seen.take() {
                gone.push((id.clone(), seen.app));
            }
            known.synced = None;
        }
        gone
    }

    /// Drops what is known of an app's objects.
    pub fn forget(&self, app: &str) {
        self.lock().retain(|_, known| known.seen.as_ref().is_none_or(|seen| seen.app != app));
    }
}

/// What of an object must not change unnoticed: the values we own, that it is ours, that it is not
/// being deleted, and which paths people added.
fn reduce(object: &Value, owned: &Set) -> Digest {
    let entries = managed::entries(object);
    let added: Vec<String> = writers::added(object, &entries)
        .into_iter()
        .map(|field| format!("{} {}", field.path, field.manager))
        .collect();
    let label = |name: &str| document::label(object, name).unwrap_or_default().to_owned();
    let values = values::digest(object, owned);
    let parts = [
        values.as_bytes().to_vec(),
        label(APP_LABEL).into_bytes(),
        label(INSTALLATION_LABEL).into_bytes(),
        document::metadata(object, "deletionTimestamp").as_bytes().to_vec(),
        added.join("\n").into_bytes(),
        vec![u8::from(applied(&entries, MANAGER).is_some())],
    ];
    Digest::of_parts(parts.iter().map(Vec::as_slice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn id() -> ResourceId {
        ResourceId::new("", "ConfigMap", "x", "y")
    }

    fn object(version: u64, value: &str) -> Value {
        json!({
            "kind": "ConfigMap",
            "metadata": {"uid": "u", "resourceVersion": version.to_string(), "managedFields": [{
                "manager": "trueup", "operation": "Apply", "apiVersion": "v1",
                "fieldsV1": {"f:data": {"f:a": {}}},
            }]},
            "data": {"a": value, "other": version.to_string()},
        })
    }

    fn content() -> Digest {
        Digest::of(b"content")
    }

    fn check(act: impl Fn(&Memory), known: bool) {
        let memory = Memory::default();
        act(&memory);
        assert_eq!(memory.known(&id(), content()).is_some(), known);
    }

    #[test]
    fn answers_and_events_agree_in_any_order() {
        let synced = |m: &Memory| m.note_synced(&id(), &object(5, "1"), content());
        check(synced, true);
        check(
            |m| {
                m.note_seen(&id(), &object(5, "1"));
                synced(m);
            },
            true,
        );
        check(
            |m| {
                synced(m);
                m.note_seen(&id(), &object(4, "0"));
            },
            true,
        );
        check(
            |m| {
                synced(m);
                m.note_seen(&id(), &object(6, "1"));
            },
            true,
        );
    }

    #[test]
    fn a_newer_state_must_be_looked_at() {
        let synced = |m: &Memory| m.note_synced(&id(), &object(5, "1"), content());
        check(
            |m| {
                synced(m);
                m.note_seen(&id(), &object(6, "2"));
            },
            false,
        );
        check(
            |m| {
                m.note_seen(&id(), &object(6, "2"));
                synced(m);
            },
            false,
        );
        check(
            |m| {
                synced(m);
                m.note_gone(&id());
            },
            false,
        );
        check(
            |m| {
                synced(m);
                m.sweep(&BTreeSet::new(), 9, |_| true);
            },
            false,
        );
    }

    #[test]
    fn only_news_is_told() {
        let memory = Memory::default();
        memory.note_synced(&id(), &object(5, "1"), content());
        assert!(!memory.note_seen(&id(), &object(6, "1")));
        assert!(memory.note_seen(&id(), &object(7, "2")));
    }
}
