//! The lexer: a template's text as tokens.

use crate::ast::Span;
use crate::strconv::{Charset, quote};
use crate::unicode;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Error,
    Eof,
    Text,
    LeftDelim,
    RightDelim,
    Space,
    Assign,
    Declare,
    Pipe,
    LeftParen,
    RightParen,
    Bool,
    Char,
    CharConstant,
    Complex,
    Number,
    String,
    RawString,
    Field,
    Identifier,
    Variable,
    Dot,
    Nil,
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

impl Kind {
    /// Is it a word of the language? Error texts show these in angle brackets.
    pub(crate) fn is_keyword(self) -> bool {
        use Kind::{
            Block, Break, Continue, Define, Dot, Else, End, If, Nil, Range, Template, With,
        };
        matches!(
            self,
            Dot | Block
                | Break
                | Continue
                | Define
                | Else
                | End
                | If
                | Range
                | Nil
                | Template
                | With
        )
    }
}

/// A token: its kind and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// What opens and closes an action.
#[derive(Clone, Debug)]
pub struct Delims {
    /// `{{` by default.
    pub left: String,
    /// `}}` by default.
    pub right: String,
}

impl Default for Delims {
    fn default() -> Self {
        Self { left: "{{".into(), right: "}}".into() }
    }
}

/// Reads tokens from a text.
pub(crate) struct Lexer<'s> {
    text: &'s [u8],
    left: &'s [u8],
    right: &'s [u8],
    start: usize,
    at: usize,
    in_action: bool,
    parens: usize,
    /// Are `break` and `continue` words of the language, and not functions?
    pub(crate) break_is_word: bool,
    pub(crate) continue_is_word: bool,
    /// The text of the error token, once there is one: then the input counts as read.
    pub(crate) error: Option<String>,
}

impl<'s> Lexer<'s> {
    pub(crate) fn new(text: &'s [u8], delims: &'s Delims) -> Self {
        Self {
            text,
            left: delims.left.as_bytes(),
            right: delims.right.as_bytes(),
            start: 0,
            at: 0,
            in_action: false,
            parens: 0,
            break_is_word: true,
            continue_is_word: true,
            error: None,
        }
    }

    /// The next token. After an error, and at the end, it is the end.
    pub(crate) fn next(&mut self) -> Token {
        if self.error.is_some() {
            return Token { kind: Kind::Eof, span: Span { start: 0, end: 0 } };
        }
        if self.in_action { self.inside_action() } else { self.text() }
    }

    fn rest(&self) -> &'s [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The token from `start` to here.
    fn token(&mut self, kind: Kind) -> Token {
        let span = Span { start: self.start as u32, end: self.at as u32 };
        self.start = self.at;
        Token { kind, span }
    }

    fn error(&mut self, text: impl Into<String>) -> Token {
        self.error = Some(text.into());
        self.token(Kind::Error)
    }

    /// Text up to the next action, or what the action begins with.
    fn text(&mut self) -> Token {
        loop {
            let Some(len) = memchr::memmem::find(self.rest(), self.left) else {
                self.at = self.text.len();
                return self.token(if self.at > self.start { Kind::Text } else { Kind::Eof });
            };
            self.at += len;
            let action = self.at;
            let inside = self.text.get(action + self.left.len()..).unwrap_or_default();
            if has_left_trim_marker(inside) {
                let text = self.text.get(self.start..action).unwrap_or_default();
                self.at = self.start + trim_end(text).len();
            }
            let text = (self.at > self.start).then(|| self.token(Kind::Text));
            self.at = action;
            self.start = action;
            if let Some(text) = text {
                return text;
            }
            if let Some(token) = self.left_delim() {
                return token;
            }
        }
    }

    /// The delimiter, or `None` if it opens a comment, which is skipped.
    fn left_delim(&mut self) -> Option<Token> {
        self.at += self.left.len();
        let trims = has_left_trim_marker(self.rest());
        let after_marker = if trims { 2 } else { 0 };
        if self.rest().get(after_marker..).is_some_and(|rest| rest.starts_with(b"/*")) {
            self.at += after_marker;
            self.start = self.at;
            return self.comment();
        }
        let token = self.token(Kind::LeftDelim);
        self.in_action = true;
        self.at += after_marker;
        self.start = self.at;
        self.parens = 0;
        Some(token)
    }

    fn comment(&mut self) -> Option<Token> {
        self.at += 2;
        let Some(len) = memchr::memmem::find(self.rest(), b"*/") else {
            return Some(self.error("unclosed comment"));
        };
        self.at += len + 2;
        let Some(trims) = self.right_delim_here() else {
            return Some(self.error("comment ends before closing delimiter"));
        };
        self.skip_right_delim(trims);
        self.start = self.at;
        None
    }

    /// Is here a right delimiter? `Some(true)`: with a trim marker before it.
    fn right_delim_here(&self) -> Option<bool> {
        let rest = self.rest();
        let trims = has_right_trim_marker(rest)
            && rest.get(2..).is_some_and(|rest| rest.starts_with(self.right));
        if trims {
            return Some(true);
        }
        rest.starts_with(self.right).then_some(false)
    }

    fn skip_right_delim(&mut self, trims: bool) {
        self.at += self.right.len() + if trims { 2 } else { 0 };
        if trims {
            let rest = self.rest();
            self.at += rest.len() - trim_start(rest).len();
        }
    }

    fn right_delim(&mut self, trims: bool) -> Token {
        self.start += if trims { 2 } else { 0 };
        let end = self.start + self.right.len();
        let span = Span { start: self.start as u32, end: end as u32 };
        self.skip_right_delim(trims);
        self.start = self.at;
        self.in_action = false;
        Token { kind: Kind::RightDelim, span }
    }

    fn inside_action(&mut self) -> Token {
        if let Some(trims) = self.right_delim_here() {
            if self.parens == 0 {
                return self.right_delim(trims);
            }
            return self.error("unclosed left paren");
        }
        let Some(byte) = self.peek() else { return self.error("unclosed action") };
        self.at += 1;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => self.space(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.identifier(),
            b'.' if self.at < self.text.len() && !self.peek().is_some_and(is_digit) => {
                self.field_or_variable(Kind::Field)
            }
            b'.' | b'+' | b'-' | b'0'..=b'9' => {
                self.at -= 1;
                self.number()
            }
            b'"' => self.quoted(b'"', Kind::String, "unterminated quoted string"),
            b'\'' => self.quoted(b'\'', Kind::CharConstant, "unterminated character constant"),
            b'`' => self.raw_quoted(),
            b'$' => self.field_or_variable(Kind::Variable),
            b'|' => self.token(Kind::Pipe),
            b'=' => self.token(Kind::Assign),
            b':' if self.peek() == Some(b'=') => {
                self.at += 1;
                self.token(Kind::Declare)
            }
            b':' => {
                self.at += unicode::decode(self.rest()).map_or(0, |(_, len)| len);
                self.error("expected :=")
            }
            b'(' => {
                self.parens += 1;
                self.token(Kind::LeftParen)
            }
            b')' if self.parens == 0 => self.error("unexpected right paren"),
            b')' => {
                self.parens -= 1;
                self.token(Kind::RightParen)
            }
            b'!'..=b'~' => self.token(Kind::Char),
            _ => self.other(),
        }
    }

    /// A character that is not ASCII: an identifier if it is a letter or a digit.
    fn other(&mut self) -> Token {
        self.at -= 1;
        let c = unicode::decode(self.rest()).map_or('\0', |(c, _)| c);
        if is_alphanumeric(c) {
            return self.identifier();
        }
        let text = format!("unrecognized character in action: {}", described(c));
        self.error(text)
    }

    /// Spaces, but not the one that belongs to a trim marker and its delimiter.
    fn space(&mut self) -> Token {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
        let before = self.at - 1;
        let rest = self.text.get(before..).unwrap_or_default();
        let closes = has_right_trim_marker(rest)
            && rest.get(2..).is_some_and(|rest| rest.starts_with(self.right));
        if closes {
            self.at = before;
            if before == self.start {
                return self.right_delim(true);
            }
        }
        self.token(Kind::Space)
    }

    fn skip_alphanumeric(&mut self) {
        loop {
            match self.peek() {
                Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_') => self.at += 1,
                Some(0x80..) => match unicode::decode(self.rest()) {
                    Some((c, len)) if is_alphanumeric(c) => self.at += len,
                    _ => return,
                },
                _ => return,
            }
        }
    }

    fn identifier(&mut self) -> Token {
        self.skip_alphanumeric();
        if !self.at_terminator() {
            return self.bad_character();
        }
        let word = self.text.get(self.start..self.at).unwrap_or_default();
        let kind = match word {
            b"block" => Kind::Block,
            b"break" if self.break_is_word => Kind::Break,
            b"continue" if self.continue_is_word => Kind::Continue,
            b"define" => Kind::Define,
            b"else" => Kind::Else,
            b"end" => Kind::End,
            b"if" => Kind::If,
            b"range" => Kind::Range,
            b"nil" => Kind::Nil,
            b"template" => Kind::Template,
            b"with" => Kind::With,
            b"true" | b"false" => Kind::Bool,
            _ => Kind::Identifier,
        };
        self.token(kind)
    }

    fn field_or_variable(&mut self, kind: Kind) -> Token {
        if self.at_terminator() {
            return self.token(if kind == Kind::Field { Kind::Dot } else { kind });
        }
        self.skip_alphanumeric();
        if !self.at_terminator() {
            return self.bad_character();
        }
        self.token(kind)
    }

    fn bad_character(&mut self) -> Token {
        let c = unicode::decode(self.rest()).map_or('\0', |(c, _)| c);
        self.error(format!("bad character {}", described(c)))
    }

    /// Can an identifier end here?
    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some(b' ' | b'\t' | b'\r' | b'\n') => true,
            Some(b'.' | b',' | b'|' | b':' | b')' | b'(') => true,
            _ => self.rest().starts_with(self.right),
        }
    }

    /// A string or a character constant. What is inside is checked by the parser.
    fn quoted(&mut self, quote: u8, kind: Kind, unterminated: &str) -> Token {
        loop {
            let byte = self.peek();
            self.at += usize::from(byte.is_some());
            match byte {
                Some(b'\\') if !matches!(self.peek(), None | Some(b'\n')) => self.at += 1,
                None | Some(b'\n' | b'\\') => return self.error(unterminated),
                Some(byte) if byte == quote => return self.token(kind),
                Some(_) => {}
            }
        }
    }

    fn raw_quoted(&mut self) -> Token {
        match memchr::memchr(b'`', self.rest()) {
            Some(len) => {
                self.at += len + 1;
                self.token(Kind::RawString)
            }
            None => {
                self.at = self.text.len();
                self.error("unterminated raw quoted string")
            }
        }
    }

    fn number(&mut self) -> Token {
        let simple = self.scan_number();
        let kind = if simple && matches!(self.peek(), Some(b'+' | b'-')) {
            let imaginary = self.scan_number() && self.text.get(self.at - 1) == Some(&b'i');
            if imaginary { Some(Kind::Complex) } else { None }
        } else {
            simple.then_some(Kind::Number)
        };
        match kind {
            Some(kind) => self.token(kind),
            None => {
                let text = self.text.get(self.start..self.at).unwrap_or_default();
                let text = quote(text, Charset::Unicode);
                self.error(format!("bad number syntax: {}", String::from_utf8_lossy(&text)))
            }
        }
    }

    fn accept(&mut self, valid: &[u8]) -> bool {
        let accepts = self.peek().is_some_and(|byte| valid.contains(&byte));
        self.at += usize::from(accepts);
        accepts
    }

    fn accept_run(&mut self, valid: &[u8]) {
        while self.accept(valid) {}
    }

    /// Roughly a number; what is wrong with it, the parser finds.
    fn scan_number(&mut self) -> bool {
        const DECIMAL: &[u8] = b"0123456789_";
        self.accept(b"+-");
        let mut digits = DECIMAL;
        if self.accept(b"0") {
            if self.accept(b"xX") {
                digits = b"0123456789abcdefABCDEF_";
            } else if self.accept(b"oO") {
                digits = b"01234567_";
            } else if self.accept(b"bB") {
                digits = b"01_";
            }
        }
        self.accept_run(digits);
        if self.accept(b".") {
            self.accept_run(digits);
        }
        let exponent: &[u8] = match digits.len() {
            11 => b"eE",
            23 => b"pP",
            _ => b"",
        };
        if self.accept(exponent) {
            self.accept(b"+-");
            self.accept_run(DECIMAL);
        }
        self.accept(b"i");
        match unicode::decode(self.rest()) {
            Some((c, len)) if is_alphanumeric(c) => {
                self.at += len;
                false
            }
            _ => true,
        }
    }
}

/// A character as `%#U` shows it.
fn described(c: char) -> String {
    let code = u32::from(c);
    if unicode::is_print(c) { format!("U+{code:04X} '{c}'") } else { format!("U+{code:04X}") }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || unicode::is_letter(c) || unicode::is_digit(c)
}

fn has_left_trim_marker(text: &[u8]) -> bool {
    matches!(text, [b'-', space, ..] if is_space(*space))
}

fn has_right_trim_marker(text: &[u8]) -> bool {
    matches!(text, [space, b'-', ..] if is_space(*space))
}

fn trim_end(text: &[u8]) -> &[u8] {
    let len = text.iter().rposition(|byte| !is_space(*byte)).map_or(0, |at| at + 1);
    text.get(..len).unwrap_or(text)
}

fn trim_start(text: &[u8]) -> &[u8] {
    let skip = text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    text.get(skip..).unwrap_or_default()
}
