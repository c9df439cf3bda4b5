//! Plain, quoted and block scalars, and how their lines are joined.

use std::borrow::Cow;

use super::Scanner;
use super::directives::hex;
use crate::error::Error;
use crate::node::Style;
use crate::parse::cursor::{Mark, is_blank};
use crate::parse::token::Kind;

/// Line breaks that are to be folded: the first, and what follows it.
#[derive(Default)]
struct Breaks<'a> {
    first: Option<&'a str>,
    more: String,
}

impl<'a> Breaks<'a> {
    fn push(&mut self, text: &'a str) {
        match self.first {
            None => self.first = Some(text),
            Some(_) => self.more.push_str(text),
        }
    }

    /// One line feed becomes a space; of several, the first is dropped; other breaks stay.
    fn fold_into(&mut self, text: &mut String) {
        match self.first.take() {
            Some("\n") if self.more.is_empty() => text.push(' '),
            Some("\n") | None => text.push_str(&self.more),
            Some(first) => {
                text.push_str(first);
                text.push_str(&self.more);
            }
        }
        self.more.clear();
    }
}

/// Bytes that neither end a plain scalar nor need a second look.
const PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        table[byte] = !matches!(byte as u8, b':' | b',' | b'?' | b'[' | b']' | b'{' | b'}');
        byte += 1;
    }
    table
};

/// Bytes of a double-quoted scalar that stand for themselves.
const QUOTED: [bool; 256] = {
    let mut table = [true; 256];
    let special = [0, b'"', b'\\', b'\n', b'\r', 0xc2, 0xe2];
    let mut index = 0;
    while index < special.len() {
        table[special[index] as usize] = false;
        index += 1;
    }
    table
};

impl<'a> Scanner<'a> {
    pub(super) fn fetch_plain(&mut self) -> Result<(), Error> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.cursor.mark();
        let indent = self.indent + 1;
        let mut joined: Option<String> = None;
        let mut breaks = Breaks::default();
        // The part of the present line that belongs to the scalar, as far as it is known.
        let (mut from, mut to) = (self.cursor.offset(), self.cursor.offset());
        let mut end = start;
        loop {
            if breaks.first.is_some() && self.cursor.is_document_indicator() {
                break;
            }
            if self.cursor.peek(0) == b'#' {
                break;
            }
            let word = self.cursor.offset();
            self.plain_word();
            if self.cursor.offset() > word {
                if breaks.first.is_some() {
                    let line = self.cursor.slice(from, to);
                    let text = joined.get_or_insert_default();
                    text.push_str(line);
                    breaks.fold_into(text);
                    from = word;
                }
                to = self.cursor.offset();
                end = self.cursor.mark();
            }
            if !self.plain_gap(start, indent, &mut breaks)? {
                break;
            }
            if self.flow == 0 && i64::from(self.cursor.column()) < indent {
                break;
            }
        }
        let line = self.cursor.slice(from, to);
        let text = match joined {
            None => Cow::Borrowed(line),
            Some(mut text) => {
                text.push_str(line);
                Cow::Owned(text)
            }
        };
        if breaks.first.is_some() {
            self.key_allowed = true;
        }
        let kind = Kind::Scalar { text, style: Style::Plain };
        self.tokens.push_back(crate::parse::token::Token { kind, start, end });
        Ok(())
    }

    /// Goes to the end of a run of characters without blanks.
    fn plain_word(&mut self) {
        loop {
            let run = self.cursor.rest().iter().take_while(|&&byte| PLAIN[usize::from(byte)]);
            self.cursor.advance(run.count());
            match self.cursor.peek(0) {
                0 | b' ' | b'\t' => return,
                b':' if self.cursor.is_blank_or_end(1) => return,
                b',' | b'?' | b'[' | b']' | b'{' | b'}' if self.flow > 0 => return,
                _ if self.cursor.is_break(0) => return,
                _ => self.cursor.skip(),
            }
        }
    }

    /// Goes over blanks and line breaks between words; whether there were any.
    fn plain_gap(
        &mut self,
        start: Mark,
        indent: i64,
        breaks: &mut Breaks<'a>,
    ) -> Result<bool, Error> {
        let mut any = false;
        loop {
            let byte = self.cursor.peek(0);
            if is_blank(byte) {
                let early = breaks.first.is_some() && byte == b'\t';
                if early && i64::from(self.cursor.column()) < indent {
                    let problem = "found a tab character that violates indentation";
                    return Err(self.error(start, problem));
                }
                self.cursor.advance(1);
            } else if self.cursor.is_break(0) {
                breaks.push(self.cursor.take_break());
            } else {
                return Ok(any);
            }
            any = true;
        }
    }

    pub(super) fn fetch_quoted(&mut self, single: bool) -> Result<(), Error> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.cursor.mark();
        self.cursor.advance(1);
        let text = self.quoted(start, single)?;
        self.cursor.advance(1);
        let style = if single { Style::SingleQuoted } else { Style::DoubleQuoted };
        self.push(Kind::Scalar { text, style }, start);
        Ok(())
    }

    /// The content up to the closing quote.
    fn quoted(&mut self, start: Mark, single: bool) -> Result<Cow<'a, str>, Error> {
        let mut joined: Option<String> = None;
        loop {
            self.check_quoted_line(start)?;
            let from = self.cursor.offset();
            self.quoted_run(single);
            let run = self.cursor.slice(from, self.cursor.offset());
            let byte = self.cursor.peek(0);
            if byte == b'\'' && self.cursor.peek(1) == b'\'' && single {
                let text = joined.get_or_insert_default();
                text.push_str(run);
                text.push('\'');
                self.cursor.advance(2);
            } else if byte == if single { b'\'' } else { b'"' } {
                return Ok(match joined {
                    None => Cow::Borrowed(run),
                    Some(mut text) => {
                        text.push_str(run);
                        Cow::Owned(text)
                    }
                });
            } else if byte == b'\\' && !single {
                let text = joined.get_or_insert_default();
                text.push_str(run);
                self.escape(start, text)?;
            } else if self.cursor.is_break(0) {
                let text = joined.get_or_insert_default();
                text.push_str(run.trim_end_matches([' ', '\t']));
                self.fold_quoted(Breaks::default(), text);
            } else {
                let text = joined.get_or_insert_default();
                text.push_str(run);
            }
        }
    }

    fn check_quoted_line(&mut self, start: Mark) -> Result<(), Error> {
        if self.cursor.is_end() {
            if let Some(error) = self.cursor.encoding_error() {
                return Err(error.clone());
            }
            return Err(self.error(start, "found unexpected end of stream"));
        }
        if self.cursor.is_document_indicator() {
            return Err(self.error(start, "found unexpected document indicator"));
        }
        Ok(())
    }

    /// Goes to what is not simply part of the text.
    fn quoted_run(&mut self, single: bool) {
        loop {
            let rest = self.cursor.rest().iter();
            let run = if single {
                rest.take_while(|&&byte| {
                    byte == b'"' || byte == b'\\' || QUOTED[usize::from(byte)] && byte != b'\''
                })
                .count()
            } else {
                rest.take_while(|&&byte| QUOTED[usize::from(byte)]).count()
            };
            self.cursor.advance(run);
            match self.cursor.peek(0) {
                0xc2 | 0xe2 if !self.cursor.is_break(0) => self.cursor.skip(),
                _ => return,
            }
        }
    }

    /// Goes over a line break and the blanks and further breaks behind it.
    fn fold_quoted(&mut self, mut breaks: Breaks<'a>, text: &mut String) {
        loop {
            if self.cursor.is_break(0) {
                breaks.push(self.cursor.take_break());
            } else if is_blank(self.cursor.peek(0)) {
                self.cursor.advance(1);
            } else {
                return breaks.fold_into(text);
            }
        }
    }

    fn escape(&mut self, start: Mark, text: &mut String) -> Result<(), Error> {
        if self.cursor.is_break(1) {
            self.cursor.advance(1);
            self.cursor.take_break();
            // The break is gone; those that follow it all count.
            self.fold_quoted(Breaks { first: Some(""), more: String::new() }, text);
            return Ok(());
        }
        let c = match self.cursor.peek(1) {
            b'0' => '\0',
            b'a' => '\x07',
            b'b' => '\x08',
            b't' | b'\t' => '\t',
            b'n' => '\n',
            b'v' => '\x0b',
            b'f' => '\x0c',
            b'r' => '\r',
            b'e' => '\x1b',
            b' ' => ' ',
            b'"' => '"',
            b'\'' => '\'',
            b'\\' => '\\',
            b'N' => '\u{85}',
            b'_' => '\u{a0}',
            b'L' => '\u{2028}',
            b'P' => '\u{2029}',
            b'x' => return self.code(start, 2, text),
            b'u' => return self.code(start, 4, text),
            b'U' => return self.code(start, 8, text),
            _ => return Err(self.error(start, "found unknown escape character")),
        };
        text.push(c);
        self.cursor.advance(2);
        Ok(())
    }

    fn code(&mut self, start: Mark, digits: usize, text: &mut String) -> Result<(), Error> {
        self.cursor.advance(2);
        let mut code = 0u32;
        for index in 0..digits {
            let Some(digit) = hex(self.cursor.peek(index)) else {
                return Err(self.error(start, "did not find expected hexdecimal number"));
            };
            code = code.wrapping_mul(16).wrapping_add(u32::from(digit));
        }
        let Some(c) = char::from_u32(code) else {
            return Err(self.error(start, "found invalid Unicode character escape code"));
        };
        text.push(c);
        self.cursor.advance(digits);
        Ok(())
    }

    pub(super) fn fetch_block_scalar(&mut self, literal: bool) -> Result<(), Error> {
        self.drop_key()?;
        self.key_allowed = true;
        let start = self.cursor.mark();
        self.cursor.advance(1);
        let header = self.block_header(start)?;
        let (text, end) = self.block_lines(start, literal, header)?;
        let style = if literal { Style::Literal } else { Style::Folded };
        let kind = Kind::Scalar { text: Cow::Owned(text), style };
        self.tokens.push_back(crate::parse::token::Token { kind, start, end });
        Ok(())
    }

    fn block_header(&mut self, start: Mark) -> Result<Header, Error> {
        let mut header = Header { chomping: Chomping::Clip, increment: 0 };
        // The two hints come in either order.
        header.chomping = self.chomping().unwrap_or(Chomping::Clip);
        let byte = self.cursor.peek(0);
        if byte.is_ascii_digit() {
            if byte == b'0' {
                return Err(self.error(start, "found an indentation indicator equal to 0"));
            }
            header.increment = i64::from(byte - b'0');
            self.cursor.advance(1);
            if header.chomping == Chomping::Clip {
                header.chomping = self.chomping().unwrap_or(Chomping::Clip);
            }
        }
        self.cursor.skip_blanks();
        if self.cursor.peek(0) == b'#' {
            self.cursor.skip_to_break();
        }
        if !self.cursor.is_break_or_end(0) {
            return Err(self.error(start, "did not find expected comment or line break"));
        }
        if self.cursor.is_break(0) {
            self.cursor.take_break();
        }
        Ok(header)
    }

    fn chomping(&mut self) -> Option<Chomping> {
        let chomping = match self.cursor.peek(0) {
            b'+' => Chomping::Keep,
            b'-' => Chomping::Strip,
            _ => return None,
        };
        self.cursor.advance(1);
        Some(chomping)
    }

    fn block_lines(
        &mut self,
        start: Mark,
        literal: bool,
        header: Header,
    ) -> Result<(String, Mark), Error> {
        let mut indent =
            if header.increment > 0 { self.indent.max(0) + header.increment } else { 0 };
        let mut text = String::new();
        let mut trailing = String::new();
        let mut leading = "";
        let mut after_blank = false;
        let mut end = self.block_breaks(start, &mut indent, &mut trailing)?;
        while i64::from(self.cursor.column()) == indent && !self.cursor.is_end() {
            let blank = is_blank(self.cursor.peek(0));
            if !literal && leading == "\n" && !after_blank && !blank {
                if trailing.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(leading);
            }
            text.push_str(&trailing);
            trailing.clear();
            after_blank = blank;
            let from = self.cursor.offset();
            self.cursor.skip_to_break();
            text.push_str(self.cursor.slice(from, self.cursor.offset()));
            leading = if self.cursor.is_end() { "" } else { self.cursor.take_break() };
            end = self.block_breaks(start, &mut indent, &mut trailing)?;
        }
        if header.chomping != Chomping::Strip {
            text.push_str(leading);
        }
        if header.chomping == Chomping::Keep {
            text.push_str(&trailing);
        }
        Ok((text, end))
    }

    /// Goes over indentation and blank lines; the first text decides how far the block is indented.
    fn block_breaks(
        &mut self,
        start: Mark,
        indent: &mut i64,
        breaks: &mut String,
    ) -> Result<Mark, Error> {
        let mut end = self.cursor.mark();
        let mut widest = 0;
        loop {
            let mut column = i64::from(self.cursor.column());
            while (*indent == 0 || column < *indent) && self.cursor.peek(0) == b' ' {
                self.cursor.advance(1);
                column += 1;
            }
            widest = widest.max(column);
            if (*indent == 0 || column < *indent) && self.cursor.peek(0) == b'\t' {
                let problem = "found a tab character where an indentation space is expected";
                return Err(self.error(start, problem));
            }
            if !self.cursor.is_break(0) {
                break;
            }
            breaks.push_str(self.cursor.take_break());
            end = self.cursor.mark();
        }
        if *indent == 0 {
            *indent = widest.max(self.indent + 1).max(1);
        }
        Ok(end)
    }
}

#[derive(Clone, Copy)]
struct Header {
    chomping: Chomping,
    increment: i64,
}

/// What becomes of the line breaks at the end of a block scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}
