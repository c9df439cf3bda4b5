//! Without a running controller: plan, apply, look, go back, delete.

use crate::place::{Place, read};

fn manifests(greeting: &str, version: &str) -> String {
    format!(
        "apiVersion: host.trueup.dev/v1
kind: File
metadata: {{name: greeting}}
spec: {{path: greeting.txt, content: \"{greeting}\"}}
---
apiVersion: host.trueup.dev/v1
kind: Directory
metadata: {{name: site}}
spec: {{path: site, from: ./site}}
---
apiVersion: host.trueup.dev/v1
kind: Task
metadata: {{name: count}}
spec: {{command: [sh, -c, \"echo {version} >> ran\"], uses: [Directory/site]}}
"
    )
}

#[test]
fn a_plan_is_made_applied_remembered_and_gone_back_from() {
    let Some(place) = Place::new() else { return };
    place.commit("first", &[("all.yaml", &manifests("hello", "v1")), ("site/index.html", "one")]);

    let plan = place.trueup(&["plan", "shop"]);
    assert_eq!(plan.code, 2, "{}{}", plan.out, plan.err);
    assert!(plan.out.contains("create File/greeting"), "{}", plan.out);
    assert!(!place.app().join("greeting.txt").exists(), "a plan does nothing");

    place.done(&["run", "shop", "--once"]);
    assert_eq!(read(&place.app().join("greeting.txt")), "hello");
    assert_eq!(read(&place.app().join("site/index.html")), "one");
    assert_eq!(read(&place.app().join("ran")), "v1\n");
    assert_eq!(place.trueup(&["plan", "shop"]).code, 0, "nothing is left to do");

    place.commit("second", &[("all.yaml", &manifests("good day", "v1"))]);
    let plan = place.json(&["plan", "shop"]);
    let actions = plan["plan"]["actions"].as_array().expect("actions");
    assert_eq!(actions.len(), 1, "{plan:#}");
    assert_eq!(actions[0]["changes"][0]["path"], "/spec/content");
    assert_eq!(actions[0]["changes"][0]["old"]["plain"], "hello");

    let refused = place.trueup(&["apply", "shop", "--digest", "000000000000"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("another one"), "{}", refused.err);
    assert_eq!(read(&place.app().join("greeting.txt")), "hello");
    let digest = plan["plan"]["digest"].as_str().expect("a digest").to_owned();
    place.done(&["apply", "shop", "--digest", &digest]);
    assert_eq!(read(&place.app().join("greeting.txt")), "good day");

    place.done(&["rollback", "shop", "--why", "test"]);
    assert_eq!(read(&place.app().join("greeting.txt")), "hello");
    assert_eq!(read(&place.app().join("ran")), "v1\n", "going back runs no task again");
    assert!(place.done(&["status"]).contains("pinned"));
    place.done(&["release", "shop"]);
    assert_eq!(read(&place.app().join("greeting.txt")), "good day");

    assert!(place.done(&["history", "--verify"]).contains("whole"));
    let history = place.json(&["history", "shop"]);
    let kinds: Vec<&str> = history["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry["kind"].as_str())
        .collect();
    for kind in ["planned", "executed", "healthy", "pinned", "released"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }

    assert_eq!(place.trueup(&["delete", "shop"]).code, 1, "deleting asks");
    place.done(&["delete", "shop", "--yes"]);
    assert!(!place.app().join("greeting.txt").exists());
    assert!(place.done(&["status"]).contains("no app"));
}

#[test]
fn what_was_there_before_is_not_touched() {
    let Some(place) = Place::new() else { return };
    place.commit("first", &[("all.yaml", &manifests("hello", "v1")), ("site/index.html", "one")]);
    place.trueup(&["plan", "shop"]);
    std::fs::create_dir_all(place.app()).expect("a folder");
    std::fs::write(place.app().join("greeting.txt"), "mine").expect("a file");
    let run = place.trueup(&["run", "shop", "--once"]);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    assert!(run.out.contains("adopt: true"), "{}", run.out);
    assert_eq!(read(&place.app().join("greeting.txt")), "mine");
}

#[test]
fn losing_everything_needs_a_persons_consent() {
    let Some(place) = Place::new() else { return };
    place.commit("first", &[("all.yaml", &manifests("hello", "v1")), ("site/index.html", "one")]);
    place.done(&["run", "shop", "--once"]);
    place.git(&["rm", "--quiet", "all.yaml"]);
    place.commit("all gone", &[("README", "nothing is declared here")]);
    let run = place.trueup(&["run", "shop", "--once"]);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    assert!(run.out.contains("consent"), "{}", run.out);
    assert_eq!(read(&place.app().join("greeting.txt")), "hello");
}
