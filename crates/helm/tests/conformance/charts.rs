//! `helm.tar.zst`: real charts and upstream's own, rendered as `helm template` renders them.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use trueup_conformance::Tally;
use trueup_gotemplate::Timestamp;
use trueup_helm::chart::Chart;
use trueup_helm::template::{Arguments, Output, Surroundings, template};
use trueup_helm::{Profile, Randomness};

use crate::disk::DiskTree;

/// 2024-01-02T03:04:05Z, which is what `now` is in the expectations.
const NOW: Timestamp = Timestamp { seconds: 1_704_164_645, nanoseconds: 0 };

struct Case {
    folder: PathBuf,
    id: String,
    name: String,
    arguments: Vec<String>,
    expect: String,
    differs_in_helm3: bool,
}

#[test]
fn charts() {
    let Some(folder) = trueup_conformance::open("helm") else { return };
    let cases = cases(&folder);
    let work = Mutex::new(cases.iter());
    let results = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = work.lock().expect("no thread panics with the lock").next();
                    let Some(case) = next else { return };
                    for (suite, name, result) in check(case) {
                        let mut results = results.lock().expect("no thread panics with the lock");
                        results.insert((suite, name), result);
                    }
                }
            });
        }
    });
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for ((suite, name), result) in results.into_inner().expect("all threads have ended") {
        let tally =
            tallies.entry(suite.clone()).or_insert_with(|| Tally::new(format!("helm {suite}")));
        tally.record(name, result);
    }
    tallies.values().for_each(|tally| eprint!("{}", tally.report()));
    for (suite, tally) in tallies {
        tally.assert_only(known_differences(&suite));
    }
}

/// Cases that differ, each explained in docs/helm.md.
fn known_differences(suite: &str) -> &'static [&'static str] {
    match suite {
        // A schema in the web, which the expectation could not reach either.
        "error" | "error (helm3)" => &["bjw-s-labs_helm-charts__app-template/default"],
        // Helm 3 changes the dependencies of an aliased chart for all of its aliases at once.
        "exact (helm3)" => &[
            "helm_helm__pkg_chart_v2_util_testdata_chart-with-import-from-aliased-dependencies/default",
        ],
        // Helm 3 gives a subchart of a chart with two aliases the path below the last alias alone.
        "differs (helm3)" => &[
            "helm_helm__internal_chart_v3_util_testdata_chart-with-dependency-aliased-twice/default",
        ],
        // `keys … | first`, whose order is random in Go.
        "stubbed" => &["k8s-at-home_charts__maddy/default"],
        _ => &[],
    }
}

fn cases(folder: &Path) -> Vec<Case> {
    let manifest = fs::read_to_string(folder.join("manifest.jsonl")).expect("there is a manifest");
    let only = std::env::var("TRUEUP_CASE").ok();
    manifest
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a row is JSON"))
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            Case {
                folder: folder.to_owned(),
                id: text("id"),
                name: text("case"),
                arguments: row["args"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|argument| argument.as_str().map(str::to_owned))
                    .collect(),
                expect: text("expect"),
                differs_in_helm3: row["helm3_differs"] == true,
            }
        })
        .filter(|case| only.as_ref().is_none_or(|only| case.key().contains(only)))
        .collect()
}

impl Case {
    fn key(&self) -> String {
        format!("{}/{}", self.id, self.name)
    }

    fn expected(&self, suffix: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.join("expected").join(&self.id).join(format!("{}{suffix}", self.name)))
            .ok()
    }

    fn run(&self, profile: Profile) -> Result<Output, String> {
        let chart = self.folder.join("charts").join(&self.id);
        let mut arguments = vec!["rel".to_owned(), "chart".to_owned()];
        arguments.extend(self.arguments.iter().cloned());
        if self.expect == "stubbed" {
            arguments.push("--deterministic-stubs".to_owned());
        }
        arguments.push(format!("--profile={}", profile.name()));
        let arguments = Arguments::parse(&arguments).map_err(|error| error.to_string())?;
        let tree = DiskTree::new(&chart);
        let mut surroundings = Surroundings {
            load: &mut |_| {
                Chart::load(&tree, "", profile).map(Arc::new).map_err(|error| error.to_string())
            },
            read: &mut |path| fs::read(chart.join(path)).map_err(|error| error.to_string()),
            post_render: &mut |_| Err("no program is run here".to_owned()),
            now: NOW,
            randomness: Randomness::new([0; 32], "conformance"),
        };
        catch_unwind(AssertUnwindSafe(|| template(&arguments, &mut surroundings)))
            .map_err(|_| "a panic".to_owned())
    }
}

/// The results of a case: suite, name, and how it differs.
fn check(case: &Case) -> Vec<(String, String, Result<(), String>)> {
    let result = |suite: &str, result| (suite.to_owned(), case.key(), result);
    match case.expect.as_str() {
        "exact" | "stubbed" => {
            let mut results = vec![result(&case.expect, succeeds(case, Profile::Helm4, ".yaml"))];
            if case.expect == "exact" {
                let suffix = if case.differs_in_helm3 { ".helm3.yaml" } else { ".yaml" };
                results.push(result("exact (helm3)", succeeds(case, Profile::Helm3, suffix)));
            }
            results
        }
        "error" => vec![
            result("error", fails(case, Profile::Helm4, ".err")),
            result("error (helm3)", fails(case, Profile::Helm3, ".helm3.err")),
        ],
        _ => vec![
            result("differs", fails(case, Profile::Helm4, ".err")),
            result("differs (helm3)", succeeds(case, Profile::Helm3, ".helm3.yaml")),
        ],
    }
}

fn succeeds(case: &Case, profile: Profile, suffix: &str) -> Result<(), String> {
    let output = case.run(profile)?;
    if output.failed {
        return Err(output.stderr.lines().last().unwrap_or_default().to_owned());
    }
    let expected = case.expected(suffix).ok_or("nothing is expected")?;
    if output.stdout == expected {
        return Ok(());
    }
    let (seen, expected) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&expected));
    let mut lines = expected.lines().zip(seen.lines()).enumerate();
    match lines.find(|(_, (expected, seen))| expected != seen) {
        Some((line, (expected, seen))) => {
            Err(format!("line {}: {seen:?} instead of {expected:?}", line + 1))
        }
        None => {
            Err(format!("{} lines instead of {}", seen.lines().count(), expected.lines().count()))
        }
    }
}

/// A failure has to be of the same class, at the same place, with the same innermost message.
fn fails(case: &Case, profile: Profile, suffix: &str) -> Result<(), String> {
    let output = case.run(profile)?;
    if !output.failed {
        return Err("no error".to_owned());
    }
    let expected = case.expected(suffix).unwrap_or_default();
    let expected = essence(&String::from_utf8_lossy(&expected));
    // A crash of the original: any error will do.
    if expected == "panic" {
        return Ok(());
    }
    super::same(&essence(&output.stderr), &expected)
}

/// The error without warnings and hints, and without what depends on the machine.
fn essence(text: &str) -> String {
    let Some(start) = text.find("Error: ").or_else(|| text.find("panic: ")) else {
        return text.to_owned();
    };
    let mut error = text[start..].trim_end();
    error = error.strip_suffix("Use --debug flag to render out invalid YAML").unwrap_or(error);
    // A crash of the original: any error will do.
    if error.starts_with("panic: ") {
        return "panic".to_owned();
    }
    let mut lines: Vec<&str> = error.trim_end().lines().collect();
    // The failures of a schema come in random order.
    if error.contains("specifications of the schema") {
        lines.sort_unstable();
    }
    lines.join("\n")
}
