//! The tables of Go's `exec_test.go` and `parse_test.go`.

use trueup_conformance::{Tally, open};
use trueup_gotemplate::{Delims, Functions, MissingKey, Settings, Value, parse, strconv};

use crate::described::{bytes, value};
use crate::go_types::{functions, t_value, typed_data};
use crate::{compare, execute, execute_with, from_json, own_cases, rows};

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
        let tree = unquoted(text(&case, "tree"));
        let expected = case["error"].as_str().map_or(Ok(tree.as_str()), Err);
        tally.record(name, compare(actual, expected));
    }
    tally.assert_only(LOWERED_LIMIT);
}

#[test]
fn random_templates() {
    let mut tally = Tally::new("gotemplate/templates");
    for case in rows(&own_cases("templates.jsonl")) {
        let template = bytes(&case["template"]);
        let mut settings = Settings::new(Functions::builtins());
        settings.missing_key = match text(&case, "missingkey") {
            "zero" => MissingKey::Zero,
            "error" => MissingKey::Error,
            _ => MissingKey::Invalid,
        };
        let actual = execute_with("t", &template, settings, &value(&case["data"]));
        let result = if case["error"].is_string() {
            let error = String::from_utf8_lossy(&bytes(&case["error"])).into_owned();
            compare(actual, Err(&error))
        } else {
            let expected = bytes(&case["out"]);
            if actual.as_ref() == Ok(&expected) {
                Ok(())
            } else {
                compare(actual, Ok(&String::from_utf8_lossy(&expected)))
            }
        };
        tally.record(String::from_utf8_lossy(&template), result);
    }
    tally.assert_only(&[]);
}

/// The tree with its texts as they are. Go's test, and it alone, has them quoted.
fn unquoted(tree: &str) -> String {
    let mut out = String::new();
    let mut rest = tree;
    while !rest.is_empty() {
        let action =
            rest.starts_with("{{").then(|| rest.find("}}").map_or(rest.len(), |at| at + 2));
        let (piece, after) = rest.split_at(action.unwrap_or_else(|| literal_len(rest)));
        let text = strconv::unquote(piece.as_bytes()).filter(|_| action.is_none());
        out.push_str(
            &text.map_or(piece.into(), |text| String::from_utf8_lossy(&text).into_owned()),
        );
        rest = after;
    }
    out
}

/// How long the string literal is that the text begins with.
fn literal_len(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let closes = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        closes
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

fn text<'c>(case: &'c serde_json::Value, field: &str) -> &'c str {
    case[field].as_str().unwrap_or_default()
}
