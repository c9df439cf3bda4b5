//! The text that has been printed, and the state that decides where it goes on.

/// libyaml's output buffer with its three pieces of state.
pub(super) struct Writer {
    pub(super) out: String,
    /// Characters since the last line break.
    pub(super) column: usize,
    /// Whether blank space precedes, so that none is needed.
    pub(super) whitespace: bool,
    /// Whether nothing but indentation and indicators such as `-` stands on the line.
    pub(super) indention: bool,
}

impl Writer {
    pub(super) fn new(out: String) -> Self {
        Self { out, column: 0, whitespace: true, indention: true }
    }

    /// Text without line breaks.
    pub(super) fn push(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += if text.is_ascii() { text.len() } else { text.chars().count() };
    }

    pub(super) fn line_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
        self.indention = true;
    }

    /// A break as it stands in a text: a line feed, or one of the others that YAML 1.1 knows.
    pub(super) fn text_break(&mut self, c: char) {
        self.out.push(if c == '\r' { '\r' } else { c });
        self.column = 0;
        self.indention = true;
    }

    /// Goes to an indent: on a new line unless this one is still blank so far.
    pub(super) fn indent(&mut self, indent: usize) {
        let at_indent = self.column == indent;
        if !self.indention || self.column > indent || (at_indent && !self.whitespace) {
            self.line_break();
        }
        const SPACES: &str = "                                                                ";
        while self.column < indent {
            let missing = (indent - self.column).min(SPACES.len());
            self.out.push_str(SPACES.get(..missing).unwrap_or_default());
            self.column += missing;
        }
        self.whitespace = true;
        self.indention = true;
    }

    /// Punctuation: whether it needs a space before it, counts as one itself, and leaves the line
    /// one that holds nothing but indentation.
    pub(super) fn indicator(&mut self, text: &str, space: bool, is_space: bool, is_indent: bool) {
        self.space(space);
        self.push(text);
        self.whitespace = is_space;
        self.indention = self.indention && is_indent;
    }

    /// A scalar of ASCII that cannot be broken.
    pub(super) fn bare(&mut self, text: &str) {
        self.space(true);
        self.out.push_str(text);
        self.column += text.len();
        self.end_scalar();
    }

    pub(super) fn space(&mut self, needed: bool) {
        if needed && !self.whitespace {
            self.out.push(' ');
            self.column += 1;
        }
    }

    pub(super) fn end_scalar(&mut self) {
        self.whitespace = false;
        self.indention = false;
    }
}
