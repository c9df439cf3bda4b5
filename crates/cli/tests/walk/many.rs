//! Many apps in one repository: they come, go, and are called otherwise.

use crate::place::{Place, read};

fn app(name: &str, spec: &str) -> String {
    format!("apiVersion: trueup.dev/v1\nkind: App\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}

fn file(content: &str) -> String {
    format!(
        "apiVersion: host.trueup.dev/v1\nkind: File\nmetadata: {{name: f}}\nspec: {{path: f.txt, content: \"{content}\"}}\n"
    )
}

/// Three apps with a file each.
fn three(place: &Place) {
    place.commit(
        "first",
        &[
            ("a/app.yaml", &app("a", "")),
            ("a/f.yaml", &file("a")),
            ("b/app.yaml", &app("b", "onRemove: delete")),
            ("b/f.yaml", &file("b")),
            ("c/app.yaml", &app("c", "")),
            ("c/f.yaml", &file("c")),
        ],
    );
}

fn state_of(place: &Place, app: &str) -> String {
    // Before the controller has opened its state there is nothing to read.
    let said = place.trueup(&["status", "-o", "json"]).out;
    let status: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
    let apps = status["apps"].as_array().into_iter().flatten();
    let found = apps.filter(|status| status["app"] == app).map(|status| status["state"].clone());
    found.map(|state| state.as_str().unwrap_or_default().to_owned()).collect()
}

/// Waits until an app stands so.
fn until(place: &Place, app: &str, state: &str) {
    let began = std::time::Instant::now();
    while state_of(place, app) != state {
        assert!(
            began.elapsed() < std::time::Duration::from_secs(90),
            "{app} is {} and not {state}: {}",
            state_of(place, app),
            place.trueup(&["status"]).out
        );
    }
}

#[test]
fn apps_leave_and_come_back_and_none_leaves_by_mistake() {
    let Some(place) = Place::new() else { return };
    three(&place);
    let mut kept = place.keep();
    for app in ["a", "b", "c"] {
        until(&place, app, "healthy");
    }
    let of = |app: &str| place.state().join("apps").join(app).join("f.txt");

    place.git(&["rm", "-r", "-q", "a"]);
    place.commit("without a", &[("README.md", "1")]);
    kept.hear("its App is not in");
    until(&place, "a", "left");
    assert_eq!(read(&of("a")), "a", "what it owns stays");
    let status = place.done(&["status"]);
    assert!(status.contains("trueup delete a --keep"), "{status}");

    place.commit("a again", &[("a/app.yaml", &app("a", "")), ("a/f.yaml", &file("A"))]);
    until(&place, "a", "healthy");
    assert_eq!(read(&of("a")), "A");

    place.git(&["rm", "-r", "-q", "a", "b", "c"]);
    place.commit("nothing", &[("README.md", "2")]);
    kept.hear("all 3 apps");
    for app in ["a", "b", "c"] {
        until(&place, app, "leaving");
    }
    assert_eq!(read(&of("b")), "b", "nothing is deleted without consent");
    place.done(&["accept", "--leaving"]);
    until(&place, "b", "");
    assert!(!of("b").exists());
    until(&place, "a", "left");
    assert_eq!(read(&of("a")), "A");
}

#[test]
fn an_app_that_is_called_otherwise_goes_on() {
    let Some(place) = Place::new() else { return };
    let process = "apiVersion: host.trueup.dev/v1\nkind: Process\nmetadata: {name: p}\nspec: {command: [sh, -c, \"echo $$ > pid; exec sleep 1000\"]}\n";
    place.commit("first", &[("x/app.yaml", &app("old", "")), ("x/p.yaml", process)]);
    let mut kept = place.keep();
    until(&place, "old", "healthy");
    kept.hear("is healthy");
    let pid = read(&place.state().join("apps/old/pid"));

    place.commit("renamed", &[("x/app.yaml", &app("new", "formerly: old"))]);
    kept.hear("it was called old");
    until(&place, "new", "healthy");
    assert_eq!(state_of(&place, "old"), "");
    let folder = place.state().join("apps/new");
    assert_eq!(read(&folder.join("pid")), pid);
    let runs = std::fs::exists(format!("/proc/{}", pid.trim())).expect("a readable /proc");
    assert!(runs, "the process goes on");

    place.commit("more", &[("x/f.yaml", &file("here"))]);
    kept.hear("(more) is healthy");
    assert_eq!(read(&folder.join("f.txt")), "here");
    let history = place.done(&["history", "new"]);
    assert!(history.contains("it was called old"), "{history}");
}

#[test]
fn a_set_yields_apps() {
    let Some(place) = Place::new() else { return };
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/many");
    let printed = place.done(&["apps", "render", examples]);
    for name in ["name: motd", "name: site-north", "name: site-south"] {
        assert!(printed.contains(name), "{printed}");
    }
    let set = "apiVersion: trueup.dev/v1\nkind: AppSet\nmetadata: {name: all}\nspec:\n  generators: [{folders: {include: ['work/*']}}]\n  template: {metadata: {name: '{{ .path.basename }}'}, spec: {source: {path: '{{ .path.path }}'}}}\n";
    place.commit("one", &[("set.yaml", set), ("work/one/f.yaml", &file("1"))]);
    let _kept = place.keep();
    until(&place, "one", "healthy");
    place.commit("two", &[("work/two/f.yaml", &file("2"))]);
    until(&place, "two", "healthy");
    let status = place.done(&["status"]);
    assert!(status.contains("of 2 apps changed by") || status.contains("2 apps at"), "{status}");

    let wrong = set.replace(".path.basename", ".path.basenam");
    place.commit("wrong", &[("set.yaml", &wrong)]);
    let said = place.trueup(&["apps", "render", "shop/set.yaml"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("set.yaml:6") && said.err.contains("basenam"), "{}", said.err);
    assert_eq!(state_of(&place, "one"), "healthy", "a set with an error loses nothing");
}
