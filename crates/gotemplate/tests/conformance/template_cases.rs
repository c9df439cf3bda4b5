//! The tables of Go's `exec_test.go` and `parse_test.go`.

use trueup_conformance::{Tally, open};
use trueup_gotemplate::{Delims, Functions, Value, parse};

use crate::go_types::{functions, t_value, typed_data};
use crate::{compare, execute, from_json, rows};

/// The error text has an address in memory.
const ADDRESS: &[&str] = &["range iter.Seq[int] over two var"];

/// Go's test lowers the limit to 3.
const LOWERED_LIMIT: &[&str] = &[
    "paren nesting exceeds limit",
    "paren nesting in pipeline exceeds limit",
    "paren nesting with other constructs exceeds limit",
];

#[test]
fn plain_data() {
    let Some(unit) = open("unit") else { return };
    let mut tally = Tally::new("gotemplate_exec_cases, portable, JSON data");
    for case in rows(&unit.join("gotemplate_exec_cases.jsonl")) {
        if case["portable"] != true {
            continue;
        }
        let (name, template) = (text(&case, "name"), text(&case, "template"));
        let data = from_json(&case["data"]);
        let actual = execute(name, template.as_bytes(), &functions(), &data);
        let expected = case["plain_error"].as_str().map_or(Ok(text(&case, "output")), Err);
        tally.record(name, compare(actual, expected));
    }
    tally.assert_only(&[]);
}

#[test]
fn go_data() {
    let Some(unit) = open("unit") else { return };
    let mut tally = Tally::new("gotemplate_exec_cases, data of Go's types");
    for case in rows(&unit.join("gotemplate_exec_cases.jsonl")) {
        let (name, template) = (text(&case, "name"), text(&case, "template"));
        let actual = execute(name, template.as_bytes(), &functions(), &go_value(&case));
        let expected = case["error"].as_str().map_or(Ok(text(&case, "output")), Err);
        tally.record(name, compare(actual, expected));
    }
    tally.assert_only(ADDRESS);
}

/// The case's data as the value that Go's test has.
fn go_value(case: &serde_json::Value) -> Value {
    let data = &case["data"];
    if let Some(value) = typed_data(text(case, "name"), data) {
        return value;
    }
    match data["True"].as_bool() {
        Some(full) => t_value(full),
        None => from_json(data),
    }
}

#[test]
fn parse_trees() {
    let Some(unit) = open("unit") else { return };
    let mut tally = Tally::new("gotemplate_parse_cases");
    for case in rows(&unit.join("gotemplate_parse_cases.jsonl")) {
        let (name, input) = (text(&case, "name"), text(&case, "input"));
        let functions = match case["nobuiltins"].as_bool() {
            Some(true) => Functions::builtins(),
            _ => functions(),
        };
        let trees = parse::parse(name, input.as_bytes(), &functions, &Delims::default());
        let actual = trees.map_err(|error| error.to_string()).map(|trees| {
            let own = trees.first().expect("there is always the text's own template");
            own.body.text(&own.source).to_vec()
        });
        let expected = case["error"].as_str().map_or(Ok(text(&case, "tree")), Err);
        tally.record(name, compare(actual, expected));
    }
    tally.assert_only(LOWERED_LIMIT);
}

fn text<'c>(case: &'c serde_json::Value, field: &str) -> &'c str {
    case[field].as_str().unwrap_or_default()
}
