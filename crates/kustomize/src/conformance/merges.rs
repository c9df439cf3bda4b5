use serde_json::Value;
use trueup_yaml::Node;

use super::{compare, parse, run, text};
use crate::merge::{Merge, merge, three_way};
use crate::schema::Schema;

/// The type of the list is given in a comment, and comments are not read.
const TYPES_IN_COMMENTS_2: [&str; 2] = [
    "kyaml_yaml_merge2_merge2_test.go__TestMerge.func1__042",
    "kyaml_yaml_merge2_merge2_test.go__TestMerge.func1__044",
];
const TYPES_IN_COMMENTS_3: [&str; 4] = [
    "kyaml_yaml_merge3_merge3_test.go__TestMerge.func1__055",
    "kyaml_yaml_merge3_merge3_test.go__TestMerge.func1__056",
    "kyaml_yaml_merge3_merge3_test.go__TestMerge.func1__057",
    "kyaml_yaml_merge3_merge3_test.go__TestMerge.func1__058",
];

fn print(merged: Option<Node>) -> String {
    merged.map(|node| crate::node::to_text(&node)).unwrap_or_default()
}

#[test]
fn merge2() {
    let schema = Schema::builtin();
    run("merge2", &TYPES_IN_COMMENTS_2, |case| {
        let how = Merge {
            schema: &schema,
            infer_keys: case["infer"] == Value::Bool(true),
            prepend: text(case, "listIncreaseDirection") == "1",
        };
        let merged = merge(parse(text(case, "dest")), parse(text(case, "patch")), how);
        Some(match merged {
            Ok(merged) => compare(&print(merged), text(case, "output")),
            Err(error) => Err(error.chain()),
        })
    });
}

#[test]
fn merge3() {
    let schema = Schema::builtin();
    run("merge3", &TYPES_IN_COMMENTS_3, |case| {
        let version = |name: &str| parse(text(case, name));
        let infer_keys = case["infer"] == Value::Bool(true);
        let merged =
            three_way(version("dest"), version("original"), version("update"), &schema, infer_keys);
        Some(match merged {
            Ok(merged) => compare(&print(merged), text(case, "output")),
            Err(error) => Err(error.chain()),
        })
    });
}
