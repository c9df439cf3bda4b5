//! What survives the loss of the state folder.

use jiff::Timestamp;
use trueup_engine::State;
use trueup_model::record::Pause;
use trueup_model::{LedgerKind, Record};

use crate::world::{App, config_map, done};

/// What the store says of an app that it does not know, when it knows that state was lost.
fn careful() -> Record {
    Record { careful: true, ..Record::default() }
}

async fn app(test: &str) -> Option<App> {
    let app = App::new(test)?;
    app.commit(&[
        ("a.yaml", &config_map("a", "k", "v")),
        ("b.yaml", &config_map("b", "k", "v")),
        ("c.yaml", &config_map("c", "k", "v")),
        ("d.yaml", &config_map("d", "k", "v")),
    ]);
    app.settle().await;
    Some(app)
}

fn parent(app: &App) -> String {
    let list = ["get", "configmap", "-l", "applyset.kubernetes.io/id", "-o", "name"];
    app.kubectl(&list)
}

#[tokio::test]
async fn the_copy_in_the_cluster_is_read_back() {
    let Some(app) = app("survive").await else { return };
    let before = app.run().await.record.inventory;
    let app = app.bereft(careful());
    // What left Git meanwhile is in no desired set: only the inventory knows of it.
    app.commit(&[
        ("a.yaml", &config_map("a", "k", "v")),
        ("b.yaml", &config_map("b", "k", "v")),
        ("c.yaml", &config_map("c", "k", "v")),
    ]);
    let outcome = app.run().await;
    assert_eq!(outcome.record.inventory.len(), before.len() - 1);
    assert!(outcome.entries.iter().any(|entry| entry.kind == LedgerKind::Restored));
    assert_eq!(done(&outcome), ["delete ConfigMap/d"]);
    assert!(!app.has("configmap/d"));
}

#[tokio::test]
async fn with_both_copies_lost_nothing_is_done() {
    let Some(app) = app("careful").await else { return };
    app.kubectl(&["delete", &parent(&app)]);
    let app = app.bereft(careful());
    app.commit(&[("e.yaml", &config_map("e", "k", "v"))]);
    let outcome = app.run().await;
    assert_eq!(outcome.state, State::Careful);
    assert!(app.has("configmap/a") && !app.has("configmap/e"));
}

#[tokio::test]
async fn a_copy_that_was_tampered_with_counts_as_none() {
    let Some(app) = app("tampered").await else { return };
    let patch = r#"{"binaryData":{"record":"AAAA"}}"#;
    app.kubectl(&["patch", &parent(&app), "--type=merge", "-p", patch]);
    let outcome = app.bereft(careful()).run().await;
    assert_eq!(outcome.state, State::Careful);
}

#[tokio::test]
async fn the_parent_is_an_apply_set_and_goes_with_its_app() {
    let Some(mut app) = app("apply-set").await else { return };
    let name = parent(&app);
    let kinds = app.kubectl(&[
        "get",
        &name,
        "-o",
        r"jsonpath={.metadata.annotations.applyset\.kubernetes\.io/contains-group-kinds}",
    ]);
    assert_eq!(kinds, "ConfigMap");
    let id = app.kubectl(&[
        "get",
        &name,
        "-o",
        r"jsonpath={.metadata.labels.applyset\.kubernetes\.io/id}",
    ]);
    let members = format!("applyset.kubernetes.io/part-of={id}");
    let members = app.kubectl(&["get", "configmap", "-l", &members, "-o", "name"]);
    assert_eq!(members.lines().count(), 4, "{members}");
    app.subject.delete = true;
    app.until("it is gone", |outcome| outcome.state == State::Deleted).await;
    assert_eq!(parent(&app), "");
}

#[tokio::test]
async fn what_people_decided_survives() {
    let Some(app) = app("paused").await else { return };
    let until = Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let pause = Pause { until, by: "me".to_owned(), why: "tests".to_owned() };
    let record = Record { pause: Some(pause), ..app.run().await.record };
    let app = app.bereft(record);
    app.commit(&[("a.yaml", &config_map("a", "k", "w"))]);
    app.run().await;
    let outcome = app.run().await;
    assert!(matches!(outcome.state, State::Paused { .. }), "{:?}", outcome.state);
}
