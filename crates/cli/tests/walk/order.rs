//! What waits for what: hooks, other apps, a freeze.

use std::time::{Duration, Instant};

use crate::place::{Place, read};

/// How long a running controller may take for what a test waits for.
const PATIENCE: Duration = Duration::from_secs(90);

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn task(name: &str, hook: &str, script: &str) -> String {
    format!(
        "apiVersion: host.trueup.dev/v1
kind: Task
metadata: {{name: {name}, annotations: {{trueup.dev/hook: {hook}}}}}
spec: {{command: [sh, -c, \"{script}\"]}}
---
"
    )
}

fn file(content: &str) -> String {
    format!(
        "apiVersion: host.trueup.dev/v1
kind: File
metadata: {{name: page}}
spec: {{path: page.txt, content: \"{content}\"}}
"
    )
}

#[test]
fn hooks_run_around_each_set_and_a_failed_one_stops_it() {
    let Some(place) = Place::new() else { return };
    let set = |content: &str, script: &str| {
        task("before", "before", script)
            + &task("after", "after", "cat page.txt >> log")
            + &file(content)
    };
    place.commit("first", &[("all.yaml", &set("one ", "echo -n 'before ' >> log"))]);
    let plan = place.trueup(&["plan", "shop", "-o", "markdown"]);
    assert!(plan.code == 2 && plan.out.contains("before"), "{}{}", plan.out, plan.err);
    place.done(&["run", "shop", "--once"]);
    assert_eq!(read(&place.app().join("log")), "before one ");
    place.commit("second", &[("all.yaml", &set("two ", "echo -n 'before ' >> log"))]);
    place.done(&["run", "shop", "--once"]);
    assert_eq!(read(&place.app().join("log")), "before one before two ");
    assert_eq!(place.trueup(&["plan", "shop"]).code, 0, "hooks are no drift");

    let app = "apiVersion: trueup.dev/v1
kind: App
metadata: {name: shop}
spec: {policy: {retry: {limit: 0}}}
---
";
    place.commit("third", &[("all.yaml", &(app.to_owned() + &set("three ", "exit 3")))]);
    place.trueup(&["run", "shop", "--once"]);
    assert_eq!(read(&place.app().join("page.txt")), "two ", "nothing of it is applied");
    let status = place.json(&["status"]);
    assert_eq!(status["apps"][0]["state"], "rolled-back", "{status:#}");
    assert!(
        status["apps"][0]["why"].as_str().is_some_and(|why| why.contains("Task/before")),
        "{status:#}"
    );
}

fn apps(process: &str) -> Vec<(&'static str, String)> {
    let app = |name: &str, rest: &str| {
        format!(
            "apiVersion: trueup.dev/v1\nkind: App\nmetadata: {{name: {name}}}\nspec: {{source: {{path: {name}}}{rest}}}\n"
        )
    };
    vec![
        (
            "apps.yaml",
            app("base", "")
                + "---\n"
                + &app("web", ", dependsOn: [{app: base, when: \"app.resources == 1\"}]"),
        ),
        (
            "base/p.yaml",
            format!(
                "apiVersion: host.trueup.dev/v1\nkind: Process\nmetadata: {{name: base}}\nspec:\n  command: [sleep, \"1000\"]\n  startupProbe: {{exec: {{command: [sh, -c, \"{process}\"]}}, periodSeconds: 1, failureThreshold: 100}}\n"
            ),
        ),
        ("web/f.yaml", file("up")),
    ]
}

#[test]
fn an_app_waits_for_another_and_why_says_for_what() {
    let Some(place) = Place::new() else { return };
    let commit = |subject: &str, process: &str| {
        let files = apps(process);
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        place.commit(subject, &files);
    };
    commit("not ready", "exit 1");
    let _kept = place.keep();
    until("web says what it waits for", || {
        let said = place.trueup(&["why", "web"]);
        said.out.contains("web waits for app base, which waits for Process/base")
    });
    let page = place.state().join("apps/web/page.txt");
    assert!(!page.exists(), "nothing of it is applied");
    let why = place.json(&["why", "web"]);
    assert_eq!(why["chain"][1]["app"], "base", "{why:#}");

    commit("ready", "exit 0");
    until("web is applied once base is healthy", || page.exists());
    until("nothing is waited for", || {
        place.done(&["why", "web"]).contains("web waits for nothing")
    });
}

#[test]
fn a_circle_of_apps_is_refused_and_shown() {
    let Some(place) = Place::new() else { return };
    let app = |name: &str, on: &str| {
        format!(
            "apiVersion: trueup.dev/v1\nkind: App\nmetadata: {{name: {name}}}\nspec: {{source: {{path: files}}, dependsOn: [{{app: {on}}}]}}\n---\n"
        )
    };
    let apps = app("one", "two") + &app("two", "one") + &app("lost", "tow");
    place.commit("circle", &[("apps.yaml", &apps), ("files/f.yaml", &file("x"))]);
    let said = place.trueup(&["run", "shop", "--once"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("did you mean two?"), "{}", said.out);
    assert!(said.out.contains("one → two → one"), "{}", said.out);
}

#[test]
fn a_freeze_holds_changes_up_and_says_so() {
    let Some(place) = Place::new() else { return };
    place.commit("first", &[("all.yaml", &file("one"))]);
    place.done(&["run", "shop", "--once"]);
    place.done(&["freeze", "--why", "the fair is open", "--for", "2h"]);
    place.commit("second", &[("all.yaml", &file("two"))]);
    std::fs::write(place.app().join("page.txt"), "by hand").expect("a file");
    place.trueup(&["run", "shop", "--once"]);
    assert_ne!(read(&place.app().join("page.txt")), "two", "changes wait");
    let status = place.done(&["status"]);
    assert!(status.contains("frozen") && status.contains("the fair is open"), "{status}");
    assert_eq!(place.json(&["status"])["apps"][0]["state"], "shut");
    assert!(place.done(&["why", "shop"]).contains("the fair is open"));

    place.done(&["unfreeze"]);
    place.done(&["run", "shop", "--once"]);
    assert_eq!(read(&place.app().join("page.txt")), "two");
    let history = place.json(&["history", "shop"]);
    let kinds: Vec<&str> = history["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry["kind"].as_str())
        .collect();
    assert!(kinds.contains(&"frozen") && kinds.contains(&"unfrozen"), "{kinds:?}");
    assert_eq!(place.trueup(&["unfreeze"]).code, 1, "there is nothing to let go");
}
