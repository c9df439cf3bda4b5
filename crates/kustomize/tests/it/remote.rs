//! Remote bases, files and charts: what a build asks for, and what it makes of the answers.

use std::sync::Arc;

use trueup_kustomize::{Answers, Need, Options, Outcome, Unavailable, build};
use trueup_model::tree::MemoryTree;

use super::{DEPLOYMENT, built, tree};

const OVERLAY: (&str, &str) =
    ("o/kustomization.yaml", "resources:\n- github.com/org/repo//deploy?ref=v1&timeout=90s\n");

fn needs(files: &[(&str, &str)], answers: Answers) -> Vec<Need> {
    match build(&tree(files), "o", &Options { answers, ..Options::new() }) {
        Ok(Outcome::Needs(needs)) => needs,
        other => panic!("{other:?}"),
    }
}

fn repository(files: &[(&str, &str)]) -> Answers {
    let mut answers = Answers::new();
    let tree: MemoryTree = tree(files);
    answers.repository(("https://github.com/org/repo", "v1"), Ok(Arc::new(tree)));
    answers
}

fn error(files: &[(&str, &str)], answers: Answers) -> String {
    match build(&tree(files), "o", &Options { answers, ..Options::new() }) {
        Err(failure) => failure.error.chain(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_need_says_all_that_is_to_be_fetched() {
    let needs = needs(&[OVERLAY], Answers::new());
    let [Need::Repository(spec)] = needs.as_slice() else { panic!("{needs:?}") };
    assert_eq!(spec.clone_spec(), "https://github.com/org/repo");
    assert_eq!((spec.path.as_str(), spec.reference.as_str()), ("deploy", "v1"));
    assert_eq!((spec.timeout.as_secs(), spec.submodules), (90, true));
}

#[test]
fn all_needs_of_a_kustomization_are_told_at_once() {
    let file = "resources:\n- https://example.com/a.yaml\n- https://example.com/b.yaml\n- github.com/org/repo/x\n";
    let needs = needs(&[("o/kustomization.yaml", file)], Answers::new());
    let urls = needs.iter().filter(|need| matches!(need, Need::File { .. })).count();
    let repositories = needs.iter().filter(|need| matches!(need, Need::Repository(_))).count();
    assert_eq!((urls, repositories), (2, 1), "{needs:?}");
}

#[test]
fn a_base_s_own_files_and_bases_are_those_of_its_repository() {
    let answers = repository(&[
        ("deploy/kustomization.yaml", "resources: [../base]\nnamePrefix: p-\n"),
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", DEPLOYMENT),
    ]);
    let output = built(&[OVERLAY], "o", &Options { answers, ..Options::new() });
    let [web] = output.resources.as_slice() else { panic!("one resource") };
    assert_eq!(web.id.name, "p-web");
    assert_eq!(web.location.to_string(), "https://github.com/org/repo/base/web.yaml:1");
}

#[test]
fn a_base_may_not_leave_its_repository() {
    let outside =
        repository(&[("deploy/kustomization.yaml", "resources: [../../o/secret.yaml]\n")]);
    let chain = error(&[OVERLAY, ("o/secret.yaml", DEPLOYMENT)], outside);
    assert!(chain.contains("leads out of the tree"), "{chain}");
    let above = repository(&[
        ("deploy/kustomization.yaml", "resources: [../web.yaml]\n"),
        ("web.yaml", DEPLOYMENT),
    ]);
    let chain = error(&[OVERLAY], above);
    assert!(chain.contains("is not in or below"), "{chain}");
}

#[test]
fn what_cannot_be_had_is_named() {
    let mut answers = Answers::new();
    let why = Unavailable::Other("the host does not answer".to_owned());
    answers.repository(("https://github.com/org/repo", "v1"), Err(why));
    let chain = error(&[OVERLAY], answers);
    assert!(chain.contains("the host does not answer"), "{chain}");
    let mut answers = Answers::new();
    answers.file("https://example.com/a.yaml", Err(Unavailable::Status(404)));
    let file = ("o/kustomization.yaml", "resources:\n- https://example.com/a.yaml\n");
    let chain = error(&[file], answers);
    assert!(chain.ends_with("HTTP Error: status code 404 (Not Found)"), "{chain}");
}

#[test]
fn a_repository_may_be_what_is_built() {
    let options = Options {
        answers: repository(&[
            ("deploy/kustomization.yaml", "resources: [web.yaml]\n"),
            ("deploy/web.yaml", DEPLOYMENT),
        ]),
        ..Options::new()
    };
    let output = built(&[], "https://github.com/org/repo//deploy?ref=v1", &options);
    assert_eq!(output.resources.len(), 1);
}
