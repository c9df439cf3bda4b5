//! The state of a cluster, and what becomes of a request: everything but the waiting.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal};
use super::kinds::{self, Kind};
use super::objects::{Key, Objects};
use super::request::{Call, Selector};
use super::watch::Following;
use super::{definitions, discovery};

/// Something that is not allowed, to anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forbidden {
    /// `get`, `list`, `watch`, `patch`, `create`, `update`, `delete`.
    pub verb: String,
    /// As in paths: `configmaps`.
    pub plural: String,
    /// In this namespace; `None`: everywhere.
    pub namespace: Option<String>,
}

/// A cluster.
#[derive(Debug)]
pub struct Cluster {
    /// What is stored.
    pub objects: Objects,
    /// What is served.
    pub kinds: Vec<Arc<Kind>>,
    /// Groups whose server does not answer.
    pub down: BTreeSet<String>,
    /// What is not allowed.
    pub forbidden: Vec<Forbidden>,
    discovery: Option<discovery::Documents>,
    pub(super) addresses: u32,
}

impl Cluster {
    /// A cluster with the namespaces that every cluster has.
    pub fn new(now: Timestamp) -> Self {
        let mut cluster = Self {
            objects: Objects::default(),
            kinds: kinds::built_in(),
            down: BTreeSet::new(),
            forbidden: Vec::new(),
            discovery: None,
            addresses: 0,
        };
        for name in ["default", "kube-system", "kube-public"] {
            cluster.make_namespace(name, now);
        }
        cluster
    }

    /// What becomes of a request.
    pub fn serve(&mut self, call: &Call, now: Timestamp) -> Answer {
        if !call.at.root.is_empty() || call.at.plural.is_empty() {
            let documents = self.discovery.get_or_insert_with(|| discovery::of(&self.kinds));
            return discovery::answer(documents, call, &self.down);
        }
        if call.at.plural == "selfsubjectaccessreviews" {
            return self.review(call);
        }
        let kind = match self.kind(call) {
            Ok(kind) => kind,
            Err(answer) => return answer,
        };
        let done = self.allowed(&kind, call).and_then(|()| self.carry_out(&kind, call, now));
        done.unwrap_or_else(Answer::from)
    }

    fn kind(&self, call: &Call) -> Result<Arc<Kind>, Answer> {
        let at = &call.at;
        if self.down.contains(&at.group) {
            return Err(Answer::Text(503, "service unavailable\n"));
        }
        let of_group = self.kinds.iter().filter(|kind| kind.group == at.group);
        let mut of_version = of_group.clone().filter(|kind| kind.version == at.version);
        if let Some(kind) = of_version.clone().find(|kind| kind.plural == at.plural) {
            return Ok(Arc::clone(kind));
        }
        let custom = of_group.clone().any(|kind| kind.schema.is_some());
        if of_group.count() == 0 || custom && of_version.next().is_none() {
            return Err(Answer::Text(404, "404 page not found\n"));
        }
        Err(Refusal::unknown_kind().into())
    }

    fn allowed(&self, kind: &Kind, call: &Call) -> Result<(), Refusal> {
        if !self.forbids(call.verb(), &kind.plural, &call.at.namespace) {
            return Ok(());
        }
        let scope = match call.at.namespace.as_str() {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace {namespace:?}"),
        };
        let why = format!(
            "User {:?} cannot {} resource {:?} in API group {:?} {scope}",
            call.user,
            call.verb(),
            kind.plural,
            kind.group
        );
        Err(Refusal::forbidden(kind, &call.at.name, &why))
    }

    fn forbids(&self, verb: &str, plural: &str, namespace: &str) -> bool {
        self.forbidden.iter().any(|rule| {
            rule.verb == verb
                && rule.plural == plural
                && rule.namespace.as_deref().is_none_or(|other| other == namespace)
        })
    }

    fn review(&self, call: &Call) -> Answer {
        let mut review = call.content.clone();
        let text = |name: &str| {
            let pointer = format!("/spec/resourceAttributes/{name}");
            call.content.pointer(&pointer).and_then(Value::as_str).unwrap_or_default()
        };
        let forbidden = self.forbids(text("verb"), text("resource"), text("namespace"));
        review["status"] = json!({"allowed": !forbidden});
        Answer::Document(201, review)
    }

    fn carry_out(
        &mut self,
        kind: &Arc<Kind>,
        call: &Call,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let at = &call.at;
        match (call.method.as_str(), at.name.is_empty(), at.subresource.as_str()) {
            ("GET", true, _) if call.asks("watch") => Ok(self.watch(kind, call)),
            ("GET", true, _) => self.list(kind, call),
            ("GET", false, "scale") if kind.scale => {
                let object = self.find(kind, call)?;
                Ok(Answer::Document(200, super::write::scale_of(&object)))
            }
            ("GET", false, _) => {
                let object = self.find(kind, call)?;
                Ok(Answer::Document(200, at_version(&object, kind)))
            }
            ("POST", true, _) => self.create(kind, call, now),
            ("PUT", false, "") => self.put(kind, call, now),
            ("PATCH", false, "") if is_apply(call) => self.apply(kind, call, now),
            ("PATCH", false, "") => self.patch(kind, call, now),
            ("PATCH" | "PUT", false, "status") if kind.status => self.write_status(kind, call, now),
            ("PATCH" | "PUT", false, "scale") if kind.scale => self.write_scale(kind, call, now),
            ("DELETE", false, "") => self.delete(kind, call, now),
            (_, false, subresource) if !subresource.is_empty() => Err(Refusal::unknown_kind()),
            _ => Err(Refusal::method()),
        }
    }

    /// The object that a request names.
    pub fn find(&self, kind: &Kind, call: &Call) -> Result<Arc<Value>, Refusal> {
        let object = self.objects.get(&key(kind, call)).cloned();
        object.ok_or_else(|| Refusal::not_found(kind, &call.at.name))
    }

    fn watch(&self, kind: &Arc<Kind>, call: &Call) -> Answer {
        let version = call.ask("resourceVersion");
        Answer::Watch(Following {
            kind: Arc::clone(kind),
            namespace: call.at.namespace.clone(),
            selector: Selector::of(call),
            version: version.parse().unwrap_or(0),
            lists_first: matches!(version, "" | "0"),
            bookmarks: call.asks("allowWatchBookmarks"),
            lasts: call.ask("timeoutSeconds").parse().unwrap_or(1800),
        })
    }

    /// A page starts after the key that the token names; all pages say the version of the first.
    fn list(&self, kind: &Kind, call: &Call) -> Result<Answer, Refusal> {
        let selector = Selector::of(call);
        let limit: usize = call.ask("limit").parse().unwrap_or(0);
        let (version, after) = match call.ask("continue").split_once('.') {
            None => (self.objects.version(), String::new()),
            Some((version, after)) => (version.parse().unwrap_or(0), after.to_owned()),
        };
        if self.objects.since(version).is_none() {
            let message = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.";
            return Err(Refusal::new(410, "Expired", message));
        }
        let place = |key: &Key| format!("{}/{}", key.namespace, key.name);
        let all = self.objects.of_kind(&kind.group, &kind.plural, &call.at.namespace);
        let mut rest = all.filter(|(key, _)| place(key) > after).peekable();
        let mut items = Vec::new();
        let mut last = String::new();
        while let Some((key, object)) = rest.next_if(|_| limit == 0 || items.len() < limit) {
            last = place(key);
            if selector.takes(object) {
                items.push(at_version(object, kind));
            }
        }
        let mut metadata = json!({"resourceVersion": version.to_string()});
        // Whether what is left is selected is not looked at.
        if rest.peek().is_some() {
            metadata["continue"] = format!("{version}.{last}").into();
        }
        let list = json!({
            "kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(),
            "metadata": metadata, "items": items,
        });
        Ok(Answer::Document(200, list))
    }

    /// Stores an object, and serves what a definition defines.
    pub(super) fn store(&mut self, key: &Key, object: Value) -> Arc<Value> {
        let stored = self.objects.put(key, object);
        self.note_definitions(key);
        stored
    }

    /// Takes an object out, and does not serve any more what it defined.
    pub(super) fn take_out(&mut self, key: &Key) {
        self.objects.remove(key);
        self.note_definitions(key);
    }

    fn note_definitions(&mut self, key: &Key) {
        if key.plural != "customresourcedefinitions" {
            return;
        }
        self.kinds = kinds::built_in();
        let all = self.objects.of_kind("apiextensions.k8s.io", "customresourcedefinitions", "");
        self.kinds.extend(all.flat_map(|(_, definition)| definitions::kinds(definition)));
        self.discovery = None;
    }
}

fn is_apply(call: &Call) -> bool {
    call.content_type.starts_with("application/apply-patch")
}

/// Where the object of a request is stored.
pub fn key(kind: &Kind, call: &Call) -> Key {
    Key {
        group: kind.group.clone(),
        plural: kind.plural.clone(),
        namespace: call.at.namespace.clone(),
        name: call.at.name.clone(),
    }
}

/// An object as it is told at a version.
pub fn at_version(object: &Value, kind: &Kind) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = kind.api_version().into();
    object["kind"] = kind.kind.as_str().into();
    object
}
