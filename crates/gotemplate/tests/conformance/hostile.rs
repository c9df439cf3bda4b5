//! Templates that would like to end the process, and texts that are hardly templates: each ends as an
//! error, or as a result, but it ends.

use trueup_gotemplate::{Budget, Functions, Settings, Value};

use crate::{execute, execute_with};

fn small_budget() -> Settings {
    let mut settings = Settings::new(Functions::builtins());
    settings.budget = Budget { steps: 1_000_000, bytes: 10_000_000, ..Budget::default() };
    settings
}

/// The template fails, and the error's text has this in it.
fn check(template: &str, expected: &str) {
    let result = execute_with("t", template.as_bytes(), small_budget(), &Value::Nil);
    let error = result.expect_err(template);
    assert!(error.contains(expected), "{template}: {error}");
}

#[test]
fn budgets_are_kept() {
    check("{{range 1000000000000}}{{end}}", "too many steps");
    check("{{range 1000}}{{range 1000}}{{range 1000}}x{{end}}{{end}}{{end}}", "too many steps");
    check(r#"{{$s := "xxxxxxxxxx"}}{{range 100}}{{$s = print $s $s}}{{end}}"#, "too much text");
    check(r#"{{range 1000}}{{printf "%1000000d" 1}}{{end}}"#, "too much text");
    check(r#"{{define "a"}}{{template "a"}}x{{end}}{{template "a"}}"#, "template depth (100000)");
}

#[test]
fn deep_nesting_is_refused_or_done() {
    let nested = |depth: usize, open: &str, inner: &str, close: &str| {
        [&open.repeat(depth), inner, &close.repeat(depth)].concat()
    };
    let deep = nested(20_000, "(", "1", ")");
    check(&format!("{{{{{deep}}}}}"), "max expression depth exceeded");
    check(&nested(20_000, "{{if 1}}", "", "{{end}}"), "nested deeper");
    check(&nested(20_000, "{{if 1}}", "{{", ""), "nested deeper");
    check(&nested(20_000, "{{block `a` .}}", "", "{{end}}"), "nested deeper");
    check(&["{{if 1}}", &"{{else if 1}}".repeat(20_000), "{{end}}"].concat(), "nested deeper");

    let functions = Functions::builtins();
    let run = |template: &str| execute("t", template.as_bytes(), &functions, &Value::Nil);
    let parentheses = format!("{{{{{}}}}}", nested(9_999, "(", "7", ")"));
    assert_eq!(run(&parentheses), Ok(b"7".to_vec()));
    let error = run(&parentheses.replace('7', "nil")).expect_err("nil is no command");
    assert!(error.ends_with("nil is not a command"));
    let actions = nested(9_999, "{{if 1}}", "x", "{{end}}");
    assert_eq!(run(&actions), Ok(b"x".to_vec()));
    // What was complete is dropped as the error is found.
    let unfinished = [&parentheses, "{{"].concat();
    assert!(run(&unfinished).is_err());
}

#[test]
fn nested_values_are_refused_where_they_hold_themselves() {
    use trueup_gotemplate::Map;
    let map = Map::any([]);
    map.insert("self".into(), Value::Map(map.clone()));
    for template in ["{{.}}", r#"{{printf "%v" .}}"#, "{{print .}}", "{{html .}}", "{{len .self}}"]
    {
        let result =
            execute_with("t", template.as_bytes(), small_budget(), &Value::Map(map.clone()));
        match result {
            Ok(text) => assert_eq!(text, b"1"),
            Err(error) => assert!(error.contains("nested too deep"), "{error}"),
        }
    }
    map.remove(b"self");
}

/// A small pseudo-random sequence (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

const SEEDS: &[&str] = &[
    r#"{{- range $i, $e := .a -}} {{ $i }}: {{ printf "%-5v|%q" $e .b | html }} {{ end -}}"#,
    r#"{{define "x"}}{{with $.b}}{{.}}{{else with .c}}{{break}}{{end}}{{end}}{{template "x" .}}"#,
    "{{if and .a (or .b (not .c.d))}}a{{else if eq 1 .x}}b{{else}}{{/* c */}}{{end}}",
    r#"{{$x := 0x1F}}{{$x = slice "héllo" 1 3}}{{index .a "b" 1}}{{(.a.b).c}}{{1+2i}}{{'\n'}}"#,
    "{{range 3}}{{continue}}{{end}}{{`raw\n`}}{{block \"b\" .}}x{{end}}{{len .a | printf \"%[2]*.[1]f\" 1.5}}",
];

#[test]
fn mutated_templates_never_panic() {
    const PIECES: &[&str] = &[
        "{{", "}}", "(", ")", "|", ".", "$", "\"", "`", "'", "-", " ", "\n", "{{end}}", "{{else}}",
        "%", "é", "\u{1}", ":=", "=", ",", "range ", "define ", "0x", "1e9", "nil", "[", "*", "/*",
        "*/",
    ];
    let functions = Functions::builtins();
    let data = Value::map([
        ("a".into(), Value::list(vec![Value::Int(1), Value::string("x"), Value::Nil])),
        ("b".into(), Value::map([("c".into(), Value::Float64(1.5))])),
    ]);
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for round in 0..20_000 {
        let mut text = SEEDS[round % SEEDS.len()].as_bytes().to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(text.len());
            match random.below(4) {
                0 => text.truncate(at),
                1 => drop(text.drain(at..(at + random.below(6)).min(text.len()))),
                2 => text[at] = random.below(256) as u8,
                _ => {
                    let piece = PIECES[random.below(PIECES.len())];
                    drop(text.splice(at..at, piece.bytes()));
                }
            }
            if text.is_empty() {
                break;
            }
        }
        let _ = execute("t", &text, &functions, &data);
    }
}
