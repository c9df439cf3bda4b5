//! The crate against what Helm and Kustomize have printed.

use std::fs;
use std::path::{Path, PathBuf};

use trueup_conformance::{Tally, open};
use trueup_yaml::{Dialect, DuplicateKeys, Indent, Limits, documents, parse, to_yaml, to_yaml_v3};

/// Reads a document and prints it again; what Kustomize printed must come out as it went in.
fn round_trip(text: &[u8], dialect: Dialect) -> Result<(), String> {
    let documents = parse(text, &Limits::default()).map_err(|error| error.to_string())?;
    let [document] = documents.as_slice() else {
        return Err(format!("{} documents", documents.len()));
    };
    let json = document
        .root
        .to_json(dialect, DuplicateKeys::Refused)
        .map_err(|error| error.to_string())?;
    let printed = to_yaml(&json).map_err(|error| error.to_string())?;
    if printed.as_bytes() == text {
        return Ok(());
    }
    let expected = String::from_utf8_lossy(text);
    let differing = expected.lines().zip(printed.lines()).find(|(a, b)| a != b);
    Err(format!("{differing:?}"))
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder is part of the data")
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

#[test]
fn what_kustomize_printed_is_printed_again() {
    let Some(data) = open("kustomize") else { return };
    let mut tally = Tally::new("kustomize outputs, document by document");
    for file in yaml_files(&data.join("real-expected")) {
        let text = fs::read(&file).expect("the file can be read");
        for part in documents::split(&text) {
            for dialect in [Dialect::V2, Dialect::V3] {
                let case = format!("{}:{} {dialect:?}", file.display(), part.lines_before);
                tally.record(case, round_trip(part.text, dialect));
            }
        }
    }
    tally.assert_only(&[]);
}

#[test]
fn special_scalars_are_printed_as_helm_prints_them() {
    let Some(data) = open("unit") else { return };
    let mut tally = Tally::new("toYaml tables");
    for (pretty, name) in [(false, "toyaml_special"), (true, "toyamlpretty_special")] {
        for helm in ["helm3", "helm4"] {
            let case = format!("{name}_{helm}.yaml");
            let text = fs::read_to_string(data.join(&case)).expect("the table is there");
            let value = trueup_yaml::from_slice(text.as_bytes(), Dialect::V2).expect("it is YAML");
            let printed = if pretty { to_yaml_v3(&value, Indent::WIDE) } else { to_yaml(&value) };
            let printed = printed.expect("it can be printed");
            let result = if printed.trim_end_matches('\n') == text.trim_end_matches('\n') {
                Ok(())
            } else {
                Err(printed)
            };
            tally.record(case, result);
        }
    }
    tally.assert_only(&[]);
}
