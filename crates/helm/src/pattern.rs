//! The two pattern languages of Helm: `.Files.Glob` (the syntax of gobwas/glob with `/` as
//! separator) and `.helmignore` and `--show-only` (Go's `path/filepath.Match`).
//!
//! Both are translated to regular expressions, whose matching time is linear in the input: a chart
//! cannot make a pattern expensive.

use regex::{Regex, RegexBuilder};

/// The largest compiled pattern, in bytes.
const MAX_COMPILED: usize = 1 << 20;

/// A pattern that is ready to be matched against whole names.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// Whether the whole of `name` matches.
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }

    /// A pattern in the syntax of `.Files.Glob`: `*` stays within a path segment, `**` does not,
    /// `?`, `[abc]`, `[a-z]`, `[!…]`, `{one,other}`, and `\` to escape. `None` if it is malformed.
    pub(crate) fn glob(pattern: &str) -> Option<Self> {
        Self::compile(&GlobTranslator::new(pattern).translate()?)
    }

    /// A pattern as Go's `filepath.Match` takes it: `*`, `?`, `[a-z]`, `[^a-z]` and `\`. `None` if
    /// it is malformed.
    pub(crate) fn path(pattern: &str) -> Option<Self> {
        Self::compile(&translate_path(pattern)?)
    }

    fn compile(expression: &str) -> Option<Self> {
        RegexBuilder::new(&format!("^(?s:{expression})$"))
            .size_limit(MAX_COMPILED)
            .build()
            .ok()
            .map(Self)
    }
}

/// Reads a gobwas pattern and writes a regular expression.
struct GlobTranslator<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    written: String,
    open_groups: usize,
}

impl<'a> GlobTranslator<'a> {
    fn new(pattern: &'a str) -> Self {
        Self { rest: pattern.chars().peekable(), written: String::new(), open_groups: 0 }
    }

    fn translate(mut self) -> Option<String> {
        while let Some(char) = self.rest.next() {
            match char {
                '{' => {
                    self.open_groups += 1;
                    self.written.push_str("(?:");
                }
                ',' if self.open_groups > 0 => self.written.push('|'),
                '}' if self.open_groups > 0 => {
                    self.open_groups -= 1;
                    self.written.push(')');
                }
                '[' => self.class()?,
                '?' => self.written.push_str("[^/]"),
                '*' if self.rest.next_if_eq(&'*').is_some() => self.written.push_str(".*"),
                '*' => self.written.push_str("[^/]*"),
                '\\' => {
                    if let Some(escaped) = self.rest.next() {
                        push_literal(&mut self.written, escaped);
                    }
                }
                literal => push_literal(&mut self.written, literal),
            }
        }
        (self.open_groups == 0).then_some(self.written)
    }

    /// `[abc]` or `[a-z]`, never both in one.
    fn class(&mut self) -> Option<()> {
        let negated = self.rest.next_if_eq(&'!').is_some();
        let first = self.rest.next()?;
        self.written.push_str(if negated { "[^" } else { "[" });
        if self.rest.next_if_eq(&'-').is_some() {
            let last = self.rest.next()?;
            if last < first || self.rest.next() != Some(']') {
                return None;
            }
            push_range(&mut self.written, first, last);
        } else {
            self.listed_characters(first)?;
        }
        self.written.push(']');
        Some(())
    }

    fn listed_characters(&mut self, first: char) -> Option<()> {
        let mut next = Some(first);
        let mut count = 0;
        loop {
            match next? {
                ']' => break,
                '\\' => push_class_character(&mut self.written, self.rest.next()?),
                char => push_class_character(&mut self.written, char),
            }
            count += 1;
            next = self.rest.next();
        }
        (count > 0).then_some(())
    }
}

fn translate_path(pattern: &str) -> Option<String> {
    let mut rest = pattern.chars().peekable();
    let mut written = String::new();
    while let Some(char) = rest.next() {
        match char {
            '*' => written.push_str("[^/]*"),
            '?' => written.push_str("[^/]"),
            '\\' => push_literal(&mut written, rest.next()?),
            '[' => path_class(&mut rest, &mut written)?,
            literal => push_literal(&mut written, literal),
        }
    }
    Some(written)
}

/// `[a-z]` or `[^a-z]`, its bracket already read. A range that holds nothing (`[z-a]`) is no error.
fn path_class(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    written: &mut String,
) -> Option<()> {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = String::new();
    let mut count = 0;
    while count == 0 || rest.next_if_eq(&']').is_none() {
        let low = class_character(rest)?;
        let high = match rest.next_if_eq(&'-') {
            Some(_) => class_character(rest)?,
            None => low,
        };
        if low <= high {
            push_range(&mut ranges, low, high);
        }
        count += 1;
    }
    match (negated, ranges.is_empty()) {
        (false, true) => written.push_str("[^\\x00-\\x{10FFFF}]"),
        (true, true) => written.push('.'),
        (false, false) => written.extend(["[", ranges.as_str(), "]"]),
        (true, false) => written.extend(["[^", ranges.as_str(), "]"]),
    }
    Some(())
}

/// One character in a class of `filepath.Match`; `-` and `]` have to be escaped there.
fn class_character(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        char => Some(char),
    }
}

fn push_literal(written: &mut String, char: char) {
    written.push_str(&regex::escape(char.encode_utf8(&mut [0; 4])));
}

fn push_class_character(written: &mut String, char: char) {
    push_range(written, char, char);
}

fn push_range(written: &mut String, low: char, high: char) {
    use std::fmt::Write as _;
    let _ = write!(written, "\\x{{{:X}}}-\\x{{{:X}}}", low as u32, high as u32);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(pattern: &str, name: &str) -> Option<bool> {
        Pattern::glob(pattern).map(|pattern| pattern.matches(name))
    }

    #[test]
    fn globs_match_as_gobwas_does() {
        assert_eq!(glob("ship/**", "ship/captain.txt"), Some(true));
        assert_eq!(glob("ship/**", "ship/a/b"), Some(true));
        assert_eq!(glob("ship/*", "ship/a/b"), Some(false));
        assert_eq!(glob("{one,t[wh]o}.txt", "two.txt"), Some(true));
        assert_eq!(glob("{one,two}.txt", "three.txt"), Some(false));
        assert_eq!(glob("[!a-c]?", "dx"), Some(true));
        assert_eq!(glob("[!a-c]?", "bx"), Some(false));
        assert_eq!(glob("a\\*", "a*"), Some(true));
        assert_eq!(glob("a.c", "abc"), Some(false));
        assert_eq!(glob("[a", "a"), None);
        assert_eq!(glob("[c-a]", "b"), None);
    }

    #[test]
    fn paths_match_as_filepath_match_does() {
        let path = |pattern: &str, name: &str| Pattern::path(pattern).map(|p| p.matches(name));
        assert_eq!(path("*.txt", "a.txt"), Some(true));
        assert_eq!(path("*.txt", "a/b.txt"), Some(false));
        assert_eq!(path("[a-c]x", "bx"), Some(true));
        assert_eq!(path("[^a-c]x", "bx"), Some(false));
        assert_eq!(path("[]a]", "]"), None);
        assert_eq!(path("[-]", "-"), None);
        assert_eq!(path("a[", "a"), None);
        assert_eq!(path("a\\", "a"), None);
        assert_eq!(path("a+b", "a+b"), Some(true));
        assert_eq!(path("[b-a]", "b"), Some(false));
        assert_eq!(path("[^b-a]", "b"), Some(true));
    }
}
