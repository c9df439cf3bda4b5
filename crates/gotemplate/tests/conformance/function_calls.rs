//! The function library: Sprig's own tests, and calls of our own with the originals' answers.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use trueup_conformance::{Tally, open};
use trueup_gotemplate::functions::{Profile, STUBS, library};
use trueup_gotemplate::{
    Budget, Context, Delims, Functions, Host, MissingKey, RandomCall, Settings, Timestamp, Value,
    parse,
};

use crate::{from_json, rows};

/// A host whose randomness is a count.
#[derive(Default)]
struct Counting(u8);

impl Host for Counting {
    fn now(&mut self) -> Timestamp {
        Timestamp { seconds: 1_704_164_645, nanoseconds: 0 }
    }
    fn random(&mut self, _: &RandomCall<'_>, out: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        out.fill(self.0);
    }
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

fn functions(profile: Profile) -> Functions {
    Functions::builtins().with(&library(profile))
}

fn run(template: &str, functions: Functions, data: &Value) -> Result<String, String> {
    run_within(50_000_000, template, functions, data)
}

fn run_within(
    steps: u64,
    template: &str,
    functions: Functions,
    data: &Value,
) -> Result<String, String> {
    let budget = Budget { steps, bytes: 100_000_000, ..Budget::default() };
    let missing_key = MissingKey::Zero;
    execute(template, Settings { budget, missing_key, ..Settings::new(functions) }, data)
}

fn execute(template: &str, mut settings: Settings, data: &Value) -> Result<String, String> {
    let trees = parse::parse("t", template.as_bytes(), &settings.functions, &Delims::default());
    settings.templates.add(trees.map_err(|error| error.to_string())?);
    let mut host = Counting::default();
    let printed = Context::new(&mut host, settings).run(b"t", data);
    let text = printed.map_err(|error| error.to_string())?;
    Ok(String::from_utf8(text).unwrap_or_else(|error| hex(error.as_bytes())))
}

/// Output that is not UTF-8 stands in hexadecimal in the table.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn calls() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/sprig/calls.jsonl")
}

fn compare(row: &Json, answer: Result<String, String>) -> Result<(), String> {
    let expected = match row["error"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(row["output"].as_str().unwrap_or_default().to_owned()),
    };
    if answer == expected { Ok(()) } else { Err(format!("{answer:?}, not {expected:?}")) }
}

#[test]
fn calls_answer_as_the_originals_do() {
    let mut tally = Tally::new("sprig calls");
    let functions = functions(Profile::Helm4);
    for row in rows(&calls()) {
        let template = row["template"].as_str().unwrap_or_default();
        let answer = run(template, functions.clone(), &Value::map([]));
        tally.record(template, compare(&row, answer));
    }
    tally.assert_only(&[]);
}

#[test]
fn every_function_is_called_three_times() {
    let mut calls_of: BTreeMap<&str, usize> = BTreeMap::new();
    let library = library(Profile::Helm4);
    let rows = rows(&calls());
    for row in &rows {
        let template = row["template"].as_str().unwrap_or_default();
        let words = template.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let words: Vec<&str> = words.collect();
        for function in &library {
            *calls_of.entry(function.name).or_default() +=
                usize::from(words.contains(&function.name));
        }
    }
    let rare: Vec<_> = calls_of.into_iter().filter(|(_, calls)| *calls < 3).collect();
    assert_eq!(rare, []);
}

/// Tests of Sprig whose output is drawn at random or depends on the moment: what holds for it.
fn holds(test: &str, output: &str) -> Option<bool> {
    let pem = |label: &str| output.trim_start().starts_with(&format!("-----BEGIN {label}-----"));
    Some(match test {
        "TestBcrypt" => output.len() == 60,
        "TestHtpasswd" => output.contains(":$2a$10$") || output == "invalid username: wrongus:er",
        "TestGenPrivateKey" => output.contains("PRIVATE KEY") || output.starts_with("LS0tLS1"),
        "TestRandBytes" => output.len() == 16,
        "TestUUIDGeneration" => output.len() == 36,
        "TestShuffle" => output.len() == "Hello World".len(),
        "TestRandomInt" => output.parse().is_ok_and(|n: i64| (0..50).contains(&n)),
        "TestRandomString" => output.len() == 5,
        "TestAgo" => output.ends_with('s'),
        _ if test.starts_with("TestGen") => pem("CERTIFICATE"),
        _ => return None,
    })
}

/// What cannot be asked here: functions that Helm takes away, and data of Sprig's own Go types.
fn is_foreign(row: &Json) -> bool {
    let go = row["vars_go"].as_str().unwrap_or_default();
    let foreign = ["sprig.fixtureTO", "*string", "[]string{\"hello\"}", "<nil>"];
    let test = row["test"].as_str().unwrap_or_default();
    let types =
        test.starts_with("TestTypeIs") || test.starts_with("TestKind") || test == "TestTypeOf";
    let of_now = test == "TestDateInZone" && row["vars"]["Time"] == "";
    of_now
        || matches!(test, "TestEnv" | "TestExpandEnv" | "TestGetHostByName" | "TestFail")
        || row["template"].as_str().is_some_and(|text| text.contains("getHostByName"))
        || types && foreign.iter().any(|of| go.contains(of))
}

/// The data of a test, with lists of the type that its Go source tells.
fn data(row: &Json) -> Value {
    let value = from_json(&row["vars"]);
    let go = row["vars_go"].as_str().unwrap_or_default();
    if let (Some(map), true) = (value.as_map(), go.contains("\"V\":[]string{")) {
        let items = map.get(b"V").and_then(|v| v.as_list());
        let items: Vec<_> =
            items.iter().flat_map(|list| list.iter().filter_map(Value::as_str)).collect();
        map.insert("V".into(), Value::strings(items));
    }
    value
}

/// The template of a test; a time in its data, which JSON has as text, is read in the template.
fn template(row: &Json) -> String {
    let template = row["template"].as_str().unwrap_or_default();
    match row["vars"]["Time"].as_str() {
        Some(time) if row["vars_go"].as_str().is_some_and(|go| go.contains("time.Date(")) => {
            let read = format!("(toDate \"2006-01-02T15:04:05Z07:00\" {time:?})");
            template.replace(".Time", &read)
        }
        _ => template.to_owned(),
    }
}

#[test]
fn the_tests_of_sprig_pass() {
    let Some(folder) = open("unit") else { return };
    let mut tally = Tally::new("sprig");
    let functions = functions(Profile::Helm4);
    for (index, row) in rows(&folder.join("sprig_cases.jsonl")).iter().enumerate() {
        if is_foreign(row) {
            continue;
        }
        let (test, template) = (row["test"].as_str().unwrap_or_default(), template(row));
        let answer = execute(&template, Settings::new(functions.clone()), &data(row));
        let result = match &answer {
            Ok(output) if holds(test, output) == Some(true) => Ok(()),
            Err(_) if row["error"].is_string() => Ok(()),
            _ => compare(row, answer),
        };
        tally.record(format!("{index} {test} {template}"), result);
    }
    tally.assert_only(&[]);
}

#[test]
fn profiles_differ_in_versions_and_functions() {
    let ask = |profile, template| run(template, functions(profile), &Value::Nil);
    let parse = r#"{{ semver "x" }}"#;
    assert!(ask(Profile::Helm3, parse).is_err_and(|e| e.ends_with("Invalid Semantic Version")));
    assert!(ask(Profile::Helm4, parse).is_err_and(|e| e.ends_with("invalid semantic version")));
    let mixed = r#"{{ semverCompare ">1.0.0-0 <3" "2.0.0-a" }}"#;
    assert_eq!(ask(Profile::Helm3, mixed), Ok("false".into()));
    assert_eq!(ask(Profile::Helm4, mixed), Ok("true".into()));
    assert_eq!(ask(Profile::Helm3, "{{ toToml 1e6 }}"), Ok("1000000.0".into()));
    assert_eq!(ask(Profile::Helm4, "{{ toToml 1e6 }}"), Ok("1e+06".into()));
    assert!(ask(Profile::Helm3, "{{ mustToYaml 1 }}").is_err_and(|e| e.contains("not defined")));
    assert_eq!(ask(Profile::Helm4, "{{ mustToYaml 1 }}"), Ok("1".into()));
}

#[test]
fn stubs_replace_what_is_random() {
    let stubbed = functions(Profile::Helm4).with(STUBS);
    let check = |template: &str, expected: &str| {
        assert_eq!(run(template, stubbed.clone(), &Value::Nil), Ok(expected.into()), "{template}");
    };
    check("{{ randAlphaNum 14 }}", "aB3dE5gH7jK9aB");
    check("{{ randBytes 3 }} {{ randInt 4 9 }} {{ shuffle \"abc\" }}", "AAAA 4 abc");
    check("{{ uuidv4 }}", "00000000-0000-4000-8000-000000000000");
    check("{{ htpasswd \"u\" \"p\" }}|{{ bcrypt \"p\" }}", "u:$stub$p|$stub$p");
    check("{{ encryptAES \"k\" \"t\" }}{{ genPrivateKey \"rsa\" }}", "AES(t)PRIVATE-KEY(rsa)\n");
    check(
        "{{ $ca := genCA \"c\" 1 }}{{ $ca.Cert }}{{ (genSignedCert \"s\" nil nil 1 $ca).Key }}",
        "CERT(ca,c)\nKEY(signed,s)\n",
    );
    check("{{ (buildCustomCert \"YQ==\" \"Yg==\").Key }}", "b");
}

#[test]
fn lengths_are_paid_for() {
    let check = |template: &str, expected: &str| {
        let answer = run_within(3_000_000, template, functions(Profile::Helm4), &Value::Nil);
        assert!(answer.as_ref().is_err_and(|e| e.contains(expected)), "{template}: {answer:?}");
    };
    check("{{ repeat 1000000000000 \"a\" }}", "too much text");
    check("{{ until 1000000000000 }}", "too many steps");
    check("{{ untilStep 0 9223372036854775807 1 }}", "too many steps");
    check("{{ seq 1 922337203685477580 }}", "too many steps");
    check("{{ indent 1000000000 \"a\" }}", "too much text");
    check("{{ nindent 100000 (repeat 10000 \"\\n\") }}", "too much text");
    check("{{ replace \"a\" (repeat 1000000 \"b\") (repeat 1000000 \"a\") }}", "too much text");
    check("{{ randAlphaNum 1000000000 }}", "too much text");
    check("{{ randBytes 1000000000 }}", "too much text");
    check("{{ range 1000 }}{{ genCA \"a\" 1 }}{{ end }}", "too many steps");
    check("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ deepCopy $d }}", "nested too deep");
    check("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ merge $d (deepCopy $d) }}", "too deep");
    let doubled = "{{ $s := \"aaaaaaaaaa\" }}{{ range 60 }}{{ $s = cat $s $s }}{{ end }}";
    check(doubled, "too much text");
    check("{{ regexReplaceAll \"\" (repeat 10000 \"a\") (repeat 20000 \"b\") }}", "too much text");
}
