//! Charts that would like to end the process: each ends with an error of its own, within its budget.

use std::sync::Arc;

use serde_json::Map;
use trueup_gotemplate::{Budget, Timestamp};
use trueup_helm::chart::{Chart, SourceFile};
use trueup_helm::{Capabilities, Options, Profile, Randomness, Release, render};

fn seen(template: &str) -> String {
    let profile = Profile::Helm4;
    let files = vec![
        SourceFile::new("Chart.yaml", *b"apiVersion: v2\nname: c\nversion: 0.1.0\n"),
        SourceFile::new("templates/t.yaml", template.as_bytes().to_vec()),
    ];
    let chart = Arc::new(Chart::from_files(files, profile).expect("a chart"));
    let release = Release {
        name: "rel".to_owned(),
        namespace: "ns".to_owned(),
        revision: 1,
        is_upgrade: false,
    };
    let now = Timestamp { seconds: 0, nanoseconds: 0 };
    let options = Options {
        // A hundredth of what a rendering may take, so that the test is done soon.
        budget: Budget { steps: 2_000_000, bytes: 32 << 20, ..Budget::default() },
        ..Options::new(profile, now, Randomness::new([0; 32], "hostile"))
    };
    match render(&chart, &Map::new(), &Capabilities::assumed(profile), &release, &options) {
        Ok(rendered) => format!("rendered {}", rendered.manifests.len()),
        Err(error) => error.text,
    }
}

fn check(template: &str, expected: &str) {
    let text = seen(template);
    assert!(text.contains(expected), "{template}:\n{text}");
}

#[test]
fn text_is_bounded() {
    check(r#"{{ repeat 1000000000 "x" }}"#, "makes too much text");
    check(r#"{{ printf "%999999d" 1 | repeat 100 }}"#, "makes too much text");
    check(r#"{{ "a" | nindent 1000000000 }}"#, "makes too much text");
    check(r#"{{ randBytes 1000000000000 }}"#, "makes too much text");
    check(
        r#"{{ regexReplaceAll "a*" (repeat 100000 "a") (repeat 100000 "b") | repeat 1000 }}"#,
        "makes too much text",
    );
    check(
        r#"{{ $x := "a" }}{{ range until 100 }}{{ $x = cat $x $x }}{{ end }}"#,
        "makes too much text",
    );
    check(r#"{{ $x := list 1 }}{{ range until 100 }}{{ $x = concat $x $x }}{{ end }}"#, "too m");
}

/// What takes many steps makes many values too: either of the two budgets ends it.
#[test]
fn steps_are_bounded() {
    check("{{ until 1000000000 }}", "too m");
    check("{{ untilStep 0 1000000000 1 }}", "too m");
    check("{{ seq 1 1000000000 }}", "too m");
    check("{{ range until 10000 }}{{ range until 10000 }}{{ end }}{{ end }}", "too m");
    check(r#"{{ range until 10000 }}{{ genPrivateKey "rsa" }}{{ end }}"#, "too m");
    check(r#"{{ range until 10000 }}{{ bcrypt "x" }}{{ end }}"#, "too m");
    check(r#"{{ range until 10000 }}{{ derivePassword 1 "long" "a" "b" "c" }}{{ end }}"#, "too m");
    check(r#"{{ range until 10000 }}{{ genCA "x" 365 }}{{ end }}"#, "too m");
    check(
        r#"{{ range until 10000 }}{{ regexFind (printf "(a?){%d}b" .) "aaaa" }}{{ end }}"#,
        "too m",
    );
}

#[test]
fn recursion_is_bounded() {
    check(
        r#"{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}"#,
        "nested reference name: a",
    );
    check(
        r#"{{ define "a" }}{{ include "b" . }}{{ include "b" . }}{{ end }}{{ define "b" }}{{ if lt (len .l) 60 }}{{ include "a" (dict "l" (append .l 1)) }}{{ end }}{{ end }}{{ include "a" (dict "l" list) }}"#,
        "too m",
    );
    check(
        r#"{{ define "a" }}{{ tpl "{{ include \"a\" . }}" . }}{{ end }}{{ include "a" . }}"#,
        "nested",
    );
    check(r#"{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}"#, "depth");
}

#[test]
fn a_map_that_holds_itself_is_refused_where_it_is_printed_and_freed_in_the_end() {
    let circle = r#"{{ $d := dict "a" 1 }}{{ $_ := set $d "self" (dict "of" (list $d)) }}"#;
    check(&format!("{circle}{{{{ mustToJson $d }}}}"), "cycle");
    check(&format!("{circle}kind: X"), "rendered 1");
    check(&format!("{circle}kind: X # {{{{ merge $d (dict \"b\" $d) | len }}}}"), "rendered 1");
}
