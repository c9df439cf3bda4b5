//! `Process` and `Task`.

use serde_json::{Value, json};
use trueup_model::{EventResult, HealthStatus, Resource};

use crate::world::{World, declare, failure};

fn sh(name: &str, script: &str, more: Value) -> Resource {
    let mut spec = json!({"command": ["/bin/sh", "-c", script]});
    for (key, value) in more.as_object().expect("more fields") {
        spec[key] = value.clone();
    }
    declare("Process", name, spec)
}

#[tokio::test]
async fn a_process_runs_is_restarted_and_goes() {
    let mut world = World::new();
    let fast = json!({"restart": {"backoff": {"initial": "10ms", "max": "10ms"}}});
    let desired = [sh("web", "echo up; exec sleep 1000", fast)];
    world.apply(&desired).await;
    world.wait_healthy(&desired, 0).await;
    assert_eq!(world.round(&desired).await, []);
    let report = world.report("Process", "web").await;
    let main = report.status.main.expect("it runs");
    let pid = rustix::process::Pid::from_raw(main.pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let restarted = |report: &trueup_host::shim::protocol::Report| report.status.restarts == 1;
    while !restarted(&world.report("Process", "web").await) {
        tokio::task::yield_now().await;
    }
    world.wait_healthy(&desired, 0).await;
    world.apply(&[]).await;
    assert!(!main.runs());
    assert!(world.target.running(&crate::converge::context("shop").app).await.unwrap().is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_process_that_ends_at_once_says_why() {
    let mut world = World::new();
    let desired =
        [sh("web", "echo no database >&2; exit 7", json!({"restart": {"policy": "Never"}}))];
    world.apply(&desired).await;
    let seen =
        world.wait_for(&desired, 0, |seen| seen.health.status == HealthStatus::Degraded).await;
    assert_eq!(
        seen.health.reason,
        "it exited with code 7; it last said: no database, and its restart policy does not start \
         it again"
    );
    world.end().await;
}

#[tokio::test]
async fn what_does_not_exist_has_failed_at_once() {
    let mut world = World::new();
    let desired = [declare("Process", "web", json!({"command": ["./no-such-server"]}))];
    world.apply(&desired).await;
    let seen = world.look(&desired, 0).await;
    assert_eq!(seen.health.status, HealthStatus::Degraded);
    assert!(seen.health.reason.contains("no-such-server does not exist"), "{seen:?}");
    world.end().await;
}

#[tokio::test]
async fn a_changed_file_restarts_those_who_use_it() {
    let mut world = World::new();
    let declared = |content: &str| {
        [
            declare("File", "settings", json!({"path": "settings", "content": content})),
            sh("web", "cat settings > seen; exec sleep 1000", json!({"uses": ["File/settings"]})),
        ]
    };
    world.apply(&declared("one")).await;
    world.wait_healthy(&declared("one"), 1).await;
    let before = world.report("Process", "web").await.status.main;
    world.apply(&declared("two")).await;
    world.wait_healthy(&declared("two"), 1).await;
    assert_eq!(world.read("seen"), "two");
    assert_ne!(world.report("Process", "web").await.status.main, before);
    world.end().await;
}

#[tokio::test]
async fn a_task_runs_once_for_each_content() {
    let mut world = World::new();
    let task =
        |script: &str| [declare("Task", "migrate", json!({"command": ["/bin/sh", "-c", script]}))];
    let events = world.apply(&task("echo a >> ran")).await;
    assert!(matches!(events[0].result, EventResult::Completed { .. }), "{events:?}");
    assert_eq!(world.round(&task("echo a >> ran")).await, []);
    assert_eq!(world.read("ran"), "a\n");
    let events = world.round(&task("echo b >> ran; echo it broke; exit 3")).await;
    let message = failure(&events[0]);
    assert!(message.contains("code 3") && message.contains("it broke"), "{message}");
    world.apply(&task("echo c >> ran")).await;
    assert_eq!(world.read("ran"), "a\nb\nc\n");
    world.end().await;
}

#[tokio::test]
async fn a_task_that_takes_too_long_is_ended() {
    let mut world = World::new();
    let spec = json!({"command": ["/bin/sh", "-c", "sleep 1000 & sleep 1000"], "timeout": "100ms"});
    let events = world.round(&[declare("Task", "slow", spec)]).await;
    assert!(failure(&events[0]).contains("longer than"), "{events:?}");
    world.end().await;
}
