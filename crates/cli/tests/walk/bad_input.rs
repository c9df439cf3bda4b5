//! Bad input: a clear error naming what and where; nothing is lost.

use crate::place::{Place, read};

fn check(files: &[(&str, &str)], arguments: &[&str], expected: &[&str]) {
    let Some(place) = Place::new() else { return };
    place.commit("first", files);
    let said = place.trueup(arguments);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    let all = format!("{}{}", said.out, said.err);
    for words in expected {
        assert!(all.contains(words), "“{words}” is missing in:\n{all}");
    }
}

const FILE: &str = "apiVersion: host.trueup.dev/v1\nkind: File\nmetadata: {name: a}\nspec: {path: a, content: x}\n";

#[test]
fn a_repository_that_is_missing() {
    check(&[("a.yaml", FILE)], &["plan", "./nowhere"], &["nowhere"]);
}

#[test]
fn a_reference_that_is_missing() {
    check(&[("a.yaml", FILE)], &["plan", "shop", "--ref", "mian"], &["mian"]);
}

#[test]
fn a_path_that_is_missing_or_a_file() {
    let wrong = ["there is no such folder", "the folders in the root are: deploy"];
    check(&[("deploy/a.yaml", FILE)], &["plan", "shop", "--path", "depoly"], &wrong);
    check(&[("a.yaml", FILE)], &["plan", "shop", "--path", "a.yaml"], &["this is a file"]);
}

#[test]
fn yaml_that_is_none() {
    let text = "apiVersion: host.trueup.dev/v1\nkind: File\n\tmetadata: {name: a}\n";
    check(&[("a.yaml", text)], &["plan", "shop"], &["a.yaml:3"]);
}

#[test]
fn a_key_that_stands_twice() {
    let text = FILE.replace("content: x", "content: x, content: y");
    check(&[("a.yaml", &text)], &["plan", "shop"], &["a.yaml:4", "content"]);
}

#[test]
fn an_unknown_field_and_kind() {
    let text = FILE.replace("content:", "contents:");
    check(&[("a.yaml", &text)], &["plan", "shop"], &["a.yaml:4", "did you mean `content`?"]);
    let text = FILE.replace("kind: File", "kind: Fil");
    check(&[("a.yaml", &text)], &["plan", "shop"], &["did you mean `File`?"]);
}

#[test]
fn a_resource_without_a_name_or_declared_twice() {
    let text = FILE.replace("{name: a}", "{}");
    check(&[("a.yaml", &text)], &["plan", "shop"], &["a.yaml:1", "metadata.name"]);
    check(
        &[("a.yaml", FILE), ("b.yaml", FILE)],
        &["plan", "shop"],
        &["declared twice", "a.yaml:1"],
    );
}

#[test]
fn a_path_outside_of_what_is_allowed() {
    let text = FILE.replace("path: a", "path: /etc/trueup-test");
    let Some(place) = Place::new() else { return };
    place.commit("first", &[("a.yaml", &text)]);
    let said = place.trueup(&["run", "shop", "--once"]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    assert!(said.out.contains("/etc/trueup-test"), "{}{}", said.out, said.err);
    assert!(!std::path::Path::new("/etc/trueup-test").exists());
}

#[test]
fn one_bad_commit_does_not_stop_what_runs() {
    let Some(place) = Place::new() else { return };
    place.commit("first", &[("a.yaml", FILE)]);
    place.done(&["run", "shop", "--once"]);
    place.commit("bad", &[("a.yaml", "kind: [")]);
    std::fs::remove_file(place.app().join("a")).expect("the file is there");
    let said = place.trueup(&["run", "shop", "--once"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("a.yaml:"), "{}{}", said.out, said.err);
    assert_eq!(read(&place.app().join("a")), "x", "what was applied is healed all the same");
}
