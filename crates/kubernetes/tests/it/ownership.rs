//! What is not ours is never touched.

use trueup_engine::State;
use trueup_model::Verb;
use trueup_model::plan::SkipKind;

use crate::world::{App, config_map, did, skip};

async fn is_refused(app: &App, name: &str, whose: &str) {
    let outcome = app.run().await;
    assert!(matches!(outcome.state, State::Blocked { .. }), "{:?}", outcome.state);
    let skip = skip(&outcome, name);
    assert_eq!(skip.kind, SkipKind::NotOurs);
    assert!(skip.why.contains(whose), "{}", skip.why);
    assert!(outcome.entries.iter().all(|entry| entry.events.is_empty()));
}

#[tokio::test]
async fn what_was_made_by_hand_is_not_touched() {
    let Some(app) = App::new("hand") else { return };
    app.kubectl(&["create", "configmap", "a", "--from-literal=k=theirs"]);
    app.commit(&[("a.yaml", &config_map("a", "k", "ours"))]);
    is_refused(&app, "a", "made by hand").await;
    assert_eq!(app.field("configmap/a", ".data.k"), "theirs");
}

#[tokio::test]
async fn another_app_and_another_installation_keep_theirs() {
    let Some(app) = App::new("other") else { return };
    app.commit(&[("a.yaml", &config_map("a", "k", "v"))]);
    app.settle().await;
    let sibling = app.sibling();
    sibling.commit(&[("a.yaml", &config_map("a", "k", "w"))]);
    is_refused(&sibling, "a", app.subject.name.as_str()).await;
    let stranger = App::on(app.bed, &app.namespace, None);
    stranger.commit(&[("a.yaml", &config_map("a", "k", "w"))]);
    is_refused(&stranger, "a", &app.world.installation).await;
}

#[tokio::test]
async fn marks_of_other_tools_are_known() {
    let Some(app) = App::new("tools") else { return };
    let marks = [
        ("helm", "annotations: {meta.helm.sh/release-name: x}"),
        ("argocd", "annotations: {argocd.argoproj.io/tracking-id: \"x:/ConfigMap:y/z\"}"),
        ("flux", "labels: {kustomize.toolkit.fluxcd.io/name: x}"),
    ];
    for (tool, mark) in marks {
        let object =
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {tool}, {mark}}}\n");
        app.kubectl_with(&["create", "-f", "-"], &object);
        app.commit(&[("a.yaml", &config_map(tool, "k", "v"))]);
        is_refused(&app, tool, tool).await;
    }
}

#[tokio::test]
async fn a_copied_label_makes_nothing_ours() {
    let Some(app) = App::new("label") else { return };
    let object = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, labels: {{trueup.dev/app: {}, trueup.dev/installation: {}}}}}\n",
        app.subject.name, app.world.installation
    );
    app.kubectl_with(&["create", "-f", "-"], &object);
    app.commit(&[("a.yaml", &config_map("a", "k", "v"))]);
    is_refused(&app, "a", "made by hand").await;
}

#[tokio::test]
async fn what_was_made_again_by_somebody_else_is_not_deleted() {
    let Some(app) = App::new("again") else { return };
    app.commit(&[
        ("a.yaml", &config_map("a", "k", "v")),
        ("b.yaml", &config_map("b", "k", "v")),
        ("c.yaml", &config_map("c", "k", "v")),
    ]);
    app.settle().await;
    app.kubectl(&["delete", "configmap/a"]);
    app.kubectl(&["create", "configmap", "a", "--from-literal=k=theirs"]);
    app.commit(&[("b.yaml", &config_map("b", "k", "v")), ("c.yaml", &config_map("c", "k", "v"))]);
    let outcome = app.run().await;
    assert!(!did(&outcome, Verb::Delete));
    assert_eq!(app.field("configmap/a", ".data.k"), "theirs");
}
