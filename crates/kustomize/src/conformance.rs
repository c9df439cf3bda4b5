//! The unit suites of the conformance data: single steps with the original's output. They are here,
//! and not with the other conformance tests, because steps are no part of the crate's interface.

mod filters;
mod merges;
mod plugins;

use std::fs;
use std::path::Path;

use serde_json::Value;
use trueup_conformance::{Tally, open};
use trueup_yaml::{Limits, Node, parse_first};

/// Runs the cases of a suite. `known` are those that differ; `None` says that the data lacks a part of
/// the case.
fn run(suite: &str, known: &[&str], check: impl Fn(&Value) -> Option<Result<(), String>>) {
    let Some(data) = open("kustomize") else { return };
    let mut tally = Tally::new(format!("kustomize unit/{suite}"));
    for (name, case) in cases(&data.join("unit").join(suite)) {
        if let Some(result) = check(&case) {
            tally.record(name, result);
        }
    }
    tally.assert_only(known);
}

fn cases(folder: &Path) -> Vec<(String, Value)> {
    let entries = fs::read_dir(folder).expect("the suite's folder");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let read = |path: &Path| {
        let text = fs::read(path).expect("a readable case");
        serde_json::from_slice(&text).expect("a case in JSON")
    };
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), read(path))).collect()
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn documents(yaml: &str) -> Vec<Node> {
    let documents = trueup_yaml::parse(yaml.as_bytes(), &Limits::default()).expect("YAML");
    documents.into_iter().filter(|document| !document.is_empty).map(|it| it.root).collect()
}

fn print(documents: &[Node]) -> String {
    documents.iter().map(crate::node::to_text).collect::<Vec<_>>().join("---\n")
}

fn parse(yaml: &str) -> Node {
    parse_first(yaml.as_bytes(), &Limits::default()).expect("YAML")
}

/// Compares texts. Comments, which no build prints, are not kept: where the original kept one, both
/// sides are compared without.
fn compare(actual: &str, expected: &str) -> Result<(), String> {
    let without_comments = |text: &str| match text.contains('#') {
        true => print(&documents(text)),
        false => text.to_owned(),
    };
    let (actual, expected) = (without_comments(actual), without_comments(expected));
    if actual.trim() == expected.trim() {
        return Ok(());
    }
    Err(format!("expected {expected:?}, got {actual:?}"))
}
