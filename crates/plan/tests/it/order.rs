//! Waves, hooks and deletions: what comes in which stage.

use serde_json::{Value, json};
use trueup_plan::Next;

use crate::case::Case;

fn object(kind: &str, name: &str, annotations: Value) -> Value {
    let (version, namespace) = match kind {
        "Job" => ("batch/v1", "ns"),
        "Deployment" => ("apps/v1", "ns"),
        "Namespace" => ("v1", ""),
        _ => ("v1", "ns"),
    };
    json!({
        "apiVersion": version, "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
    })
}

fn check(documents: &[Value], expected: &[&str]) {
    assert_eq!(Case::of(documents).stages(), expected);
}

#[test]
fn waves_of_both_kinds_smaller_first() {
    check(
        &[
            object("ConfigMap", "c", json!({"trueup.dev/wave": "2"})),
            object("ConfigMap", "a", json!({"argocd.argoproj.io/sync-wave": "-3"})),
            object("ConfigMap", "b", json!({})),
            object("Namespace", "ns", json!({})),
        ],
        &[
            "create ConfigMap/ns/a",
            "create Namespace/ns",
            "create ConfigMap/ns/b",
            "create ConfigMap/ns/c",
        ],
    );
}

#[test]
fn hooks_by_phase_weight_and_need() {
    check(
        &[
            object("Job", "after", json!({"argocd.argoproj.io/hook": "PostSync"})),
            object("Deployment", "web", json!({})),
            object(
                "Job",
                "migrate",
                json!({"helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-weight": "1"}),
            ),
            object(
                "ServiceAccount",
                "migrate",
                json!({"helm.sh/hook": "pre-install", "helm.sh/hook-weight": "1"}),
            ),
            object(
                "Job",
                "check",
                json!({"trueup.dev/hook": "before", "trueup.dev/hook-weight": "-1"}),
            ),
            object(
                "Job",
                "during",
                json!({"argocd.argoproj.io/hook": "Sync", "argocd.argoproj.io/sync-wave": "1"}),
            ),
            object("Namespace", "ns", json!({})),
            object("Job", "test", json!({"helm.sh/hook": "test"})),
        ],
        &[
            "create Namespace/ns",
            "create Job/ns/check",
            "create ServiceAccount/ns/migrate",
            "create Job/ns/migrate",
            "create Deployment/ns/web",
            "create Job/ns/during",
            "create Job/ns/after",
        ],
    );
}

#[test]
fn deletions_come_last_and_in_reverse() {
    let kept = object("ConfigMap", "kept", json!({}));
    let mut case = Case::of(&[kept.clone(), object("ConfigMap", "new", json!({}))]);
    case.owns(&kept, 0);
    for n in 0..9 {
        case.owns(
            &object("ConfigMap", &format!("other-{n}"), json!({"trueup.dev/prune": "never"})),
            0,
        );
    }
    case.owns(&object("ConfigMap", "first", json!({})), 0);
    case.owns(&object("ConfigMap", "second", json!({})), 1);
    case.record.inventory.retain(|id, _| !id.name.starts_with("other"));
    case.policy.prune.budget = trueup_model::app::Budget::Percent(100);
    assert_eq!(
        case.stages(),
        ["create ConfigMap/ns/new", "delete ConfigMap/ns/second", "delete ConfigMap/ns/first"]
    );
}

#[test]
fn a_hook_of_a_set_that_is_applied_is_no_drift_when_it_is_gone() {
    let mut case = Case::of(&[object("Job", "migrate", json!({"trueup.dev/hook": "before"}))]);
    case.record.applied = Some(trueup_model::record::AppliedSet {
        rendered: trueup_model::Digest::of(b"set"),
        revision: case.plan().revision,
        at: jiff::Timestamp::UNIX_EPOCH,
        inputs: Default::default(),
        contents: Default::default(),
    });
    assert_eq!(case.stages(), Vec::<String>::new());
    assert_eq!(case.next(), Next::Nothing);
    assert!(case.why_not("migrate").starts_with("Completed"), "{}", case.why_not("migrate"));
}

#[test]
fn a_hook_left_by_an_earlier_set_is_made_again() {
    let job = object("Job", "migrate", json!({"trueup.dev/hook": "before"}));
    let map = object(
        "ConfigMap",
        "mark",
        json!({"trueup.dev/hook": "before", "trueup.dev/hook-delete": "failed"}),
    );
    let mut case = Case::of(&[job.clone(), map.clone()]);
    case.owns(&job, 0);
    case.owns(&map, 0);
    assert_eq!(case.stages(), ["patch ConfigMap/ns/mark", "replace Job/ns/migrate"]);
}
