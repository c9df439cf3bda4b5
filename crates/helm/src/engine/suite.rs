//! `helm_engine.jsonl`: templates with what they are given, as Helm's own tests of its engine call
//! it. In here because it goes below charts.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use trueup_conformance::Tally;
use trueup_gotemplate::{Map, Str, Timestamp, Value};

use super::host::RenderHost;
use super::{Renderable, execute, files};
use crate::chart::{SourceFile, Template};
use crate::render::Options;
use crate::{Profile, Randomness};

/// Cases that lay something of their own into the engine, which ours has no place for: a resolver of
/// host names, a client of a cluster, functions.
const KNOWN: &[&str] = &[
    "102 engine.TestRenderWithDNS",
    "103 engine.TestRenderWithClientProvider",
    "104 engine.TestRenderWithClientProvider_error",
    "154 engine.TestRenderCustomTemplateFuncs",
];

#[test]
fn engine() {
    let Some(folder) = trueup_conformance::open("unit") else { return };
    let text = std::fs::read_to_string(folder.join("helm_engine.jsonl")).unwrap();
    let mut tally = Tally::new("helm_engine");
    for (index, line) in text.lines().enumerate() {
        let row: Json = serde_json::from_str(line).unwrap();
        let name = format!("{index} {}", row["test"].as_str().unwrap_or_default());
        tally.record(name, check(&row));
    }
    tally.assert_only(KNOWN);
}

fn check(row: &Json) -> Result<(), String> {
    let now = Timestamp { seconds: 0, nanoseconds: 0 };
    let options = Options {
        strict: row["strict"] == true,
        lint: row["lint"] == true,
        ..Options::new(Profile::Helm4, now, Randomness::new([0; 32], "suite"))
    };
    let templates: Vec<(String, Template, &Json)> = row["templates"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, given)| {
            let text = given["tpl"].as_str().unwrap_or_default().as_bytes();
            (name.clone(), Template::new(SourceFile::new(name.clone(), text)), given)
        })
        .collect();
    let renderables: BTreeMap<String, Renderable<'_>> = templates
        .iter()
        .map(|(name, template, given)| {
            let base_path = given["basePath"].as_str().unwrap_or_default().to_owned();
            (name.clone(), Renderable { template, scope: scope(&given["vals"]), base_path })
        })
        .collect();
    match (
        execute(&renderables, &Map::any([]), &options, &mut RenderHost::new(&options)),
        &row["error"],
    ) {
        (Ok(seen), Json::Null) => {
            let seen: BTreeMap<String, String> = seen
                .into_iter()
                .map(|(name, text)| (name, String::from_utf8_lossy(&text).into_owned()))
                .collect();
            same(&serde_json::json!(seen).to_string(), &row["out"].to_string())
        }
        (Err(error), Json::String(expected)) => same(&error.helm_text(Profile::Helm4), expected),
        (Ok(_), expected) => Err(format!("no error instead of {expected}")),
        (Err(error), _) => Err(error.helm_text(Profile::Helm4)),
    }
}

fn scope(given: &Json) -> Map {
    let values = super::objects::values_type(Profile::Helm4);
    let scope = Map::new(values, []);
    for (key, value) in given.as_object().into_iter().flatten() {
        let value = match key.as_str() {
            "Files" => files::files(&source_files(value)),
            "Subcharts" => subcharts(value),
            _ => crate::values::to_go(&crate::values::with_floats(value.clone())),
        };
        scope.insert(key.as_str().into(), value);
    }
    scope
}

fn subcharts(given: &Json) -> Value {
    let charts = given.as_object().into_iter().flatten();
    Value::Map(Map::any(
        charts.map(|(name, chart)| (Str::from(name.as_str()), Value::Map(scope(chart)))),
    ))
}

fn source_files(encoded: &Json) -> Vec<SourceFile> {
    let decoded = |text: &Json| STANDARD.decode(text.as_str().unwrap_or_default());
    encoded
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, text)| SourceFile::new(name.clone(), decoded(text).unwrap_or_default()))
        .collect()
}

fn same(seen: &str, expected: &str) -> Result<(), String> {
    if seen == expected {
        return Ok(());
    }
    let at = seen.bytes().zip(expected.bytes()).take_while(|(a, b)| a == b).count();
    let from = at.saturating_sub(40);
    let part = |text: &str| text.chars().skip(from).take(120).collect::<String>();
    Err(format!("{:?} instead of {:?} at {at}", part(seen), part(expected)))
}
