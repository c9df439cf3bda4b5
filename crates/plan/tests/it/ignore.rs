//! What is left out of the comparison, and what is not.

use serde_json::{Value, json};
use trueup_model::app::{AddedPolicy, IgnoreRule};
use trueup_model::observed::ForeignField;

use crate::case::Case;

fn deployment(replicas: u32, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "ns"},
        "spec": {"replicas": replicas, "containers": [{"name": "web", "image": image}]},
    })
}

fn field(path: &str, manager: &str) -> ForeignField {
    ForeignField {
        path: path.to_owned(),
        manager: manager.to_owned(),
        time: String::new(),
        person: true,
    }
}

fn check(rule: IgnoreRule, live: Value, conflicts: Vec<ForeignField>, expected: &[&str]) {
    let desired = deployment(2, "a");
    let mut case = Case::of(std::slice::from_ref(&desired));
    case.drifts(&desired, live).conflicts = conflicts;
    case.policy.ignore = vec![rule];
    let plan = case.plan();
    let changed: Vec<&str> =
        plan.actions.iter().flat_map(|a| &a.changes).map(|change| change.path.as_str()).collect();
    assert_eq!(changed, expected, "{:?}", plan.skips);
}

#[test]
fn pointers_jq_and_managers() {
    let rule = |fields: &[&str], jq: &[&str], managers: &[&str]| IgnoreRule {
        fields: fields.iter().map(ToString::to_string).collect(),
        jq: jq.iter().map(ToString::to_string).collect(),
        managers: managers.iter().map(ToString::to_string).collect(),
        ..IgnoreRule::default()
    };
    let live = || deployment(5, "b");
    let image = "/spec/containers/0/image";
    check(rule(&[], &[], &[]), live(), vec![], &[image, "/spec/replicas"]);
    check(rule(&["/spec/replicas"], &[], &[]), live(), vec![], &[image]);
    check(rule(&["/spec/containers/*/image", "/spec/replicas"], &[], &[]), live(), vec![], &[]);
    check(
        rule(&[], &[r#".spec.containers[] | select(.name == "web") | .image"#], &[]),
        live(),
        vec![],
        &["/spec/replicas"],
    );
    let conflicts = vec![field("/spec/replicas", "scaler")];
    check(rule(&[], &[], &["scaler"]), live(), conflicts.clone(), &[image]);
    check(rule(&[], &[], &["other"]), live(), conflicts, &[image, "/spec/replicas"]);
    let elsewhere = IgnoreRule { kind: Some("Service".to_owned()), ..rule(&["/spec"], &[], &[]) };
    check(elsewhere, live(), vec![], &[image, "/spec/replicas"]);
}

#[test]
fn a_path_that_is_wrong_blocks_and_is_said() {
    let desired = deployment(2, "a");
    let mut case = Case::of(std::slice::from_ref(&desired));
    case.drifts(&desired, deployment(3, "a"));
    case.policy.ignore =
        vec![IgnoreRule { jq: vec!["repeat(.)".to_owned()], ..IgnoreRule::default() }];
    assert_eq!(
        case.why_not("web"),
        "Blocked: policy.ignore: `repeat` has no place in a path of jq"
    );
}

#[test]
fn additions_by_ignored_managers_stay() {
    let desired = deployment(2, "a");
    for (manager, expected) in [("my-operator", 0), ("kubectl-edit", 1)] {
        let mut case = Case::of(std::slice::from_ref(&desired));
        let mut live = deployment(2, "a");
        live["spec"]["paused"] = true.into();
        let prediction = trueup_model::observed::Prediction::Exact(live.clone());
        let seen = case.drifts(&desired, live);
        seen.added = vec![field("/spec/paused", manager)];
        seen.prediction = Some(prediction);
        case.policy.added = AddedPolicy::Remove;
        let rule = IgnoreRule { managers: vec!["my-operator".to_owned()], ..IgnoreRule::default() };
        case.policy.ignore = vec![rule];
        assert_eq!(case.plan().actions.len(), expected, "{manager}");
    }
}
