//! Go's view of a byte string as code points: each byte that is not UTF-8 counts as one U+FFFD.
//!
//! `String::from_utf8_lossy` replaces whole truncated sequences by one mark; Go replaces each of
//! their bytes. And Go maps case code point by code point (`ß` has no capital), where `char` follows
//! the full mappings of Unicode.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

pub(super) use crate::unicode::{decode, is_digit, is_letter};

/// The code points of a byte string.
pub(super) fn runes(bytes: &[u8]) -> impl Iterator<Item = char> {
    crate::unicode::runes(bytes).map(|(c, _)| c)
}

/// `strings.Map`: another code point for each.
pub(super) fn map(bytes: &[u8], mut with: impl FnMut(char) -> char) -> Vec<u8> {
    runes(bytes).map(&mut with).collect::<String>().into_bytes()
}

/// `unicode.ToUpper`.
pub(super) fn to_upper(c: char) -> char {
    match c {
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => offset(c, 8),
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => offset(c, 9),
        _ => only(c, c.to_uppercase()),
    }
}

/// `unicode.ToTitle`.
pub(super) fn to_title(c: char) -> char {
    match c {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        '\u{10d0}'..='\u{10fa}' | '\u{10fd}'..='\u{10ff}' => c,
        _ => to_upper(c),
    }
}

/// `unicode.ToLower`.
pub(super) fn to_lower(c: char) -> char {
    if c == '\u{130}' { 'i' } else { only(c, c.to_lowercase()) }
}

fn offset(c: char, by: u32) -> char {
    char::from_u32(u32::from(c) + by).unwrap_or(c)
}

/// The mapping if it is one code point, else the code point itself.
fn only(c: char, mut mapping: impl Iterator<Item = char>) -> char {
    match (mapping.next(), mapping.next()) {
        (Some(mapped), None) => mapped,
        _ => c,
    }
}

/// `unicode.IsSpace`.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace()
}

/// `unicode.IsUpper`: category Lu.
pub(super) fn is_upper(c: char) -> bool {
    c.general_category() == GeneralCategory::UppercaseLetter
}

/// `unicode.IsLower`: category Ll.
pub(super) fn is_lower(c: char) -> bool {
    c.general_category() == GeneralCategory::LowercaseLetter
}

/// `unicode.IsTitle`: category Lt.
pub(super) fn is_title(c: char) -> bool {
    c.general_category() == GeneralCategory::TitlecaseLetter
}

/// `unicode.IsNumber`: category N.
pub(super) fn is_number(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Number
}

/// `unicode.IsPunct`: category P.
pub(super) fn is_punctuation(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Punctuation
}
