//! What kstatus and Argo CD say of the same objects.

use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;
use trueup_conformance::{Tally, open};
use trueup_health::{argocd, kstatus};
use trueup_yaml::Dialect;

fn suite(name: &str, check: impl Fn(&Value, &Path) -> Result<(), String>) {
    let Some(data) = open("health") else { return };
    let rows =
        std::fs::read_to_string(data.join(format!("{name}.jsonl"))).expect("the suite is there");
    let mut tally = Tally::new(name);
    for row in rows.lines() {
        let row: Value = serde_json::from_str(row).expect("a row is JSON");
        tally.record(row["name"].as_str().unwrap_or_default(), check(&row, &data));
    }
    tally.assert_only(&[]);
}

fn object(row: &Value, data: &Path, now: Timestamp) -> Value {
    let file = data.join(row["input"].as_str().expect("a path"));
    let text = std::fs::read_to_string(file).expect("the input is there");
    let text = text.replace("__NOW__", &now.to_string());
    trueup_yaml::from_slice(text.as_bytes(), Dialect::V2).expect("the input is YAML")
}

fn same(seen: &Value, expected: &Value) -> Result<(), String> {
    if seen == expected { Ok(()) } else { Err(format!("{seen} instead of {expected}")) }
}

#[test]
fn kstatus_says_the_same() {
    let now = Timestamp::now();
    suite("kstatus", |row, data| {
        let verdict = kstatus::of(&object(row, data, now), now)?;
        same(&serde_json::json!(verdict.status), &row["status"])?;
        same(&serde_json::json!(verdict.message), &row["message"])?;
        same(&serde_json::json!(verdict.conditions), &row["conditions"])
    });
}

#[test]
fn kstatus_augments_the_same() {
    let now = Timestamp::now();
    suite("kstatus-augment", |row, data| {
        let conditions = kstatus::augmented(&object(row, data, now), now)?;
        let pairs = |list: &[Value]| -> Vec<(Value, Value)> {
            list.iter().map(|c| (c["type"].clone(), c["reason"].clone())).collect()
        };
        let mut seen = pairs(&conditions);
        let mut expected = pairs(row["conditions"].as_array().expect("a list"));
        seen.sort_by_key(|pair| pair.0.to_string());
        expected.sort_by_key(|pair| pair.0.to_string());
        same(&serde_json::json!(seen), &serde_json::json!(expected))
    });
}

#[test]
fn kstatus_aggregates_the_same() {
    use kstatus::Status;
    let status = |value: &Value| match value.as_str().unwrap_or_default() {
        "Current" => Status::Current,
        "InProgress" => Status::InProgress,
        "Failed" => Status::Failed,
        "Terminating" => Status::Terminating,
        "NotFound" => Status::NotFound,
        _ => Status::Unknown,
    };
    suite("kstatus-aggregate", |row, _| {
        let statuses: Vec<Status> =
            row["statuses"].as_array().expect("a list").iter().map(status).collect();
        let seen = kstatus::aggregate(&statuses, status(&row["desired"]));
        same(&serde_json::json!(seen), &row["status"])
    });
}

#[test]
fn argocd_says_the_same() {
    suite("argocd-builtin", |row, data| {
        let health = argocd::of(&object(row, data, Timestamp::now()))?;
        same(&serde_json::json!(health.as_ref().map(|health| health.status)), &row["status"])?;
        same(&serde_json::json!(health.map(|health| health.reason)), &row["message"])
    });
}
