//! `helm_strvals.jsonl`: `--set` and its sisters.

use serde_json::{Map, Value};
use trueup_conformance::Tally;
use trueup_helm::Profile;
use trueup_helm::values::strvals::{Reading, parse_into};

#[test]
fn strvals() {
    let mut tally = Tally::new("helm_strvals");
    for row in super::rows("helm_strvals.jsonl") {
        let text = row["s"].as_str().unwrap_or_default();
        tally.record(text, check(&row, text));
    }
    tally.assert_only(&[]);
}

fn check(row: &Value, text: &str) -> Result<(), String> {
    let reading = match row["func"].as_str().unwrap_or_default() {
        "ParseString" | "ParseIntoString" => Reading::Text,
        "ParseJSON" => Reading::Json,
        "ParseLiteral" | "ParseLiteralInto" => Reading::Literal,
        _ => Reading::Typed,
    };
    let mut values = match &row["dest"] {
        Value::Object(entries) => entries.clone(),
        _ => Map::new(),
    };
    let error = parse_into(text, &mut values, reading, Profile::Helm4).err();
    let expected = row["error"].as_str();
    // A map that is nil cannot be set in Go; there is none here, and the text is wrong anyway.
    if expected.is_some_and(|error| error.contains("nil map")) {
        return error.map(drop).ok_or_else(|| "no error".to_owned());
    }
    super::same(error.as_deref().unwrap_or_default(), expected.unwrap_or_default())?;
    super::same(&plain(&Value::Object(values)), &plain(&row["out"]))
}

/// JSON in which 3.0 and 3 are the same: the suite does not tell them apart.
fn plain(value: &Value) -> String {
    match value {
        Value::Number(number) => number.as_f64().unwrap_or_default().to_string(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| format!("{key}:{}", plain(value)))
            .collect::<Vec<_>>()
            .join(";"),
        other => other.to_string(),
    }
}
