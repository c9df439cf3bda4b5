//! Reads the documents of a file: as resources, or as one JSON value.
//!
//! Resources are read as kyaml's `ByteReader` does: the text is cut at `---` lines before anything
//! is parsed, aliases and merge keys are replaced by what they stand for, and lists of resources by
//! their items.

mod merge_keys;

use std::borrow::Cow;

use serde_json::Value;
use trueup_yaml::{
    Content, Dialect, DuplicateKeys, Indent, Limits, Node, Source, Style, from_slice, go_json,
    node_to_yaml_v3, parse_first, parse_first_of,
};

use crate::error::{Error, Kind, Result};
use crate::metadata;

/// A resource as it was read, and the line of its file on which it starts.
pub(crate) struct Document {
    /// Its content, a mapping.
    pub node: Node,
    /// Line, from 1; 0 where it is not known.
    pub line: u32,
}

/// The resources in a text.
pub(crate) fn resources(text: &[u8], source: Source) -> Result<Vec<Document>> {
    let documents = drop_bad(parse(text, source)?)?;
    expand_lists(documents, source)
}

/// A text as JSON: `sigs.k8s.io/yaml`'s `YAMLToJSON`.
pub(crate) fn to_json(text: &[u8]) -> Result<Value> {
    from_slice(text, Dialect::V2).map_err(|error| Error::new(error.go_text(Dialect::V2)))
}

/// A text as it is written, and as JSON like [`to_json`].
pub(crate) fn written_and_json(text: &[u8]) -> Result<(Node, Value)> {
    parse_first(text, &Limits::default())
        .and_then(|node| {
            let json = node.to_json(Dialect::V2, DuplicateKeys::LastWins)?;
            Ok((node, json))
        })
        .map_err(|error| Error::new(error.go_text(Dialect::V2)).on_line(error.line()))
}

/// A text as JSON for `UnmarshalStrict`: a key may not occur twice.
pub(crate) fn to_json_strict(text: &[u8]) -> Result<Value> {
    parse_first(text, &Limits::default())
        .and_then(|node| node.to_json(Dialect::V2, DuplicateKeys::Refused))
        .map_err(|error| {
            Error::new(format!("error converting YAML to JSON: {}", error.go_text(Dialect::V2)))
        })
}

/// A text as a value, for `sigs.k8s.io/yaml`'s `Unmarshal`, which frames errors.
pub(crate) fn to_json_framed(text: &[u8]) -> Result<Value> {
    from_slice(text, Dialect::V2).map_err(|error| {
        Error::new(format!("error converting YAML to JSON: {}", error.go_text(Dialect::V2)))
    })
}

/// A resource as JSON. Upstream prints it as YAML and reads that again, which shows in two places:
/// errors count the lines of what was printed, and a folded scalar with lines that are further
/// indented gains a line break, because yaml.v3 prints it so.
pub(crate) fn node_to_json(node: &Node) -> Result<Value> {
    if has_folded_lines(node) {
        return reread(node);
    }
    node.to_json(Dialect::V3, DuplicateKeys::Refused).or_else(|error| {
        reread(node)?;
        Err(Error::new(error.go_text(Dialect::V3)))
    })
}

fn reread(node: &Node) -> Result<Value> {
    let text =
        node_to_yaml_v3(node, Indent::COMPACT).map_err(|error| Error::new(error.to_string()))?;
    parse_first(text.as_bytes(), &Limits::default())
        .and_then(|node| node.to_json(Dialect::V3, DuplicateKeys::Refused))
        .map_err(|error| Error::new(error.go_text(Dialect::V3)))
}

fn has_folded_lines(node: &Node) -> bool {
    match &node.content {
        Content::Scalar(text) => node.style == Style::Folded && text.trim_end().contains('\n'),
        Content::Sequence(items) => items.iter().any(has_folded_lines),
        Content::Mapping(entries) => {
            entries.iter().any(|(key, value)| has_folded_lines(key) || has_folded_lines(value))
        }
    }
}

/// The documents of a text that are not empty.
fn parse(text: &[u8], source: Source) -> Result<Vec<Document>> {
    let text = without_carriage_returns(text);
    let parts = split(&text)?;
    let only = parts.len() == 1;
    let mut documents = Vec::with_capacity(parts.len());
    for part in parts {
        let source = part.source(source);
        let mut node = parse_first_of(source, part.text, &Limits::default()).map_err(|error| {
            let line = error.line();
            let error = Error::new(error.go_text(Dialect::V3))
                .context("MalformedYAMLError")
                .of_kind(Kind::MalformedYaml);
            match line {
                0 => error,
                line => error.on_line(source.first_line.saturating_add(line - 1)),
            }
        })?;
        if node.is_null() {
            continue;
        }
        if may_have_anchors(part.text) {
            merge_keys::expand(&mut node)?;
        }
        if only && is_list(&node) {
            return Ok(list_items(node));
        }
        documents.push(Document { line: node.position().line, node });
    }
    Ok(documents)
}

/// Whether there may be anchors, aliases or merge keys in a text: few have any.
fn may_have_anchors(text: &[u8]) -> bool {
    text.contains(&b'&') || memchr::memmem::find(text, b"<<").is_some()
}

fn without_carriage_returns(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'\r') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().peekable();
    while let Some(&byte) = bytes.next() {
        if byte != b'\r' || bytes.peek() != Some(&&b'\n') {
            out.push(byte);
        }
    }
    Cow::Owned(out)
}

/// A document's text and how many lines precede it.
struct Part<'a> {
    text: &'a [u8],
    lines_before: usize,
}

impl Part<'_> {
    fn source(&self, whole: Source) -> Source {
        let before = u32::try_from(self.lines_before).unwrap_or(u32::MAX);
        Source { first_line: whole.first_line.saturating_add(before), ..whole }
    }
}

/// Cuts a text at the lines that start with `---`, but for the first line. Only a comment may follow
/// the dashes.
fn split(text: &[u8]) -> Result<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    if text.is_empty() {
        return Ok(parts);
    }
    if memchr::memmem::find(text, b"\n---").is_none() {
        parts.push(Part { text, lines_before: 0 });
        return Ok(parts);
    }
    let mut start = 0;
    let mut lines_before = 0;
    let mut at = 0;
    // A separator takes the line break before it along, so two of them in a row are one and a line.
    let mut break_is_free = false;
    for (lines, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let is_separator = break_is_free && line.starts_with(b"---") && line.ends_with(b"\n");
        if is_separator {
            check_separator(line)?;
            parts.push(Part { text: text.get(start..at).unwrap_or_default(), lines_before });
            start = at + line.len();
            lines_before = lines + 1;
        }
        break_is_free = !is_separator;
        at += line.len();
    }
    parts.push(Part { text: text.get(start..).unwrap_or_default(), lines_before });
    Ok(parts)
}

fn check_separator(line: &[u8]) -> Result<()> {
    let rest = line.get(3..).unwrap_or_default().trim_ascii();
    if rest.is_empty() || rest.starts_with(b"#") {
        return Ok(());
    }
    let line = String::from_utf8_lossy(line.trim_ascii()).into_owned();
    Err(Error::new(format!("invalid document separator: {line}")))
}

fn is_list(node: &Node) -> bool {
    let kind = metadata::text(node, "kind");
    (kind == "List" || kind == "ResourceList")
        && (node.get("items").is_some() || node.get("functionConfig").is_some())
}

fn list_items(mut list: Node) -> Vec<Document> {
    let items = list.get_mut("items").and_then(Node::items_mut).map(std::mem::take);
    let document = |node: Node| Document { line: node.position().line, node };
    items.unwrap_or_default().into_iter().map(document).collect()
}

/// Drops empty documents; one that has no type or name is an error.
fn drop_bad(mut documents: Vec<Document>) -> Result<Vec<Document>> {
    documents.retain(|document| !metadata::is_empty(&document.node));
    for document in &documents {
        metadata::check(&document.node)?;
    }
    Ok(documents)
}

/// Replaces each resource whose kind ends in `List` by its items, which go to the end.
fn expand_lists(documents: Vec<Document>, source: Source) -> Result<Vec<Document>> {
    if !documents.iter().any(|document| metadata::kind(&document.node).ends_with("List")) {
        return Ok(documents);
    }
    let mut expanded = Vec::new();
    let mut queue = std::collections::VecDeque::from(documents);
    while let Some(document) = queue.pop_front() {
        let kind = metadata::kind(&document.node).to_owned();
        if !kind.ends_with("List") || document.node.get("items").is_none() {
            expanded.push(document);
            continue;
        }
        let json = node_to_json(&document.node).map_err(|error| {
            Error::new(format!("trouble expanding list of {kind}; {}", error.chain()))
        })?;
        match json.get("items") {
            None | Some(Value::Null) => {}
            Some(Value::Array(items)) => {
                for item in items {
                    let source = Source { first_line: document.line, ..source };
                    queue.extend(from_json(item, source)?);
                }
            }
            Some(other) => {
                let found = go_type(other);
                return Err(Error::new(format!(
                    "expected array in {kind}/items, but found {found}"
                )));
            }
        }
    }
    Ok(expanded)
}

/// An item of a list, all of it on the line of the list.
fn from_json(item: &Value, source: Source) -> Result<Vec<Document>> {
    let text = go_json::compact(item).map_err(|error| Error::new(error.to_string()))?;
    drop_bad(parse(text.as_bytes(), source)?)
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<u32> {
        let documents = resources(text.as_bytes(), Source::default()).unwrap();
        documents.iter().map(|document| document.line).collect()
    }

    const A: &str = "kind: A\nmetadata:\n  name: a\n";

    #[test]
    fn documents_know_their_lines() {
        assert_eq!(lines(&format!("{A}---\n{A}--- # c\n\n{A}")), [1, 5, 10]);
        assert_eq!(lines(&format!("---\n{A}---\n---\n{A}")), [2, 7]);
        assert!(resources(b"a: b\n--- c\na: b\n", Source::default()).is_err());
    }

    #[test]
    fn lists_become_their_items() {
        let item = "{kind: A, metadata: {name: a}}";
        assert_eq!(lines(&format!("kind: List\nitems: [{item}, {item}]\n")), [2, 2]);
        assert_eq!(lines(&format!("kind: AList\nitems: [{item}]\n---\n{A}")), [4, 1]);
        assert_eq!(lines("kind: AList\nitems:\n").len(), 0);
    }

    #[test]
    fn what_has_no_name_is_refused() {
        for text in ["a: b", "kind: A", "kind: A\nmetadata: {}", "text", "[a]"] {
            assert!(resources(text.as_bytes(), Source::default()).is_err(), "{text}");
        }
        assert!(resources(b"# nothing\n---\n{}\n", Source::default()).unwrap().is_empty());
    }
}
