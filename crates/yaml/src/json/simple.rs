//! Nodes that print as the JSON that they stand for, without being converted first.

use super::{duplicate_keys, float};
use crate::dialect::{Dialect, Resolved};
use crate::float::format_json;
use crate::node::{Content, Node, Style, Tag};
use crate::value::{Sink, Value};

/// A node to be printed as its JSON; see [`Node::simple`].
#[derive(Clone, Copy, Debug)]
pub struct Simple<'n>(&'n Node);

impl Node {
    /// The node as a value that prints as [`Node::to_json`] by yaml.v3's rules would: most documents
    /// can be printed so, at a fraction of the cost. `None` for what needs the conversion or fails in
    /// it: merge keys, keys that are no strings or occur twice, numbers that JSON does not have,
    /// binary data, and folded scalars of several lines, which yaml.v3 does not read as it prints.
    pub fn simple(&self) -> Option<Simple<'_>> {
        is_simple(self).then_some(Simple(self))
    }
}

fn is_simple(node: &Node) -> bool {
    match &node.content {
        Content::Scalar(text) => match node.resolve(Dialect::V3) {
            Ok(Resolved::Str(_)) => node.style != Style::Folded || !text.contains('\n'),
            Ok(Resolved::Float(value)) => format_json(value).is_some(),
            Ok(Resolved::Null | Resolved::Bool(_) | Resolved::Int(_) | Resolved::Uint(_)) => true,
            Ok(Resolved::Timestamp(time)) => time.has_json_zone(),
            Ok(Resolved::Bytes(_)) | Err(_) => false,
        },
        Content::Sequence(items) => items.iter().all(is_simple),
        Content::Mapping(entries) => {
            let is_text =
                |key: &Node| key.text().is_some() && key.tag() == Tag::Str && !key.is_merge_key();
            entries.iter().all(|(key, value)| is_text(key) && is_simple(value))
                && duplicate_keys(entries).is_empty()
        }
    }
}

impl Value for Simple<'_> {
    fn present<S: Sink>(&self, sink: &mut S) {
        match &self.0.content {
            Content::Scalar(_) => match self.0.resolve(Dialect::V3) {
                Ok(Resolved::Bool(value)) => sink.bool(value),
                Ok(Resolved::Int(value)) => sink.int(value),
                Ok(Resolved::Uint(value)) => sink.uint(value),
                Ok(Resolved::Float(value)) => match float(value, self.0) {
                    Ok(number) => number.present(sink),
                    Err(_) => sink.null(),
                },
                Ok(Resolved::Timestamp(time)) => sink.string(time.to_string().as_bytes()),
                Ok(Resolved::Str(text)) => sink.string(text.as_bytes()),
                // The rest is not simple.
                Ok(Resolved::Null | Resolved::Bytes(_)) | Err(_) => sink.null(),
            },
            Content::Sequence(items) => sink.sequence(items.iter().map(Simple)),
            Content::Mapping(entries) => {
                sink.mapping(entries.iter().map(|(key, value)| {
                    (key.text().unwrap_or_default().as_bytes(), Simple(value))
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Dialect, DuplicateKeys, Limits, append_yaml, parse_first};

    fn check(yaml: &str) {
        let node = parse_first(yaml.as_bytes(), &Limits::default()).expect("YAML");
        let json = node.to_json(Dialect::V3, DuplicateKeys::Refused).expect("JSON");
        let simple = node.simple().expect("it is simple");
        let (mut direct, mut converted) = (String::new(), String::new());
        append_yaml(&simple, &mut direct).expect("it prints");
        append_yaml(&json, &mut converted).expect("it prints");
        assert_eq!(direct, converted);
    }

    #[test]
    fn it_prints_what_the_conversion_would() {
        check("a: [1, 2.0, 1e3, .5, 0x10, 012, -0.0, 1e21, 18446744073709551615]\n");
        check("b: 2024-01-02\na: yes\nc: ~\nd: !!str 5\n'10': x\n'9': y\n");
        check("z: {b: [], a: {}}\na: \"x\\ny\"\nl: |\n  two\n  lines\n");
        check("- null\n- true\n- é\n- ''\n");
    }

    #[test]
    fn the_rest_is_left_to_the_conversion() {
        for yaml in
            ["1: a", "a: 1\na: 2", "<<: {a: 1}", "a: .inf", "a: >\n  x\n\n  y\n", "a: !!int x"]
        {
            let node = parse_first(yaml.as_bytes(), &Limits::default()).expect("YAML");
            assert!(node.simple().is_none(), "{yaml}");
        }
    }
}
