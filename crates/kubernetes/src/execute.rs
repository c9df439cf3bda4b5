//! Carrying actions out, as they stand.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;
use trueup_fields::managed::{self, Entry, applied};
use trueup_fields::{Set, cover};
use trueup_model::observed::Owner;
use trueup_model::plan::{Action, Precondition, Verb};
use trueup_model::ports::AppContext;
use trueup_model::{Event, EventResult, Resource};

use crate::catalog::{Catalog, Served};
use crate::observe::{is_secret, user};
use crate::predict::{Mode, Place};
use crate::status::{Answer, Missing, explain};
use crate::target::Shared;
use crate::wire::{Ask, NoAnswer};
use crate::{MANAGER, adopt, document, owner, writers};

/// Objects written at once; the wire bounds the requests.
const AT_ONCE: usize = 32;
/// How long a kind is waited for whose definition was just written, and an object that is replaced.
const PATIENCE: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Carries out the actions of one stage.
pub async fn execute(shared: &Arc<Shared>, context: &AppContext, actions: &[Action]) -> Vec<Event> {
    let events: Vec<_> = actions.iter().map(|action| one(shared, context, action)).collect();
    futures::stream::iter(events).buffer_unordered(AT_ONCE).collect().await
}

async fn one(shared: &Shared, context: &AppContext, action: &Action) -> Event {
    let result = carry_out(shared, context, action).await.unwrap_or_else(|result| result);
    if action.id.kind == "CustomResourceDefinition" {
        shared.expire_catalog().await;
    }
    Event { id: action.id.clone(), verb: action.verb, at: shared.clock.now(), result }
}

/// `Err` is how an action ends early.
type Outcome = Result<EventResult, EventResult>;

async fn carry_out(shared: &Shared, context: &AppContext, action: &Action) -> Outcome {
    let (catalog, served) = served(shared, action).await?;
    let secret = is_secret(&action.id, action.content.as_deref());
    let place = Place { id: &action.id, served: &served, user: user(context), secret };
    let act = Act { shared, context, action, place: &place, catalog: &catalog };
    match action.verb {
        Verb::Create => act.create(act.content()?).await,
        Verb::Patch => act.patch(act.content()?).await,
        Verb::Replace => act.replace(act.content()?).await,
        Verb::Adopt => act.adopt(act.content()?).await,
        Verb::Repair => act.repair(act.content()?).await,
        Verb::Delete => act.delete().await,
    }
}

/// The kind of an action. It may be a moment until a definition that was just written is served.
async fn served(shared: &Shared, action: &Action) -> Result<(Arc<Catalog>, Served), EventResult> {
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    let mut catalog = shared.catalog().await.map_err(|e| failed(e.message, e.permanent))?;
    loop {
        match catalog.find(&action.id, &action.api_version) {
            Ok(served) => {
                let served = served.clone();
                return Ok((catalog, served));
            }
            Err(why) if began.elapsed() > PATIENCE || action.unpredicted.is_none() => {
                return Err(failed(why.message(), false));
            }
            Err(_) => {
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                let fresh = shared.fresh_catalog().await;
                catalog = fresh.map_err(|e| failed(e.message, e.permanent))?;
            }
        }
    }
}

fn failed(message: impl Into<String>, permanent: bool) -> EventResult {
    EventResult::Failed { message: message.into(), permanent }
}

fn unanswered(error: NoAnswer) -> EventResult {
    failed(error.to_string(), false)
}

fn moved(why: &str) -> EventResult {
    EventResult::Moved(why.to_owned())
}

struct Act<'a> {
    shared: &'a Shared,
    context: &'a AppContext,
    action: &'a Action,
    place: &'a Place<'a>,
    catalog: &'a Catalog,
}

impl Act<'_> {
    fn content(&self) -> Result<&Resource, EventResult> {
        let missing = || failed("the plan names no document to apply", true);
        self.action.content.as_deref().ok_or_else(missing)
    }

    fn uid(&self) -> &str {
        match &self.action.precondition {
            Precondition::Present { uid, .. } => uid,
            Precondition::Absent => "",
        }
    }

    fn version(&self) -> &str {
        match &self.action.precondition {
            Precondition::Present { resource_version, .. } => resource_version,
            Precondition::Absent => "",
        }
    }

    fn refused(&self, answer: &Answer, verb: &str) -> EventResult {
        failed(explain(answer, self.place.asked(verb)), answer.is_permanent())
    }

    /// The object is as the answer shows; its content is `resource`'s.
    fn done(&self, answer: &Answer, resource: &Resource) -> EventResult {
        let memory = &self.shared.memory;
        memory.note_synced(&self.action.id, &answer.body, resource.digest);
        EventResult::Done {
            uid: document::metadata(&answer.body, "uid").to_owned(),
            content: Some(resource.digest),
            note: None,
        }
    }

    async fn apply(&self, body: Value, force: bool) -> Result<Answer, EventResult> {
        let mode = Mode { force, dry_run: false };
        self.place.apply(&self.shared.wire, body, mode).await.map_err(unanswered)
    }

    async fn read(&self) -> Result<Answer, EventResult> {
        self.place.read(&self.shared.wire).await.map_err(unanswered)
    }

    /// Reads the object, which must still be this incarnation.
    async fn read_same(&self) -> Result<Answer, EventResult> {
        let answer = self.read().await?;
        if answer.code == 404 && answer.missing(&self.action.id.name) != Missing::Kind {
            return Err(moved("it is gone"));
        }
        if !answer.succeeded() {
            return Err(self.refused(&answer, "get"));
        }
        if document::metadata(&answer.body, "uid") != self.uid() {
            return Err(moved("it was deleted and made again by somebody else"));
        }
        Ok(answer)
    }

    /// Only 201 says that it was not there: a 200 is an object that appeared meanwhile, with values
    /// that happen to agree. What the apply made ours in it is given up again.
    async fn create(&self, resource: &Resource) -> Outcome {
        let handed_over = document::handed_over(&resource.id, &resource.body, &[]);
        let body = document::to_send(&resource.body, &handed_over);
        let answer = self.apply(body, false).await?;
        match answer.code {
            201 => Ok(self.done(&answer, resource)),
            200 => {
                self.apply(document::nothing_of(&resource.body), false).await?;
                Err(moved("it appeared meanwhile, made by somebody else"))
            }
            409 => Err(moved("it appeared meanwhile, made by somebody else")),
            _ => Err(self.refused(&answer, "patch")),
        }
    }

    /// Applies without force; on a conflict with force, if the plan takes every field in question,
    /// and only to the version at which that was checked.
    async fn patch(&self, resource: &Resource) -> Outcome {
        self.remove_additions(resource).await?;
        let object =
            if self.must_see_writers(resource) { Some(self.read_same().await?.body) } else { None };
        let entries = object.as_ref().map(managed::entries).unwrap_or_default();
        let body = self.body(resource, &entries);
        let answer =
            self.apply(document::on_condition(body.clone(), self.uid(), ""), false).await?;
        if answer.code == 200 {
            return Ok(self.done(&answer, resource));
        }
        if answer.is_conflict() {
            return self.patch_by_force(resource, &answer).await;
        }
        Err(match answer.code {
            404 | 409 => moved("it is gone, or was made again by somebody else"),
            201 => failed("it was made anew though it was to be changed", false),
            _ => self.refused(&answer, "patch"),
        })
    }

    /// Whether what is sent depends on who else writes to it.
    fn must_see_writers(&self, resource: &Resource) -> bool {
        resource.body.pointer("/spec/replicas").is_some()
            || matches!(
                self.action.id.group.as_str(),
                "admissionregistration.k8s.io" | "apiregistration.k8s.io" | "apiextensions.k8s.io"
            )
    }

    fn body(&self, resource: &Resource, entries: &[Entry]) -> Value {
        let handed_over = document::handed_over(&resource.id, &resource.body, entries);
        document::to_send(&resource.body, &handed_over)
    }

    async fn patch_by_force(&self, resource: &Resource, refused: &Answer) -> Outcome {
        let object = self.read_same().await?.body;
        let entries = managed::entries(&object);
        let conflicts = writers::conflicts(&object, &entries, &refused.causes());
        let taken = |path: &str, manager: &str| {
            self.action.takes.iter().any(|field| field.path == path && field.manager == manager)
        };
        if let Some(field) = conflicts.iter().find(|f| !taken(&f.path, &f.manager)) {
            return Err(moved(&format!(
                "{} was set by {} after the plan was made",
                field.path, field.manager
            )));
        }
        let version = document::metadata(&object, "resourceVersion");
        let body = document::on_condition(self.body(resource, &entries), self.uid(), version);
        let answer = self.apply(body, true).await?;
        match answer.code {
            200 => Ok(self.done(&answer, resource)),
            409 => Err(moved("it changed while it was taken over")),
            _ => Err(self.refused(&answer, "patch")),
        }
    }

    /// Takes out what people added, where the plan lists it: exactly at the version it was seen. What
    /// Git declares is no addition, though somebody else holds it now: it is applied over.
    async fn remove_additions(&self, resource: &Resource) -> Result<(), EventResult> {
        if self.version().is_empty() || self.action.takes.is_empty() {
            return Ok(());
        }
        let answer = self.read_same().await?;
        let entries = managed::entries(&answer.body);
        let added = writers::added(&answer.body, &entries);
        let listed: Vec<&str> = added
            .iter()
            .filter(|field| {
                self.action.takes.iter().any(|t| t.path == field.path && t.manager == field.manager)
            })
            .map(|field| field.path.as_str())
            .filter(|path| resource.body.pointer(path).is_none())
            .collect();
        if listed.is_empty() {
            return Ok(());
        }
        let version = document::metadata(&answer.body, "resourceVersion");
        let wire = &self.shared.wire;
        let answer = adopt::remove(wire, self.place, version, &listed).await.map_err(unanswered)?;
        if answer.succeeded() { Ok(()) } else { Err(self.changed_or_refused(&answer)) }
    }

    fn changed_or_refused(&self, answer: &Answer) -> EventResult {
        if answer.code == 409 {
            return moved("it changed while it was taken over");
        }
        self.refused(answer, "patch")
    }

    /// What the tool recorded becomes ours, so that what it set and Git does not name goes with the
    /// apply that follows.
    async fn adopt(&self, resource: &Resource) -> Outcome {
        let object = self.read_same().await?.body;
        let entries = managed::entries(&object);
        let tool = match owner::of(&object, &entries, self.context, "") {
            Owner::Tool { name, writes: false } => name,
            Owner::Nobody => "kubectl".to_owned(),
            Owner::Ours => return self.patch(resource).await,
            Owner::App(_) | Owner::Installation(_) | Owner::Tool { .. } => {
                return Err(moved("somebody else owns it, or writes to it, now"));
            }
        };
        let takes = |entry: &Entry| adopt::takes(&tool, entry);
        self.rewrite(&object, &entries, &Set::default(), takes).await?;
        let body = document::on_condition(self.body(resource, &entries), self.uid(), "");
        let answer = self.apply(body, false).await?;
        if answer.is_conflict() {
            return self.patch_by_force(resource, &answer).await;
        }
        match answer.code {
            200 => Ok(self.done(&answer, resource)),
            _ => Err(self.refused(&answer, "patch")),
        }
    }

    async fn rewrite(
        &self,
        object: &Value,
        entries: &[Entry],
        owned: &Set,
        takes: impl Fn(&Entry) -> bool,
    ) -> Result<Answer, EventResult> {
        let wire = &self.shared.wire;
        let answer = adopt::rewrite(wire, self.place, object, entries, owned, takes).await;
        let answer = answer.map_err(unanswered)?;
        if answer.succeeded() { Ok(answer) } else { Err(self.changed_or_refused(&answer)) }
    }

    /// Rewrites the entries as they should be. Where ours is lost, a dry run tells what it would
    /// hold.
    async fn repair(&self, resource: &Resource) -> Outcome {
        let object = self.read_same().await?.body;
        let entries = managed::entries(&object);
        let owned = match applied(&entries, MANAGER) {
            Some(_) => Set::default(),
            None => self.would_own(resource).await?,
        };
        let stale = |entry: &Entry| {
            entry.manager == "before-first-apply" || !self.catalog.serves(&entry.api_version)
        };
        let answer = self.rewrite(&object, &entries, &owned, stale).await?;
        let live = document::live(&answer.body);
        let entries = managed::entries(&answer.body);
        let owned = applied(&entries, MANAGER).map(|entry| &entry.set);
        let same = owned
            .is_some_and(|owned| cover::is_applied(&self.body(resource, &entries), &live, owned));
        if same {
            return Ok(self.done(&answer, resource));
        }
        Ok(EventResult::Done {
            uid: self.uid().to_owned(),
            content: None,
            note: Some("its bookkeeping is right again".to_owned()),
        })
    }

    /// What our apply would own. Where it cannot be carried out, because the object must be replaced,
    /// that are the labels that say whose it is.
    async fn would_own(&self, resource: &Resource) -> Result<Set, EventResult> {
        let mode = Mode { force: true, dry_run: true };
        let body = self.body(resource, &[]);
        let answer = self.place.apply(&self.shared.wire, body, mode).await.map_err(unanswered)?;
        if !answer.immutable().is_empty() {
            return Ok(owner::marks());
        }
        if !answer.succeeded() {
            return Err(self.refused(&answer, "patch"));
        }
        let entries = managed::entries(&answer.body);
        Ok(applied(&entries, MANAGER).map(|entry| entry.set.clone()).unwrap_or_default())
    }

    /// Deletes, waits until it is gone, and makes it anew.
    async fn replace(&self, resource: &Resource) -> Outcome {
        self.delete().await?;
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let answer = self.read().await?;
            if answer.code == 404 {
                return self.create(resource).await;
            }
            if began.elapsed() > PATIENCE {
                let finalizers = document::finalizers(&answer.body);
                let message = format!("it is still being deleted; finalizers: {finalizers}");
                return Err(failed(message, false));
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// Deletes this incarnation. Its version changes with every status that a controller writes, so
    /// one that moved on is deleted at its new version if it is still ours.
    async fn delete(&self) -> Outcome {
        let mut version = self.version().to_owned();
        for _ in 0..5 {
            let answer = self.delete_at(&version).await?;
            if answer.succeeded() {
                self.shared.memory.note_gone(&self.action.id);
                return Ok(EventResult::Deleting);
            }
            match answer.code {
                404 if answer.missing(&self.action.id.name) == Missing::Object => {
                    self.shared.memory.note_gone(&self.action.id);
                    return Ok(EventResult::Done { uid: String::new(), content: None, note: None });
                }
                409 => {
                    let object = self.read_same().await?.body;
                    let entries = managed::entries(&object);
                    if owner::of(&object, &entries, self.context, self.uid()) != Owner::Ours {
                        return Err(moved("it is not ours any more"));
                    }
                    version = document::metadata(&object, "resourceVersion").to_owned();
                }
                _ => return Err(self.refused(&answer, "delete")),
            }
        }
        Err(failed("it changes faster than it can be deleted", false))
    }

    async fn delete_at(&self, version: &str) -> Result<Answer, EventResult> {
        let mut preconditions = json!({"uid": self.uid()});
        if !version.is_empty() {
            preconditions["resourceVersion"] = version.into();
        }
        // A Job's pods must not outlive it, or its successor runs beside them.
        let propagation = if self.action.id.kind == "Job" { "Foreground" } else { "Background" };
        let options = json!({
            "kind": "DeleteOptions", "apiVersion": "v1",
            "preconditions": preconditions, "propagationPolicy": propagation,
        });
        let path = self.place.served.path(&self.action.id);
        let ask = Ask::with(Method::DELETE, path, "application/json", options);
        let ask = ask.acting_as(self.place.user.clone());
        self.shared.wire.ask(&ask).await.map_err(unanswered)
    }
}
