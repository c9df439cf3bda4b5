//! Writes: what each verb makes of an object, and what is checked on the way.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use trueup_fields::managed::{self, Entry};

use super::answer::{Answer, Refusal};
use super::cluster::{Cluster, at_version, key};
use super::defaults::fill_in;
use super::kinds::Kind;
use super::manage::{self, Writer};
use super::merge::tracked;
use super::objects::Key;
use super::patch;
use super::request::Call;
use super::validate::validate;

/// What of an object's metadata only the server sets.
const SERVER_SET: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "name",
    "namespace",
    "resourceVersion",
];

/// A write that is under way.
struct Write<'a> {
    kind: &'a Arc<Kind>,
    key: Key,
    live: Option<Arc<Value>>,
    dry: bool,
    now: Timestamp,
}

impl Cluster {
    /// POST.
    pub(super) fn create(
        &mut self,
        kind: &Arc<Kind>,
        call: &Call,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let mut object = call.content.clone();
        let mut key = key(kind, call);
        fits(kind, &key, &object)?;
        let prefix = text(&object, "/metadata/generateName").to_owned();
        if text(&object, "/metadata/name").is_empty() && !prefix.is_empty() {
            let uid = self.objects.next_uid();
            object["metadata"]["name"] = format!("{prefix}{}", &uid[..8]).into();
        }
        key.name = text(&object, "/metadata/name").to_owned();
        if self.objects.get(&key).is_some() {
            return Err(Refusal::exists(kind, &key.name));
        }
        self.may_be_made(kind, &key)?;
        if kind.status {
            remove(&mut object, "status");
        }
        fill_in(&mut object, kind);
        let (time, api_version) = (stamp(now), kind.api_version());
        let writer = writer(call, &api_version, &time, "");
        let entries = manage::update(&json!({}), &object, Vec::new(), kind.merging(), writer);
        let write = Write { kind, key, live: None, dry: call.is_dry(), now };
        Ok(Answer::Document(201, self.finish(&write, object, &entries)?))
    }

    /// Server-side apply.
    pub(super) fn apply(
        &mut self,
        kind: &Arc<Kind>,
        call: &Call,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let key = key(kind, call);
        may_be_applied(kind, &key, call)?;
        let live = self.objects.get(&key).cloned();
        let wanted = |pointer: &str| text(&call.content, pointer);
        match &live {
            None => {
                let uid = wanted("/metadata/uid");
                if !uid.is_empty() {
                    let why = format!(
                        "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
                    );
                    return Err(Refusal::conflict(kind, &key.name, &why));
                }
                self.may_be_made(kind, &key)?;
            }
            Some(live) => {
                let version = wanted("/metadata/resourceVersion");
                if !version.is_empty() && version != text(live, "/metadata/resourceVersion") {
                    return Err(Refusal::modified(kind, &key.name));
                }
                self.entries_are_served(kind, live)?;
            }
        }
        let mut config = call.content.clone();
        if kind.status {
            remove(&mut config, "status");
        }
        let time = stamp(now);
        let api_version = kind.api_version();
        let writer = writer(call, &api_version, &time, "");
        let base = live.as_deref().cloned().unwrap_or_else(|| json!({}));
        let what = format!("/{}; {}, Kind={}", key.name, group_version(kind), kind.kind);
        let applied =
            manage::apply(&base, &config, &what, kind.merging(), writer, call.asks("force"))?;
        let mut object = applied.object;
        if let Some(uid) = call.content.pointer("/metadata/uid") {
            put_metadata(&mut object, "uid", uid.clone());
        }
        fill_in(&mut object, kind);
        let code = if live.is_some() { 200 } else { 201 };
        let write = Write { kind, key, live, dry: call.is_dry(), now };
        Ok(Answer::Document(code, self.finish(&write, object, &applied.entries)?))
    }

    /// PUT.
    pub(super) fn put(
        &mut self,
        kind: &Arc<Kind>,
        call: &Call,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let key = key(kind, call);
        fits(kind, &key, &call.content)?;
        let live = self.find(kind, call)?;
        self.update(kind, key, &live, call.content.clone(), call, now)
    }

    /// JSON, merge and strategic merge patches.
    pub(super) fn patch(
        &mut self,
        kind: &Arc<Kind>,
        call: &Call,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let live = self.find(kind, call)?;
        let mut object = at_version(&live, kind);
        patch::patch(&mut object, &call.content_type, &call.content, kind.merging())?;
        self.update(kind, key(kind, call), &live, object, call, now)
    }

    fn update(
        &mut self,
        kind: &Arc<Kind>,
        key: Key,
        live: &Arc<Value>,
        mut object: Value,
        call: &Call,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        is_expected(kind, &key, live, &object)?;
        if kind.status {
            match live.get("status") {
                Some(status) => object["status"] = status.clone(),
                None => remove(&mut object, "status"),
            }
        }
        fill_in(&mut object, kind);
        keep_allocated(live, &mut object);
        let time = stamp(now);
        let api_version = kind.api_version();
        let writer = writer(call, &api_version, &time, "");
        let entries = self.entries_after(kind, live, &object, writer);
        let write = Write { kind, key, live: Some(Arc::clone(live)), dry: call.is_dry(), now };
        Ok(Answer::Document(200, self.finish(&write, object, &entries)?))
    }

    /// The `status` subresource.
    pub(super) fn write_status(
        &mut self,
        kind: &Arc<Kind>,
        call: &Call,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let live = self.find(kind, call)?;
        let key = key(kind, call);
        let mut changed = at_version(&live, kind);
        if call.method == http::Method::PUT {
            changed = call.content.clone();
        } else {
            patch::patch(&mut changed, &call.content_type, &call.content, kind.merging())?;
        }
        is_expected(kind, &key, &live, &changed)?;
        let mut object = (*live).clone();
        object["status"] = changed.get("status").cloned().unwrap_or_else(|| json!({}));
        self.part(kind, key, &live, object, call, "status", now).map(|o| Answer::Document(200, o))
    }

    /// The `scale` subresource.
    pub(super) fn write_scale(
        &mut self,
        kind: &Arc<Kind>,
        call: &Call,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let live = self.find(kind, call)?;
        let key = key(kind, call);
        let mut scale = scale_of(&live);
        if call.method == http::Method::PUT {
            scale = call.content.clone();
        } else {
            patch::patch(&mut scale, &call.content_type, &call.content, kind.merging())?;
        }
        let mut object = (*live).clone();
        object["spec"]["replicas"] = scale["spec"]["replicas"].clone();
        let object = self.part(kind, key, &live, object, call, "scale", now)?;
        Ok(Answer::Document(200, scale_of(&object)))
    }

    #[expect(clippy::too_many_arguments, reason = "what a write to a part of an object needs")]
    fn part(
        &mut self,
        kind: &Arc<Kind>,
        key: Key,
        live: &Arc<Value>,
        object: Value,
        call: &Call,
        subresource: &str,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let (time, api_version) = (stamp(now), kind.api_version());
        let writer = writer(call, &api_version, &time, subresource);
        let entries = self.entries_after(kind, live, &object, writer);
        let write = Write { kind, key, live: Some(Arc::clone(live)), dry: call.is_dry(), now };
        self.finish(&write, object, &entries)
    }

    /// DELETE.
    pub(super) fn delete(
        &mut self,
        kind: &Arc<Kind>,
        call: &Call,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let live = self.find(kind, call)?;
        let key = key(kind, call);
        let expects = |name: &str| text(&call.content, &format!("/preconditions/{name}"));
        let has = |name: &str| text(&live, &format!("/metadata/{name}"));
        let differs = |name: &str, shown: &str, then: &str| {
            let why = format!(
                "the {shown} in the precondition ({}) does not match the {shown} in record ({}). {then}",
                expects(name),
                has(name)
            );
            let message =
                format!("Operation cannot be fulfilled on {} {:?}: {why}", kind.kind, key.name);
            Refusal::new(409, "Conflict", message).about(&kind.group, &kind.kind, &key.name)
        };
        if !expects("uid").is_empty() && expects("uid") != has("uid") {
            let then = "The object might have been deleted and then recreated";
            return Err(differs("uid", "UID", then));
        }
        let version = expects("resourceVersion");
        if !version.is_empty() && version != has("resourceVersion") {
            let then = "The object might have been modified";
            return Err(differs("resourceVersion", "ResourceVersion", then));
        }
        let policy = match call.ask("propagationPolicy") {
            "" => text(&call.content, "/propagationPolicy"),
            policy => policy,
        };
        let object = self.begin_deletion(kind, &key, policy, call.is_dry(), now);
        Ok(Answer::Document(200, object.unwrap_or_else(|| deleted(kind, &key, has("uid")))))
    }

    /// Marks an object as deleted, or takes it out at once if nothing holds it: then `None`.
    pub(super) fn begin_deletion(
        &mut self,
        kind: &Kind,
        key: &Key,
        policy: &str,
        dry: bool,
        now: Timestamp,
    ) -> Option<Value> {
        let mut object = (**self.objects.get(key)?).clone();
        let mut finalizers = finalizers(&object);
        let mut hold = |name: &str| {
            if !finalizers.iter().any(|other| other == name) {
                finalizers.push(name.to_owned());
            }
        };
        match policy {
            "Foreground" => hold("foregroundDeletion"),
            "Orphan" => hold("orphan"),
            _ => {}
        }
        if kind.kind == "CustomResourceDefinition" {
            hold("customresourcecleanup.apiextensions.k8s.io");
        }
        let is_namespace = kind.kind == "Namespace";
        if finalizers.is_empty() && !is_namespace {
            if !dry {
                self.take_out(key);
            }
            return None;
        }
        if object.pointer("/metadata/deletionTimestamp").is_some() {
            return Some(at_version(&object, kind));
        }
        if !finalizers.is_empty() {
            put_metadata(&mut object, "finalizers", finalizers.into());
        }
        put_metadata(&mut object, "deletionTimestamp", stamp(now).into());
        if is_namespace {
            object["status"]["phase"] = "Terminating".into();
        } else {
            put_metadata(&mut object, "deletionGracePeriodSeconds", 0.into());
        }
        if kind.counts_generations() {
            let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
            put_metadata(&mut object, "generation", (generation.unwrap_or(0) + 1).into());
        }
        if dry {
            return Some(at_version(&object, kind));
        }
        Some(at_version(&self.store(key, object), kind))
    }

    /// Whether an object may be made there.
    fn may_be_made(&self, kind: &Kind, key: &Key) -> Result<(), Refusal> {
        if kind.schema.is_some() && self.is_undefined(kind) {
            let why = "create not allowed while custom resource definition is terminating";
            return Err(Refusal::forbidden(kind, &key.name, why));
        }
        if !kind.namespaced {
            return Ok(());
        }
        let namespace = self.objects.get(&namespace_key(&key.namespace));
        let Some(namespace) = namespace else {
            let message = format!("namespaces {:?} not found", key.namespace);
            let refusal = Refusal::new(404, "NotFound", message);
            return Err(refusal.about("", "namespaces", &key.namespace));
        };
        if namespace.pointer("/metadata/deletionTimestamp").is_none() {
            return Ok(());
        }
        let name = &key.namespace;
        let why = format!(
            "unable to create new content in namespace {name} because it is being terminated"
        );
        let cause = (
            "NamespaceTerminating".to_owned(),
            format!("namespace {name} is being terminated"),
            "metadata.namespace".to_owned(),
        );
        Err(Refusal::forbidden(kind, &key.name, &why).because(&[cause]))
    }

    /// Whether the definition of a kind is being deleted.
    fn is_undefined(&self, kind: &Kind) -> bool {
        let definition = self.objects.get(&Key {
            group: "apiextensions.k8s.io".to_owned(),
            plural: "customresourcedefinitions".to_owned(),
            namespace: String::new(),
            name: kind.resource(),
        });
        definition.is_some_and(|d| d.pointer("/metadata/deletionTimestamp").is_some())
    }

    /// Whether the versions that entries were written at are still served.
    fn entries_are_served(&self, kind: &Kind, live: &Value) -> Result<(), Refusal> {
        let gone = |entry: &&Entry| {
            kind.schema.is_some()
                && !self.kinds.iter().any(|other| other.api_version() == entry.api_version)
        };
        match managed::entries(live).iter().find(gone) {
            None => Ok(()),
            Some(entry) => Err(Refusal::internal(format!(
                "request to convert CR to an invalid group/version: {}",
                entry.api_version
            ))),
        }
    }

    /// The entries after an update: as the writer put them, or as they were, with what it changed.
    fn entries_after(
        &self,
        kind: &Kind,
        live: &Value,
        object: &Value,
        writer: Writer<'_>,
    ) -> Vec<Entry> {
        let written = object.pointer("/metadata/managedFields").and_then(Value::as_array);
        let reset = written.is_some_and(|list| match list.as_slice() {
            [] => true,
            [one] => one.as_object().is_some_and(serde_json::Map::is_empty),
            _ => false,
        });
        if reset && writer.subresource.is_empty() {
            return Vec::new();
        }
        let theirs = managed::entries(object);
        let before = if theirs.is_empty() || !writer.subresource.is_empty() {
            managed::entries(live)
        } else {
            theirs
        };
        if before.is_empty() || self.entries_are_served(kind, live).is_err() {
            return before;
        }
        manage::update(live, object, before, kind.merging(), writer)
    }

    /// Puts in what the server sets, checks, and stores what changed.
    fn finish(
        &mut self,
        write: &Write<'_>,
        mut object: Value,
        entries: &[Entry],
    ) -> Result<Value, Refusal> {
        let Write { kind, key, live, dry, .. } = write;
        object["apiVersion"] = kind.api_version().into();
        object["kind"] = kind.kind.as_str().into();
        self.server_set(write, &mut object);
        let list: Vec<Value> = entries.iter().map(Entry::to_json).collect();
        match list.is_empty() {
            true => remove_metadata(&mut object, "managedFields"),
            false => put_metadata(&mut object, "managedFields", list.into()),
        }
        validate(kind, &key.name, live.as_deref(), &object)?;
        let Some(live) = live else {
            if *dry {
                return Ok(object);
            }
            return Ok(at_version(&self.store(key, object), kind));
        };
        if kind.counts_generations() && wanted(&object) != wanted(live) {
            let generation = live.pointer("/metadata/generation").and_then(Value::as_i64);
            put_metadata(&mut object, "generation", (generation.unwrap_or(0) + 1).into());
        }
        let managed = |object: &Value| object.pointer("/metadata/managedFields").cloned();
        if tracked(&object) == tracked(live) && managed(&object) == managed(live) {
            return Ok(at_version(live, kind));
        }
        if *dry {
            return Ok(object);
        }
        if object.pointer("/metadata/deletionTimestamp").is_some()
            && finalizers(&object).is_empty()
            && kind.kind != "Namespace"
        {
            self.take_out(key);
            return Ok(object);
        }
        Ok(at_version(&self.store(key, object), kind))
    }

    fn server_set(&mut self, write: &Write<'_>, object: &mut Value) {
        let Write { kind, key, live, now, .. } = write;
        if let Some(live) = live {
            for name in SERVER_SET {
                match live["metadata"].get(*name) {
                    Some(value) => put_metadata(object, name, value.clone()),
                    None => remove_metadata(object, name),
                }
            }
            if text(object, "/metadata/uid").is_empty() {
                put_metadata(object, "uid", live["metadata"]["uid"].clone());
            }
            return;
        }
        put_metadata(object, "name", key.name.as_str().into());
        if kind.namespaced {
            put_metadata(object, "namespace", key.namespace.as_str().into());
        }
        if kind.kind == "Namespace" {
            fill_in(object, kind);
        }
        let uid = self.objects.next_uid();
        put_metadata(object, "uid", uid.as_str().into());
        put_metadata(object, "creationTimestamp", stamp(*now).into());
        for name in ["resourceVersion", "deletionTimestamp", "generation"] {
            remove_metadata(object, name);
        }
        if kind.counts_generations() {
            put_metadata(object, "generation", 1.into());
        }
        self.allocate(kind, &uid, object);
    }

    fn give_address(&mut self, service: &mut Value) {
        if service["spec"]["type"] == "ExternalName" {
            return;
        }
        self.addresses += 1;
        let (high, low) = (self.addresses / 250, self.addresses % 250 + 1);
        let address = format!("10.0.{high}.{low}");
        service["spec"]["clusterIP"] = address.as_str().into();
        service["spec"]["clusterIPs"] = json!([address]);
    }

    /// What is given out once: addresses of services, the selector of a job.
    fn allocate(&mut self, kind: &Kind, uid: &str, object: &mut Value) {
        match kind.kind.as_str() {
            "Service" if object.pointer("/spec/clusterIP").is_none() => self.give_address(object),
            "Job" if object.pointer("/spec/selector").is_none() => {
                let label = "batch.kubernetes.io/controller-uid";
                object["spec"]["selector"] = json!({"matchLabels": {label: uid}});
                object["spec"]["template"]["metadata"]["labels"][label] = uid.into();
                object["metadata"]["labels"][label] = uid.into();
            }
            "Namespace" | "CustomResourceDefinition" => {}
            _ if kind.status && object.get("status").is_none() && kind.schema.is_none() => {
                object["status"] = json!({});
            }
            _ => {}
        }
    }

    /// Makes a namespace, as a cluster does for itself.
    pub(super) fn make_namespace(&mut self, name: &str, now: Timestamp) {
        let kind = self.kinds.iter().find(|kind| kind.kind == "Namespace").cloned();
        let Some(kind) = kind else { return };
        let mut object = json!({"metadata": {"name": name}});
        fill_in(&mut object, &kind);
        let write = Write { kind: &kind, key: namespace_key(name), live: None, dry: false, now };
        // A namespace of a good name is never refused.
        let _ = self.finish(&write, object, &[]);
    }

    /// Changes an object as a controller does; what is equal afterwards is not written.
    pub(super) fn change(
        &mut self,
        kind: &Arc<Kind>,
        key: &Key,
        subresource: &str,
        now: Timestamp,
        change: impl FnOnce(&mut Value),
    ) {
        let Some(live) = self.objects.get(key).cloned() else { return };
        let mut object = (*live).clone();
        change(&mut object);
        if object == *live {
            return;
        }
        let (time, api_version) = (stamp(now), kind.api_version());
        let manager = "kube-controller-manager";
        let writer = Writer { manager, api_version: &api_version, subresource, time: &time };
        let entries = self.entries_after(kind, &live, &object, writer);
        let write = Write { kind, key: key.clone(), live: Some(live), dry: false, now };
        // What a controller writes is well-formed; if it were not, it would try again.
        let _ = self.finish(&write, object, &entries);
    }
}

/// What an apply must be, before it is looked at.
fn may_be_applied(kind: &Kind, key: &Key, call: &Call) -> Result<(), Refusal> {
    if call.ask("fieldManager").is_empty() {
        let message = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
        let cause = (
            "FieldValueRequired".to_owned(),
            "Required value: is required for apply patch".to_owned(),
            "fieldManager".to_owned(),
        );
        let refusal = Refusal::new(422, "Invalid", message);
        return Err(refusal.about("meta.k8s.io", "PatchOptions", "").because(&[cause]));
    }
    if call.content.pointer("/metadata/managedFields").is_some_and(|list| !list.is_null()) {
        return Err(Refusal::bad("metadata.managedFields must be nil"));
    }
    if text(&call.content, "/metadata/name").is_empty() {
        return Err(Refusal::bad(format!(
            "the name of the object ({} based on URL) was undeterminable: name must be provided",
            key.name
        )));
    }
    fits(kind, key, &call.content)
}

/// Whether a document is of the kind, name and namespace that the path names.
fn fits(kind: &Kind, key: &Key, object: &Value) -> Result<(), Refusal> {
    let (api_version, name) = (text(object, "/apiVersion"), text(object, "/kind"));
    if api_version != kind.api_version() || name != kind.kind {
        let shown = match api_version.contains('/') {
            true => api_version.to_owned(),
            false => format!("/{api_version}"),
        };
        return Err(Refusal::bad(format!("invalid object type: {shown}, Kind={name}")));
    }
    let name = text(object, "/metadata/name");
    if !key.name.is_empty() && !name.is_empty() && name != key.name {
        return Err(Refusal::bad(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            key.name
        )));
    }
    let namespace = text(object, "/metadata/namespace");
    if !namespace.is_empty() && namespace != key.namespace {
        return Err(Refusal::bad(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

/// Whether an update is of the version and incarnation that it says.
fn is_expected(kind: &Kind, key: &Key, live: &Value, object: &Value) -> Result<(), Refusal> {
    let version = text(object, "/metadata/resourceVersion");
    if !version.is_empty() && version != text(live, "/metadata/resourceVersion") {
        return Err(Refusal::modified(kind, &key.name));
    }
    let (uid, is) = (text(object, "/metadata/uid"), text(live, "/metadata/uid"));
    if !uid.is_empty() && uid != is {
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: /registry/{}/{}/{}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {is}",
            kind.plural, key.namespace, key.name
        );
        return Err(Refusal::conflict(kind, &key.name, &why));
    }
    Ok(())
}

/// What was given out stays, though a document that replaces the object does not name it.
fn keep_allocated(live: &Value, object: &mut Value) {
    if live["kind"] != "Service" {
        return;
    }
    for name in ["clusterIP", "clusterIPs"] {
        if object["spec"].get(name).is_none()
            && let Some(value) = live["spec"].get(name)
        {
            object["spec"][name] = value.clone();
        }
    }
}

/// What is wanted of an object: what counts for its generation.
fn wanted(object: &Value) -> Value {
    let mut wanted = object.clone();
    for part in ["metadata", "status", "apiVersion", "kind"] {
        remove(&mut wanted, part);
    }
    wanted
}

/// An object's scale.
pub fn scale_of(object: &Value) -> Value {
    let metadata = |name: &str| object["metadata"][name].clone();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": metadata("name"), "namespace": metadata("namespace"),
            "uid": metadata("uid"), "resourceVersion": metadata("resourceVersion"),
            "creationTimestamp": metadata("creationTimestamp")},
        "spec": {"replicas": object["spec"]["replicas"]},
        "status": {"replicas": object.pointer("/status/replicas").cloned().unwrap_or(0.into())},
    })
}

fn deleted(kind: &Kind, key: &Key, uid: &str) -> Value {
    let mut details = json!({"name": key.name, "kind": kind.plural, "uid": uid});
    if !kind.group.is_empty() {
        details["group"] = kind.group.as_str().into();
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": details})
}

fn writer<'a>(
    call: &'a Call,
    api_version: &'a str,
    time: &'a str,
    subresource: &'a str,
) -> Writer<'a> {
    Writer { manager: call.manager(), api_version, subresource, time }
}

fn group_version(kind: &Kind) -> String {
    match kind.group.as_str() {
        "" => format!("/{}", kind.version),
        group => format!("{group}/{}", kind.version),
    }
}

/// Where a namespace is stored.
pub fn namespace_key(name: &str) -> Key {
    Key {
        group: String::new(),
        plural: "namespaces".to_owned(),
        namespace: String::new(),
        name: name.to_owned(),
    }
}

/// A time, as objects carry it.
pub fn stamp(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What holds an object back that is being deleted.
pub fn finalizers(object: &Value) -> Vec<String> {
    let list = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn remove(object: &mut Value, name: &str) {
    if let Value::Object(map) = object {
        map.remove(name);
    }
}

fn put_metadata(object: &mut Value, name: &str, value: Value) {
    object["metadata"][name] = value;
}

fn remove_metadata(object: &mut Value, name: &str) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove(name);
    }
}
