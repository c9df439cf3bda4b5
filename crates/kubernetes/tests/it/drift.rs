//! What people and controllers change, and what becomes of it. The rows are those of the measured
//! table in the reference of what an API server really does.

use trueup_model::Verb;
use trueup_model::plan::SkipKind;

use crate::world::{App, config_map, deployment, did, done, is_unchanged, skip};

async fn web(test: &str) -> Option<App> {
    let app = App::new(test)?;
    app.commit(&[("web.yaml", &deployment("web", 2, "w:1"))]);
    app.settle().await;
    Some(app)
}

async fn is_healed(app: &App, path: &str, expected: &str) {
    app.until("it is put back", |outcome| {
        outcome.state == trueup_engine::State::Settled
            && app.field("deployment/web", path) == expected
    })
    .await;
}

#[tokio::test]
async fn an_edit_is_put_back() {
    let Some(app) = web("edit").await else { return };
    app.kubectl(&[
        "patch",
        "deployment/web",
        "--field-manager=kubectl-edit",
        "--type=merge",
        "-p",
        r#"{"spec":{"replicas":3}}"#,
    ]);
    let outcome = app.until("it is seen", |outcome| did(outcome, Verb::Patch)).await;
    let drifted = outcome.entries.iter().flat_map(|e| &e.actions).next().expect("it is recorded");
    assert!(drifted.heals && drifted.reason.contains("kubectl-edit"), "{}", drifted.reason);
    assert_eq!(drifted.takes.first().map(|f| f.path.as_str()), Some("/spec/replicas"));
    is_healed(&app, ".spec.replicas", "2").await;
}

#[tokio::test]
async fn an_edit_that_was_taken_back_by_hand_is_nothing() {
    let Some(app) = web("back").await else { return };
    for replicas in ["3", "2"] {
        let patch = format!(r#"{{"spec":{{"replicas":{replicas}}}}}"#);
        app.kubectl(&["patch", "deployment/web", "--type=merge", "-p", &patch]);
    }
    let app = app.restarted();
    let outcome = app.settle().await;
    assert!(!did(&outcome, Verb::Patch), "{:?}", done(&outcome));
}

#[tokio::test]
async fn a_scaling_by_hand_is_put_back() {
    let Some(app) = web("scale").await else { return };
    app.kubectl(&["scale", "deployment/web", "--replicas=5"]);
    is_healed(&app, ".spec.replicas", "2").await;
}

#[tokio::test]
async fn another_image_is_put_back() {
    let Some(app) = web("image").await else { return };
    app.kubectl(&["set", "image", "deployment/web", "web=other:1"]);
    is_healed(&app, ".spec.template.spec.containers[0].image", "w:1").await;
}

#[tokio::test]
async fn what_people_add_is_named_and_stays() {
    let Some(app) = web("added").await else { return };
    app.kubectl(&["set", "env", "deployment/web", "DEBUG=1"]);
    let outcome = app.until("it is seen", |outcome| {
        outcome.plan.iter().flat_map(|p| &p.skips).any(|skip| !skip.added.is_empty())
    });
    let outcome = outcome.await;
    let skip = skip(&outcome, "web");
    assert_eq!(skip.kind, SkipKind::Unchanged);
    assert!(skip.added.iter().any(|f| f.path.contains("/env") && f.person), "{:?}", skip.added);
    assert!(!did(&outcome, Verb::Patch));
}

#[tokio::test]
async fn what_people_add_is_removed_if_the_policy_says_so() {
    let Some(mut app) = web("trim").await else { return };
    app.subject.declaration.spec.policy.added = trueup_model::app::AddedPolicy::Remove;
    app.kubectl(&["set", "env", "deployment/web", "DEBUG=1"]);
    is_healed(&app, ".spec.template.spec.containers[0].env", "").await;
}

#[tokio::test]
async fn what_was_deleted_by_hand_comes_back() {
    let Some(app) = App::new("gone") else { return };
    app.commit(&[("a.yaml", &config_map("a", "k", "v"))]);
    app.settle().await;
    app.kubectl(&["delete", "configmap/a"]);
    app.until("it is back", |_| app.has("configmap/a")).await;
    assert!(is_unchanged(&app.settle().await));
}

#[tokio::test]
async fn a_record_of_fields_that_was_wiped_is_repaired() {
    let Some(app) = App::new("wiped") else { return };
    app.commit(&[("a.yaml", &config_map("a", "k", "v"))]);
    app.settle().await;
    app.kubectl(&[
        "patch",
        "configmap/a",
        "--type=merge",
        "-p",
        r#"{"metadata":{"managedFields":[{}]}}"#,
    ]);
    let app = app.restarted();
    let outcome = app.settle().await;
    assert!(did(&outcome, Verb::Repair), "{:?}", done(&outcome));
    assert!(is_unchanged(&app.run().await));
    let managers = app.kubectl(&[
        "get",
        "configmap/a",
        "--show-managed-fields",
        "-o",
        "jsonpath={.metadata.managedFields[*].manager}",
    ]);
    assert_eq!(managers, "trueup");
}
