//! Regular expressions as Go reads them.
//!
//! Rust's `regex` has nearly RE2's syntax. What differs in what people write: Go's `\d`, `\s`, `\w`
//! and `\b` are ASCII, `\Q…\E` quotes, and a brace that starts no repetition stands for itself (as in
//! the image name `${IMAGE}`); all are rewritten here.

use regex::{Regex, RegexBuilder};

use crate::error::{Error, Result};

/// A compiled pattern may take this much memory.
const SIZE_LIMIT: usize = 1 << 20;

/// Compiles `pattern` so that it must match the whole text; `None` if it is empty.
pub(crate) fn anchored(pattern: &str) -> Result<Option<Regex>> {
    if pattern.is_empty() {
        return Ok(None);
    }
    compile(&format!("^(?:{pattern})$")).map(Some)
}

/// Compiles `pattern`.
pub(crate) fn compile(pattern: &str) -> Result<Regex> {
    RegexBuilder::new(&ascii_classes(pattern)).size_limit(SIZE_LIMIT).build().map_err(|error| {
        Error::new(format!("error parsing regexp: {}: `{pattern}`", go_reason(&error)))
    })
}

/// Rewrites classes that are ASCII in Go, and quoted parts.
fn ascii_classes(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Q') => quote_until_end(&mut chars, &mut out),
                Some(escaped) => out.push_str(&ascii_class(escaped, in_class)),
                None => out.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                out.push(c);
            }
            '[' if chars.as_str().starts_with(':') => out.push(c),
            // Rust would open a nested class, and read `&&`, `--` and `~~` as set operations.
            '[' | '&' | '~' if in_class => {
                out.push('\\');
                out.push(c);
            }
            '{' if !in_class && !is_repetition(chars.as_str()) => out.push_str("\\{"),
            ']' => {
                in_class = false;
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Whether what follows a brace makes it a repetition: `3}`, `3,}` or `3,5}`.
fn is_repetition(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else { return false };
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && is_number(least) && is_number(most)
}

fn ascii_class(escaped: char, in_class: bool) -> String {
    let (ranges, negated) = match escaped {
        'd' => ("0-9", false),
        'D' => ("0-9", true),
        's' => ("\\t\\n\\f\\r ", false),
        'S' => ("\\t\\n\\f\\r ", true),
        'w' => ("0-9A-Za-z_", false),
        'W' => ("0-9A-Za-z_", true),
        'b' if !in_class => return "(?-u:\\b)".to_owned(),
        other => return format!("\\{other}"),
    };
    match (negated, in_class) {
        (true, _) => format!("[^{ranges}]"),
        (false, true) => ranges.to_owned(),
        (false, false) => format!("[{ranges}]"),
    }
}

fn quote_until_end(chars: &mut std::str::Chars<'_>, out: &mut String) {
    let rest = chars.as_str();
    let (quoted, after) = rest.split_once("\\E").unwrap_or((rest, ""));
    out.push_str(&regex::escape(quoted));
    *chars = after.chars();
}

/// The reason as Go's `regexp/syntax` names it, where it can be told.
fn go_reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let reasons = [
        ("unclosed group", "missing closing )"),
        ("unopened group", "unexpected )"),
        ("unclosed character class", "missing closing ]"),
        ("repetition operator missing expression", "missing argument to repetition operator"),
        ("look-around", "invalid or unsupported Perl syntax"),
        ("invalid character class range", "invalid character class range"),
        ("unrecognized escape sequence", "invalid escape sequence"),
        ("incomplete escape sequence", "trailing backslash at end of expression"),
        ("exceeds size limit", "expression too large"),
    ];
    let known = reasons.iter().find(|(rust, _)| text.contains(rust));
    known.map_or_else(|| "invalid expression".to_owned(), |(_, go)| (*go).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_must_match() {
        let pattern = anchored("a|b").unwrap().unwrap();
        assert!(pattern.is_match("b") && !pattern.is_match("ab"));
        assert!(anchored("").unwrap().is_none());
    }

    #[test]
    fn classes_are_ascii() {
        assert!(!compile(r"^\d$").unwrap().is_match("٣"));
        assert!(compile(r"^[\w.]+$").unwrap().is_match("a.b_1"));
        assert!(compile(r"^\Qa.b\E$").unwrap().is_match("a.b"));
        assert!(compile(r"^[[:alpha:]-]+$").unwrap().is_match("a-b"));
        assert!(compile("(").is_err());
        assert!(compile("^a${IMG}?$").is_ok());
        assert!(compile("^{a{2}b{,3}$").unwrap().is_match("{aab{,3}"));
    }
}
