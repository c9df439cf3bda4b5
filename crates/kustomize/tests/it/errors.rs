//! Each error names its place and what to do.

use super::{DEPLOYMENT, failure};

/// The innermost place is `place`, the chain ends with `message`, and a hint holds `hint`.
fn check(files: &[(&str, &str)], place: &str, message: &str, hint: &str) {
    let failure = failure(files, "o");
    let chain = failure.error.chain();
    let at = failure.error.location().map(ToString::to_string).unwrap_or_default();
    let hints: Vec<&str> = failure.error.hints().collect();
    assert!(chain.contains(message), "{chain}");
    assert_eq!(at, place, "{chain}");
    assert!(hints.iter().any(|it| it.contains(hint)) || hint.is_empty(), "{hints:?}");
}

const WEB: (&str, &str) = ("o/web.yaml", DEPLOYMENT);

#[test]
fn fields_that_are_not_known() {
    let file = "resources: [web.yaml]\nnamePreffix: a-\n";
    check(
        &[("o/kustomization.yaml", file), WEB],
        "o/kustomization.yaml:2",
        "json: unknown field \"namePreffix\"",
        "did you mean `namePrefix`?",
    );
    let file = "resources: [web.yaml]\nimages:\n- name: a\n  newTagg: b\n";
    check(
        &[("o/kustomization.yaml", file), WEB],
        "o/kustomization.yaml:4",
        "json: unknown field \"newTagg\"",
        "did you mean `newTag`?",
    );
    let file = "resources: [web.yaml]\nnamePrefix: [a]\n";
    check(
        &[("o/kustomization.yaml", file), WEB],
        "o/kustomization.yaml:2",
        "json: cannot unmarshal array into Go struct field Kustomization.namePrefix of type string",
        "",
    );
}

#[test]
fn patches_without_a_target() {
    let file = "resources: [web.yaml]\npatches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: wbe}\n";
    check(
        &[("o/kustomization.yaml", file), WEB],
        "o/kustomization.yaml:3",
        "no matches for Id Deployment.v1.apps/wbe.[noNs]",
        "did you mean Deployment.v1.apps/web.[noNs]?",
    );
}

#[test]
fn resources_that_are_there_twice() {
    check(
        &[
            ("o/kustomization.yaml", "resources:\n- web.yaml\n- again.yaml\n"),
            WEB,
            ("o/again.yaml", DEPLOYMENT),
        ],
        "o/again.yaml:1",
        "may not add resource with an already registered id: Deployment.v1.apps/web.[noNs]",
        "it is the same as in o/web.yaml:1",
    );
}

#[test]
fn files_that_cannot_be_read() {
    let file = "resources:\n- web.yaml\n- nothing.yaml\n";
    check(&[("o/kustomization.yaml", file), WEB], "o/kustomization.yaml:3", "nothing.yaml", "");
    let file = "resources:\n- ../web.yaml\n";
    check(
        &[("o/kustomization.yaml", file), ("web.yaml", DEPLOYMENT)],
        "o/kustomization.yaml:2",
        "security; file '/web.yaml' is not in or below '/o'",
        "move the file below",
    );
    let file = "resources:\n- .\n";
    check(
        &[("o/kustomization.yaml", file)],
        "o/kustomization.yaml:2",
        "cycle detected",
        "cannot include itself",
    );
}

#[test]
fn yaml_that_is_wrong() {
    let bad = format!("{DEPLOYMENT}---\na: b\nc: [\n");
    check(
        &[("o/kustomization.yaml", "resources: [web.yaml]\n"), ("o/web.yaml", &bad)],
        "o/web.yaml:15",
        "MalformedYAMLError: yaml: line",
        "",
    );
}

#[test]
fn kustomizations_that_are_no_yaml() {
    let place = "o/kustomization.yaml:2";
    check(&[("o/kustomization.yaml", "resources: [a\nb: c\n"), WEB], place, "yaml: line", "");
}

#[test]
fn expressions_that_are_wrong() {
    let file = "resources: [web.yaml]\nimages:\n- name: a\n- name: (b\n  newTag: c\n";
    check(
        &[("o/kustomization.yaml", file), WEB],
        "o/kustomization.yaml:4",
        "error parsing regexp: missing closing )",
        "",
    );
}
