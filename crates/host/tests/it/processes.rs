//! `Process` and `Task`.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use futures::StreamExt;
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use trueup_host::shim::protocol::ProcessRef;
use trueup_host::{HostTarget, Level};
use trueup_model::observed::{Prediction, Presence};
use trueup_model::{EventResult, HealthStatus, Resource, Target};

use crate::converge::context;
use crate::world::{APP, DEADLINE, World, config, declare, driver, failure, id};

fn sh(name: &str, script: &str, more: Value) -> Resource {
    let mut spec = json!({"command": ["/bin/sh", "-c", script]});
    for (key, value) in more.as_object().expect("more fields") {
        spec[key] = value.clone();
    }
    declare("Process", name, spec)
}

fn kill(pid: i32) {
    rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until a file of the app has content, and answers it.
async fn written(world: &World, path: &str) -> String {
    let waits = async {
        loop {
            let text = world.read(path);
            if text.ends_with('\n') {
                return text.trim().to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waits).await.expect("it is written")
}

/// Why the only resource is refused.
async fn refusal(world: &World, resources: &[Resource]) -> String {
    match world.look(resources, 0).await.prediction {
        Some(Prediction::Refused { message, permanent: true }) => message,
        other => panic!("it is not refused: {other:?}"),
    }
}

/// Waits until a process is gone.
async fn gone(process: &ProcessRef) {
    let waits = async {
        while process.runs() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waits).await.expect("it ends");
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
    kill(main.pid);
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

#[tokio::test]
async fn a_server_is_ready_when_it_answers_itself() {
    let mut world = World::new();
    let port = free_port();
    let probe = json!({"httpGet": {"port": port, "path": "/healthz"}});
    let server = |command: Value| {
        [declare("Process", "web", json!({"command": command, "readinessProbe": probe}))]
    };
    let real = server(json!([driver(), "serve", port.to_string()]));
    world.apply(&real).await;
    world.wait_healthy(&real, 0).await;
    world.apply(&[]).await;
    // Somebody else takes the port: its answers are not this process's.
    let _other = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let probe = json!({"tcpSocket": {"port": port}});
    let spec = json!({"command": ["/bin/sleep", "1000"], "readinessProbe": probe});
    let idle = [declare("Process", "web", spec)];
    world.apply(&idle).await;
    let seen = world.wait_for(&idle, 0, |seen| seen.health.reason.contains("belongs to")).await;
    let me = format!("process {}", std::process::id());
    assert!(seen.health.reason.contains(&me), "{}", seen.health.reason);
    assert_eq!(seen.health.status, HealthStatus::Progressing);
    world.end().await;
}

#[tokio::test]
async fn another_controller_finds_what_runs() {
    let mut world = World::new();
    let desired = [sh("web", "exec sleep 1000", json!({}))];
    world.apply(&desired).await;
    world.wait_healthy(&desired, 0).await;
    let before = world.report("Process", "web").await;
    world.target = HostTarget::open(config(&world.folder.path().join("state"))).unwrap();
    assert_eq!(world.round(&desired).await, []);
    let after = world.report("Process", "web").await;
    assert_eq!((after.shim, after.status.main), (before.shim, before.status.main));
    world.end().await;
}

#[tokio::test]
async fn what_a_killed_shim_leaves_behind_is_ended_and_started_anew() {
    let mut world = World::new();
    let desired = [sh("web", "exec sleep 1000", json!({}))];
    world.apply(&desired).await;
    let before = world.report("Process", "web").await;
    let main = before.status.main.unwrap();
    kill(before.shim.pid);
    gone(&before.shim).await;
    assert!(main.runs(), "the process itself goes on");
    let seen = world.look(&desired, 0).await;
    assert_eq!((&seen.presence, seen.health.status), (&Presence::Absent, HealthStatus::Missing));
    world.apply(&desired).await;
    assert!(!main.runs());
    world.wait_healthy(&desired, 0).await;
    world.end().await;
}

#[tokio::test]
async fn what_does_not_listen_is_killed_and_what_forks_away_is_found() {
    let mut world = World::new();
    let stubborn = "trap '' TERM; echo $$ > pid; while :; do sleep 1000; done";
    let forks = "setsid sleep 1000 & echo $! > forked; exit 0";
    let desired = [
        sh("stubborn", stubborn, json!({"stop": {"grace": "50ms"}})),
        sh("forks", forks, json!({"restart": {"policy": "Never"}})),
    ];
    world.apply(&desired).await;
    let pid = written(&world, "pid").await.parse().unwrap();
    let stubborn = ProcessRef::of(pid).unwrap();
    let forked: i32 = written(&world, "forked").await.parse().unwrap();
    let seen = world.wait_for(&desired, 1, |seen| seen.health.reason.contains("ended")).await;
    assert_eq!(seen.health.status, HealthStatus::Healthy, "{seen:?}");
    let notes = world.report("Process", "forks").await.status.notes;
    assert!(notes.iter().any(|note| note.contains("foreground")), "{notes:?}");
    if let Some(forked) = ProcessRef::of(forked) {
        gone(&forked).await;
    }
    world.apply(&[]).await;
    assert!(!stubborn.runs());
    world.end().await;
}

#[tokio::test]
async fn a_change_may_be_taken_over_without_a_restart() {
    let mut world = World::new();
    let script = "trap 'cat settings > reloaded' HUP; while :; do sleep 0.05; done";
    let declared = |content: &str, grace: &str| {
        let more = json!({
            "uses": ["File/settings"],
            "onChange": {"reload": {"signal": "HUP"}},
            "stop": {"grace": grace},
        });
        [
            declare("File", "settings", json!({"path": "settings", "content": content})),
            sh("web", script, more),
        ]
    };
    world.apply(&declared("one\n", "1s")).await;
    world.wait_healthy(&declared("one\n", "1s"), 1).await;
    let before = world.report("Process", "web").await.status.main;
    world.apply(&declared("two\n", "1s")).await;
    assert_eq!(written(&world, "reloaded").await, "two");
    world.apply(&declared("two\n", "2s")).await;
    assert_eq!(world.round(&declared("two\n", "2s")).await, []);
    assert_eq!(world.report("Process", "web").await.status.main, before);
    world.end().await;
}

#[tokio::test]
async fn secrets_are_nowhere_but_in_the_process() {
    let mut world = World::new();
    std::fs::create_dir_all(world.own()).unwrap();
    let secret = world.folder.path().join("token");
    std::fs::write(&secret, "hush-hush").unwrap();
    let env = json!([{"name": "TOKEN", "valueFrom": {"file": secret}}]);
    let desired = [sh("web", "echo ${#TOKEN} > length; exec sleep 1000", json!({"env": env}))];
    world.apply(&desired).await;
    assert_eq!(written(&world, "length").await, "9");
    let report = world.report("Process", "web").await;
    let command = std::fs::read(format!("/proc/{}/cmdline", report.shim.pid)).unwrap();
    assert!(!String::from_utf8_lossy(&command).contains("hush"));
    let state = world.folder.path().join("state");
    assert_eq!(files_with(&state, "hush-hush"), Vec::<std::path::PathBuf>::new());
    assert_eq!(world.round(&desired).await, []);
    std::fs::write(&secret, "another").unwrap();
    let seen = world.look(&desired, 0).await;
    assert!(seen.synced.is_none() && seen.live.unwrap()["inputs"]["env TOKEN"].is_string());
    world.apply(&desired).await;
    world.wait_healthy(&desired, 0).await;
    assert_eq!(written(&world, "length").await, "7");
    world.end().await;
}

fn files_with(folder: &std::path::Path, text: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files_with(&path, text));
        } else if kind.is_file()
            && String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(text)
        {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn users_and_limits_are_set_at_system_level_and_refused_below() {
    let mut world = World::with(|config| config.level = Level::User);
    let other = if rustix::process::geteuid().is_root() { "nobody" } else { "root" };
    let as_other = [sh("web", "true", json!({"user": other}))];
    assert!(refusal(&world, &as_other).await.contains("system level"));
    let unknown = [sh("web", "true", json!({"user": "no-such-user"}))];
    assert!(refusal(&world, &unknown).await.contains("no-such-user"));
    let limited = json!({"limits": {"openFiles": 77}, "restart": {"policy": "Never"}});
    world.apply(&[sh("limited", "ulimit -n > limit", limited)]).await;
    assert_eq!(written(&world, "limit").await, "77");
    world.end().await;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut world = World::with(|config| config.level = Level::System);
    let mode = std::fs::Permissions::from_mode;
    std::fs::set_permissions(world.folder.path(), mode(0o700)).unwrap();
    let more = json!({"user": "nobody", "restart": {"policy": "Never"}});
    let events = world.round(&[sh("web", "true", more.clone())]).await;
    assert!(failure(&events[0]).contains("nobody cannot enter"), "{events:?}");
    std::fs::set_permissions(world.folder.path(), mode(0o711)).unwrap();
    std::fs::create_dir_all(world.own()).unwrap();
    std::fs::write(world.own().join("who"), "").unwrap();
    std::os::unix::fs::chown(world.own().join("who"), Some(65534), None).unwrap();
    world.apply(&[sh("web", "id -u > who", more)]).await;
    assert_eq!(written(&world, "who").await, "65534");
    world.end().await;
}

#[tokio::test]
async fn changes_are_told() {
    let mut world = World::new();
    let desired = [
        declare("File", "a", json!({"path": "etc/a", "content": "right"})),
        sh("web", "exec sleep 1000", json!({})),
    ];
    world.apply(&desired).await;
    world.wait_healthy(&desired, 1).await;
    let mut changes = world.target.changes();
    let mut heard = async |wanted: &str| {
        let waits = async {
            while let Some(change) = changes.next().await {
                if change.id.is_none_or(|id| id.name == wanted) {
                    return;
                }
            }
        };
        tokio::time::timeout(DEADLINE, waits).await.expect("it is told");
    };
    std::fs::write(world.own().join("etc/a"), "wrong").unwrap();
    heard("a").await;
    let pid = world.report("Process", "web").await.status.main.unwrap().pid;
    kill(pid);
    heard("web").await;
    world.end().await;
}

#[tokio::test]
async fn our_own_writes_are_not_told() {
    let mut world = World::new();
    let version = |text: &str| [declare("File", "a", json!({"path": "a", "content": text}))];
    world.apply(&version("one")).await;
    assert_eq!(world.round(&version("one")).await, []);
    let mut changes = world.target.changes();
    world.apply(&version("two")).await;
    // What comes next must be the other file, not the write before it.
    assert_eq!(world.round(&version("two")).await, []);
    std::fs::remove_file(world.own().join("a")).unwrap();
    let first = tokio::time::timeout(DEADLINE, changes.next()).await.unwrap().unwrap();
    assert_eq!(first.id, Some(id("File", "a")));
    assert!(world.look(&version("two"), 0).await.synced.is_none());
}

#[tokio::test]
async fn logs_are_read_and_followed() {
    let mut world = World::new();
    let script = "echo first; while [ ! -e go ]; do sleep 0.02; done; echo second; exec sleep 1000";
    let desired = [sh("web", script, json!({}))];
    world.apply(&desired).await;
    let name = context(APP).app;
    let mut log = world.target.logs(&name, &id("Process", "web"), true).unwrap();
    let mut text = String::new();
    let waits = async {
        while !text.contains("second") {
            text.push_str(&String::from_utf8_lossy(&log.next().await.unwrap()));
            std::fs::write(world.own().join("go"), "").unwrap();
        }
    };
    tokio::time::timeout(DEADLINE, waits).await.expect("the log goes on");
    assert_eq!(text, "first\nsecond\n");
    assert!(world.target.logs(&name, &id("Process", "none"), false).is_err());
    world.end().await;
}

#[tokio::test]
async fn what_was_applied_is_started_again() {
    let mut world = World::new();
    let desired = [
        sh("a", "exec sleep 1000", json!({"uses": ["Process/b"]})),
        sh("b", "exec sleep 1000", json!({})),
    ];
    world.apply(&desired).await;
    world.target.stop_all().await.unwrap();
    assert_eq!(world.look(&desired, 0).await.presence, Presence::Absent);
    let started = world.target.start_last_applied().await;
    let names: Vec<&str> = started.iter().map(|started| started.id.name.as_str()).collect();
    assert_eq!(names, ["b", "a"]);
    assert!(started.iter().all(|started| started.error.is_none()), "{started:?}");
    assert_eq!(world.round(&desired).await, []);
    world.end().await;
}

#[tokio::test]
async fn what_an_app_leaves_behind_is_nobodys() {
    let mut world = World::new();
    let desired = [
        declare("File", "a", json!({"path": "a", "content": "x"})),
        sh("web", "exec sleep 1000", json!({})),
    ];
    world.apply(&desired).await;
    let name = context(APP).app;
    let main = world.report("Process", "web").await.status.main.unwrap();
    world.target.forget(&name).await;
    assert!(main.runs() && world.read("a") == "x");
    assert!(world.target.known_apps().is_empty());
    world.target = HostTarget::open(config(&world.folder.path().join("state"))).unwrap();
    assert!(world.target.known_apps().is_empty());
    // Declared again it has what it left; then it goes for good.
    world.apply(&desired).await;
    assert_eq!(world.target.known_apps(), std::slice::from_ref(&name));
    world.apply(&[]).await;
    world.target.forget(&name).await;
    assert!(!world.own().exists() && !world.folder.path().join("state/host/shop").exists());
}

#[tokio::test]
async fn a_timer_waits_and_is_replaced_when_it_changes() {
    let mut world = World::new();
    let timer = |zone: &str| {
        let spec = json!({"schedule": "0 3 * * *", "timeZone": zone, "command": ["/bin/true"]});
        [declare("Timer", "report", spec)]
    };
    world.apply(&timer("Europe/Oslo")).await;
    world.wait_healthy(&timer("Europe/Oslo"), 0).await;
    let before = world.report("Timer", "report").await;
    assert!(before.status.next_run.is_some());
    world.apply(&timer("Asia/Tokyo")).await;
    let after = world.report("Timer", "report").await;
    assert_ne!(after.status.next_run, before.status.next_run);
    assert!(refusal(&world, &timer("Moon/Crater")).await.contains("Moon/Crater"));
    world.end().await;
}

#[tokio::test]
async fn a_task_goes_on_without_its_controller() {
    let mut world = World::new();
    let script = "echo begun > begun; while [ ! -e go ]; do sleep 0.02; done; echo once >> ran";
    let desired = [declare("Task", "slow", json!({"command": ["/bin/sh", "-c", script]}))];
    let apply = world.round(&desired);
    // The controller is interrupted while the task runs.
    assert!(tokio::time::timeout(Duration::from_millis(300), apply).await.is_err());
    assert_eq!(written(&world, "begun").await, "begun");
    let seen = world.look(&desired, 0).await;
    assert_eq!(
        (&seen.presence, seen.health.status),
        (&Presence::Present, HealthStatus::Progressing)
    );
    std::fs::write(world.own().join("go"), "").unwrap();
    world.wait_healthy(&desired, 0).await;
    assert_eq!(world.read("ran"), "once\n");
    assert_eq!(world.round(&desired).await, []);
    world.end().await;
}
