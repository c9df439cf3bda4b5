//! Who else writes to an object: in the way of us, beside us, or instead of us.

use serde_json::Value;
use trueup_fields::managed::{Entry, applied};
use trueup_fields::{Set, values};
use trueup_model::observed::ForeignField;

use crate::MANAGER;
use crate::catalog::Catalog;
use crate::document::{is_of_object, is_our_update};
use crate::status::Cause;

/// Names of managers that are controllers, apart from those whose name says so.
const CONTROLLERS: &[&str] = &[
    "kubelet",
    "kube-scheduler",
    "kube-proxy",
    "kube-apiserver",
    "cluster-autoscaler",
    "before-first-apply",
    "helm",
    "Helm",
    "flux",
    "istiod",
    "keda",
    "cainjector",
];

/// Whether a manager is a person: `kubectl*`, and everything that is not known as a controller.
pub fn is_person(manager: &str) -> bool {
    if manager.starts_with("kubectl") {
        return true;
    }
    let says_so = |word: &str| manager.contains(word);
    !(CONTROLLERS.contains(&manager)
        || says_so("controller")
        || says_so("operator")
        || says_so("cert-manager")
        || says_so("injector")
        || says_so("webhook")
        || manager == MANAGER)
}

fn foreign(entry: &Entry, path: String) -> ForeignField {
    ForeignField {
        path,
        manager: entry.manager.clone(),
        time: entry.time.clone(),
        person: is_person(&entry.manager),
    }
}

/// The conflicts that a server named, each as a path of the object and who holds it. A path that no
/// entry of the object has is named as the server wrote it.
pub fn conflicts(object: &Value, entries: &[Entry], causes: &[Cause]) -> Vec<ForeignField> {
    let mut found = Vec::new();
    for cause in causes.iter().filter(|cause| cause.reason == "FieldManagerConflict") {
        let manager = cause.message.split('"').nth(1).unwrap_or_default();
        let of_manager = entries.iter().filter(|entry| entry.manager == manager);
        let field = of_manager
            .flat_map(|e| e.set.paths().into_iter().map(move |p| (e, p)))
            .find(|(_, path)| values::shown(path) == cause.field);
        found.push(match field {
            Some((entry, path)) => {
                let pointer = values::pointer(object, &path).unwrap_or_else(|| cause.field.clone());
                foreign(entry, pointer)
            }
            None => ForeignField {
                path: cause.field.clone(),
                manager: manager.to_owned(),
                time: String::new(),
                person: is_person(manager),
            },
        });
    }
    found.sort();
    found.dedup();
    found
}

/// What people added to an object that we own: paths that they hold and we do not. A path is named
/// once, not also what stands below it.
pub fn added(object: &Value, entries: &[Entry]) -> Vec<ForeignField> {
    let ours = applied(entries, MANAGER).map(|entry| entry.set.clone()).unwrap_or_default();
    let mut found: Vec<ForeignField> = Vec::new();
    for entry in entries.iter().filter(|entry| is_of_object(entry) && is_person(&entry.manager)) {
        for path in added_paths(&entry.set, &ours) {
            let Some(pointer) = values::pointer(object, &path) else { continue };
            let within = |other: &ForeignField| {
                pointer.strip_prefix(&other.path).is_some_and(|rest| rest.starts_with('/'))
            };
            if !found.iter().any(within) {
                found.push(foreign(entry, pointer));
            }
        }
    }
    found.sort();
    found
}

fn added_paths(theirs: &Set, ours: &Set) -> Vec<Vec<trueup_fields::Element>> {
    let added = theirs.without(&["status"]).difference(ours);
    let holds_ours = |path: &[trueup_fields::Element]| {
        let inner = path.iter().try_fold(ours, |set, element| set.below.get(element));
        inner.is_some_and(|set| !set.is_empty())
    };
    added.paths().into_iter().filter(|path| !holds_ours(path)).collect()
}

/// What of the bookkeeping must be put right before it can be relied on. `applied_before`: the
/// inventory says that we applied this incarnation.
pub fn repair(entries: &[Entry], catalog: &Catalog, applied_before: bool) -> Option<String> {
    if applied(entries, MANAGER).is_none() && applied_before {
        return Some("its record of which fields are ours was removed".to_owned());
    }
    if let Some(entry) = entries.iter().find(|entry| !catalog.serves(&entry.api_version)) {
        return Some(format!(
            "fields of {} are recorded at {}, which is not served any more",
            entry.manager, entry.api_version
        ));
    }
    if entries.iter().any(|entry| entry.manager == "before-first-apply") {
        return Some("fields from before our first apply are recorded as nobody's".to_owned());
    }
    entries
        .iter()
        .any(is_our_update)
        .then(|| "some of our fields are recorded as updates of ours".to_owned())
}

/// The entries after a repair: what we own, with everything that `takes` says, as one entry of ours.
pub fn rewritten(
    entries: &[Entry],
    api_version: &str,
    owned: &Set,
    takes: impl Fn(&Entry) -> bool,
) -> Vec<Entry> {
    let taken = |entry: &Entry| {
        entry.is_apply_of(MANAGER) || is_our_update(entry) || (is_of_object(entry) && takes(entry))
    };
    let ours = entries
        .iter()
        .filter(|entry| taken(entry))
        .fold(owned.clone(), |set, entry| set.union(&entry.set.without(&["status"])));
    let mut all: Vec<Entry> = entries.iter().filter(|entry| !taken(entry)).cloned().collect();
    all.push(Entry::apply(MANAGER, api_version, ours));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use trueup_fields::managed::Operation;

    fn entry(manager: &str, operation: Operation, set: Value) -> Entry {
        Entry { operation, ..Entry::apply(manager, "v1", Set::parse(&set).expect("well-formed")) }
    }

    #[test]
    fn people_and_controllers() {
        for person in ["kubectl", "kubectl-edit", "kubectl-client-side-apply", "Lens", "curl"] {
            assert!(is_person(person), "{person}");
        }
        for controller in ["kube-controller-manager", "argocd-controller", "kubelet", "x-operator"]
        {
            assert!(!is_person(controller), "{controller}");
        }
    }

    #[test]
    fn additions_are_named_once() {
        let object = json!({"spec": {"containers": [
            {"name": "web", "image": "w"}, {"name": "side", "image": "s"}]}});
        let ours = entry(
            "trueup",
            Operation::Apply,
            json!({"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}}}}}),
        );
        let theirs = entry(
            "kubectl-edit",
            Operation::Update,
            json!({"f:spec": {"f:containers": {"k:{\"name\":\"side\"}":
                {".": {}, "f:image": {}, "f:name": {}}}}}),
        );
        let found = added(&object, &[ours, theirs]);
        let paths: Vec<&str> = found.iter().map(|field| field.path.as_str()).collect();
        assert_eq!(paths, ["/spec/containers/1"]);
    }

    #[test]
    fn a_map_that_holds_ours_is_not_an_addition() {
        let object = json!({"metadata": {"annotations": {"a": "1", "b": "2"}}});
        let ours = entry(
            "trueup",
            Operation::Apply,
            json!({"f:metadata": {"f:annotations": {"f:a": {}}}}),
        );
        let theirs = entry(
            "kubectl-edit",
            Operation::Update,
            json!({"f:metadata": {"f:annotations": {".": {}, "f:b": {}}}}),
        );
        let found = added(&object, &[ours, theirs]);
        let paths: Vec<&str> = found.iter().map(|field| field.path.as_str()).collect();
        assert_eq!(paths, ["/metadata/annotations/b"]);
    }

    #[test]
    fn taken_entries_become_ours() {
        let theirs = entry(
            "kubectl-client-side-apply",
            Operation::Update,
            json!({"f:data": {"f:a": {}}, "f:status": {"f:x": {}}}),
        );
        let other =
            entry("kube-controller-manager", Operation::Update, json!({"f:data": {"f:b": {}}}));
        let all = rewritten(&[theirs, other.clone()], "v1", &Set::default(), |entry| {
            entry.manager.starts_with("kubectl")
        });
        let ours = entry("trueup", Operation::Apply, json!({"f:data": {"f:a": {}}}));
        assert_eq!(all, [other, ours]);
    }
}
