//! The original's output for upstream's own cases and for real overlays, and for cases of our own.
//!
//! Upstream's cases and the real overlays are no part of the repository; where they are missing the
//! tests say so. Our own are in `conformance/kustomize`, so that the repository proves itself alone.

mod disk;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use disk::Disk;
use regex::Regex;
use serde_json::Value;
use trueup_conformance::{Tally, open};
use trueup_kustomize::{
    HelmEngine, Options, Outcome, Profile, Randomness, Reorder, Timestamp, build,
};

/// Cases that run a program: refused by name here.
const RUN_PROGRAMS: [&str; 12] = [
    "transformerannotation_test.go__TestAnnoOriginCustomInlineTransformer__001",
    "fnplugin_test.go__TestFnExecGeneratorInBaseWithOverlay__001",
    "fnplugin_test.go__TestFnExecGeneratorInBase__001",
    "fnplugin_test.go__TestFnExecTransformerInBaseWithOverlay__001",
    "fnplugin_test.go__TestFnExecTransformerInOverlay__001",
    "originannotation_test.go__TestAnnoOriginCustomExecGeneratorWithOverlay__001",
    "originannotation_test.go__TestAnnoOriginCustomExecGenerator__001",
    "originannotation_test.go__TestAnnoOriginCustomInlineExecGeneratorWithOverlay__001",
    "originannotation_test.go__TestAnnoOriginCustomInlineExecGenerator__001",
    "originannotation_test.go__TestAnnoOriginGeneratorInTransformersFieldWithOverlay__001",
    "originannotation_test.go__TestAnnoOriginGeneratorInTransformersField__001",
    "transformerannotation_test.go__TestAnnoOriginCustomExecTransformerWithOverlay__001",
];

#[test]
fn upstream_cases() {
    let Some(data) = open("kustomize") else { return };
    let mut tally = Tally::new("kustomize cases");
    let mut folders = folders(&data.join("cases"));
    folders.sort();
    for folder in folders {
        tally.record(name(&folder), check_case(&folder));
    }
    tally.assert_only(&RUN_PROGRAMS);
}

#[test]
fn real_overlays() {
    let Some(data) = open("kustomize") else { return };
    let rows = fs::read_to_string(data.join("real.jsonl")).expect("the list of overlays");
    let mut tally = Tally::new("kustomize real overlays");
    for row in rows.lines() {
        let row: Value = serde_json::from_str(row).expect("a row in JSON");
        let text = |field: &str| row.get(field).and_then(Value::as_str).unwrap_or_default();
        let folder = data.join("real").join(text("repo")).join(text("dir"));
        let expected = data.join("real-expected").join(format!("{}.yaml", text("id")));
        tally.record(text("id"), check_output(&folder, &["--enable-helm".to_owned()], &expected));
    }
    tally.assert_only(&[]);
}

#[test]
fn own_cases() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/kustomize");
    let mut tally = Tally::new("kustomize own cases");
    let mut folders = folders(&cases);
    folders.sort();
    assert!(!folders.is_empty(), "conformance/kustomize holds cases");
    for folder in folders {
        tally.record(name(&folder), check_case(&folder));
    }
    tally.assert_only(&[]);
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of cases");
    entries.map(|entry| entry.expect("a case").path()).filter(|path| path.is_dir()).collect()
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A case: `input/`, `case.json`, and `expected.yaml` or `expected-error`.
fn check_case(folder: &Path) -> Result<(), String> {
    let case = fs::read(folder.join("case.json")).ok();
    let case: Value = case.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let arguments: Vec<String> = match case.get("args").and_then(Value::as_array) {
        Some(list) => list.iter().filter_map(|a| a.as_str().map(str::to_owned)).collect(),
        None => vec!["--reorder".to_owned(), "none".to_owned()],
    };
    let input = folder.join("input");
    let path = case.get("build_path").and_then(Value::as_str).unwrap_or_default();
    let target = input.join(path.trim_start_matches('/'));
    let expected = folder.join("expected.yaml");
    if expected.exists() {
        check_output(&target, &arguments, &expected)
    } else {
        let first_line = name(folder).starts_with("transformer__");
        check_error(&target, &arguments, &folder.join("expected-error"), &input, first_line)
    }
}

fn check_output(target: &Path, arguments: &[String], expected: &Path) -> Result<(), String> {
    let actual = match run(target, arguments) {
        Ran::Printed(yaml) => yaml,
        Ran::Needs(needs) => return Err(format!("needs {needs}")),
        Ran::Failed(error) => return Err(format!("fails: {error}")),
    };
    let expected = fs::read_to_string(expected).expect("the original's output");
    if actual == expected {
        return Ok(());
    }
    let differing = actual.lines().zip(expected.lines()).position(|(a, b)| a != b);
    let line = differing.unwrap_or_else(|| actual.lines().count().min(expected.lines().count()));
    let at = |text: &str| text.lines().nth(line).unwrap_or("(the end)").to_owned();
    Err(format!("line {}: {:?} for {:?}", line + 1, at(&actual), at(&expected)))
}

fn check_error(
    target: &Path,
    arguments: &[String],
    expected: &Path,
    input: &Path,
    first_line: bool,
) -> Result<(), String> {
    let expected = normalised(&fs::read_to_string(expected).expect("the original's error"));
    let actual = match run(target, arguments) {
        Ran::Printed(_) => return Err("succeeds".to_owned()),
        // What the original could not fetch is asked for here.
        Ran::Needs(_) if expected.contains("dial tcp: lookup") => return Ok(()),
        Ran::Needs(needs) => return Err(format!("needs {needs}")),
        Ran::Failed(error) => error,
    };
    let input = fs::canonicalize(input).expect("the input").to_string_lossy().into_owned();
    let actual = actual.replace(&format!("{input}/"), "/").replace(&input, "/");
    let part = |text: &str| match first_line {
        true => text.lines().next().unwrap_or_default().trim().to_owned(),
        false => text.trim().to_owned(),
    };
    let (actual, expected) = (part(&normalised(&actual)), part(&expected));
    match actual == expected {
        true => Ok(()),
        false => Err(format!("{actual:?} for {expected:?}")),
    }
}

/// An error without temporary folders, pointers and warnings.
fn normalised(error: &str) -> String {
    let rules = [
        (r"(?m)^(# Warning:|Flag --reorder|.*Sorting order is set both).*\n?", ""),
        (r"^Error: ", ""),
        (r"/tmp/kustomize-\d+", ""),
        (r"\$ROOT/?", "/"),
        (r" &\{0x[0-9a-f]+ (<nil>|0x[0-9a-f]+)\}", ""),
    ];
    rules.iter().fold(error.to_owned(), |text, (pattern, with)| {
        Regex::new(pattern).expect("a pattern").replace_all(&text, *with).into_owned()
    })
}

enum Ran {
    Printed(String),
    Needs(String),
    Failed(String),
}

fn run(target: &Path, arguments: &[String]) -> Ran {
    let target = std::path::absolute(target).expect("an absolute path");
    let target = lexically_clean(&target);
    match build(&Disk, &target, &options(arguments)) {
        Ok(Outcome::Built(output)) => match output.yaml() {
            Ok(yaml) => Ran::Printed(yaml),
            Err(error) => Ran::Failed(error.chain()),
        },
        Ok(Outcome::Needs(needs)) => Ran::Needs(format!("{needs:?}")),
        Err(failure) => Ran::Failed(failure.error.chain()),
    }
}

fn lexically_clean(path: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let text = path.to_string_lossy();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn options(arguments: &[String]) -> Options {
    let mut options = Options {
        charts: Some(Arc::new(HelmEngine {
            profile: Profile::Helm4,
            now: Timestamp { seconds: 0, nanoseconds: 0 },
            randomness: Randomness::new([0; 32], "test"),
        })),
        ..Options::new()
    };
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        match argument {
            "--reorder" => {
                options.reorder = match arguments.next() {
                    Some("none") => Reorder::None,
                    _ => Reorder::Legacy,
                }
            }
            "--load-restrictor" => {
                options.restrict_loads = arguments.next() != Some("LoadRestrictionsNone");
            }
            "--enable-helm" => options.helm = true,
            "--enable-alpha-plugins" => options.plugins = true,
            "--enable-exec" => {}
            "--enable-managedby-label" => options.managed_by_label = true,
            other => panic!("a case uses the flag {other}, which the test does not know"),
        }
    }
    options
}
