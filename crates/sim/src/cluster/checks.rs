//! What must hold when a cluster's world was left in peace.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use trueup_engine::Outcome;
use trueup_fields::{Element, managed};
use trueup_kubernetes::{APP_LABEL, MANAGER};
use trueup_model::plan::SkipKind;
use trueup_model::ports::Store as _;
use trueup_model::record::Record;
use trueup_model::{Digest, EventResult, LedgerEntry, Resource, ResourceId, Verb};

use trueup_testkit::Outside;
use trueup_testkit::apiserver::ApiServer;

use super::{APP, NAMESPACE, Story};
use crate::checks::stands;

/// Names of maps that are somebody else's from the start.
pub(super) const FOREIGN: &[&str] = &["c5", "c9"];

/// Such a map.
pub(super) fn foreign(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"owner": "somebody-else"}}, "data": {"k": "theirs"}})
}

/// All rules; the error names the first that does not hold.
pub(super) async fn all(story: &Story, outcome: &Outcome) -> Result<(), String> {
    World::of(&story.server, APP).foreign_is_untouched()?;
    app(&story.server, &story.outside, APP, outcome).await
}

/// The rules about one app.
pub(crate) async fn app(
    server: &ApiServer,
    outside: &Outside,
    app: &str,
    outcome: &Outcome,
) -> Result<(), String> {
    let world = World::of(server, app);
    let mut ledger = outside.store.ledger();
    ledger.retain(|entry| entry.app.as_str() == app);
    world.inventory_covers_it(outcome)?;
    world.nothing_is_orphaned(outcome)?;
    world.ledger_tells_of_it(&ledger)?;
    crate::checks::ledger_is_whole(&ledger)?;
    let contents = contents(outside, outcome).await?;
    world.converged(outcome, &contents)
}

/// What ran to its end, by resource and content, as the record knows.
pub(super) fn completed(record: &Record) -> BTreeSet<(ResourceId, Digest)> {
    let each = record.completions.iter();
    each.flat_map(|(id, done)| done.contents.iter().map(|digest| (id.clone(), *digest))).collect()
}

/// A job that was known to have run for a content is not made for it again.
pub(super) fn jobs_run_once(
    completed: &BTreeSet<(ResourceId, Digest)>,
    entries: &[LedgerEntry],
) -> Result<(), String> {
    for event in entries.iter().flat_map(|entry| &entry.events) {
        let EventResult::Done { content: Some(content), .. } = &event.result else { continue };
        let makes = matches!(event.verb, Verb::Create | Verb::Replace);
        if makes && completed.contains(&(event.id.clone(), *content)) {
            return Err(format!("{} runs again though it had run to its end", event.id));
        }
    }
    Ok(())
}

/// The documents of what was applied.
async fn contents(
    outside: &Outside,
    outcome: &Outcome,
) -> Result<BTreeMap<ResourceId, Resource>, String> {
    let applied = outcome.record.applied.iter().flat_map(|set| &set.contents);
    let digests: Vec<Digest> = applied.clone().map(|(_, digest)| *digest).collect();
    let kept = outside.store.contents(&digests).await.map_err(|error| error.message)?;
    let mut contents = BTreeMap::new();
    for (id, digest) in applied {
        let bytes = kept.get(digest).ok_or_else(|| format!("the content of {id} is not kept"))?;
        let resource = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        contents.insert(id.clone(), resource);
    }
    Ok(contents)
}

struct World {
    app: String,
    objects: BTreeMap<ResourceId, Value>,
}

impl World {
    fn of(server: &ApiServer, app: &str) -> Self {
        let objects = server.cluster(|cluster, _| {
            let each = cluster.objects.iter().map(|(key, object)| {
                let kind = object["kind"].as_str().unwrap_or_default();
                let id = ResourceId::new(&key.group, kind, &key.namespace, &key.name);
                (id, (**object).clone())
            });
            each.collect()
        });
        Self { app: app.to_owned(), objects }
    }

    /// What carries our label, by our own apply: the label alone proves nothing, for people and
    /// controllers copy it, and a wiped record of who set what leaves nothing to tell by.
    fn ours(&self) -> impl Iterator<Item = (&ResourceId, &Value)> {
        self.objects.iter().filter(|(_, object)| {
            let entries = managed::entries(object);
            let labels = managed::applied(&entries, MANAGER)
                .and_then(|entry| entry.set.at(&["metadata", "labels"]));
            object.pointer("/metadata/labels/trueup.dev~1app") == Some(&self.app.as_str().into())
                && labels.is_some_and(|set| set.contains(&[Element::Field(APP_LABEL.to_owned())]))
                && object.pointer("/metadata/deletionTimestamp").is_none()
        })
    }

    fn foreign_is_untouched(&self) -> Result<(), String> {
        for name in FOREIGN {
            let id = ResourceId::new("", "ConfigMap", NAMESPACE, name);
            let expected = foreign(name);
            let found = self.objects.get(&id);
            let same = found.is_some_and(|found| {
                found["data"] == expected["data"]
                    && found["metadata"]["labels"] == expected["metadata"]["labels"]
            });
            if !same {
                return Err(format!("the foreign {id} was touched: {found:?}"));
            }
        }
        Ok(())
    }

    fn inventory_covers_it(&self, outcome: &Outcome) -> Result<(), String> {
        match self.ours().find(|(id, _)| !outcome.record.inventory.contains_key(id)) {
            Some((id, _)) => Err(format!("{id} is ours and not in the inventory")),
            None => Ok(()),
        }
    }

    /// Whatever is ours and not wanted any more is gone, but for what the plan says stays, and why.
    fn nothing_is_orphaned(&self, outcome: &Outcome) -> Result<(), String> {
        let Some(plan) = &outcome.plan else { return Ok(()) };
        if !stands(outcome) {
            return Ok(());
        }
        let applied = outcome.record.applied.iter();
        let wanted: BTreeSet<&ResourceId> = applied.flat_map(|set| set.contents.keys()).collect();
        let explained = |id: &ResourceId| {
            plan.skips.iter().any(|skip| skip.id == *id && skip.kind != SkipKind::Unchanged)
        };
        match self.ours().find(|(id, _)| !wanted.contains(id) && !explained(id)) {
            Some((id, _)) => Err(format!("{id} is an orphan")),
            None => Ok(()),
        }
    }

    /// Settled means: what is live says what was applied, wherever that says something.
    fn converged(
        &self,
        outcome: &Outcome,
        contents: &BTreeMap<ResourceId, Resource>,
    ) -> Result<(), String> {
        if !stands(outcome) {
            return Ok(());
        }
        for (id, resource) in contents {
            let completed = outcome.record.completions.get(id);
            if completed.is_some_and(|completion| completion.contents.contains(&resource.digest)) {
                continue;
            }
            let Some(live) = self.objects.get(id) else {
                return Err(format!("{id} was applied and is not there"));
            };
            says(live, &resource.body, "")
                .map_err(|why| format!("{id} is not as applied: {why}"))?;
        }
        Ok(())
    }

    /// Each thing that is ours was planned or done before, in the words of the ledger.
    fn ledger_tells_of_it(&self, ledger: &[LedgerEntry]) -> Result<(), String> {
        let mut told: BTreeSet<&ResourceId> = BTreeSet::new();
        for entry in ledger {
            told.extend(entry.events.iter().map(|event| &event.id));
            told.extend(entry.actions.iter().map(|action| &action.id));
            told.extend(entry.planned.iter().flat_map(|p| &p.actions).map(|action| &action.id));
        }
        match self.ours().find(|(id, _)| !told.contains(id)) {
            Some((id, _)) => Err(format!("the ledger does not tell of {id}")),
            None => Ok(()),
        }
    }
}

/// Whether a live value says what a declared one does; lists of named things by their names.
fn says(live: &Value, declared: &Value, at: &str) -> Result<(), String> {
    match (live, declared) {
        (Value::Object(live), Value::Object(declared)) => {
            for (name, value) in declared {
                let found = live.get(name).unwrap_or(&Value::Null);
                says(found, value, &format!("{at}/{name}"))?;
            }
            Ok(())
        }
        (Value::Array(live), Value::Array(declared)) => {
            for (n, value) in declared.iter().enumerate() {
                let at = format!("{at}/{n}");
                let mut named = live.iter().filter(|item| item.get("name") == value.get("name"));
                match value.get("name") {
                    Some(_) if named.any(|item| says(item, value, &at).is_ok()) => {}
                    Some(name) => return Err(format!("{at} is not {value} (by its name, {name})")),
                    None => says(live.get(n).unwrap_or(&Value::Null), value, &at)?,
                }
            }
            Ok(())
        }
        (live, declared) if live == declared => Ok(()),
        (live, declared) => Err(format!("{at} is {live}, not {declared}")),
    }
}
