//! With a running controller: commits, drift, failures, crashes.

use crate::place::{Place, read};

fn manifests(greeting: &str, process: &str) -> String {
    format!(
        "apiVersion: trueup.dev/v1
kind: App
metadata: {{name: shop}}
spec: {{policy: {{health: {{deadline: 20s}}}}}}
---
apiVersion: host.trueup.dev/v1
kind: File
metadata: {{name: greeting}}
spec: {{path: greeting.txt, content: \"{greeting}\"}}
---
apiVersion: host.trueup.dev/v1
kind: Process
metadata: {{name: server}}
spec:
  command: [sh, -c, \"{process}\"]
  uses: [File/greeting]
  restart: {{backoff: {{initial: 100ms, max: 200ms}}}}
  startupProbe: {{exec: {{command: [test, -f, started]}}}}
"
    )
}

const GOOD: &str = "cat greeting.txt > started; exec sleep 1000";

#[test]
fn commits_are_rolled_out_drift_is_healed_and_what_fails_is_gone_back_from() {
    let Some(place) = Place::new() else { return };
    place.commit("first", &[("all.yaml", &manifests("hello", GOOD))]);
    let mut kept = place.keep();
    kept.hear("(first) is healthy");
    assert_eq!(read(&place.app().join("started")), "hello");

    place.commit("second", &[("all.yaml", &manifests("good day", GOOD))]);
    kept.hear("(second) is healthy");
    assert_eq!(read(&place.app().join("started")), "good day", "the process was started anew");

    std::fs::write(place.app().join("greeting.txt"), "by hand").expect("a file");
    let line = kept.hear("it is put back");
    assert!(line.contains("File/greeting"), "{line}");
    kept.hear("changed File/greeting");
    assert_eq!(read(&place.app().join("greeting.txt")), "good day");

    place.commit("third", &[("all.yaml", &manifests("bye", "echo no such luck; exit 3"))]);
    let line = kept.hear("going back to");
    assert!(line.contains("no such luck"), "the reason holds the last words: {line}");
    kept.hear("rolled-back");
    assert_eq!(read(&place.app().join("greeting.txt")), "good day");

    place.commit("fourth", &[("all.yaml", &manifests("hello again", GOOD))]);
    kept.hear("(fourth) is healthy");
}

#[test]
fn a_controller_that_is_killed_loses_nothing() {
    let Some(place) = Place::new() else { return };
    place.commit("first", &[("all.yaml", &manifests("hello", GOOD))]);
    let mut kept = place.keep();
    kept.hear("(first) is healthy");
    kept.kill();
    place.commit("second", &[("all.yaml", &manifests("good day", GOOD))]);
    let mut kept = place.keep();
    kept.hear("(second) is healthy");
    assert_eq!(read(&place.app().join("started")), "good day");
    assert!(place.done(&["history", "--verify"]).contains("whole"));
}

#[test]
fn a_second_controller_on_one_state_is_refused() {
    let Some(place) = Place::new() else { return };
    place.commit("first", &[("all.yaml", &manifests("hello", GOOD))]);
    let mut kept = place.keep();
    kept.hear("(first) is healthy");
    let second = place.trueup(&["run", "shop"]);
    assert_eq!(second.code, 1);
    assert!(second.err.contains("pid") || second.err.contains("process"), "{}", second.err);
    assert_eq!(place.json(&["status"])["apps"][0]["state"], "healthy");
}

/// The pids of what runs for the place's app: shims and what they supervise.
fn running(place: &Place) -> Vec<i64> {
    let reports = std::fs::read_dir(place.state().join("host/shop/run")).into_iter().flatten();
    let mut pids = Vec::new();
    for file in
        reports.flatten().filter(|file| file.path().extension().is_some_and(|e| e == "json"))
    {
        let report: serde_json::Value =
            serde_json::from_str(&read(&file.path())).expect("a report is JSON");
        let found = [&report["shim"]["pid"], &report["status"]["main"]["pid"]];
        pids.extend(found.into_iter().filter_map(serde_json::Value::as_i64));
    }
    pids.retain(|pid| {
        let stat = read(std::path::Path::new(&format!("/proc/{pid}/stat")));
        !stat.is_empty() && !stat.contains(") Z ")
    });
    pids
}

#[test]
fn after_a_boot_what_was_applied_starts_though_git_is_away() {
    let Some(place) = Place::new() else { return };
    place.commit("first", &[("all.yaml", &manifests("hello", GOOD))]);
    let mut kept = place.keep();
    kept.hear("(first) is healthy");
    kept.kill();
    // As a boot leaves it: nothing runs any more, and nobody said so.
    let before = running(&place);
    assert_eq!(before.len(), 2, "a shim and its process");
    for pid in &before {
        let killed = std::process::Command::new("kill").arg("-9").arg(pid.to_string()).status();
        assert!(killed.expect("kill runs").success());
    }
    std::fs::rename(place.repo().join(".git"), place.repo().join("git")).expect("it is there");
    let mut kept = place.keep();
    kept.hear("Process/server is started again");
    kept.hear("is not a Git repository");
    let after = running(&place);
    assert!(!after.is_empty() && after.iter().all(|pid| !before.contains(pid)), "{after:?}");
    // It has begun to run; what it writes first it has not written yet, perhaps.
    let began = std::time::Instant::now();
    while read(&place.app().join("started")) != "hello" {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "it does not run");
        std::thread::yield_now();
    }
}

#[test]
fn what_is_stopped_stays_stopped() {
    let Some(place) = Place::new() else { return };
    place.commit("first", &[("all.yaml", &manifests("hello", GOOD))]);
    let mut kept = place.keep();
    kept.hear("(first) is healthy");
    place.done(&["stop"]);
    assert_eq!(running(&place), [0_i64; 0]);
    let end = kept.end();
    assert!(end.success(), "the controller ends well, so that nobody starts it again: {end}");
    assert_eq!(running(&place), [0_i64; 0], "nor has it started anything on its way");
    let mut kept = place.keep();
    kept.hear("Process/server is started again");
}
