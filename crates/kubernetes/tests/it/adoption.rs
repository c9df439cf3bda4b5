//! Taking over what another tool made.

use trueup_engine::preview;
use trueup_model::Verb;
use trueup_model::app::AdoptFrom;

use crate::world::{App, config_map, did, is_unchanged};

#[tokio::test]
async fn what_kubectl_applied_is_taken_over_whole() {
    let Some(mut app) = App::new("adopt") else { return };
    let before =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: \"1\", old: \"1\"}\n";
    app.kubectl_with(&["apply", "-f", "-"], before);
    app.commit(&[("a.yaml", &config_map("a", "k", "1"))]);
    app.subject.declaration.spec.adopt = Some(AdoptFrom::Kubectl);

    let plan = preview(&app.subject, &app.world).await.expect("it can be seen").plan;
    let actions = plan.map(|plan| plan.actions).unwrap_or_default();
    let paths: Vec<&str> =
        actions.iter().flat_map(|a| &a.changes).map(|c| c.path.as_str()).collect();
    assert!(paths.contains(&"/data/old"), "what goes is shown: {paths:?}");

    let uid = app.field("configmap/a", ".metadata.uid");
    let outcome = app.settle().await;
    assert!(did(&outcome, Verb::Adopt));
    assert_eq!(app.field("configmap/a", ".data"), r#"{"k":"1"}"#);
    assert_eq!(app.field("configmap/a", ".metadata.uid"), uid);
    assert!(!app.field("configmap/a", ".metadata.annotations").contains("last-applied"));
    assert!(is_unchanged(&app.run().await));
}

#[tokio::test]
async fn what_helm_made_is_taken_over() {
    let Some(mut app) = App::new("helm") else { return };
    let made = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {app.kubernetes.io/managed-by: Helm}, annotations: {meta.helm.sh/release-name: web, meta.helm.sh/release-namespace: shop}}\ndata: {k: \"1\", old: \"1\"}\n";
    app.kubectl_with(&["create", "--field-manager=helm", "-f", "-"], made);
    app.commit(&[("a.yaml", &config_map("a", "k", "2"))]);
    app.subject.declaration.spec.adopt = Some(AdoptFrom::Helm);
    let outcome = app.settle().await;
    assert!(did(&outcome, Verb::Adopt));
    assert_eq!(app.field("configmap/a", ".data"), r#"{"k":"2"}"#);
    assert_eq!(app.field("configmap/a", ".metadata.annotations"), "");
}
