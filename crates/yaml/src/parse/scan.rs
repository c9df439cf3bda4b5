//! Text → tokens, as libyaml's scanner finds them.
//!
//! YAML needs no more than one token of look-ahead but for one thing: that `a: b` is a mapping shows
//! only at the colon. So every token that may start a key is remembered, and when the colon comes,
//! the start of the mapping is put into the queue before it.

mod directives;
mod scalars;

use std::collections::VecDeque;

use super::cursor::{Cursor, Mark, is_word};
use super::token::{Kind, Token};
use crate::error::{Error, ErrorKind};

pub(super) struct Scanner<'a> {
    cursor: Cursor<'a>,
    tokens: VecDeque<Token<'a>>,
    /// How many tokens have been taken out of the queue.
    taken: usize,
    /// The columns of the blocks around the present one; -1 outside of all.
    indents: Vec<i64>,
    indent: i64,
    /// How many flow collections are open.
    flow: usize,
    key_allowed: bool,
    /// What may turn out to be a key: one place for each open flow collection, and one outside.
    keys: Vec<KeyPlace>,
    ended: bool,
}

/// Where a key of one level may stand.
#[derive(Clone, Copy, Default)]
struct KeyPlace {
    candidate: Option<KeyCandidate>,
    /// The number of the token that the level's last candidate started with, or that opened it.
    token: usize,
}

#[derive(Clone, Copy)]
struct KeyCandidate {
    /// Whether it is waited for. go-yaml forgets to wait for what an empty flow collection opened,
    /// for such have the number of their own inside.
    awaited: bool,
    /// It stands where only a key can stand.
    required: bool,
    /// The number of its first token.
    token: usize,
    mark: Mark,
}

/// Deeper nesting is refused by libyaml itself.
const DEPTH: usize = 10_000;

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            cursor: Cursor::new(bytes),
            tokens: VecDeque::new(),
            taken: 0,
            indents: Vec::new(),
            indent: -1,
            flow: 0,
            key_allowed: true,
            keys: vec![KeyPlace::default()],
            ended: false,
        }
    }

    /// The next token, which stays.
    pub(super) fn peek(&mut self) -> Result<&Token<'a>, Error> {
        while self.tokens.is_empty() || self.first_may_be_key()? {
            self.fetch()?;
        }
        // The loop ends with a token in the queue.
        self.tokens.front().ok_or_else(|| Error::new(ErrorKind::Syntax, "no more tokens", 0, 0))
    }

    /// The next token, which is gone then. After the end of the stream there are no more.
    pub(super) fn next(&mut self) -> Result<Token<'a>, Error> {
        self.peek()?;
        self.taken += 1;
        let token = self.tokens.pop_front();
        token.ok_or_else(|| Error::new(ErrorKind::Syntax, "no more tokens", 0, 0))
    }

    /// An error of the tokens that yaml.v3, which looks two tokens further, has seen by now.
    pub(super) fn look_ahead(&mut self) -> Option<Error> {
        while self.tokens.len() < 3 && !self.ended {
            if let Err(error) = self.fetch() {
                return Some(error);
            }
        }
        None
    }

    /// Whether what comes next depends on whether the first token is a key.
    fn first_may_be_key(&mut self) -> Result<bool, Error> {
        let first = self.taken;
        let is_first =
            |place: &KeyPlace| place.candidate.is_some_and(|key| key.token == first && key.awaited);
        match self.keys.iter().rposition(is_first) {
            None => Ok(false),
            Some(level) => Ok(self.valid_key(level)?.is_some()),
        }
    }

    /// The candidate of a level, unless it has turned out to be none: a key ends on its line, and
    /// within 1024 characters.
    fn valid_key(&mut self, level: usize) -> Result<Option<KeyCandidate>, Error> {
        let Some(key) = self.keys.get(level).and_then(|place| place.candidate) else {
            return Ok(None);
        };
        let far = self.cursor.offset() > key.mark.offset as usize + 1024
            && self.cursor.characters_since(key.mark) > 1024;
        if key.mark.line >= self.cursor.line() && !far {
            return Ok(Some(key));
        }
        if key.required {
            return Err(self.error(key.mark, "could not find expected ':'"));
        }
        if let Some(place) = self.keys.get_mut(level) {
            place.candidate = None;
        }
        Ok(None)
    }

    fn save_key(&mut self) -> Result<(), Error> {
        if !self.key_allowed {
            return Ok(());
        }
        let mark = self.cursor.mark();
        let required = self.flow == 0 && self.indent == i64::from(mark.column);
        let token = self.taken + self.tokens.len();
        self.drop_key()?;
        if let Some(place) = self.keys.last_mut() {
            let candidate = Some(KeyCandidate { awaited: true, required, token, mark });
            *place = KeyPlace { candidate, token };
        }
        Ok(())
    }

    fn drop_key(&mut self) -> Result<(), Error> {
        let Some(key) = self.keys.last_mut().and_then(|place| place.candidate.take()) else {
            return Ok(());
        };
        if key.required {
            return Err(self.error(key.mark, "could not find expected ':'"));
        }
        Ok(())
    }

    fn fetch(&mut self) -> Result<(), Error> {
        self.skip_to_token();
        if let Some(error) = self.cursor.encoding_error() {
            return Err(error.clone());
        }
        let mark = self.cursor.mark();
        self.unroll(i64::from(mark.column));
        if self.cursor.is_end() {
            return self.fetch_end();
        }
        let first = self.cursor.peek(0);
        if mark.column == 0 {
            if first == b'%' {
                return self.fetch_directive();
            }
            if self.cursor.is_document_indicator() {
                return self.fetch_document_indicator(first, mark);
            }
        }
        match first {
            b'[' => self.fetch_flow_start(Kind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(Kind::FlowMappingStart),
            b']' => self.fetch_flow_end(Kind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(Kind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if self.cursor.is_blank_or_end(1) => self.fetch_block_entry(mark),
            b'?' if self.flow > 0 || self.cursor.is_blank_or_end(1) => self.fetch_key(mark),
            b':' if self.flow > 0 || self.cursor.is_blank_or_end(1) => self.fetch_value(mark),
            b'*' => self.fetch_name("alias"),
            b'&' => self.fetch_name("anchor"),
            b'!' => self.fetch_tag(),
            b'|' | b'>' if self.flow == 0 => self.fetch_block_scalar(first == b'|'),
            b'\'' | b'"' => self.fetch_quoted(first == b'\''),
            b'\t' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => {
                Err(self.error(mark, "found character that cannot start any token"))
            }
            _ => self.fetch_plain(),
        }
    }

    fn push(&mut self, kind: Kind<'a>, start: Mark) {
        let end = self.cursor.mark();
        self.tokens.push_back(Token { kind, start, end });
    }

    /// A token of so many bytes.
    fn push_indicator(&mut self, kind: Kind<'a>, bytes: usize) {
        let start = self.cursor.mark();
        self.cursor.advance(bytes);
        self.push(kind, start);
    }

    fn skip_to_token(&mut self) {
        loop {
            if self.cursor.peek(0) == 0xef
                && self.cursor.rest().starts_with(b"\xef\xbb\xbf")
                && self.cursor.at_line_start()
            {
                self.cursor.skip();
            }
            let tabs = self.flow > 0 || !self.key_allowed;
            while self.cursor.peek(0) == b' ' || (tabs && self.cursor.peek(0) == b'\t') {
                self.cursor.advance(1);
            }
            if self.cursor.peek(0) == b'#' {
                self.cursor.skip_to_break();
            }
            if !self.cursor.is_break(0) {
                return;
            }
            self.cursor.take_break();
            if self.flow == 0 {
                self.key_allowed = true;
            }
        }
    }

    /// Opens a block if this column is further right than the present one's. Its start goes before
    /// the token of that number, or to the end.
    fn roll(&mut self, mark: Mark, kind: Kind<'a>, before: Option<usize>) -> Result<(), Error> {
        let column = i64::from(mark.column);
        if self.flow > 0 || self.indent >= column {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column;
        if self.indents.len() > DEPTH {
            return Err(self.error(mark, format!("exceeded max depth of {DEPTH}")));
        }
        let token = Token { kind, start: mark, end: mark };
        match before {
            Some(number) => self.insert(number, token),
            None => self.tokens.push_back(token),
        }
        Ok(())
    }

    /// Inserts before the token of that number, or at the end if that one is gone already.
    fn insert(&mut self, number: usize, token: Token<'a>) {
        let at = number.checked_sub(self.taken).unwrap_or(self.tokens.len());
        self.tokens.insert(at.min(self.tokens.len()), token);
    }

    /// Closes the blocks that are further right than a column.
    fn unroll(&mut self, column: i64) {
        if self.flow > 0 {
            return;
        }
        while self.indent > column {
            let mark = self.cursor.mark();
            self.tokens.push_back(Token { kind: Kind::BlockEnd, start: mark, end: mark });
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn fetch_end(&mut self) -> Result<(), Error> {
        self.cursor.finish_line();
        self.unroll(-1);
        self.drop_key()?;
        self.key_allowed = false;
        self.ended = true;
        let mark = self.cursor.mark();
        self.push(Kind::StreamEnd, mark);
        Ok(())
    }

    fn fetch_document_indicator(&mut self, first: u8, _mark: Mark) -> Result<(), Error> {
        self.unroll(-1);
        self.drop_key()?;
        self.key_allowed = false;
        let start = first == b'-';
        self.push_indicator(if start { Kind::DocumentStart } else { Kind::DocumentEnd }, 3);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: Kind<'a>) -> Result<(), Error> {
        self.save_key()?;
        let token = self.taken + self.tokens.len();
        self.keys.push(KeyPlace { candidate: None, token });
        self.flow += 1;
        if self.flow > DEPTH {
            let mark = self.cursor.mark();
            return Err(self.error(mark, format!("exceeded max depth of {DEPTH}")));
        }
        self.key_allowed = true;
        self.push_indicator(kind, 1);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: Kind<'a>) -> Result<(), Error> {
        self.drop_key()?;
        if self.flow > 0 {
            self.flow -= 1;
            self.close_key_level();
        }
        self.key_allowed = false;
        self.push_indicator(kind, 1);
        Ok(())
    }

    fn close_key_level(&mut self) {
        let Some(closed) = self.keys.pop() else { return };
        for key in self.keys.iter_mut().filter_map(|place| place.candidate.as_mut()) {
            key.awaited &= key.token != closed.token;
        }
    }

    fn fetch_flow_entry(&mut self) -> Result<(), Error> {
        self.drop_key()?;
        self.key_allowed = true;
        self.push_indicator(Kind::FlowEntry, 1);
        Ok(())
    }

    fn fetch_block_entry(&mut self, mark: Mark) -> Result<(), Error> {
        if self.flow == 0 {
            if !self.key_allowed {
                let problem = "block sequence entries are not allowed in this context";
                return Err(self.error(mark, problem));
            }
            self.roll(mark, Kind::BlockSequenceStart, None)?;
        }
        self.drop_key()?;
        self.key_allowed = true;
        self.push_indicator(Kind::BlockEntry, 1);
        Ok(())
    }

    fn fetch_key(&mut self, mark: Mark) -> Result<(), Error> {
        if self.flow == 0 {
            if !self.key_allowed {
                return Err(self.error(mark, "mapping keys are not allowed in this context"));
            }
            self.roll(mark, Kind::BlockMappingStart, None)?;
        }
        self.drop_key()?;
        self.key_allowed = self.flow == 0;
        self.push_indicator(Kind::Key, 1);
        Ok(())
    }

    fn fetch_value(&mut self, mark: Mark) -> Result<(), Error> {
        let level = self.keys.len().saturating_sub(1);
        if let Some(key) = self.valid_key(level)? {
            let token = Token { kind: Kind::Key, start: key.mark, end: key.mark };
            self.insert(key.token, token);
            self.roll(key.mark, Kind::BlockMappingStart, Some(key.token))?;
            if let Some(place) = self.keys.last_mut() {
                place.candidate = None;
            }
            self.key_allowed = false;
        } else {
            if self.flow == 0 {
                if !self.key_allowed {
                    return Err(self.error(mark, "mapping values are not allowed in this context"));
                }
                self.roll(mark, Kind::BlockMappingStart, None)?;
            }
            self.key_allowed = self.flow == 0;
        }
        self.push_indicator(Kind::Value, 1);
        Ok(())
    }

    fn fetch_name(&mut self, what: &str) -> Result<(), Error> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.cursor.mark();
        self.cursor.advance(1);
        let from = self.cursor.offset();
        while is_word(self.cursor.peek(0)) {
            self.cursor.advance(1);
        }
        let name = self.cursor.slice(from, self.cursor.offset());
        let ends = self.cursor.is_blank_or_end(0)
            || matches!(self.cursor.peek(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ends {
            let problem = "did not find expected alphabetic or numeric character";
            return Err(self.error(start, problem));
        }
        let kind = if what == "alias" { Kind::Alias(name) } else { Kind::Anchor(name) };
        self.push(kind, start);
        Ok(())
    }

    /// An error here, in something that started at `context`.
    fn error(&mut self, context: Mark, problem: impl Into<String>) -> Error {
        let here = self.cursor.mark();
        let raised = |line: u32| if line > 0 { line + 1 } else { 0 };
        let v2 = if here.line > 0 { raised(here.line) } else { context.line };
        let v3 = if context.line > 0 { raised(context.line) } else { raised(here.line) };
        Error::new(ErrorKind::Syntax, problem, here.line + 1, here.column + 1).with_go_lines(v2, v3)
    }
}
