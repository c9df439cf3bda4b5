//! Go's regular expression syntax (`regexp/syntax`, Perl flags), written anew for `regex-automata`.
//!
//! Every element is written so that it means the same whatever flags surround it: `\d` as an ASCII
//! class, `(?i)` around each literal it holds for, `$` as `\z`. What Go refuses is refused with Go's
//! text, and what the other engine would accept beyond Go (`&&` in classes, `\<`, inline `x`) never
//! reaches it.

mod class;

use super::error;
use crate::function::FunctionError;

/// How deep groups may be nested.
pub(super) const DEEPEST: usize = 1000;

/// The largest count of a repetition, nested ones multiplied.
const MOST_REPEATS: u64 = 1000;

/// A pattern for `regex-automata`.
pub(super) struct Translated {
    pub(super) pattern: String,
    /// The name of each group, empty for one without; the first is the whole match.
    pub(super) groups: Vec<String>,
}

/// Reads a pattern as Go does.
///
/// # Errors
/// Go's text.
pub(super) fn translate(pattern: &[u8]) -> Result<Translated, FunctionError> {
    let text = match std::str::from_utf8(pattern) {
        Ok(text) => text,
        Err(at) => {
            let rest = pattern.get(at.valid_up_to()..).unwrap_or_default();
            return Err(error("invalid UTF-8", &String::from_utf8_lossy(rest)));
        }
    };
    let mut translator = Translator::new(text);
    while !translator.rest.is_empty() {
        translator.element()?;
    }
    if !translator.open.is_empty() {
        return Err(error("missing closing )", text));
    }
    let groups = translator.groups;
    Ok(Translated { pattern: translator.out, groups })
}

#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    fold_case: bool,
    multi_line: bool,
    dot_all: bool,
    ungreedy: bool,
}

/// The last complete element: what a repetition applies to.
#[derive(Clone, Copy, Debug)]
struct Atom {
    /// Where it begins in the output.
    start: usize,
    repeated: bool,
    /// The product of the counts of the repetitions in it.
    repeats: u64,
}

struct Group {
    start: usize,
    flags: Flags,
    /// Of what has been read in it.
    repeats: u64,
}

struct Translator<'a> {
    whole: &'a str,
    rest: &'a str,
    out: String,
    flags: Flags,
    atom: Option<Atom>,
    open: Vec<Group>,
    /// The largest product of counts in the current group.
    repeats: u64,
    /// The rest of the pattern from the repetition on that was read just before, if one was.
    repetition: Option<&'a str>,
    groups: Vec<String>,
}

impl<'a> Translator<'a> {
    fn new(whole: &'a str) -> Self {
        Self {
            whole,
            rest: whole,
            out: String::with_capacity(whole.len() + 16),
            flags: Flags::default(),
            atom: None,
            open: Vec::new(),
            repeats: 1,
            repetition: None,
            groups: vec![String::new()],
        }
    }

    fn element(&mut self) -> Result<(), FunctionError> {
        let before = self.rest;
        let mut repetition = None;
        let mut chars = before.chars();
        match chars.next() {
            Some('(') if before.starts_with("(?") => self.flags_or_group()?,
            Some('(') => {
                self.rest = chars.as_str();
                self.groups.push(String::new());
                self.open_group("(")?;
            }
            Some('|') => {
                self.rest = chars.as_str();
                self.out.push('|');
                self.atom = None;
            }
            Some(')') => self.close_group(chars.as_str())?,
            Some('^') => {
                self.simple(chars.as_str(), if self.flags.multi_line { "(?m:^)" } else { r"\A" })
            }
            Some('$') => {
                self.simple(chars.as_str(), if self.flags.multi_line { "(?m:$)" } else { r"\z" })
            }
            Some('.') => {
                self.simple(chars.as_str(), if self.flags.dot_all { "(?s:.)" } else { r"[^\n]" });
            }
            Some('[') => {
                let (class, rest) = class::bracketed(before)?;
                self.class(&class, rest);
            }
            Some(sign @ ('*' | '+' | '?')) => {
                self.repeat(chars.as_str(), &sign.to_string(), None)?;
                repetition = Some(before);
            }
            Some('{') => match counts(before) {
                Some((min, max, rest)) => {
                    self.counted(min, max, rest)?;
                    repetition = Some(before);
                }
                None => self.literal('{', chars.as_str()),
            },
            Some('\\') => self.escape()?,
            Some(c) => self.literal(c, chars.as_str()),
            None => {}
        }
        self.repetition = repetition;
        Ok(())
    }

    /// Writes an element that a repetition may follow.
    fn simple(&mut self, rest: &'a str, written: &str) {
        self.rest = rest;
        self.atom = Some(Atom { start: self.out.len(), repeated: false, repeats: 1 });
        self.out.push_str(written);
    }

    fn literal(&mut self, c: char, rest: &'a str) {
        let escaped = format!(r"\x{{{:X}}}", u32::from(c));
        let plain = c.is_ascii_alphanumeric() || !c.is_ascii();
        let text = if plain { c.to_string() } else { escaped };
        let folded = self.flags.fold_case && (c.is_ascii_alphabetic() || !c.is_ascii());
        self.simple(rest, &if folded { format!("(?i:{text})") } else { text });
    }

    fn class(&mut self, class: &str, rest: &'a str) {
        let folded = self.flags.fold_case;
        self.simple(rest, &if folded { format!("(?i:{class})") } else { class.to_owned() });
    }

    fn open_group(&mut self, written: &str) -> Result<(), FunctionError> {
        if self.open.len() >= DEEPEST {
            return Err(error("expression nests too deeply", self.whole));
        }
        let (start, flags, repeats) = (self.out.len(), self.flags, self.repeats);
        self.open.push(Group { start, flags, repeats });
        self.out.push_str(written);
        (self.atom, self.repeats) = (None, 1);
        Ok(())
    }

    fn close_group(&mut self, rest: &'a str) -> Result<(), FunctionError> {
        let Some(group) = self.open.pop() else {
            return Err(error("unexpected )", self.whole));
        };
        self.rest = rest;
        self.out.push(')');
        self.flags = group.flags;
        self.atom = Some(Atom { start: group.start, repeated: false, repeats: self.repeats });
        self.repeats = self.repeats.max(group.repeats);
        Ok(())
    }

    /// `(?P<name>`, `(?<name>`, `(?i)`, `(?i:` and the like.
    fn flags_or_group(&mut self) -> Result<(), FunctionError> {
        let text = self.rest;
        let named =
            [("(?P<", 4), ("(?<", 3)].into_iter().find(|(start, _)| text.starts_with(start));
        match named {
            Some((_, skip)) if text.len() > skip => self.named_group(skip),
            _ => self.flag_group(),
        }
    }

    fn named_group(&mut self, skip: usize) -> Result<(), FunctionError> {
        let text = self.rest;
        let Some(end) = text.find('>') else {
            return Err(error("invalid named capture", text));
        };
        let name = text.get(skip..end).unwrap_or_default();
        let valid = |c: char| c == '_' || c.is_ascii_alphanumeric();
        if name.is_empty() || !name.chars().all(valid) {
            return Err(error("invalid named capture", &text[..=end]));
        }
        self.groups.push(name.to_owned());
        self.rest = &text[end + 1..];
        self.open_group("(")
    }

    fn flag_group(&mut self) -> Result<(), FunctionError> {
        let text = self.rest;
        let mut chars = text[2..].chars();
        let (mut flags, mut on, mut seen) = (self.flags, true, false);
        while let Some(c) = chars.next() {
            match c {
                'i' => flags.fold_case = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_all = on,
                'U' => flags.ungreedy = on,
                '-' if on => {
                    (on, seen) = (false, false);
                    continue;
                }
                ':' | ')' if on || seen => {
                    self.rest = chars.as_str();
                    if c == ':' {
                        self.open_group("(?:")?;
                    }
                    self.flags = flags;
                    return Ok(());
                }
                _ => break,
            }
            seen = true;
        }
        let read = text.len() - chars.as_str().len();
        Err(error("invalid or unsupported Perl syntax", &text[..read]))
    }

    fn counted(
        &mut self,
        min: Option<u64>,
        max: Option<Option<u64>>,
        rest: &'a str,
    ) -> Result<(), FunctionError> {
        let written = &self.rest[..self.rest.len() - rest.len()];
        let wrong = error("invalid repeat count", written);
        let small = |n: u64| n <= MOST_REPEATS;
        let (Some(min), Some(max)) = (min.filter(|n| small(*n)), max) else { return Err(wrong) };
        if max.is_some_and(|max| !small(max) || max < min) {
            return Err(wrong);
        }
        let upper = max.map_or_else(String::new, |max| max.to_string());
        self.repeat(rest, &format!("{{{min},{upper}}}"), Some((min, max)))
    }

    /// A repetition of the last atom. `count` is that of a counted one.
    fn repeat(
        &mut self,
        after: &'a str,
        sign: &str,
        count: Option<(u64, Option<u64>)>,
    ) -> Result<(), FunctionError> {
        let before = self.rest;
        let (after, lazy) = match after.strip_prefix('?') {
            Some(rest) => (rest, true),
            None => (after, false),
        };
        let up_to_here = |from: &str| from[..from.len() - after.len()].to_owned();
        if let Some(previous) = self.repetition {
            return Err(error("invalid nested repetition operator", &up_to_here(previous)));
        }
        let Some(mut atom) = self.atom else {
            return Err(error("missing argument to repetition operator", &up_to_here(before)));
        };
        if let Some((min, max)) = count {
            atom.repeats = match max {
                Some(0) => 0,
                _ => atom.repeats.saturating_mul(max.unwrap_or(min).max(1)),
            };
            if (min >= 2 || max >= Some(2)) && atom.repeats > MOST_REPEATS {
                return Err(error("invalid repeat count", &up_to_here(before)));
            }
        }
        if atom.repeated {
            self.out.insert_str(atom.start, "(?:");
            self.out.push(')');
        }
        self.out.push_str(sign);
        if lazy != self.flags.ungreedy {
            self.out.push('?');
        }
        self.repeats = self.repeats.max(atom.repeats);
        self.atom = Some(Atom { repeated: true, ..atom });
        self.rest = after;
        Ok(())
    }

    fn escape(&mut self) -> Result<(), FunctionError> {
        let text = self.rest;
        let rest = text.get(2..);
        match (text.as_bytes().get(1), rest) {
            (Some(b'A'), Some(rest)) => self.simple(rest, r"\A"),
            (Some(b'z'), Some(rest)) => self.simple(rest, r"\z"),
            (Some(b'b'), Some(rest)) => self.simple(rest, r"(?-u:\b)"),
            (Some(b'B'), Some(rest)) => self.simple(rest, r"(?-u:\B)"),
            (Some(b'C'), _) => return Err(error("invalid escape sequence", r"\C")),
            (Some(b'Q'), Some(rest)) => self.quoted(rest),
            _ => match class::escaped(text)? {
                Some((class, rest)) => self.class(&class, rest),
                None => {
                    let (code, rest) = class::character(text)?;
                    match char::from_u32(code) {
                        Some(c) => self.literal(c, rest),
                        None => self.simple(rest, class::NOTHING),
                    }
                }
            },
        }
        Ok(())
    }

    /// `\Q...\E`: everything in between is literal, to the end if there is no `\E`.
    fn quoted(&mut self, text: &'a str) {
        let (quoted, rest) = text.split_once(r"\E").unwrap_or((text, ""));
        for c in quoted.chars() {
            self.literal(c, rest);
        }
        self.rest = rest;
    }
}

type Counts<'a> = (Option<u64>, Option<Option<u64>>, &'a str);

/// `{n}`, `{n,}` or `{n,m}`; the first `None` for a number too large to be one, the second likewise,
/// the inner one where there is no upper end. Of another form: a literal brace.
fn counts(text: &str) -> Option<Counts<'_>> {
    let (min, rest) = number(text.strip_prefix('{')?)?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((min, Some(Some(min.unwrap_or(u64::MAX))), rest));
    }
    let rest = rest.strip_prefix(',')?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((min, Some(None), rest));
    }
    let (max, rest) = number(rest)?;
    Some((min, max.map(Some), rest.strip_prefix('}')?))
}

/// A decimal number without leading zeros.
fn number(text: &str) -> Option<(Option<u64>, &str)> {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(len);
    let leading_zero = len > 1 && digits.starts_with('0');
    (len > 0 && !leading_zero).then(|| (digits.parse().ok(), rest))
}
