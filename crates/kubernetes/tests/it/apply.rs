//! Making and changing.

use trueup_engine::{State, preview};
use trueup_model::Verb;
use trueup_model::plan::{FieldValue, SkipKind};

use crate::bed::unique;
use crate::world::{App, config_map, deployment, did, done, is_unchanged, skip};

#[tokio::test]
async fn an_app_is_made_and_then_left_alone() {
    let Some(app) = App::new("make") else { return };
    app.commit(&[
        ("settings.yaml", &config_map("settings", "mode", "a")),
        ("web.yaml", &deployment("web", 2, "w:1")),
    ]);
    let outcome = app.settle().await;
    assert_eq!(app.field("configmap/settings", ".data.mode"), "a");
    assert_eq!(app.field("deployment/web", ".status.availableReplicas"), "2");
    assert_eq!(outcome.record.inventory.len(), 2);
    assert!(outcome.record.inventory.values().all(|item| !item.uid.is_empty()));

    let before = app.field("configmap/settings", ".metadata.resourceVersion");
    let outcome = app.run().await;
    assert!(is_unchanged(&outcome), "{:?}", outcome.plan);
    let app = app.restarted();
    let outcome = app.run().await;
    assert!(is_unchanged(&outcome), "{:?}", outcome.plan);
    assert_eq!(app.field("configmap/settings", ".metadata.resourceVersion"), before);
}

#[tokio::test]
async fn a_commit_changes_and_removes_fields() {
    let Some(app) = App::new("change") else { return };
    app.commit(&[(
        "a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: \"1\", z: \"1\"}\n",
    )]);
    app.settle().await;
    app.commit(&[("a.yaml", &config_map("a", "x", "2"))]);

    let plan = preview(&app.subject, &app.world).await.expect("it can be seen").plan;
    let plan = plan.expect("there is a plan");
    let shown: Vec<(&str, bool)> = plan
        .actions
        .iter()
        .flat_map(|action| &action.changes)
        .map(|change| (change.path.as_str(), change.new == FieldValue::Absent))
        .collect();
    assert_eq!(shown, [("/data/x", false), ("/data/z", true)]);

    app.settle().await;
    assert_eq!(app.field("configmap/a", ".data"), r#"{"x":"2"}"#);
}

#[tokio::test]
async fn what_leaves_git_is_deleted() {
    let Some(app) = App::new("prune") else { return };
    let all: Vec<(String, String)> =
        ["a", "b", "c"].iter().map(|n| (format!("{n}.yaml"), config_map(n, "k", n))).collect();
    let files: Vec<(&str, &str)> = all.iter().map(|(p, c)| (p.as_str(), c.as_str())).collect();
    app.commit(&files);
    app.settle().await;
    app.commit(&files[..2]);
    let outcome = app.settle().await;
    assert!(done(&outcome).contains(&"delete ConfigMap/c".to_owned()), "{:?}", done(&outcome));
    assert!(!app.has("configmap/c") && app.has("configmap/b"));
    assert_eq!(app.run().await.record.inventory.len(), 2);
}

#[tokio::test]
async fn a_definition_and_its_objects_come_in_one_commit() {
    let Some(app) = App::new("crd") else { return };
    let group = format!("{}.example.com", unique("g"));
    let definition = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: things.{group}}}\nspec:\n  group: {group}\n  scope: Namespaced\n  names: {{plural: things, singular: thing, kind: Thing}}\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    schema:\n      openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}\n"
    );
    let object = format!(
        "apiVersion: {group}/v1\nkind: Thing\nmetadata: {{name: one}}\nspec: {{size: 3}}\n"
    );
    app.commit(&[("a-object.yaml", &object), ("definition.yaml", &definition)]);
    let plan = preview(&app.subject, &app.world).await.expect("it can be seen").plan;
    let thing = plan.into_iter().flat_map(|p| p.actions).find(|a| a.id.kind == "Thing");
    assert!(thing.is_some_and(|action| action.unpredicted.is_some()));
    app.settle().await;
    assert_eq!(app.field(&format!("things.{group}/one"), ".spec.size"), "3");
    app.bed.kubectl(&["delete", "crd", &format!("things.{group}")], "");
}

#[tokio::test]
async fn a_namespace_and_its_contents_come_in_one_commit() {
    let Some(app) = App::new("ns") else { return };
    let namespace = unique("inner");
    let files = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, namespace: {namespace}}}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n"
    );
    app.commit(&[("all.yaml", &files)]);
    let plan = preview(&app.subject, &app.world).await.expect("it can be seen").plan;
    let inner = plan.into_iter().flat_map(|p| p.actions).find(|a| a.id.kind == "ConfigMap");
    assert!(inner.is_some_and(|action| action.unpredicted.is_some()));
    app.settle().await;
    assert!(app.bed.try_kubectl(&["-n", &namespace, "get", "configmap", "a"], "").0);
}

#[tokio::test]
async fn what_the_server_refuses_is_said_and_the_rest_goes_on() {
    let Some(app) = App::new("refuse") else { return };
    let bad =
        "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: 99999}]}\n";
    app.commit(&[("a.yaml", &config_map("good", "k", "v")), ("bad.yaml", bad)]);
    // Trying again is pointless, so this apply has failed; nothing healthy is there to go back to.
    let outcome = app.run().await;
    let State::Degraded { why } = &outcome.state else { panic!("{:?}", outcome.state) };
    assert!(why.contains("Service") && why.contains("99999"), "{why}");
    assert!(app.has("configmap/good") && !app.has("service/bad"));
    assert!(outcome.record.hold.is_some());
}

#[tokio::test]
async fn a_job_that_changes_is_replaced() {
    let Some(app) = App::new("job") else { return };
    let job = |image: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: once}}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{{name: c, image: \"{image}\"}}]\n"
        )
    };
    app.commit(&[("job.yaml", &job("j:1"))]);
    app.settle().await;
    let first = app.field("job/once", ".metadata.uid");
    app.commit(&[("job.yaml", &job("j:2"))]);
    let outcome = app.settle().await;
    assert_ne!(app.field("job/once", ".metadata.uid"), first, "{:?}", done(&outcome));
    assert_eq!(app.field("job/once", ".spec.template.spec.containers[0].image"), "j:2");
}

#[tokio::test]
async fn an_immutable_field_needs_consent() {
    let Some(app) = App::new("immutable") else { return };
    let selected = |label: &str| deployment("web", 1, "w:1").replace("app: web", label);
    app.commit(&[("web.yaml", &selected("app: web"))]);
    app.settle().await;
    app.commit(&[("web.yaml", &selected("tier: web"))]);
    let outcome = app.run().await;
    assert!(matches!(outcome.state, State::Blocked { .. }), "{:?}", outcome.state);
    let skip = skip(&outcome, "web");
    assert_eq!(skip.kind, SkipKind::Blocked);
    assert!(skip.why.contains("trueup.dev/replace: allowed"), "{}", skip.why);
    assert!(!did(&outcome, Verb::Replace));
}
