//! Unicode as Go knows it, and UTF-8 that may be broken.

mod tables;

/// U+FFFD, which stands for bytes that are not UTF-8.
pub const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// The first character and how many bytes it takes; [`REPLACEMENT`] and 1 for a byte that begins no
/// valid character (`utf8.DecodeRune`). `None` at the end.
pub fn decode(bytes: &[u8]) -> Option<(char, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((char::from(first), 1));
    }
    let len = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return Some((REPLACEMENT, 1)),
    };
    let valid = bytes.get(..len).and_then(|bytes| std::str::from_utf8(bytes).ok());
    Some(valid.and_then(|text| text.chars().next()).map_or((REPLACEMENT, 1), |c| (c, len)))
}

/// The characters of a Go string with the bytes each was decoded from, as `range` gives them.
pub fn runes(bytes: &[u8]) -> impl Iterator<Item = (char, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (c, len) = decode(rest)?;
        let (taken, left) = rest.split_at(len);
        rest = left;
        Some((c, taken))
    })
}

/// How many characters there are (`utf8.RuneCount`).
pub fn count(bytes: &[u8]) -> usize {
    if bytes.is_ascii() { bytes.len() } else { runes(bytes).count() }
}

/// Appends a character as UTF-8.
pub fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// `unicode.IsLetter`
pub fn is_letter(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphabetic() } else { within(tables::LETTERS, c) }
}

/// `unicode.IsDigit`
pub fn is_digit(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { within(tables::DIGITS, c) }
}

/// `strconv.IsPrint`, which is also `unicode.IsPrint`
pub fn is_print(c: char) -> bool {
    if c.is_ascii() { (' '..='~').contains(&c) } else { within(tables::PRINTABLE, c) }
}

fn within(ranges: &[(u32, u32)], c: char) -> bool {
    let c = u32::from(c);
    let after = ranges.partition_point(|(first, _)| *first <= c);
    after.checked_sub(1).and_then(|index| ranges.get(index)).is_some_and(|(_, last)| c <= *last)
}
