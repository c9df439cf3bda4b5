//! `%YAML`, `%TAG` and tags.

use std::borrow::Cow;

use super::Scanner;
use crate::error::Error;
use crate::parse::cursor::{Mark, is_word, width};
use crate::parse::token::Kind;

impl<'a> Scanner<'a> {
    pub(super) fn fetch_directive(&mut self) -> Result<(), Error> {
        self.unroll(-1);
        self.drop_key()?;
        self.key_allowed = false;
        let start = self.cursor.mark();
        self.cursor.advance(1);
        let kind = match self.directive_name(start)? {
            "YAML" => self.version(start)?,
            "TAG" => self.tag_directive(start)?,
            _ => return Err(self.error(start, "found unknown directive name")),
        };
        self.push(kind, start);
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
        Ok(())
    }

    fn directive_name(&mut self, start: Mark) -> Result<&'a str, Error> {
        let name = self.word();
        if name.is_empty() {
            return Err(self.error(start, "could not find expected directive name"));
        }
        if !self.cursor.is_blank_or_end(0) {
            return Err(self.error(start, "found unexpected non-alphabetical character"));
        }
        Ok(name)
    }

    fn word(&mut self) -> &'a str {
        let from = self.cursor.offset();
        while is_word(self.cursor.peek(0)) {
            self.cursor.advance(1);
        }
        self.cursor.slice(from, self.cursor.offset())
    }

    fn version(&mut self, start: Mark) -> Result<Kind<'a>, Error> {
        self.cursor.skip_blanks();
        let major = self.version_number(start)?;
        if self.cursor.peek(0) != b'.' {
            return Err(self.error(start, "did not find expected digit or '.' character"));
        }
        self.cursor.advance(1);
        let minor = self.version_number(start)?;
        Ok(Kind::VersionDirective { major, minor })
    }

    fn version_number(&mut self, start: Mark) -> Result<u8, Error> {
        let (mut value, mut length) = (0u8, 0);
        while self.cursor.peek(0).is_ascii_digit() {
            length += 1;
            if length > 2 {
                return Err(self.error(start, "found extremely long version number"));
            }
            value = value * 10 + (self.cursor.peek(0) - b'0');
            self.cursor.advance(1);
        }
        if length == 0 {
            return Err(self.error(start, "did not find expected version number"));
        }
        Ok(value)
    }

    fn tag_directive(&mut self, start: Mark) -> Result<Kind<'a>, Error> {
        self.cursor.skip_blanks();
        let handle = self.tag_handle(true, start)?;
        if !matches!(self.cursor.peek(0), b' ' | b'\t') {
            return Err(self.error(start, "did not find expected whitespace"));
        }
        self.cursor.skip_blanks();
        let prefix = self.tag_uri("", start)?;
        if !self.cursor.is_blank_or_end(0) {
            return Err(self.error(start, "did not find expected whitespace or line break"));
        }
        Ok(Kind::TagDirective { handle, prefix })
    }

    pub(super) fn fetch_tag(&mut self) -> Result<(), Error> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.cursor.mark();
        let (handle, suffix) = if self.cursor.peek(1) == b'<' {
            self.verbatim_tag(start)?
        } else {
            self.short_tag(start)?
        };
        if !self.cursor.is_blank_or_end(0) {
            return Err(self.error(start, "did not find expected whitespace or line break"));
        }
        self.push(Kind::Tag { handle, suffix }, start);
        Ok(())
    }

    fn verbatim_tag(&mut self, start: Mark) -> Result<(&'a str, Cow<'a, str>), Error> {
        self.cursor.advance(2);
        let suffix = self.tag_uri("", start)?;
        if self.cursor.peek(0) != b'>' {
            return Err(self.error(start, "did not find the expected '>'"));
        }
        self.cursor.advance(1);
        Ok(("", suffix))
    }

    fn short_tag(&mut self, start: Mark) -> Result<(&'a str, Cow<'a, str>), Error> {
        let handle = self.tag_handle(false, start)?;
        if handle.len() > 1 && handle.ends_with('!') {
            return Ok((handle, self.tag_uri("", start)?));
        }
        // What looked like a handle is the start of the suffix of the primary handle.
        let suffix = self.tag_uri(handle, start)?;
        Ok(if suffix.is_empty() { ("", Cow::Borrowed("!")) } else { ("!", suffix) })
    }

    fn tag_handle(&mut self, directive: bool, start: Mark) -> Result<&'a str, Error> {
        let from = self.cursor.offset();
        if self.cursor.peek(0) != b'!' {
            return Err(self.error(start, "did not find expected '!'"));
        }
        self.cursor.advance(1);
        let word = self.word();
        if self.cursor.peek(0) == b'!' {
            self.cursor.advance(1);
        } else if directive && !word.is_empty() {
            return Err(self.error(start, "did not find expected '!'"));
        }
        Ok(self.cursor.slice(from, self.cursor.offset()))
    }

    /// `head` has been read already; its first character does not count.
    fn tag_uri(&mut self, head: &str, start: Mark) -> Result<Cow<'a, str>, Error> {
        let mut uri = head.get(1..).unwrap_or_default().as_bytes().to_vec();
        let mut any = !head.is_empty();
        loop {
            match self.cursor.peek(0) {
                b'%' => self.uri_escape(start, &mut uri)?,
                byte if is_word(byte) || b";/?:@&=+$,.!~*'()[]".contains(&byte) => {
                    uri.push(byte);
                    self.cursor.advance(1);
                }
                _ => break,
            }
            any = true;
        }
        if !any {
            return Err(self.error(start, "did not find expected tag URI"));
        }
        Ok(Cow::Owned(String::from_utf8_lossy(&uri).into_owned()))
    }

    /// A character as `%` and hexadecimal digits for each of its bytes.
    fn uri_escape(&mut self, start: Mark, uri: &mut Vec<u8>) -> Result<(), Error> {
        let mut missing = None;
        while missing != Some(0) {
            let digits = (hex(self.cursor.peek(1)), hex(self.cursor.peek(2)));
            let (b'%', (Some(high), Some(low))) = (self.cursor.peek(0), digits) else {
                return Err(self.error(start, "did not find URI escaped octet"));
            };
            let octet = high * 16 + low;
            missing = match missing {
                None if (0x80..0xc0).contains(&octet) || octet >= 0xf8 => {
                    return Err(self.error(start, "found an incorrect leading UTF-8 octet"));
                }
                None => Some(width(octet) - 1),
                Some(_) if octet & 0xc0 != 0x80 => {
                    return Err(self.error(start, "found an incorrect trailing UTF-8 octet"));
                }
                Some(left) => Some(left - 1),
            };
            uri.push(octet);
            self.cursor.advance(3);
        }
        Ok(())
    }
}

pub(super) fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
