//! Which file and line a field comes from, and what set it.

use trueup_kustomize::Options;

use super::{DEPLOYMENT, built};

const OVERLAY: &str = "resources: [../base]
namePrefix: p-
images:
- name: nginx
  newTag: \"2\"
patches:
- path: patch.yaml
- patch: |
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: web
    spec:
      paused: true
- target: {kind: Deployment}
  patch: |
    - {op: remove, path: /spec/paused}
replacements:
- source: {kind: Deployment, fieldPath: spec.replicas}
  targets:
  - select: {kind: Deployment}
    fieldPaths: [metadata.annotations.replicas]
    options: {create: true}
";

const PATCH: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 3
";

/// Each change as `field=value by file:line`.
fn changes(field: &str) -> Vec<String> {
    let files = [
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", DEPLOYMENT),
        ("o/kustomization.yaml", OVERLAY),
        ("o/patch.yaml", PATCH),
    ];
    let output = built(&files, "o", &Options { trace: true, ..Options::new() });
    let [web] = output.resources.as_slice() else { panic!("one resource") };
    let of_field = web.changes.iter().filter(|change| change.field == field);
    let shown = |change: &trueup_kustomize::Change| {
        let value = change.value.as_deref().unwrap_or("(gone)");
        format!("{value} by {} at {}", change.by, change.location)
    };
    of_field.map(shown).collect()
}

#[test]
fn steps_say_what_they_set() {
    assert_eq!(changes("metadata.name"), ["p-web by namePrefix at o/kustomization.yaml:2"]);
    let image = "spec.template.spec.containers.[name=web].image";
    assert_eq!(changes(image), ["nginx:2 by images at o/kustomization.yaml:4"]);
    assert_eq!(changes("spec.replicas"), ["3 by patches at o/patch.yaml:6"]);
    assert_eq!(
        changes("spec.paused"),
        [
            "true by patches at o/kustomization.yaml:14",
            "(gone) by patches at o/kustomization.yaml:15"
        ]
    );
    assert_eq!(
        changes("metadata.annotations.replicas"),
        ["3 by replacements at o/kustomization.yaml:19"]
    );
}

#[test]
fn values_know_where_they_are_written() {
    let files = [("o/kustomization.yaml", "resources: [web.yaml]\n"), ("o/web.yaml", DEPLOYMENT)];
    let output = built(&files, "o", &Options::new());
    let [web] = output.resources.as_slice() else { panic!("one resource") };
    assert!(web.changes.is_empty());
    let fields = web.fields();
    let image = fields.iter().find(|field| field.path.ends_with("image")).expect("there is one");
    assert_eq!(image.path, "spec.template.spec.containers.[name=web].image");
    let at = image.location.as_ref().map(|at| (at.file.as_str(), at.line));
    assert_eq!(at, Some(("o/web.yaml", 11)));
}
