//! Hostile input ends in an error, never in a panic, and never takes more than its limits.

use trueup_yaml::{
    Dialect, DuplicateKeys, ErrorKind, Indent, Limits, go_json, node_to_yaml_v3, parse, to_yaml,
};

/// Reads, converts and prints whatever can be read.
fn exercise(bytes: &[u8]) {
    let Ok(documents) = parse(bytes, &Limits::default()) else { return };
    for document in documents {
        let _ = node_to_yaml_v3(&document.root, Indent::COMPACT);
        for dialect in [Dialect::V2, Dialect::V3] {
            let Ok(json) = document.root.to_json(dialect, DuplicateKeys::LastWins) else {
                continue;
            };
            let _ = to_yaml(&json);
            let _ = go_json::compact(&json);
        }
    }
}

/// A fixed sequence of numbers that look random.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound.max(1)
    }
}

#[test]
fn mutated_documents_do_not_panic() {
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conformance/yaml/documents.jsonl");
    let table = std::fs::read_to_string(table).expect("the table is there");
    let pieces: &[&[u8]] = &[
        b":",
        b"- ",
        b"? ",
        b"\n",
        b"  ",
        b"\t",
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b"&a ",
        b"*a",
        b"!!str ",
        b"|",
        b">",
        b"'",
        b"\"",
        b"\\",
        b"#",
        b"%",
        b"---",
        b"...",
        b"\r",
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\0",
        b"<<: ",
        b"\xf0\x9f\x98\x80",
        b"\\u12",
        b"!<",
        b"%C3",
    ];
    let mut numbers = Numbers(1);
    for line in table.lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("a row is JSON");
        let input = row["input"].as_str().unwrap_or_default().as_bytes();
        exercise(input);
        for _ in 0..150 {
            let mut bytes = input.to_vec();
            for _ in 0..=numbers.below(4) {
                let at = numbers.below(bytes.len() + 1);
                let end = (at + numbers.below(4)).min(bytes.len());
                let piece = pieces[numbers.below(pieces.len())];
                bytes.splice(at..end, piece.iter().copied());
            }
            exercise(&bytes);
        }
    }
}

fn kind_of_error(text: &str) -> ErrorKind {
    parse(text.as_bytes(), &Limits::default()).expect_err("it must be refused").kind()
}

#[test]
fn nesting_without_end_is_refused() {
    for opening in ["[", "{a: ", "- ", "? ", "!!seq [", "&a ["] {
        let text = opening.repeat(100_000);
        parse(text.as_bytes(), &Limits::default()).expect_err("it must be refused");
    }
    assert_eq!(kind_of_error(&"[".repeat(2_000)), ErrorKind::Limit);
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
    exercise(deep.as_bytes());
}

#[test]
fn aliases_that_grow_without_end_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert_eq!(kind_of_error(&text), ErrorKind::Limit);
    assert_eq!(kind_of_error("a: &a [*a]"), ErrorKind::Alias);
}

#[test]
fn size_and_nodes_are_limited() {
    let limits = Limits { bytes: 10, ..Limits::default() };
    let error = parse(b"a: 123456789", &limits).expect_err("it is too long");
    assert_eq!(error.kind(), ErrorKind::Limit);
    let limits = Limits { nodes: 4, ..Limits::default() };
    let error = parse(b"[1, 2, 3, 4]", &limits).expect_err("it has too many nodes");
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn an_error_shows_its_line() {
    let text = b"a: 1\nb: [\nc: d\n";
    let error = parse(text, &Limits::default()).expect_err("it is not closed");
    assert_eq!(error.go_text(Dialect::V2), "yaml: line 3: did not find expected ',' or ']'");
    let text = b"a: 1\nb: \"x\\qy\"\n";
    let error = parse(text, &Limits::default()).expect_err("there is no such escape");
    assert_eq!(error.to_string(), "line 2, column 6: found unknown escape character");
    let excerpt = error.excerpt(text).expect("the line is there");
    assert_eq!(excerpt, "2 | b: \"x\\qy\"\n  |      ^");
}
