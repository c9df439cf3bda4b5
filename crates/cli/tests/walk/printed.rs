//! What every command prints for programs.

use crate::place::Place;

const FILE: &str = "apiVersion: host.trueup.dev/v1\nkind: File\nmetadata: {name: a}\nspec: {path: a.txt, content: x}\n";

/// Each command in an order in which each can do its work.
#[test]
fn every_command_prints_json_with_the_version_of_its_shape() {
    let Some(place) = Place::new() else { return };
    place.commit("first", &[("a.yaml", FILE)]);
    place.commit("second", &[("a.yaml", &FILE.replace("content: x", "content: changed"))]);
    let commit = place.head();
    let commands: &[&[&str]] = &[
        &["plan", "shop"],
        &["run", "shop", "--once"],
        &["plan", "shop"],
        &["status"],
        &["history"],
        &["history", "--verify"],
        &["show", &commit],
        &["diff", "shop", "--from", "HEAD~1"],
        &["diff", "shop", "--from", "HEAD"],
        &["pause", "shop", "--for", "1m", "--why", "a test"],
        &["release", "shop"],
        &["why", "shop"],
        &["freeze", "--for", "1m", "--why", "a test"],
        &["unfreeze"],
        &["apply", "shop"],
        &["accept", "shop"],
        &["backup", "saved"],
        &["--state", "restored", "restore", "saved"],
        &["install", "--host", "--print", "shop"],
        &["schema"],
        &["delete", "shop", "--yes"],
        &["stop"],
    ];
    for command in commands {
        let printed = place.json(command);
        assert_eq!(printed["apiVersion"], "trueup.dev/v1", "{command:?}: {printed:#}");
    }
    let said = place.trueup(&["plan", "./nowhere", "-o", "json"]);
    let error: serde_json::Value = serde_json::from_str(&said.err).expect("an error is JSON too");
    assert_eq!((said.code, &error["apiVersion"]), (1, &"trueup.dev/v1".into()), "{error}");
}
