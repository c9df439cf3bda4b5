//! What breaks in the middle: the API server, the controller, an API group, the cluster itself.

use std::time::Duration;

use trueup_engine::{State, reconcile};
use trueup_kubernetes::Connection;
use trueup_model::plan::SkipKind;
use trueup_model::{Record, TargetId};

use crate::bed::{Bed, bed, unique};
use crate::gate::Gate;
use crate::world::{App, config_map, skip};

fn many(count: usize, size: usize) -> Vec<(String, String)> {
    let file = |n| (format!("{n}.yaml"), config_map(&format!("c{n}"), "k", &"x".repeat(size)));
    (0..count).map(file).collect()
}

fn files(all: &[(String, String)]) -> Vec<(&str, &str)> {
    all.iter().map(|(path, content)| (path.as_str(), content.as_str())).collect()
}

fn there(app: &App) -> usize {
    let label = format!("trueup.dev/app={}", app.subject.name);
    app.kubectl(&["get", "configmap", "-l", &label, "-o", "name"]).lines().count()
}

#[tokio::test]
async fn an_api_server_that_goes_away_in_the_middle_loses_nothing() {
    let Some(bed) = bed() else { return };
    let gate = Gate::closing_after(bed, 120_000).await;
    let through =
        Connection { kubeconfig: Some(gate.kubeconfig.path().to_owned()), ..Default::default() };
    let app = App::by(bed, &bed.namespace("away"), through);
    let all = many(60, 4000);
    app.commit(&files(&all));
    let error = reconcile(&app.subject, &app.world).await.expect_err("nothing answers any more");
    assert!(gate.is_closed());
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    let text = format!("{error}: {source}");
    assert!(text.contains("cannot be reached"), "{text}");
    let record = app.world.store.record(&app.subject.name).await.expect("it is kept");
    assert_eq!(record.inventory.len(), 60);
    assert!(there(&app) < 60);
    gate.open();
    let outcome = app.settle().await;
    assert_eq!((there(&app), outcome.record.inventory.len()), (60, 60));
}

#[tokio::test]
async fn a_controller_that_is_killed_anywhere_orphans_nothing() {
    let Some(bed) = bed() else { return };
    for milliseconds in [2, 10, 25, 50, 90, 140] {
        let app = App::on(bed, &bed.namespace("killed"), None);
        let all = many(20, 10);
        app.commit(&files(&all));
        let _ = tokio::time::timeout(Duration::from_millis(milliseconds), app.run()).await;
        let app = app.restarted();
        let outcome = app.settle().await;
        assert_eq!((there(&app), outcome.record.inventory.len()), (20, 20));
        app.commit(&files(&all[..16]));
        let _ = tokio::time::timeout(Duration::from_millis(milliseconds), app.run()).await;
        let app = app.restarted();
        let outcome = app.settle().await;
        assert_eq!((there(&app), outcome.record.inventory.len()), (16, 16), "{milliseconds} ms");
    }
}

#[tokio::test]
async fn another_cluster_behind_the_name_is_refused() {
    let Some(app) = App::new("replaced") else { return };
    app.commit(&[("a.yaml", &config_map("a", "k", "v"))]);
    let before = TargetId { kind: "kubernetes".to_owned(), identity: "another".to_owned() };
    let app = app.bereft(Record { target: Some(before), ..Record::default() });
    let error = reconcile(&app.subject, &app.world).await.expect_err("it is another cluster");
    let uid = app.bed.kubectl(&["get", "ns", "kube-system", "-o", "jsonpath={.metadata.uid}"], "");
    let text = error.to_string();
    assert!(text.contains("another") && text.contains(&uid), "{text}");
    assert!(!app.has("configmap/a"));
}

#[tokio::test]
async fn an_api_group_that_does_not_answer_is_unknown_and_never_absent() {
    let Some(app) = App::new("down") else { return };
    let group = format!("{}.example.com", unique("down"));
    let name = format!("v1.{group}");
    let service = format!(
        "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {{name: {name}}}\nspec: {{group: {group}, version: v1, groupPriorityMinimum: 1000, versionPriority: 10, insecureSkipTLSVerify: true, service: {{name: nowhere, namespace: {}}}}}\n",
        app.namespace
    );
    app.kubectl_with(&["create", "-f", "-"], &service);
    let thing = format!("apiVersion: {group}/v1\nkind: Thing\nmetadata: {{name: one}}\n");
    app.commit(&[("a.yaml", &config_map("a", "k", "v")), ("thing.yaml", &thing)]);
    let blocked = |outcome: &trueup_engine::Outcome| matches!(&outcome.state, State::Blocked { why } if why.contains("does not answer"));
    let outcome = app.until("it is unknown", blocked).await;
    assert_eq!(skip(&outcome, "one").kind, SkipKind::Blocked);
    assert!(skip(&outcome, "one").why.contains(&group), "{}", skip(&outcome, "one").why);
    assert!(app.has("configmap/a"));
    app.kubectl(&["delete", "apiservice", &name]);
}

#[tokio::test]
async fn a_namespace_that_is_being_deleted_is_waited_for() {
    let Some(app) = App::new("ending") else { return };
    let held =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/hold]}\n";
    app.kubectl_with(&["create", "-f", "-"], held);
    app.bed.kubectl(&["delete", "namespace", &app.namespace, "--wait=false"], "");
    app.commit(&[("a.yaml", &config_map("a", "k", "v"))]);
    let outcome = app.run().await;
    let State::Waiting { why, .. } = &outcome.state else { panic!("{:?}", outcome.state) };
    assert!(why.contains("is being deleted"), "{why}");
    let free = r#"{"metadata":{"finalizers":null}}"#;
    app.kubectl(&["patch", "configmap/held", "--type=merge", "-p", free]);
}

#[tokio::test]
async fn a_namespace_that_is_forbidden_is_named_and_the_other_goes_on() {
    let Some(app) = App::new("half") else { return };
    if Bed::is_foreign() {
        return;
    }
    let other = app.bed.namespace("other-half");
    let reader = format!("see-{}", app.namespace);
    app.bed.kubectl(&["create", "clusterrole", &reader, "--verb=get", "--resource=namespaces"], "");
    let see = format!("--clusterrole={reader}");
    app.bed.kubectl(&["create", "clusterrolebinding", &reader, &see, "--user=nobody"], "");
    app.kubectl(&["create", "rolebinding", "edit", "--clusterrole=edit", "--user=nobody"]);
    let nobody = App::on(app.bed, &app.namespace, Some("nobody"));
    let elsewhere =
        config_map("b", "k", "v").replace("name: b", &format!("name: b, namespace: {other}"));
    nobody.commit(&[("a.yaml", &config_map("a", "k", "v")), ("b.yaml", &elsewhere)]);
    let outcome = nobody.run().await;
    let State::Blocked { why } = &outcome.state else { panic!("{:?}", outcome.state) };
    assert!(why.contains(&format!("verbs [\"get\"], in namespace {other}")), "{why}");
    assert!(nobody.has("configmap/a"));
}
