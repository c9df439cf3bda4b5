//! The lexical forms of versions and of the version patterns in constraints.

/// The pieces of a lenient version; absent pieces are `None`.
#[derive(Debug, PartialEq)]
pub(super) struct Pieces<'a> {
    pub(super) major: &'a str,
    pub(super) minor: Option<&'a str>,
    pub(super) patch: Option<&'a str>,
    pub(super) prerelease: Option<&'a str>,
    pub(super) metadata: Option<&'a str>,
}

/// Reads a whole text as a lenient version: `v?N(.N)?(.N)?(-ID(.ID)*)?(+ID(.ID)*)?`.
pub(super) fn version(text: &str) -> Option<Pieces<'_>> {
    let (pieces, rest) = pieces(text, |b| b.is_ascii_digit())?;
    rest.is_empty().then_some(pieces)
}

/// Reads the longest version pattern at the start of a text, where a number may also be `x`, `X`
/// or `*`; returns what follows it too. `|` belongs to the character class upstream, and a pattern
/// that holds it is refused later.
pub(super) fn pattern(text: &str) -> Option<(Pieces<'_>, &str)> {
    pieces(text, |b| b.is_ascii_digit() || matches!(b, b'x' | b'X' | b'*' | b'|'))
}

/// Is this a dot-separated piece of a pre-release or of metadata?
pub(super) fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(identifier_byte)
}

fn identifier_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-'
}

fn pieces(text: &str, segment: fn(u8) -> bool) -> Option<(Pieces<'_>, &str)> {
    let rest = text.strip_prefix('v').unwrap_or(text);
    let (major, rest) = run(rest, segment)?;
    let (minor, rest) = after(rest, '.', |t| run(t, segment));
    let (patch, rest) = after(rest, '.', |t| run(t, segment));
    let (prerelease, rest) = after(rest, '-', identifiers);
    let (metadata, rest) = after(rest, '+', identifiers);
    Some((Pieces { major, minor, patch, prerelease, metadata }, rest))
}

/// The longest non-empty run of such bytes, and the rest.
fn run(text: &str, of: impl Fn(u8) -> bool) -> Option<(&str, &str)> {
    let end = text.bytes().position(|b| !of(b)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn identifiers(text: &str) -> Option<(&str, &str)> {
    let (_, mut rest) = run(text, identifier_byte)?;
    while let Some((_, next)) = rest.strip_prefix('.').and_then(|t| run(t, identifier_byte)) {
        rest = next;
    }
    Some(text.split_at(text.len() - rest.len()))
}

/// An optional piece behind a sign; nothing is consumed if the piece is not there.
fn after<'a>(
    text: &'a str,
    sign: char,
    piece: impl Fn(&'a str) -> Option<(&'a str, &'a str)>,
) -> (Option<&'a str>, &'a str) {
    match text.strip_prefix(sign).and_then(piece) {
        Some((found, rest)) => (Some(found), rest),
        None => (None, text),
    }
}
