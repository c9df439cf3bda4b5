//! A place in a text that has been found to be text: lines, columns, and the classes of characters
//! that YAML distinguishes.

use std::borrow::Cow;

use crate::error::{Error, ErrorKind};

/// A place. Lines and columns count from 0, as libyaml counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) offset: u32,
    pub(super) line: u32,
    pub(super) column: u32,
}

pub(super) struct Cursor<'a> {
    text: &'a str,
    offset: usize,
    line: u32,
    /// The offset and column from which columns are counted on.
    counted: (usize, u32),
    ascii: bool,
    /// What is wrong with the bytes behind the end of `text`.
    encoding_error: Option<Error>,
}

/// How far ahead of the scanner go-yaml's reader looks.
const READ_AHEAD: usize = 512;

impl<'a> Cursor<'a> {
    /// The readable part of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let (text, encoding_error) = readable(bytes);
        let ascii = text.is_ascii();
        Self { text, offset: 0, line: 0, counted: (0, 0), ascii, encoding_error }
    }

    /// What is wrong with the bytes that the reader has seen by now.
    pub(super) fn encoding_error(&self) -> Option<&Error> {
        self.encoding_error.as_ref().filter(|_| self.offset + READ_AHEAD > self.text.len())
    }

    /// The byte `ahead` of here; 0 at the end, where there is none.
    #[inline]
    pub(super) fn peek(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.offset + ahead).copied().unwrap_or(0)
    }

    #[inline]
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.offset..).unwrap_or_default()
    }

    /// The text between two offsets, which are at the bounds of characters.
    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    #[inline]
    pub(super) fn column(&mut self) -> u32 {
        let (from, column) = self.counted;
        let between = self.text.as_bytes().get(from..self.offset).unwrap_or_default();
        let count = if self.ascii {
            between.len()
        } else {
            between.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
        };
        let column = column.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        self.counted = (self.offset, column);
        column
    }

    pub(super) fn line(&self) -> u32 {
        self.line
    }

    #[inline]
    pub(super) fn at_line_start(&mut self) -> bool {
        self.column() == 0
    }

    #[inline]
    pub(super) fn mark(&mut self) -> Mark {
        let offset = u32::try_from(self.offset).unwrap_or(u32::MAX);
        Mark { offset, line: self.line, column: self.column() }
    }

    /// Characters between a mark and here.
    pub(super) fn characters_since(&self, mark: Mark) -> usize {
        let bytes = self.text.as_bytes();
        let between = bytes.get(mark.offset as usize..self.offset).unwrap_or_default();
        if self.ascii {
            return between.len();
        }
        between.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
    }

    /// Goes on by so many bytes of one line.
    #[inline]
    pub(super) fn advance(&mut self, bytes: usize) {
        self.offset = (self.offset + bytes).min(self.text.len());
    }

    /// Goes on by one character of the line.
    pub(super) fn skip(&mut self) {
        self.advance(width(self.peek(0)));
    }

    pub(super) fn skip_blanks(&mut self) {
        while is_blank(self.peek(0)) {
            self.advance(1);
        }
    }

    /// Goes to the end of the line.
    pub(super) fn skip_to_break(&mut self) {
        while !self.is_break_or_end(0) {
            self.advance(1);
        }
    }

    /// Whether a line break stands `ahead` of here.
    #[inline]
    pub(super) fn is_break(&self, ahead: usize) -> bool {
        match self.peek(ahead) {
            b'\n' | b'\r' => true,
            0xc2 => self.peek(ahead + 1) == 0x85,
            0xe2 => self.peek(ahead + 1) == 0x80 && matches!(self.peek(ahead + 2), 0xa8 | 0xa9),
            _ => false,
        }
    }

    #[inline]
    pub(super) fn is_end(&self) -> bool {
        self.offset >= self.text.len()
    }

    #[inline]
    pub(super) fn is_break_or_end(&self, ahead: usize) -> bool {
        self.peek(ahead) == 0 || self.is_break(ahead)
    }

    /// Whether a space, a tab, a line break or the end is there.
    #[inline]
    pub(super) fn is_blank_or_end(&self, ahead: usize) -> bool {
        let byte = self.peek(ahead);
        byte == 0 || is_blank(byte) || self.is_break(ahead)
    }

    /// Goes over a line break, and gives it as it counts in a text.
    pub(super) fn take_break(&mut self) -> &'a str {
        let (bytes, text) = match (self.peek(0), self.peek(1)) {
            (b'\r', b'\n') | (0xc2, _) => (2, "\n"),
            (0xe2, _) => (3, self.slice(self.offset, self.offset + 3)),
            _ => (1, "\n"),
        };
        self.advance(bytes);
        self.line = self.line.saturating_add(1);
        self.counted = (self.offset, 0);
        text
    }

    /// At the end libyaml starts one more line, if the last has no end of its own.
    pub(super) fn finish_line(&mut self) {
        if self.column() != 0 {
            self.line = self.line.saturating_add(1);
            self.counted = (self.offset, 0);
        }
    }

    /// Whether `---` or `...` stands here, at the start of a line.
    pub(super) fn is_document_indicator(&mut self) -> bool {
        let byte = self.peek(0);
        (byte == b'-' || byte == b'.')
            && self.peek(1) == byte
            && self.peek(2) == byte
            && self.is_blank_or_end(3)
            && self.at_line_start()
    }
}

pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Letters, digits, `_` and `-`: what names consist of.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// How many bytes a character that starts with this one has.
pub(super) fn width(first: u8) -> usize {
    match first {
        0..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    }
}

/// UTF-16 with a byte order mark becomes UTF-8.
pub(super) fn as_utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let decode = |pair: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let units = bytes.chunks_exact(2).map(|chunk| pair([chunk[0], chunk[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffe}')).collect::<String>().into_bytes()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => decode(u16::from_le_bytes, rest).into(),
        [0xfe, 0xff, rest @ ..] => decode(u16::from_be_bytes, rest).into(),
        _ => bytes.into(),
    }
}

/// The text up to the first byte that go-yaml's reader refuses, and why it does.
fn readable(bytes: &[u8]) -> (&str, Option<Error>) {
    let (text, error) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let (valid, bad) = bytes.split_at(error.valid_up_to());
            (std::str::from_utf8(valid).unwrap_or_default(), Some(utf8_problem(bad)))
        }
    };
    let (text, problem) = match control_character(text) {
        Some(end) => {
            (text.get(..end).unwrap_or_default(), Some("control characters are not allowed"))
        }
        None => (text, error),
    };
    (text, problem.map(|problem| error_behind(text, problem)))
}

fn error_behind(text: &str, problem: &str) -> Error {
    let line = text.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let column = text.chars().rev().take_while(|&c| c != '\n').count() + 1;
    let small = |number| u32::try_from(number).unwrap_or(u32::MAX);
    Error::new(ErrorKind::Encoding, problem, small(line), small(column))
}

/// Where a character stands that is neither printable nor a line break.
fn control_character(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let suspect = |byte: u8| {
        (byte < 0x20 && !matches!(byte, b'\n' | b'\r' | b'\t'))
            || matches!(byte, 0x7f | 0xc2 | 0xef)
    };
    let mut from = 0;
    while let Some(found) = bytes.get(from..)?.iter().position(|&byte| suspect(byte)) {
        let at = from + found;
        match (bytes.get(at)?, bytes.get(at + 1), bytes.get(at + 2)) {
            (0xc2, Some(0x80..=0x84 | 0x86..=0x9f), _) => return Some(at),
            (0xef, Some(0xbf), Some(0xbe | 0xbf)) => return Some(at),
            (0xc2 | 0xef, _, _) => from = at + 1,
            _ => return Some(at),
        }
    }
    None
}

/// go-yaml's words for bytes that are not UTF-8.
fn utf8_problem(bad: &[u8]) -> &'static str {
    let first = bad.first().copied().unwrap_or(0);
    let width = match first {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => return "invalid leading UTF-8 octet",
    };
    if bad.len() < width {
        return "incomplete UTF-8 octet sequence";
    }
    if bad.iter().take(width).skip(1).any(|byte| byte & 0xc0 != 0x80) {
        return "invalid trailing UTF-8 octet";
    }
    match (first, bad.get(1)) {
        (0xc0 | 0xc1, _) | (0xe0, Some(0x80..=0x9f)) | (0xf0, Some(0x80..=0x8f)) => {
            "invalid length of a UTF-8 sequence"
        }
        _ => "invalid Unicode character",
    }
}
