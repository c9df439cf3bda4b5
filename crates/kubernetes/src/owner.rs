//! Whose an object is.

use serde_json::Value;
use trueup_fields::managed::{Entry, applied};
use trueup_fields::{Element, Set};
use trueup_model::applyset;
use trueup_model::observed::Owner;
use trueup_model::ports::AppContext;
use trueup_model::resource::annotation;

use crate::document::{self, label, metadata};
use crate::{APP_LABEL, INSTALLATION_LABEL, MANAGER};

/// Marks of other tools: labels.
const TOOL_LABELS: &[(&str, &str)] = &[
    ("kustomize.toolkit.fluxcd.io/name", "flux"),
    ("helm.toolkit.fluxcd.io/name", "flux"),
    (applyset::PART_OF, "another ApplySet"),
];
/// Marks of other tools: annotations.
const TOOL_ANNOTATIONS: &[(&str, &str)] = &[
    ("argocd.argoproj.io/tracking-id", "argocd"),
    ("meta.helm.sh/release-name", "helm"),
    ("kubectl.kubernetes.io/last-applied-configuration", "kubectl"),
];

/// Whose an object is, by the rule of SEMANTICS: ours is what the inventory names by uid, or what
/// carries our label if that label is owned by our Apply entry and no controller owns the object.
/// The label alone proves nothing: controllers and people copy labels. Whether another tool still
/// writes is not told by the object; `writes` is left `false`.
pub fn of(object: &Value, entries: &[Entry], context: &AppContext, recorded_uid: &str) -> Owner {
    if let Some(controller) = controller(object) {
        return Owner::Tool { name: controller, writes: true };
    }
    if let Some(owner) = labelled(object, entries, context) {
        return owner;
    }
    if !recorded_uid.is_empty() && recorded_uid == metadata(object, "uid") {
        return Owner::Ours;
    }
    tool(object, entries)
        .map_or(Owner::Nobody, |name| Owner::Tool { name: name.to_owned(), writes: false })
}

/// The owner that has the object as its controller: `ReplicaSet/web-5d4`.
fn controller(object: &Value) -> Option<String> {
    let text = |field| document::controller(object, field);
    (!text("uid").is_empty() || !text("name").is_empty())
        .then(|| format!("{}/{}", text("kind"), text("name")))
}

/// The labels that say whose an object is, as fields that our apply owns.
pub fn marks() -> Set {
    let mut marks = Set::default();
    for label in [APP_LABEL, INSTALLATION_LABEL] {
        let path = ["metadata", "labels", label].map(|name| Element::Field(name.to_owned()));
        marks.insert(&path);
    }
    marks
}

fn labelled(object: &Value, entries: &[Entry], context: &AppContext) -> Option<Owner> {
    let entry = applied(entries, MANAGER)?;
    let labels = entry.set.at(&["metadata", "labels"])?;
    let owned = |name: &str| labels.contains(&[Element::Field(name.to_owned())]);
    if !owned(APP_LABEL) || !owned(INSTALLATION_LABEL) {
        let of_ours = owned(applyset::PART_OF) && is_member(object, context);
        return of_ours.then_some(Owner::Ours);
    }
    let installation = label(object, INSTALLATION_LABEL)?;
    let app = label(object, APP_LABEL)?;
    Some(if installation != context.installation {
        Owner::Installation(installation.to_owned())
    } else if app != context.app.as_str()
        && !context.formerly.iter().any(|former| former.as_str() == app)
    {
        Owner::App(app.to_owned())
    } else {
        Owner::Ours
    })
}

/// Whether the object says that it belongs to the app's ApplySet: that label names app and
/// installation too, and is still there when somebody took the others off.
fn is_member(object: &Value, context: &AppContext) -> bool {
    let set = label(object, applyset::PART_OF);
    let mut apps = std::iter::once(&context.app).chain(&context.formerly);
    apps.any(|app| {
        let parent = applyset::parent(app, &context.installation);
        set == Some(applyset::id(&parent, &context.namespace).as_str())
    })
}

fn tool(object: &Value, entries: &[Entry]) -> Option<&'static str> {
    let by_label = TOOL_LABELS.iter().find(|(name, _)| label(object, name).is_some());
    let by_annotation =
        TOOL_ANNOTATIONS.iter().find(|(name, _)| annotation(object, name).is_some());
    let marked = by_label.or(by_annotation).map(|(_, tool)| *tool);
    marked.or_else(|| {
        let managers: Vec<&str> = entries.iter().map(|entry| entry.manager.as_str()).collect();
        ["argocd", "flux", "helm"].into_iter().find(|tool| {
            let own = |manager: &&str| writes_as(tool, manager) && !manager.starts_with("kubectl");
            managers.iter().any(own)
        })
    })
}

/// Whether a field manager is a name under which a tool writes. `before-first-apply` is what an API
/// server calls whatever was there before the first server-side apply.
pub fn writes_as(tool: &str, manager: &str) -> bool {
    match tool {
        "kubectl" => manager.starts_with("kubectl"),
        "helm" => matches!(manager, "helm" | "Helm"),
        "argocd" => manager.starts_with("argocd") || manager == "kubectl-client-side-apply",
        "flux" => matches!(manager, "kustomize-controller" | "helm-controller" | "flux"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use trueup_fields::Set;
    use trueup_model::{AppName, Digest};

    fn context() -> AppContext {
        AppContext {
            app: AppName::new("shop").expect("a name"),
            installation: "i1".to_owned(),
            namespace: "default".to_owned(),
            service_account: None,
            revision: String::new(),
            rendered: Digest::of(b""),
            adopt: None,
            formerly: vec![AppName::new("store").expect("a name")],
        }
    }

    fn ours() -> Entry {
        let set = json!({"f:metadata": {"f:labels":
            {"f:trueup.dev/app": {}, "f:trueup.dev/installation": {}}}});
        Entry::apply(MANAGER, "v1", Set::parse(&set).expect("well-formed"))
    }

    fn object(app: &str, installation: &str) -> Value {
        json!({"metadata": {"uid": "u1",
            "labels": {"trueup.dev/app": app, "trueup.dev/installation": installation}}})
    }

    fn check(object: &Value, entries: &[Entry], uid: &str, expected: Owner) {
        assert_eq!(of(object, entries, &context(), uid), expected);
    }

    fn tool(name: &str, writes: bool) -> Owner {
        Owner::Tool { name: name.to_owned(), writes }
    }

    #[test]
    fn a_label_counts_if_our_apply_owns_it() {
        check(&object("shop", "i1"), &[ours()], "", Owner::Ours);
        check(&object("store", "i1"), &[ours()], "", Owner::Ours);
        check(&object("shop", "i1"), &[], "", Owner::Nobody);
        check(&object("other", "i1"), &[ours()], "", Owner::App("other".to_owned()));
        check(&object("shop", "i2"), &[ours()], "", Owner::Installation("i2".to_owned()));
    }

    #[test]
    fn the_label_of_our_set_counts_where_others_were_taken_off() {
        let set = json!({"f:metadata": {"f:labels": {"f:applyset.kubernetes.io/part-of": {}}}});
        let entry = Entry::apply(MANAGER, "v1", Set::parse(&set).expect("well-formed"));
        let member = |installation: &str| {
            let app = AppName::new("shop").expect("a name");
            let id = applyset::id(&applyset::parent(&app, installation), "default");
            json!({"metadata": {"uid": "u1", "labels": {applyset::PART_OF: id}}})
        };
        check(&member("i1"), std::slice::from_ref(&entry), "", Owner::Ours);
        check(&member("i1"), &[], "", tool("another ApplySet", false));
        check(&member("i2"), &[entry], "", tool("another ApplySet", false));
    }

    #[test]
    fn the_inventory_counts_by_uid() {
        check(&json!({"metadata": {"uid": "u1"}}), &[], "u1", Owner::Ours);
        check(&json!({"metadata": {"uid": "u2"}}), &[], "u1", Owner::Nobody);
        check(&object("other", "i1"), &[ours()], "u1", Owner::App("other".to_owned()));
    }

    #[test]
    fn what_a_controller_made_is_its_own() {
        let mut copied = object("shop", "i1");
        copied["metadata"]["ownerReferences"] =
            json!([{"kind": "Service", "name": "web", "controller": true}]);
        check(&copied, &[ours()], "u1", tool("Service/web", true));
    }

    #[test]
    fn tools_leave_marks() {
        let marked = |kind: &str, name: &str| json!({"metadata": {kind: {name: "x"}}});
        for (kind, name, expected) in [
            ("annotations", "argocd.argoproj.io/tracking-id", "argocd"),
            ("annotations", "meta.helm.sh/release-name", "helm"),
            ("annotations", "kubectl.kubernetes.io/last-applied-configuration", "kubectl"),
            ("labels", "kustomize.toolkit.fluxcd.io/name", "flux"),
        ] {
            check(&marked(kind, name), &[], "", tool(expected, false));
        }
        let entry = Entry::apply("kustomize-controller", "v1", Set::default());
        check(&json!({"metadata": {}}), &[entry], "", tool("flux", false));
    }
}
