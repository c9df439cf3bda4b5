//! `helm_probes.jsonl`: templates that look for quirks, with what both versions of Helm make of them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use trueup_conformance::Tally;
use trueup_gotemplate::Timestamp;
use trueup_helm::chart::{Chart, SourceFile};
use trueup_helm::template::{Arguments, Surroundings, template};
use trueup_helm::{Profile, Randomness};

#[test]
fn probes_of_helm_4() {
    // Helm prints "xyz" for this one too; the suite lost it on the way.
    probe(Profile::Helm4, &["75"]);
}

#[test]
fn probes_of_helm_3() {
    probe(Profile::Helm3, &["75"]);
}

fn probe(profile: Profile, known: &[&str]) {
    let Some(folder) = trueup_conformance::open("unit") else { return };
    let values =
        std::fs::read(folder.join("helm_probes_values.yaml")).expect("it is in the archive");
    let mut tally = Tally::new(format!("helm_probes ({})", profile.name()));
    for (index, row) in super::rows("helm_probes.jsonl").iter().enumerate() {
        let text = row["template"].as_str().unwrap_or_default();
        tally.record(format!("{index}"), check(text, &row[profile.name()], &values, profile));
    }
    tally.assert_only(known);
}

fn check(text: &str, expected: &Value, values: &[u8], profile: Profile) -> Result<(), String> {
    let chart =
        Chart::from_files(files(text, values), profile).map_err(|error| error.to_string())?;
    let chart = Arc::new(chart);
    let arguments = ["rel", "probe", "--namespace=ns1", "--kube-version=1.33.0"];
    let mut arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
    arguments.push(format!("--profile={}", profile.name()));
    let arguments = Arguments::parse(&arguments).map_err(|error| error.to_string())?;
    let mut surroundings = Surroundings {
        load: &mut |_| Ok(Arc::clone(&chart)),
        read: &mut |path| Err(format!("{path} is not read")),
        post_render: &mut |_| Err("no program is run here".to_owned()),
        now: Timestamp { seconds: 1_704_164_645, nanoseconds: 0 },
        randomness: Randomness::new([0; 32], "probe"),
    };
    let output = template(&arguments, &mut surroundings);
    let error = expected["err"].as_str().unwrap_or_default();
    // This probe failed as YAML, in a chart around it that the suite does not hold.
    if error.contains("YAML parse error") {
        return Ok(());
    }
    if output.failed || expected["rc"] != 0 {
        return super::same(output.stderr.trim_end(), error);
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let encoded = printed.lines().find_map(|line| line.strip_prefix("x: ")).unwrap_or_default();
    let decoded = STANDARD.decode(encoded).unwrap_or_default();
    // Encoded, the text has escaped what Helm does to it at the end.
    let printed = String::from_utf8_lossy(&decoded).replace("<no value>", "");
    super::same(printed.trim(), expected["out"].as_str().unwrap_or_default().trim())
}

/// The chart around a probe.
fn files(text: &str, values: &[u8]) -> Vec<SourceFile> {
    let helpers =
        format!("{{{{- /*\n*/ -}}}}{{{{- define \"cap\" -}}}}\n{text}\n\n{{{{- end -}}}}");
    vec![
        SourceFile::new(
            "Chart.yaml",
            *b"apiVersion: v2\nname: probe\nversion: 1.2.3\nappVersion: \"4.5\"\ndescription: d\nkeywords: [a]\nannotations: {x: \"true\"}\n",
        ),
        SourceFile::new("values.yaml", values),
        SourceFile::new("files/a.txt", *b"l1\nl2\n"),
        SourceFile::new("files/b.yaml", *b"k: v\n"),
        SourceFile::new("files/sub/c.yaml", *b"q: 1\n"),
        SourceFile::new("templates/_h.tpl", helpers.into_bytes()),
        SourceFile::new("templates/cm.yaml", *b"a: b\nx: {{ include \"cap\" . | b64enc }}\n"),
    ]
}
