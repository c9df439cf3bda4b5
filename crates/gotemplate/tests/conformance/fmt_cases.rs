//! `fmt` over a grammar of values: calls of our own with Go's output.

use trueup_conformance::Tally;
use trueup_gotemplate::{Str, Value, fmt};

use crate::described::{bytes, value};
use crate::{own_cases, rows};

#[test]
fn fmt_of_random_values() {
    let mut tally = Tally::new("gotemplate/fmt");
    for case in rows(&own_cases("fmt.jsonl")) {
        let args: Vec<Value> =
            case["args"].as_array().map_or(&[][..], |a| a).iter().map(value).collect();
        let format = bytes(&case["format"]);
        let call = case["call"].as_str().unwrap_or_default();
        let actual = match call {
            "print" => fmt::sprint(1 << 20, &args),
            "println" => fmt::sprintln(1 << 20, &args),
            _ => fmt::sprintf(1 << 20, &format, &args),
        };
        let expected = bytes(&case["out"]);
        let result = match actual {
            Ok(text) if text == expected => Ok(()),
            Ok(text) => Err(format!("{:?} instead of {:?}", Str::from(text), Str::from(expected))),
            Err(why) => Err(why.to_string()),
        };
        tally.record(format!("{call} {} {}", Str::from(format), case["args"]), result);
    }
    tally.assert_only(&[]);
}
