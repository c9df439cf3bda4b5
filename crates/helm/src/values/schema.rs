//! `values.schema.json`: whether the values are what a chart and its subcharts demand.
//!
//! The verdict is that of the `jsonschema` crate, for drafts 4 to 2020-12; the words are those of
//! the library that the reproduced Helm carries: a tree of causes in Helm 4
//! ([`tree`]), a flat list in Helm 3 ([`flat`]).

mod flat;
mod tree;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::{Draft, PatternOptions, Retrieve, Uri, ValidationOptions};
use serde_json::{Map, Value};

use crate::Profile;
use crate::assembly::Part;

/// Schemas that other schemas refer to by URL, as they were fetched.
pub type Schemas = BTreeMap<String, Value>;

/// What checking the values has shown.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// What is wrong, chart by chart, in Helm's words; nothing if the values are as demanded.
    pub(crate) complaints: String,
    /// The URLs of schemas that would be needed to know.
    pub(crate) needs: Vec<String>,
    /// What Helm prints as warnings.
    pub(crate) warnings: Vec<String>,
}

/// Checks the values of a chart and of its subcharts against their schemas.
pub(crate) fn check(
    part: &Part,
    values: &Map<String, Value>,
    schemas: &Arc<Schemas>,
    profile: Profile,
) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.part(part, values, schemas, profile);
    verdict
}

impl Verdict {
    fn part(
        &mut self,
        part: &Part,
        values: &Map<String, Value>,
        schemas: &Arc<Schemas>,
        profile: Profile,
    ) {
        if let Some(schema) = &part.chart.schema {
            let retriever =
                Retriever { schemas: Arc::clone(schemas), profile, missing: Arc::default() };
            let missing = Arc::clone(&retriever.missing);
            if let Err(complaint) = check_one(values, schema, retriever, profile) {
                self.complaints.push_str(&part.name);
                self.complaints.push_str(":\n");
                self.complaints.push_str(&complaint);
            }
            let mut missing = missing.lock().unwrap_or_else(PoisonError::into_inner);
            self.needs.append(&mut missing);
        }
        for child in &part.children {
            match values.get(&child.name) {
                Some(Value::Object(values)) => self.part(child, values, schemas, profile),
                None | Some(Value::Null) => {}
                Some(other) => self.complaints.push_str(&format!(
                    "{}:\ninvalid type for values: expected object (map), got {}\n",
                    child.name,
                    go_type(other)
                )),
            }
        }
    }
}

fn check_one(
    values: &Map<String, Value>,
    schema: &[u8],
    retriever: Retriever,
    profile: Profile,
) -> Result<(), String> {
    let schema: Value = serde_json::from_slice(schema).map_err(|error| error.to_string())?;
    let missing = Arc::clone(&retriever.missing);
    let validator = options(&schema, retriever, profile).build(&schema).map_err(|error| {
        let missing = missing.lock().unwrap_or_else(PoisonError::into_inner);
        match missing.first() {
            Some(url) => format!("failing loading {url:?}: the schema has to be fetched"),
            None => format!("jsonschema compilation failed: {error}"),
        }
    })?;
    let values = with_integers(&Value::Object(values.clone()));
    let errors: Vec<_> = validator.iter_errors(&values).collect();
    match (errors.is_empty(), profile) {
        (true, _) => Ok(()),
        (false, Profile::Helm4) => Err(tree::describe(errors)),
        (false, Profile::Helm3) => Err(flat::describe(&errors, &schema)),
    }
}

fn options(schema: &Value, retriever: Retriever, profile: Profile) -> ValidationOptions<'static> {
    let options = jsonschema::options()
        .with_pattern_options(PatternOptions::regex())
        .with_retriever(retriever)
        .with_base_uri("file:///values.schema.json");
    let named = schema.get("$schema").and_then(Value::as_str).unwrap_or_default();
    let latest = ["http://json-schema.org/schema", "https://json-schema.org/schema"];
    match profile {
        Profile::Helm3 => options.with_draft(if named.contains("draft-04") {
            Draft::Draft4
        } else if named.contains("draft-06") {
            Draft::Draft6
        } else {
            Draft::Draft7
        }),
        Profile::Helm4 if named.is_empty() || latest.contains(&named.trim_end_matches('#')) => {
            options.with_draft(Draft::Draft202012)
        }
        Profile::Helm4 => options,
    }
}

/// Gives the schemas that were fetched, and remembers which others are asked for.
struct Retriever {
    schemas: Arc<Schemas>,
    profile: Profile,
    missing: Arc<Mutex<Vec<String>>>,
}

impl Retrieve for Retriever {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let url = uri.as_str();
        if let Some(schema) = self.schemas.get(url) {
            return Ok(schema.clone());
        }
        // Helm 4 takes a URN that nobody resolves for a schema that allows everything.
        if url.starts_with("urn:") && self.profile == Profile::Helm4 {
            return Ok(Value::Bool(true));
        }
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).push(url.to_owned());
        Err(format!("{url} has to be fetched").into())
    }
}

/// The values with whole numbers as integers: all drafts of Helm's libraries take `3.0` for one.
fn with_integers(value: &Value) -> Value {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number")]
            Some(float) if float.fract() == 0.0 && float.abs() <= LARGEST => {
                Value::from(float as i64)
            }
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(with_integers).collect(),
        Value::Object(entries) => Value::Object(
            entries.iter().map(|(key, value)| (key.clone(), with_integers(value))).collect(),
        ),
        other => other.clone(),
    }
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// The places of the first two equal items of an array.
fn duplicates(value: &Value) -> (usize, usize) {
    let items: &[Value] = value.as_array().map(Vec::as_slice).unwrap_or_default();
    for (second, item) in items.iter().enumerate().skip(1) {
        let before = items.get(..second).unwrap_or_default();
        if let Some(first) = before.iter().position(|earlier| earlier == item) {
            return (first, second);
        }
    }
    (0, 0)
}

/// The parts of a JSON pointer.
fn segments(pointer: &str) -> Vec<String> {
    pointer
        .split('/')
        .skip(1)
        .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn complaint(schema: &Value, values: &Value, profile: Profile) -> String {
        let retriever = Retriever { schemas: Arc::default(), profile, missing: Arc::default() };
        let values = values.as_object().cloned().unwrap_or_default();
        check_one(&values, schema.to_string().as_bytes(), retriever, profile)
            .err()
            .unwrap_or_default()
    }

    #[test]
    fn causes_form_a_tree_in_helm_4() {
        let schema = json!({
            "required": ["a", "b"],
            "properties": {
                "n": {"type": "integer", "minimum": 1024},
                "s": {"anyOf": [{"type": "string"}, {"enum": [1, 2]}]},
                "o": {"minProperties": 2, "required": ["x"]},
            },
        });
        assert_eq!(
            complaint(&schema, &json!({"n": 1, "s": true, "o": {}}), Profile::Helm4),
            "- at '': missing properties 'a', 'b'\n\
             - at '/n': minimum: got 1, want 1,024\n\
             - at '/o': validation failed\n  \
               - at '/o': minProperties: got 0, want 2\n  \
               - at '/o': missing property 'x'\n\
             - at '/s': 'anyOf' failed\n  \
               - at '/s': got boolean, want string\n  \
               - at '/s': value must be one of 1, 2\n"
        );
    }

    #[test]
    fn complaints_form_a_list_in_helm_3() {
        let schema = json!({
            "required": ["a"],
            "properties": {"n": {"type": ["string", "null"]}},
            "additionalProperties": false,
        });
        assert_eq!(
            complaint(&schema, &json!({"n": 1, "z": 2}), Profile::Helm3),
            "- (root): a is required\n\
             - (root): Additional property z is not allowed\n\
             - n: Invalid type. Expected: [string,null], given: integer\n"
        );
    }

    #[test]
    fn a_schema_elsewhere_is_a_need() {
        let schema = json!({"$ref": "https://example.com/a.json"});
        assert_eq!(
            complaint(&schema, &json!({}), Profile::Helm4),
            "failing loading \"https://example.com/a.json\": the schema has to be fetched"
        );
    }
}
