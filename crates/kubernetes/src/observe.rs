//! Looking: what is there of each resource, whose it is, and what the desired document would make.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use futures::StreamExt;
use serde_json::Value;
use trueup_fields::cover;
use trueup_fields::managed::{self, Entry, applied};
use trueup_model::observed::{Observed, ObservedResource, Owner, Prediction, Presence};
use trueup_model::ports::{AppContext, Foresight, PortError};
use trueup_model::record::{Inventory, InventoryItem};
use trueup_model::{Health, HealthStatus, Resource, ResourceId, kinds};

use crate::catalog::{Catalog, NotServed, Served};
use crate::explain::{self, Explainer};
use crate::listing::{self, Collection, Unlisted};
use crate::pods::Pods;
use crate::predict::{Place, Predicted, after_takeover, predict};
use crate::status::{Missing, explain};
use crate::target::Shared;
use crate::wire::NoAnswer;
use crate::{MANAGER, adopt, document, owner, watch, writers};

/// Objects looked at at once, of one kind and namespace; the wire bounds the requests.
const AT_ONCE: usize = 64;
const GROUPS_AT_ONCE: usize = 16;

/// What is there of everything desired and everything in the inventory.
pub async fn observe(
    shared: &Arc<Shared>,
    context: &AppContext,
    desired: &[Arc<Resource>],
    inventory: &Inventory,
    foresight: Foresight,
) -> Result<Observed, PortError> {
    let mut wanted: BTreeMap<&ResourceId, Wanted<'_>> = BTreeMap::new();
    for (id, item) in inventory {
        let wanted_item =
            Wanted { id, api_version: &item.api_version, resource: None, item: Some(item) };
        wanted.insert(id, wanted_item);
    }
    for resource in desired {
        let item = inventory.get(&resource.id);
        let api_version = &resource.api_version;
        let declared = Wanted { id: &resource.id, api_version, resource: Some(resource), item };
        wanted.insert(&resource.id, declared);
    }
    let look = Look {
        shared,
        context,
        foresight,
        comes: Coming::of(desired),
        catalog: catalog_for(shared, &wanted).await?,
        silence: Silence::default(),
    };
    let groups = groups(wanted.into_values());
    let looks: Vec<_> = groups.iter().map(|group| look.group(group)).collect();
    let mut looks = futures::stream::iter(looks).buffer_unordered(GROUPS_AT_ONCE);
    let mut observed = Observed::new();
    while let Some(seen) = looks.next().await {
        observed.extend(seen);
    }
    if let Some(error) = look.silence.is_all() {
        return Err(PortError::passing(error));
    }
    // After the reads, with which the watches' own lists would compete.
    for wanted in groups.iter().filter_map(|group| group.first()) {
        if let Ok(served) = look.catalog.find(wanted.id, wanted.api_version) {
            watch::start(shared, &context.installation, wanted.id, served);
        }
    }
    look.explain(desired, &mut observed).await;
    Ok(observed)
}

/// What is of one kind, version and namespace, together.
fn groups<'a>(wanted: impl Iterator<Item = Wanted<'a>>) -> Vec<Vec<Wanted<'a>>> {
    let mut groups: BTreeMap<_, Vec<Wanted<'a>>> = BTreeMap::new();
    for wanted in wanted {
        let id = wanted.id;
        let of = (&id.group, &id.kind, wanted.api_version, &id.namespace);
        groups.entry(of).or_default().push(wanted);
    }
    groups.into_values().collect()
}

fn all<'a>(
    group: &[Wanted<'a>],
    observed: impl Fn(Wanted<'a>) -> ObservedResource,
) -> Vec<(ResourceId, ObservedResource)> {
    group.iter().map(|wanted| (wanted.id.clone(), observed(*wanted))).collect()
}

/// The catalog; read again where it lacks something that is wanted.
async fn catalog_for(
    shared: &Shared,
    wanted: &BTreeMap<&ResourceId, Wanted<'_>>,
) -> Result<Arc<Catalog>, PortError> {
    let catalog = shared.catalog().await?;
    let lacks = |wanted: &Wanted<'_>| catalog.find(wanted.id, wanted.api_version).is_err();
    if wanted.values().any(lacks) { shared.fresh_catalog().await } else { Ok(catalog) }
}

/// What the desired set itself brings.
struct Coming {
    kinds: BTreeSet<(String, String)>,
    namespaces: BTreeSet<String>,
}

impl Coming {
    fn of(desired: &[Arc<Resource>]) -> Self {
        let mut coming = Self { kinds: BTreeSet::new(), namespaces: BTreeSet::new() };
        for resource in desired {
            let text = |pointer: &str| resource.body.pointer(pointer).and_then(Value::as_str);
            match resource.id.kind.as_str() {
                "Namespace" if resource.id.group.is_empty() => {
                    coming.namespaces.insert(resource.id.name.clone());
                }
                "CustomResourceDefinition" => {
                    if let (Some(group), Some(kind)) =
                        (text("/spec/group"), text("/spec/names/kind"))
                    {
                        coming.kinds.insert((group.to_owned(), kind.to_owned()));
                    }
                }
                _ => {}
            }
        }
        coming
    }
}

#[derive(Clone, Copy)]
struct Wanted<'a> {
    id: &'a ResourceId,
    api_version: &'a str,
    resource: Option<&'a Arc<Resource>>,
    item: Option<&'a InventoryItem>,
}

struct Look<'a> {
    shared: &'a Arc<Shared>,
    context: &'a AppContext,
    foresight: Foresight,
    comes: Coming,
    catalog: Arc<Catalog>,
    silence: Silence,
}

/// Whether anything was answered. A server that answers nothing has not said that something cannot
/// be seen.
#[derive(Default)]
struct Silence {
    answered: AtomicBool,
    error: OnceLock<String>,
}

impl Silence {
    fn heard(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    fn kept(&self, error: &NoAnswer) -> String {
        self.error.get_or_init(|| error.to_string()).clone()
    }

    fn is_all(&self) -> Option<String> {
        self.error.get().filter(|_| !self.answered.load(Ordering::Relaxed)).cloned()
    }
}

impl<'a> Look<'a> {
    /// What is of one kind and namespace: what is known without asking, then the rest, together
    /// where that is cheaper.
    async fn group(&self, group: &[Wanted<'a>]) -> Vec<(ResourceId, ObservedResource)> {
        let Some(first) = group.first() else { return Vec::new() };
        let served = match self.catalog.find(first.id, first.api_version) {
            Ok(served) => served,
            Err(why) => return all(group, |wanted| self.not_served(wanted, &why)),
        };
        let covered = watch::covers(self.shared, &self.context.installation, first.id, served);
        let mut seen = Vec::with_capacity(group.len());
        let mut left = BTreeMap::new();
        for wanted in group {
            match self.known(*wanted).filter(|_| covered) {
                Some(known) => seen.push((wanted.id.clone(), known)),
                None => {
                    left.insert(wanted.id.name.as_str(), *wanted);
                }
            }
        }
        if left.len() >= listing::WORTHWHILE
            && let Err(error) = self.list(served, &mut left, &mut seen).await
        {
            let error = self.silence.kept(&error);
            let left: Vec<Wanted<'_>> = left.into_values().collect();
            seen.extend(all(&left, |_| ObservedResource::unknown(error.clone())));
            return seen;
        }
        let looks: Vec<_> = left.into_values().map(|wanted| self.read(wanted, served)).collect();
        let mut looks = futures::stream::iter(looks).buffer_unordered(AT_ONCE);
        while let Some(look) = looks.next().await {
            seen.push(look);
        }
        seen
    }

    /// What is remembered, if it is as declared.
    fn known(&self, wanted: Wanted<'_>) -> Option<ObservedResource> {
        let resource = wanted.resource?;
        let known = self.shared.memory.known(wanted.id, resource.digest)?;
        let ours = wanted.item.is_some_and(|item| item.uid == known.uid);
        ours.then(|| ObservedResource::synced(known.uid, resource.digest, known.health))
    }

    /// Takes out of `left` what lists tell. What they cannot tell stays, to be asked for singly.
    async fn list(
        &self,
        served: &Served,
        left: &mut BTreeMap<&'a str, Wanted<'a>>,
        seen: &mut Vec<(ResourceId, ObservedResource)>,
    ) -> Result<(), NoAnswer> {
        let namespace = left.values().next().map_or("", |wanted| &wanted.id.namespace);
        let collection = Collection { served, namespace, user: user(self.context) };
        let wire = &self.shared.wire;
        let mut next = Some(String::new());
        while let Some(page) = next.take() {
            match collection.ours(wire, &self.context.installation, &page).await {
                Ok((objects, rest)) => {
                    self.silence.heard();
                    self.take_out(served, objects, left, seen).await;
                    next = Some(rest).filter(|rest| !rest.is_empty());
                }
                Err(Unlisted::Refused) => return Ok(()),
                Err(Unlisted::NoAnswer(error)) => return Err(error),
            }
        }
        if left.len() < listing::WORTHWHILE {
            return Ok(());
        }
        let Some(names) = collection.names(wire, left.len()).await else { return Ok(()) };
        let absent = left.extract_if(.., |name, _| !names.contains(*name));
        for (_, wanted) in absent.collect::<Vec<_>>() {
            let place = self.place(wanted, served);
            seen.push((wanted.id.clone(), self.absent(wanted, &place).await));
        }
        Ok(())
    }

    async fn take_out(
        &self,
        served: &Served,
        objects: Vec<Value>,
        left: &mut BTreeMap<&'a str, Wanted<'a>>,
        seen: &mut Vec<(ResourceId, ObservedResource)>,
    ) {
        let wanted = objects
            .iter()
            .filter_map(|object| Some((left.remove(document::metadata(object, "name"))?, object)));
        let looks: Vec<_> = wanted
            .map(|(wanted, object)| async move {
                let place = self.place(wanted, served);
                (wanted.id.clone(), self.present(wanted, &place, object).await)
            })
            .collect();
        let mut looks = futures::stream::iter(looks).buffer_unordered(AT_ONCE);
        while let Some(look) = looks.next().await {
            seen.push(look);
        }
    }

    /// Lets pods say why what is not healthy is not; and has them watched as long as it is not.
    async fn explain(&self, desired: &[Arc<Resource>], observed: &mut Observed) {
        let user = user(self.context);
        let pairs = desired.iter().filter_map(|r| Some((r.as_ref(), observed.get(&r.id)?)));
        let places = explain::places(pairs, user.as_deref());
        let wanted: BTreeSet<_> = places.keys().cloned().collect();
        Pods::want(self.shared, &self.context.app, &wanted);
        let mut told = Vec::new();
        for (place, resources) in &places {
            let troubled = self.shared.pods.troubled(place);
            let now = self.shared.clock.now();
            let explainer = Explainer { wire: &self.shared.wire, place, troubled: &troubled, now };
            for resource in desired.iter().filter(|r| resources.contains(&r.id)) {
                if let Some(health) = explainer.health(resource).await {
                    told.push((resource.id.clone(), health));
                }
            }
        }
        for (id, health) in told {
            if let Some(seen) = observed.get_mut(&id) {
                seen.health = health;
            }
        }
    }

    fn place<'b>(&self, wanted: Wanted<'b>, served: &'b Served) -> Place<'b> {
        Place {
            id: wanted.id,
            served,
            user: user(self.context),
            secret: is_secret(wanted.id, wanted.resource.map(AsRef::as_ref)),
        }
    }

    async fn read(&self, wanted: Wanted<'_>, served: &Served) -> (ResourceId, ObservedResource) {
        let place = self.place(wanted, served);
        let answer = place.read(&self.shared.wire).await;
        if answer.is_ok() {
            self.silence.heard();
        }
        let observed = match answer {
            Err(error) => ObservedResource::unknown(self.silence.kept(&error)),
            Ok(answer) if answer.succeeded() => self.present(wanted, &place, &answer.body).await,
            Ok(answer) if answer.code == 404 => match answer.missing(&wanted.id.name) {
                Missing::Kind => ObservedResource::unknown(answer.message()),
                Missing::Object | Missing::Namespace => self.absent(wanted, &place).await,
            },
            Ok(answer) => ObservedResource::unknown(explain(&answer, place.asked("get"))),
        };
        (wanted.id.clone(), observed)
    }

    /// A kind that the same set defines comes in an earlier stage; anything else cannot be told.
    fn not_served(&self, wanted: Wanted<'_>, why: &NotServed) -> ObservedResource {
        let kind = (wanted.id.group.clone(), wanted.id.kind.clone());
        let comes = self.comes.kinds.contains(&kind);
        if !matches!(why, NotServed::Kind(_)) || !comes || wanted.resource.is_none() {
            return ObservedResource::unknown(why.message());
        }
        let unpredicted = "its definition is created in an earlier stage".to_owned();
        ObservedResource {
            prediction: Some(Prediction::Unpredicted(unpredicted)),
            ..ObservedResource::absent()
        }
    }

    async fn absent(&self, wanted: Wanted<'_>, place: &Place<'_>) -> ObservedResource {
        let mut observed = ObservedResource::absent();
        let Some(resource) = wanted.resource else { return observed };
        if self.shared.memory.completed(wanted.id, resource.digest) {
            observed.owner = Owner::Ours;
            observed.synced = Some(resource.digest);
            observed.health = Health::new(HealthStatus::Healthy, "it ran and is gone");
            return observed;
        }
        if self.foresight == Foresight::Everything {
            let body = self.to_send(resource, &[]);
            let comes = self.comes.namespaces.contains(&wanted.id.namespace);
            let predicted = predict(&self.shared.wire, place, &body, None, comes).await;
            observed.prediction = Some(predicted.prediction);
        }
        observed
    }

    fn to_send(&self, resource: &Resource, entries: &[Entry]) -> Value {
        let handed_over = document::handed_over(&resource.id, &resource.body, entries);
        document::to_send(&resource.body, &handed_over)
    }

    async fn present(
        &self,
        wanted: Wanted<'_>,
        place: &Place<'_>,
        object: &Value,
    ) -> ObservedResource {
        let entries = managed::entries(object);
        let recorded = wanted.item.filter(|item| !item.intended).map(|item| item.uid.as_str());
        let mut observed = ObservedResource {
            presence: Presence::Present,
            owner: owner::of(object, &entries, self.context, recorded.unwrap_or_default()),
            uid: document::metadata(object, "uid").to_owned(),
            resource_version: document::metadata(object, "resourceVersion").to_owned(),
            live: Some(document::live(object)),
            health: trueup_health::at(object, self.shared.clock.now()),
            ..ObservedResource::absent()
        };
        if !document::metadata(object, "deletionTimestamp").is_empty() {
            observed.presence = Presence::Terminating;
            observed.health = Health::new(HealthStatus::Progressing, being_deleted(object));
            return observed;
        }
        if let Some(resource) = wanted.resource {
            let present = Present { place, object, entries: &entries, resource };
            match observed.owner.clone() {
                Owner::Ours => {
                    let before = recorded == Some(observed.uid.as_str());
                    self.ours(present, before, &mut observed).await;
                }
                Owner::Tool { name, writes } => {
                    let writes = writes || self.still_writes(&name, object).await;
                    observed.owner = Owner::Tool { name: name.clone(), writes };
                    if !writes && self.context.adopt.as_deref() == Some(name.as_str()) {
                        self.takeover(present, &name, &mut observed).await;
                    }
                }
                Owner::Nobody if self.context.adopt.is_some() => {
                    self.takeover(present, "kubectl", &mut observed).await;
                }
                Owner::Nobody | Owner::App(_) | Owner::Installation(_) => {}
            }
        }
        observed
    }

    async fn ours(&self, present: Present<'_>, before: bool, observed: &mut ObservedResource) {
        let Present { place, object, entries, resource } = present;
        observed.repair = writers::repair(entries, &self.catalog, before);
        observed.added = writers::added(object, entries);
        if observed.repair.is_some() {
            return;
        }
        let body = self.to_send(resource, entries);
        let owned = applied(entries, MANAGER).map(|entry| &entry.set);
        let live = observed.live.as_ref();
        if let (Some(owned), Some(live)) = (owned, live)
            && cover::is_applied(&body, live, owned)
        {
            observed.synced = Some(resource.digest);
        } else {
            let predicted =
                predict(&self.shared.wire, place, &body, Some((object, entries)), false).await;
            if matches!(&predicted.prediction, Prediction::Exact(after) if Some(after) == live) {
                observed.synced = Some(resource.digest);
            }
            observed.prediction = Some(predicted.prediction);
            observed.conflicts = predicted.conflicts;
        }
        if observed.synced.is_some() {
            self.shared.memory.note_synced(place.id, object, resource.digest);
            // Nothing is compared any more, and thousands of these are held at once.
            observed.live = None;
            observed.prediction = None;
        }
    }

    async fn takeover(&self, present: Present<'_>, tool: &str, observed: &mut ObservedResource) {
        let Present { place, object, entries, resource } = present;
        let body = self.to_send(resource, entries);
        let Predicted { prediction, conflicts, owned } =
            predict(&self.shared.wire, place, &body, Some((object, entries)), false).await;
        observed.conflicts = conflicts;
        observed.prediction = Some(match prediction {
            Prediction::Exact(after) => {
                let taken: Vec<&Entry> =
                    entries.iter().filter(|entry| adopt::takes(tool, entry)).collect();
                Prediction::Exact(after_takeover(&after, entries, &owned, &taken))
            }
            other => other,
        });
    }

    async fn still_writes(&self, tool: &str, object: &Value) -> bool {
        self.context.adopt.as_deref() == Some(tool)
            && adopt::still_writes(&self.shared.wire, &self.catalog, tool, object).await
    }
}

#[derive(Clone, Copy)]
struct Present<'a> {
    place: &'a Place<'a>,
    object: &'a Value,
    entries: &'a [Entry],
    resource: &'a Resource,
}

fn being_deleted(object: &Value) -> String {
    match document::finalizers(object).as_str() {
        "" => "it is being deleted".to_owned(),
        finalizers => format!("it is being deleted; held by finalizer {finalizers}"),
    }
}

/// Whom to act as.
pub fn user(context: &AppContext) -> Option<String> {
    Some(service_account(context.service_account.as_deref()?, &context.namespace))
}

/// The user that a service account is, in this namespace if it names none.
pub fn service_account(account: &str, namespace: &str) -> String {
    match account.split_once('/') {
        Some((namespace, name)) => format!("system:serviceaccount:{namespace}:{name}"),
        None => format!("system:serviceaccount:{namespace}:{account}"),
    }
}

/// Whether an object's content must not be repeated.
pub fn is_secret(id: &ResourceId, resource: Option<&Resource>) -> bool {
    !kinds::of(id).sensitive.is_empty() || resource.is_some_and(|r| !r.sensitive.is_empty())
}
