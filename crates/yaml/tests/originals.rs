//! The crate against goyaml.v2, `sigs.k8s.io/yaml`, yaml.v3 and `encoding/json`.
//!
//! The tables in `conformance/yaml` hold inputs of ours with what the originals made of them. More
//! tables of the same form can be named in `TRUEUP_YAML_TABLES`, a folder.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use trueup_conformance::Tally;
use trueup_yaml::{
    Dialect, DuplicateKeys, Error, Indent, Limits, go_json, node_to_yaml_v3, parse, parse_first,
    to_yaml, to_yaml_v3,
};

#[test]
fn what_the_originals_read_and_print() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/yaml");
    let more = std::env::var_os("TRUEUP_YAML_TABLES").map(PathBuf::from);
    let mut tally = Tally::new("tables of go-yaml");
    for folder in [Some(own), more].into_iter().flatten() {
        for table in tables(&folder) {
            check_table(&table, &mut tally);
        }
    }
    tally.assert_only(&[]);
}

fn tables(folder: &Path) -> Vec<PathBuf> {
    let mut tables: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of tables is there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    tables.sort();
    tables
}

fn check_table(table: &Path, tally: &mut Tally) {
    let text = fs::read_to_string(table).expect("the table can be read");
    let name = table.file_name().unwrap_or_default().to_string_lossy();
    for (index, line) in text.lines().enumerate() {
        let row: Json = serde_json::from_str(line).expect("a row is JSON");
        let result = match row["input"].as_str() {
            Some(input) => check_read(input, &row),
            None => check_print(&row),
        };
        tally.record(format!("{name}:{}", index + 1), result);
    }
}

fn check_read(input: &str, row: &Json) -> Result<(), String> {
    let bytes = input.as_bytes();
    let show = |what: &str, mine: &str, theirs: &str| {
        format!("{input:?}: {what}: {mine:?} instead of {theirs:?}")
    };
    for (dialect, value, error) in
        [(Dialect::V2, "v2", "v2_error"), (Dialect::V3, "v3", "v3_error")]
    {
        let mine = read(bytes, dialect, DuplicateKeys::LastWins);
        let mine = mine.unwrap_or_else(|error| error.go_text(dialect));
        let theirs = row[value].as_str().or(row[error].as_str()).unwrap_or_default();
        if mine != theirs {
            return Err(show(value, &mine, theirs));
        }
    }
    if let Some(theirs) = row["strict_error"].as_str() {
        let mine = read(bytes, Dialect::V2, DuplicateKeys::Refused);
        let mine = mine.unwrap_or_else(|error| error.go_text(Dialect::V2));
        if mine != theirs {
            return Err(show("strict", &mine, theirs));
        }
    }
    let Some(compact) = row["compact"].as_str() else { return Ok(()) };
    let wide = row["wide"].as_str().unwrap_or(compact);
    // yaml.v3 reads more than it can decode: that the errors agree has been seen.
    let Ok(node) = parse_first(bytes, &Limits::default()) else { return Ok(()) };
    for (indent, theirs) in [(Indent::COMPACT, compact), (Indent::WIDE, wide)] {
        let mine = node_to_yaml_v3(&node, indent).unwrap_or_else(|error| error.to_string());
        if mine != theirs {
            return Err(show("node", &mine, theirs));
        }
    }
    Ok(())
}

fn read(bytes: &[u8], dialect: Dialect, duplicates: DuplicateKeys) -> Result<String, Error> {
    let json = parse_first(bytes, &Limits::default())?.to_json(dialect, duplicates)?;
    Ok(go_json::compact(&json).expect("JSON has been made of it"))
}

fn check_print(row: &Json) -> Result<(), String> {
    let value = as_go_reads(&row["value"]);
    let v2 = to_yaml(&value).unwrap_or_else(|error| error.to_string());
    let theirs = row["yaml"].as_str().or(row["error"].as_str()).unwrap_or_default();
    if v2 != theirs {
        return Err(format!("YAML: {}", difference(&v2, theirs)));
    }
    let v3 = to_yaml_v3(&value, Indent::WIDE).unwrap_or_else(|error| error.to_string());
    let theirs = row["pretty"].as_str().unwrap_or(theirs);
    if v3 != theirs {
        return Err(format!("pretty: {}", difference(&v3, theirs)));
    }
    let json = go_json::indented(&value, "  ").unwrap_or_else(|error| error.to_string());
    let theirs = row["json"].as_str().unwrap_or_default();
    if json != theirs {
        return Err(format!("JSON: {}", difference(&json, theirs)));
    }
    Ok(())
}

/// The first lines that differ.
fn difference(mine: &str, theirs: &str) -> String {
    match mine.lines().zip(theirs.lines()).find(|(mine, theirs)| mine != theirs) {
        Some((mine, theirs)) => format!("{mine:?} instead of {theirs:?}"),
        None => format!("{} bytes instead of {}", mine.len(), theirs.len()),
    }
}

/// `encoding/json` takes every number for a float.
fn as_go_reads(value: &Json) -> Json {
    match value {
        Json::Number(number) => Json::from(number.as_f64()),
        Json::Array(items) => items.iter().map(as_go_reads).collect(),
        Json::Object(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), as_go_reads(value))).collect()
        }
        other => other.clone(),
    }
}

#[test]
fn streams_of_many_documents_keep_their_lines() {
    let documents = parse(b"a: 1\n---\n\n# nothing\n---\nb: 2\n", &Limits::default());
    let documents = documents.expect("it is YAML");
    let lines: Vec<_> = documents
        .iter()
        .map(|document| (document.is_empty, document.root.position().line))
        .collect();
    assert_eq!(lines, [(false, 1), (true, 5), (false, 6)]);
}
