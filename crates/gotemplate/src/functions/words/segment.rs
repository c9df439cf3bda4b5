//! `snakecase` and `kebabcase`: text cut into words where its characters change their kind.
//!
//! `HTTPServer` is two words, `http2xx` is two, `Bld4Floor` is `Bld4` and `Floor`: digits belong to
//! the word before them unless small letters follow. Bytes that are not UTF-8 stick to what follows.

use super::super::runes::{
    decode, is_letter, is_number, is_punctuation, is_upper, runes, to_lower,
};
use super::connects;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing, or nothing but invalid bytes.
    Invalid,
    Number,
    /// Begins with a capital.
    Capital,
    Small,
    Connector,
    Punctuation,
    Other,
}

#[derive(Clone, Copy)]
struct Word<'a> {
    kind: Kind,
    text: &'a [u8],
}

/// Words in lower case, joined by `connector` (`xstrings.ToSnakeCase`, `xstrings.ToKebabCase`).
pub(in super::super) fn join_lower(text: &[u8], connector: char) -> Vec<u8> {
    let mut out = Joined { out: Vec::with_capacity(text.len() + 8), connector };
    let (mut word, mut rest) = next_word(text);
    while !rest.is_empty() {
        if word.kind != Kind::Connector {
            out.word(word);
        }
        let before = word;
        (word, rest) = next_word(rest);
        match before.kind {
            Kind::Number => (word, rest) = out.letters_and_digits(word, rest),
            Kind::Connector => out.word(before),
            Kind::Punctuation => {}
            _ if word.kind != Kind::Number => out.connect_to(word),
            _ if rest.is_empty() => {}
            _ => (word, rest) = out.number(word, rest),
        }
    }
    out.word(word);
    out.out
}

struct Joined {
    out: Vec<u8>,
    connector: char,
}

impl Joined {
    fn connect(&mut self) {
        self.out.extend(self.connector.to_string().bytes());
    }

    fn connect_to(&mut self, word: Word<'_>) {
        if !matches!(word.kind, Kind::Connector | Kind::Punctuation) {
            self.connect();
        }
    }

    /// A number that is followed by small letters starts a word of its own with them; otherwise it
    /// ends the word before it.
    fn number<'a>(&mut self, number: Word<'a>, rest: &'a [u8]) -> (Word<'a>, &'a [u8]) {
        let (word, rest) = next_word(rest);
        if word.kind == Kind::Small {
            self.connect();
            self.word(number);
            return self.letters_and_digits(word, rest);
        }
        self.word(number);
        self.connect_to(word);
        (word, rest)
    }

    /// Takes all that belongs to a word that began with a number.
    fn letters_and_digits<'a>(
        &mut self,
        mut word: Word<'a>,
        mut rest: &'a [u8],
    ) -> (Word<'a>, &'a [u8]) {
        while matches!(word.kind, Kind::Small | Kind::Number) {
            self.word(word);
            (word, rest) = next_word(rest);
        }
        if word.kind != Kind::Invalid {
            self.connect_to(word);
        }
        (word, rest)
    }

    fn word(&mut self, word: Word<'_>) {
        if !matches!(word.kind, Kind::Capital | Kind::Connector) {
            self.out.extend_from_slice(word.text);
            return;
        }
        let lowered = runes(word.text).map(|c| match c {
            _ if connects(c) => self.connector,
            _ if is_upper(c) => to_lower(c),
            _ => c,
        });
        self.out.extend(lowered.collect::<String>().bytes());
    }
}

fn next_word(text: &[u8]) -> (Word<'_>, &[u8]) {
    let (first, size) = next_valid(text, char::REPLACEMENT_CHARACTER);
    let rest = &text[size..];
    let (kind, more) = match first {
        char::REPLACEMENT_CHARACTER => (Kind::Invalid, 0),
        c if connects(c) => (Kind::Connector, run(rest, c, connects)),
        c if is_punctuation(c) => (Kind::Punctuation, run(rest, c, is_punctuation)),
        c if is_upper(c) => (Kind::Capital, capital_word(rest, c)),
        c if alphabetic(c) => (Kind::Small, run(rest, c, small)),
        c if is_number(c) => (Kind::Number, run(rest, c, is_number)),
        c => (Kind::Other, run(rest, c, other)),
    };
    let (text, rest) = text.split_at(size + more);
    (Word { kind, text }, rest)
}

/// How many bytes belong to a word behind its capital: small letters, or more capitals but for
/// the last, if small letters follow it.
fn capital_word(rest: &[u8], first: char) -> usize {
    if rest.is_empty() {
        return 0;
    }
    let (second, size) = next_valid(rest, first);
    if !is_upper(second) {
        return if alphabetic(second) { size + run(&rest[size..], second, small) } else { 0 };
    }
    let (mut len, mut last, mut c) = (size, size, second);
    while len < rest.len() {
        let (next, size) = next_valid(&rest[len..], c);
        c = next;
        if !is_upper(c) {
            return if alphabetic(c) { len - last } else { len };
        }
        (len, last) = (len + size, size);
    }
    len
}

fn run(rest: &[u8], mut previous: char, belongs: fn(char) -> bool) -> usize {
    let mut len = 0;
    while len < rest.len() {
        let (c, size) = next_valid(&rest[len..], previous);
        if !belongs(c) {
            break;
        }
        previous = c;
        len += size;
    }
    len
}

/// The next valid code point and the bytes up to its end; at the end of the text, the previous one.
fn next_valid(text: &[u8], previous: char) -> (char, usize) {
    let mut size = 0;
    while let Some((c, width)) = decode(&text[size..]) {
        size += width;
        if c != char::REPLACEMENT_CHARACTER {
            return (c, size);
        }
    }
    (previous, size)
}

/// A letter that is not of a script of East Asia.
fn alphabetic(c: char) -> bool {
    is_letter(c)
        && !matches!(c, '\u{3400}'..='\u{4d85}' | '\u{4e00}'..='\u{9fcc}')
        && !matches!(c, '\u{20000}'..='\u{2b81d}')
}

fn small(c: char) -> bool {
    alphabetic(c) && !is_upper(c)
}

fn other(c: char) -> bool {
    !connects(c) && !alphabetic(c) && !is_number(c) && !is_punctuation(c)
}
