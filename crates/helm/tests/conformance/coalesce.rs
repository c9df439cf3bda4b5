//! `helm_coalesce.jsonl`: how the values of charts and users become one map.

use std::sync::Arc;

use serde_json::{Map, Value};
use trueup_conformance::Tally;
use trueup_helm::Profile;
use trueup_helm::chart::{Chart, Metadata};
use trueup_helm::values::coalesce::{Nulls, coalesce};

#[test]
fn coalesced() {
    let mut tally = Tally::new("helm_coalesce");
    for (index, row) in super::rows("helm_coalesce.jsonl").iter().enumerate() {
        let name = row["test"].as_str().unwrap_or_default();
        tally.record(format!("{index} {name}"), check(row));
    }
    tally.assert_only(&[]);
}

fn check(row: &Value) -> Result<(), String> {
    let nulls = if row["mode"] == "merge" { Nulls::Keep } else { Nulls::Remove };
    let seen = coalesce(&chart(&row["chart"]), &entries(&row["vals"]), nulls, Profile::Helm4)
        .map_err(|error| error.to_string())?;
    super::same(&Value::Object(seen).to_string(), &floats(&row["out"]).to_string())
}

fn chart(row: &Value) -> Arc<Chart> {
    Arc::new(Chart {
        metadata: Metadata {
            name: row["name"].as_str().unwrap_or_default().to_owned(),
            ..Metadata::default()
        },
        templates: Vec::new(),
        values: entries(&row["values"]),
        schema: None,
        files: Vec::new(),
        dependencies: row["dependencies"].as_array().into_iter().flatten().map(chart).collect(),
        lock: None,
        warnings: Vec::new(),
    })
}

fn entries(value: &Value) -> Map<String, Value> {
    floats(value).as_object().cloned().unwrap_or_default()
}

fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::from(number.as_f64().unwrap_or_default()),
        Value::Array(items) => items.iter().map(floats).collect(),
        Value::Object(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), floats(value))).collect())
        }
        other => other.clone(),
    }
}
