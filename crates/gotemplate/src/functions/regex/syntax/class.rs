//! Character classes and escapes of single characters.

use super::super::error;
use crate::function::FunctionError;

/// Matches no character.
pub(super) const NOTHING: &str = r"[^\x{0}-\x{10FFFF}]";

const BAD_RANGE: &str = "invalid character class range";

/// Reads `[...]` at the start of a text; gives it in the other engine's words, and what follows.
pub(super) fn bracketed(text: &str) -> Result<(String, &str), FunctionError> {
    let inner = text.strip_prefix('[').unwrap_or(text);
    let (negated, mut rest) = match inner.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, inner),
    };
    let mut items = String::new();
    let mut first = true;
    while first || !rest.starts_with(']') {
        first = false;
        if let Some((class, after)) = posix(rest)? {
            items.push_str(&class);
            rest = after;
        } else if let Some((class, after)) = escaped(rest)? {
            items.push_str(&class);
            rest = after;
        } else {
            rest = range(&mut items, rest, text)?;
        }
    }
    let rest = rest.get(1..).unwrap_or_default();
    Ok(match (items.is_empty(), negated) {
        (true, false) => (NOTHING.to_owned(), rest),
        (true, true) => (r"[\x{0}-\x{10FFFF}]".to_owned(), rest),
        (false, false) => (format!("[{items}]"), rest),
        (false, true) => (format!("[^{items}]"), rest),
    })
}

/// A single character or `a-z`.
fn range<'a>(items: &mut String, text: &'a str, whole: &str) -> Result<&'a str, FunctionError> {
    let (low, rest) = member(text, whole)?;
    let (high, rest) = match rest.strip_prefix('-') {
        Some(after) if !after.is_empty() && !after.starts_with(']') => member(after, whole)?,
        _ => (low, rest),
    };
    if high < low {
        return Err(error(BAD_RANGE, &text[..text.len() - rest.len()]));
    }
    // Surrogates are no characters.
    let low = if (0xd800..=0xdfff).contains(&low) { 0xe000 } else { low };
    let high = if (0xd800..=0xdfff).contains(&high) { 0xd7ff } else { high };
    if low <= high {
        items.push_str(&format!(r"\x{{{low:X}}}-\x{{{high:X}}}"));
    }
    Ok(rest)
}

fn member<'a>(text: &'a str, whole: &str) -> Result<(u32, &'a str), FunctionError> {
    match text.chars().next() {
        None => Err(error("missing closing ]", whole)),
        Some('\\') => character(text),
        Some(c) => Ok((u32::from(c), &text[c.len_utf8()..])),
    }
}

type Class<'a> = Option<(String, &'a str)>;

/// `[:alpha:]` and its like.
fn posix(text: &str) -> Result<Class<'_>, FunctionError> {
    let Some(end) = text.strip_prefix("[:").and_then(|inner| inner.find(":]")) else {
        return Ok(None);
    };
    let (written, rest) = text.split_at(end + 4);
    let name = &written[2..written.len() - 2];
    let (negated, name) = name.strip_prefix('^').map_or((false, name), |name| (true, name));
    let ranges = match name {
        "alnum" => "0-9A-Za-z",
        "alpha" => "A-Za-z",
        "ascii" => r"\x00-\x7F",
        "blank" => r"\t\x20",
        "cntrl" => r"\x00-\x1F\x7F",
        "digit" => "0-9",
        "graph" => "!-~",
        "lower" => "a-z",
        "print" => r"\x20-~",
        "punct" => r"!-/:-@\[-`\{-~",
        "space" => r"\t\n\x0B\x0C\r\x20",
        "upper" => "A-Z",
        "word" => "0-9A-Za-z_",
        "xdigit" => "0-9A-Fa-f",
        _ => return Err(error(BAD_RANGE, written)),
    };
    Ok(Some((group(ranges, negated), rest)))
}

fn group(ranges: &str, negated: bool) -> String {
    format!("[{}{ranges}]", if negated { "^" } else { "" })
}

/// `\d`, `\pL`, `\p{Greek}` and their like at the start of a text.
pub(super) fn escaped(text: &str) -> Result<Class<'_>, FunctionError> {
    let mut chars = text.chars();
    if chars.next() != Some('\\') {
        return Ok(None);
    }
    let (ranges, negated) = match chars.next() {
        Some('d') => ("0-9", false),
        Some('D') => ("0-9", true),
        Some('s') => (r"\t\n\x0C\r\x20", false),
        Some('S') => (r"\t\n\x0C\r\x20", true),
        Some('w') => ("0-9A-Za-z_", false),
        Some('W') => ("0-9A-Za-z_", true),
        Some('p') => return unicode(text, false).map(Some),
        Some('P') => return unicode(text, true).map(Some),
        _ => return Ok(None),
    };
    Ok(Some((group(ranges, negated), chars.as_str())))
}

fn unicode(text: &str, negated: bool) -> Result<(String, &str), FunctionError> {
    let name = &text[2..];
    let (written, name) = if name.starts_with('{') {
        let Some(end) = text.find('}') else { return Err(error(BAD_RANGE, text)) };
        (&text[..=end], &text[3..end])
    } else {
        let len = name.chars().next().map_or(0, char::len_utf8);
        (&text[..2 + len], &name[..len])
    };
    let rest = &text[written.len()..];
    let (negated, name) = name.strip_prefix('^').map_or((negated, name), |n| (!negated, n));
    let property = property(name).ok_or_else(|| error(BAD_RANGE, written))?;
    let sign = if negated { 'P' } else { 'p' };
    Ok((format!(r"\{sign}{{{property}}}"), rest))
}

/// A general category or a script under the names that Go knows: all of the former, of the latter
/// the long ones.
fn property(name: &str) -> Option<String> {
    const SHORT_SCRIPTS: [&str; 15] = [
        "ahom", "cham", "han", "kawi", "lao", "lisu", "miao", "modi", "newa", "nko", "thai",
        "toto", "vai", "yi", "mro",
    ];
    let plain: String = name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).collect();
    if plain.is_empty() || !plain.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let long = plain.len() > 4 || SHORT_SCRIPTS.contains(&plain.to_ascii_lowercase().as_str());
    let candidates = [Some(format!("gc={plain}")), long.then(|| format!("sc={plain}"))];
    candidates
        .into_iter()
        .flatten()
        .find(|p| regex_syntax::Parser::new().parse(&format!(r"\p{{{p}}}")).is_ok())
}

/// Reads an escaped character; gives its code, which may be a surrogate, and what follows.
pub(super) fn character(text: &str) -> Result<(u32, &str), FunctionError> {
    let mut chars = text[1..].chars();
    let Some(c) = chars.next() else {
        return Err(error("trailing backslash at end of expression", ""));
    };
    let code = match c {
        'a' => Some(7),
        'f' => Some(0xc),
        'n' => Some(0xa),
        'r' => Some(0xd),
        't' => Some(9),
        'v' => Some(0xb),
        'x' => hexadecimal(&mut chars),
        '0' => Some(octal(0, &mut chars)),
        '1'..='7' if chars.as_str().starts_with(|c| ('0'..='7').contains(&c)) => {
            Some(octal(u32::from(c) - u32::from('0'), &mut chars))
        }
        _ => (c.is_ascii() && !c.is_ascii_alphanumeric()).then_some(u32::from(c)),
    };
    let read = text.len() - chars.as_str().len();
    let code = code.ok_or_else(|| error("invalid escape sequence", &text[..read]))?;
    Ok((code, &text[read..]))
}

/// Up to two more octal digits.
fn octal(first: u32, chars: &mut std::str::Chars<'_>) -> u32 {
    let mut code = first;
    for _ in 0..2 {
        let Some(digit) = chars.clone().next().and_then(|c| c.to_digit(8)) else { break };
        chars.next();
        code = code * 8 + digit;
    }
    code
}

/// Two hexadecimal digits, or any number of them in braces.
fn hexadecimal(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    let first = chars.next()?;
    if first != '{' {
        let second = chars.next();
        return Some(first.to_digit(16)? * 16 + second?.to_digit(16)?);
    }
    let (mut code, mut any) = (0, false);
    loop {
        match chars.next()? {
            '}' => return any.then_some(code),
            c => code = code * 16 + c.to_digit(16)?,
        }
        any = true;
        if code > 0x0010_ffff {
            return None;
        }
    }
}
