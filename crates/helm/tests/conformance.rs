//! The conformance suites: each prints how many of its cases pass, and which differ.

#[path = "conformance/charts.rs"]
mod charts;
#[path = "conformance/coalesce.rs"]
mod coalesce;
#[path = "../examples/template/disk.rs"]
mod disk;
#[path = "conformance/own.rs"]
mod own;
#[path = "conformance/probes.rs"]
mod probes;
#[path = "conformance/strvals.rs"]
mod strvals;

use serde_json::Value;

/// The rows of a suite of `unit.tar.zst`; nothing where the data is missing.
fn rows(file: &str) -> Vec<Value> {
    let Some(folder) = trueup_conformance::open("unit") else { return Vec::new() };
    let text = std::fs::read_to_string(folder.join(file)).expect("the suite is in the archive");
    text.lines().map(|line| serde_json::from_str(line).expect("a row is JSON")).collect()
}

/// `Ok` if both are the same.
fn same(seen: &str, expected: &str) -> Result<(), String> {
    if seen == expected {
        return Ok(());
    }
    Err(format!("{seen:?} instead of {expected:?}"))
}
