//! Why something is not healthy, as its pods say it, within seconds.

use std::time::Duration;

use trueup_engine::{Outcome, State};
use trueup_model::HealthStatus;

use crate::bed::Bed;
use crate::world::{App, deployment};

/// Far less than a Deployment's deadline (ten minutes).
const SECONDS: Duration = Duration::from_secs(25);

/// A Deployment whose pods behave in this way.
fn behaving(name: &str, image: &str, behaviour: &str, log: &str) -> String {
    let labels = format!("metadata: {{labels: {{app: {name}}}");
    let annotations = format!(
        "{labels}, annotations: {{testbed.trueup.dev/pod: {behaviour}, testbed.trueup.dev/log: \"{log}\"}}"
    );
    deployment(name, 1, image).replace(&labels, &annotations)
}

async fn degrades(test: &str, behaviour: &str, log: &str, expected: &[&str]) {
    let Some(app) = App::new(test) else { return };
    if Bed::is_foreign() {
        eprintln!("not tested: pods of this cluster do not misbehave on request");
        return;
    }
    app.commit(&[("web.yaml", &behaving("web", "w:1", behaviour, log))]);
    let degraded =
        app.until("it is degraded", |outcome| outcome.health.status == HealthStatus::Degraded);
    let outcome = tokio::time::timeout(SECONDS, degraded).await.expect("it is told within seconds");
    for part in expected {
        assert!(outcome.health.reason.contains(part), "{part}: {}", outcome.health.reason);
    }
    assert!(is_over(&outcome), "{:?}", outcome.state);
}

fn is_over(outcome: &Outcome) -> bool {
    matches!(outcome.state, State::Degraded { .. } | State::Held { .. })
}

#[tokio::test]
async fn a_crash_loop_carries_the_last_lines() {
    let log = "starting\\nfatal: no database at db:5432";
    let expected = [
        "pod web-",
        "container web keeps crashing: exit code 1, 2 restarts",
        "no database at db:5432",
    ];
    degrades("crash", "crash-loop", log, &expected).await;
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_named() {
    degrades("image-pull", "image-pull-error", "", &["ImagePullBackOff, image w:1"]).await;
}

#[tokio::test]
async fn a_pod_that_fits_nowhere_is_told() {
    degrades("unschedulable", "unschedulable", "", &["no node takes it: 0/1 nodes are available"])
        .await;
}

#[tokio::test]
async fn a_failed_mount_is_told() {
    degrades("mount", "mount-error", "", &["FailedMount", "configmap \"missing\" not found"]).await;
}

#[tokio::test]
async fn what_replaces_a_broken_revision_is_not_judged_by_it() {
    let Some(app) = App::new("mended") else { return };
    if Bed::is_foreign() {
        return;
    }
    app.commit(&[("web.yaml", &behaving("web", "w:1", "crash-loop", "broken"))]);
    app.until("it is degraded", is_over).await;
    app.commit(&[("web.yaml", &behaving("web", "w:2", "ready-after=3s", "fine"))]);
    let outcome = app
        .until("it is over", |outcome| is_over(outcome) || outcome.state == State::Settled)
        .await;
    assert_eq!(outcome.state, State::Settled);
}

#[tokio::test]
async fn a_broken_change_goes_back_within_seconds() {
    let Some(app) = App::new("back-again") else { return };
    if Bed::is_foreign() {
        return;
    }
    app.commit(&[("web.yaml", &deployment("web", 1, "w:1"))]);
    app.settle().await;
    app.commit(&[("web.yaml", &behaving("web", "w:2", "crash-loop", "no"))]);
    let back = app.until("it went back", |outcome| {
        matches!(outcome.state, State::Held { rolled_back: true, .. })
            && outcome.health.status == HealthStatus::Healthy
    });
    let outcome = tokio::time::timeout(SECONDS, back).await.expect("it goes back within seconds");
    assert_eq!(app.field("deployment/web", ".spec.template.spec.containers[0].image"), "w:1");
    let hold = outcome.record.hold.map(|hold| hold.why).unwrap_or_default();
    assert!(hold.contains("keeps crashing"), "{hold}");
}
