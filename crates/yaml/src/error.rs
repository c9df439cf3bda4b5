//! What can be wrong with a document, and how go-yaml would put it.

use std::fmt;

use crate::Dialect;

/// Why a document cannot be read or converted. Lines and columns count from 1.
///
/// `Display` gives line, column and what is wrong; [`Error::go_text`] gives the text that the
/// original library would print, which Helm and Kustomize pass on to their users.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    line: u32,
    column: u32,
    go_line_v2: u32,
    go_line_v3: u32,
    /// What yaml.v3 complains about instead.
    instead_v3: Option<Box<Error>>,
}

/// The step that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The bytes are no text: bad UTF-8, a control character.
    Encoding,
    /// The text is no YAML.
    Syntax,
    /// A limit of [`crate::Limits`] is exceeded.
    Limit,
    /// An alias names no anchor, or an anchor that contains it.
    Alias,
    /// A value does not have the type that its tag claims.
    Value,
    /// Keys: duplicates, kinds that JSON does not have, a merge key of something that is no mapping.
    Key,
    /// JSON has no such value: infinity, not-a-number.
    Json,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>, line: u32, column: u32) -> Self {
        Self {
            kind,
            message: message.into(),
            line,
            column,
            go_line_v2: 0,
            go_line_v3: 0,
            instead_v3: None,
        }
    }

    /// Sets the lines that goyaml.v2 and yaml.v3 name; both have rules of their own. 0 is none.
    pub(crate) fn with_go_lines(mut self, v2: u32, v3: u32) -> Self {
        self.go_line_v2 = v2;
        self.go_line_v3 = v3;
        self
    }

    /// yaml.v3 looks further ahead and has already found another error.
    pub(crate) fn but_for_v3(mut self, other: &Error) -> Self {
        self.instead_v3 = Some(Box::new(other.clone()));
        self
    }

    /// The step that failed.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What is wrong, without a place, in go-yaml's words.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The line, from 1; 0 where no place is known.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The column in characters, from 1; 0 where no place is known.
    pub fn column(&self) -> u32 {
        self.column
    }

    /// The text that go-yaml prints, such as `yaml: line 3: did not find expected key`. goyaml.v2
    /// and yaml.v3 differ in the line they name, and neither names the one that a person counts.
    pub fn go_text(&self, dialect: Dialect) -> String {
        if let (Dialect::V3, Some(instead)) = (dialect, &self.instead_v3) {
            return instead.go_text(dialect);
        }
        let line = match dialect {
            Dialect::V2 => self.go_line_v2,
            Dialect::V3 => self.go_line_v3,
        };
        match (self.kind, line) {
            (ErrorKind::Json, _) => self.message.clone(),
            (_, 0) => format!("yaml: {}", self.message),
            (_, line) => format!("yaml: line {line}: {}", self.message),
        }
    }

    /// The line of `source` that the error is about, with a caret below the column.
    pub fn excerpt(&self, source: &[u8]) -> Option<String> {
        let index = usize::try_from(self.line.checked_sub(1)?).ok()?;
        let line = source.split(|&byte| byte == b'\n').nth(index)?;
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches('\r');
        let shown: String = text.chars().take(200).collect();
        let indent = usize::try_from(self.column.saturating_sub(1)).ok()?.min(200);
        let gutter = self.line.to_string();
        let pad = " ".repeat(gutter.len());
        Some(format!("{gutter} | {shown}\n{pad} | {}^", " ".repeat(indent)))
    }

    /// The same error in a file of which this document is a part that starts `lines` further down.
    pub fn moved_down(mut self, lines: u32) -> Self {
        if self.line > 0 {
            self.line = self.line.saturating_add(lines);
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        f.write_str(&self.message)
    }
}
