//! Words and their case: what `goutils`, `xstrings` and `strings.Title` make of text.

mod segment;

use super::runes::{
    decode, is_digit, is_letter, is_lower, is_space, is_title, is_upper, map, runes, to_lower,
    to_title, to_upper,
};

pub(super) use segment::join_lower;

/// `strings.Title`: the first letter of each word in title case. An underscore joins words.
pub(super) fn title(text: &[u8]) -> Vec<u8> {
    let mut before = ' ';
    map(text, |c| if separates(std::mem::replace(&mut before, c)) { to_title(c) } else { c })
}

fn separates(c: char) -> bool {
    match c {
        '_' => false,
        _ if c.is_ascii() => !c.is_ascii_alphanumeric(),
        _ => !is_letter(c) && !is_digit(c) && is_space(c),
    }
}

/// `goutils.Uncapitalize`: the first letter of each word in lower case.
pub(super) fn untitle(text: &[u8]) -> Vec<u8> {
    let mut first = true;
    map(text, |c| {
        if is_space(c) {
            first = true;
            return c;
        }
        if std::mem::take(&mut first) { to_lower(c) } else { c }
    })
}

/// `goutils.SwapCase`: a small letter at the start of a word becomes a title letter.
pub(super) fn swap_case(text: &[u8]) -> Vec<u8> {
    let mut start = true;
    map(text, |c| {
        if is_upper(c) || is_title(c) {
            start = false;
            return to_lower(c);
        }
        if is_lower(c) {
            return if std::mem::take(&mut start) { to_title(c) } else { to_upper(c) };
        }
        start = is_space(c);
        c
    })
}

/// `goutils.Initials`: the first byte of each word, read as Latin-1.
pub(super) fn initials(text: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    let mut gap = true;
    for c in text.iter().map(|b| char::from(*b)) {
        if gap && !is_space(c) {
            out.push(c);
        }
        gap = is_space(c);
    }
    out.into_bytes()
}

/// `goutils.DeleteWhiteSpace`: bytes read as Latin-1; a text without white space stays as it is.
pub(super) fn without_space(text: &[u8]) -> Vec<u8> {
    let kept: String = text.iter().map(|b| char::from(*b)).filter(|c| !is_space(*c)).collect();
    if kept.chars().count() == text.len() { text.to_vec() } else { kept.into_bytes() }
}

/// `goutils.AbbreviateFull`: at most `width` bytes, from about `offset` on, with `...` for the rest.
/// `None` where it returns an error.
pub(super) fn abbreviate(text: &[u8], offset: usize, width: usize) -> Option<Vec<u8>> {
    const MARK: &[u8] = b"...";
    if width < 4 {
        return text.is_empty().then(Vec::new);
    }
    if text.len() <= width {
        return Some(text.to_vec());
    }
    let kept = width - 3;
    let offset = offset.min(text.len());
    let offset = if text.len() - offset < kept { text.len() - kept } else { offset };
    if offset <= 4 {
        return Some([text.get(..kept)?, MARK].concat());
    }
    if width < 7 {
        return None;
    }
    if offset + kept < text.len() {
        let rest = abbreviate(text.get(offset..)?, 0, kept).unwrap_or_default();
        return Some([MARK, &rest].concat());
    }
    Some([MARK, text.get(text.len() - kept..)?].concat())
}

/// `goutils.WrapCustom`: lines of at most `width` bytes, broken at spaces.
pub(super) fn wrap(text: &[u8], width: i64, newline: &[u8], break_long_words: bool) -> Vec<u8> {
    let newline = if newline.is_empty() { b"\n" } else { newline };
    let width = usize::try_from(width).unwrap_or(1).max(1);
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while rest.len() > width {
        if let [b' ', after @ ..] = rest {
            rest = after;
            continue;
        }
        let (line, after) = split_line(rest, width, break_long_words);
        out.extend_from_slice(line);
        let Some(after) = after else { return out };
        out.extend_from_slice(newline);
        rest = after;
    }
    out.extend_from_slice(rest);
    out
}

/// The next line of a text longer than `width`, and what follows it, if anything.
fn split_line(text: &[u8], width: usize, break_long_words: bool) -> (&[u8], Option<&[u8]>) {
    let space = |b: &u8| *b == b' ';
    let fitting = text.get(..=width).unwrap_or(text);
    let cut = match fitting.iter().rposition(space) {
        Some(at) => at,
        None if break_long_words => return (&text[..width], text.get(width..)),
        None => match text[width..].iter().position(space) {
            Some(at) => width + at,
            None => return (text, None),
        },
    };
    (&text[..cut], text.get(cut + 1..))
}

/// Is this a sign that stands between words?
fn connects(c: char) -> bool {
    matches!(c, '-' | '_') || is_space(c)
}

/// `xstrings.ToPascalCase`: connectors vanish, the letter behind each becomes a capital, and a run
/// of capitals keeps its first alone. Leading connectors and doubled ones stay.
pub(super) fn pascal_case(text: &[u8]) -> Vec<u8> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut current = None;
    let mut in_capitals = false;
    while let Some((c, width)) = decode(rest) {
        rest = rest.get(width..).unwrap_or_default();
        if connects(c) {
            current = Some(c);
            out.push(c);
            continue;
        }
        in_capitals = is_upper(c);
        current = Some(to_upper(c));
        break;
    }
    for c in runes(rest) {
        let previous = current.unwrap_or_default();
        current = Some(match (connects(previous), connects(c)) {
            (true, true) => {
                out.push(previous);
                c
            }
            (true, false) => {
                in_capitals = is_upper(c);
                to_upper(c)
            }
            (false, _) => {
                out.push(previous);
                in_capitals &= is_upper(c);
                if in_capitals { to_lower(c) } else { c }
            }
        });
    }
    out.extend(current);
    out.into_bytes()
}

#[cfg(test)]
mod tests;
