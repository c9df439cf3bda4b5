//! Deleting, and waiting for it.

use trueup_engine::State;

use crate::world::{App, config_map};

#[tokio::test]
async fn a_finalizer_that_hangs_is_named_and_waited_for() {
    let Some(app) = App::new("finalizer") else { return };
    app.commit(&[("a.yaml", &config_map("a", "k", "v"))]);
    app.settle().await;
    let finalizer = |names: &str| format!(r#"{{"metadata":{{"finalizers":{names}}}}}"#);
    let patch = finalizer(r#"["example.com/hold"]"#);
    app.kubectl(&["patch", "configmap/a", "--type=merge", "-p", &patch]);
    app.kubectl(&["delete", "configmap/a", "--wait=false"]);
    let outcome =
        app.until("it waits", |outcome| matches!(outcome.state, State::Waiting { .. })).await;
    assert!(outcome.health.reason.contains("example.com/hold"), "{:?}", outcome.health);
    app.kubectl(&["patch", "configmap/a", "--type=merge", "-p", &finalizer("null")]);
    let outcome = app.settle().await;
    assert!(app.has("configmap/a"), "{:?}", outcome.state);
}

#[tokio::test]
async fn an_app_that_is_deleted_takes_its_own_and_no_more() {
    let Some(mut app) = App::new("delete") else { return };
    app.kubectl(&["create", "configmap", "theirs"]);
    app.commit(&[("a.yaml", &config_map("a", "k", "v")), ("b.yaml", &config_map("b", "k", "v"))]);
    app.settle().await;
    app.subject.delete = true;
    app.until("it is gone", |outcome| outcome.state == State::Deleted).await;
    assert!(!app.has("configmap/a") && !app.has("configmap/b") && app.has("configmap/theirs"));
}
