//! `conformance/helm`: charts of our own, with what both versions of Helm print for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use trueup_conformance::Tally;
use trueup_gotemplate::Timestamp;
use trueup_helm::chart::Chart;
use trueup_helm::template::{Arguments, Output, Surroundings, template};
use trueup_helm::{Profile, Randomness};

use crate::disk::DiskTree;

#[test]
fn own_charts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/helm");
    let cases = fs::read_to_string(folder.join("cases.jsonl")).expect("the cases are there");
    for profile in [Profile::Helm4, Profile::Helm3] {
        let mut tally = Tally::new(format!("own charts ({})", profile.name()));
        for line in cases.lines() {
            let case: Value = serde_json::from_str(line).expect("a case is JSON");
            let name = case["name"].as_str().unwrap_or_default();
            tally.record(name, check(&folder, name, &case["args"], profile));
        }
        tally.assert_only(&[]);
    }
}

fn check(folder: &Path, name: &str, args: &Value, profile: Profile) -> Result<(), String> {
    let mut arguments: Vec<String> = args
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|argument| argument.as_str().map(str::to_owned))
        .collect();
    arguments.push(format!("--profile={}", profile.name()));
    let arguments = Arguments::parse(&arguments).map_err(|error| error.to_string())?;
    let output = run(&arguments, folder, profile);
    let expected = |kind: &str| {
        let file = |profile: Profile| -> PathBuf {
            folder.join(format!("expected/{name}.{}.{kind}", profile.name()))
        };
        fs::read(file(profile)).or_else(|_| fs::read(file(Profile::Helm4))).ok()
    };
    let failure = expected("err").map(|text| String::from_utf8_lossy(&text).into_owned());
    match (&failure, output.failed) {
        (Some(expected), true) => super::same(&error_of(&output), &sorted(expected))?,
        (None, false) => {}
        _ => return Err(format!("failed: {}; {}", output.failed, output.stderr)),
    }
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    super::same(&printed, &String::from_utf8_lossy(&expected("out").unwrap_or_default()))
}

fn error_of(output: &Output) -> String {
    let start = output.stderr.find("Error: ").unwrap_or_default();
    sorted(output.stderr.get(start..).unwrap_or_default())
}

/// The failures of a schema come in random order in Helm.
fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.trim_end().lines().collect();
    if text.contains("specifications of the schema") {
        lines.sort_unstable();
    }
    lines.join("\n")
}

fn run(arguments: &Arguments, folder: &Path, profile: Profile) -> Output {
    let mut surroundings = Surroundings {
        load: &mut |path| {
            let tree = DiskTree::new(folder.join(path));
            Chart::load(&tree, "", profile).map(Arc::new).map_err(|error| error.to_string())
        },
        read: &mut |path| fs::read(folder.join(path)).map_err(|error| error.to_string()),
        post_render: &mut |_| Err("no program is run here".to_owned()),
        now: Timestamp { seconds: 1_704_164_645, nanoseconds: 0 },
        randomness: Randomness::new([7; 32], "own"),
    };
    template(arguments, &mut surroundings)
}
