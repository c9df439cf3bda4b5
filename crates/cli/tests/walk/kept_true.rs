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
