//! Regular expressions: RE2 as Go's `regexp` has it, run by the linear-time engine of the `regex`
//! project.
//!
//! A pattern is read by Go's grammar and written anew for that engine ([`syntax`]); finding,
//! replacing and splitting follow Go's rules about empty matches. In a subject that is not UTF-8
//! each stray byte is one U+FFFD, as Go sees it.

mod syntax;

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

use regex_automata::meta::{Config, Regex};
use regex_automata::util::captures::Captures;
use regex_automata::util::syntax::Config as Syntax;
use regex_automata::{Input, Span};

use super::Outcome;
use crate::context::Context;
use crate::function::{Args, Function, FunctionError};
use crate::stack::with_room;
use crate::strconv::{self, Charset};
use crate::types::Type;
use crate::unicode;
use crate::value::{Str, Value};

const STRING: &Type = Type::STRING;
const STRINGS: &Type = Type::STRING_SLICE;
const BOOL: &Type = Type::BOOL;
const INT: &Type = Type::INT;
const TWO: &[&Type] = &[STRING, STRING];
const THREE: &[&Type] = &[STRING, STRING, STRING];
const AND_COUNT: &[&Type] = &[STRING, STRING, INT];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("regexMatch", TWO, BOOL, |c, a| match returning(c, a, is_match) {
        Err(FunctionError::Message(_)) => Ok(Value::Bool(false)),
        outcome => outcome,
    }),
    Function::new("mustRegexMatch", TWO, BOOL, |c, a| returning(c, a, is_match)),
    Function::new("regexFind", TWO, STRING, |c, a| panicking(c, a, find)),
    Function::new("mustRegexFind", TWO, STRING, |c, a| returning(c, a, find)),
    Function::new("regexFindAll", AND_COUNT, STRINGS, |c, a| panicking(c, a, find_all)),
    Function::new("mustRegexFindAll", AND_COUNT, STRINGS, |c, a| returning(c, a, find_all)),
    Function::new("regexReplaceAll", THREE, STRING, |c, a| panicking(c, a, replace_expanded)),
    Function::new("mustRegexReplaceAll", THREE, STRING, |c, a| returning(c, a, replace_expanded)),
    Function::new("regexReplaceAllLiteral", THREE, STRING, |c, a| panicking(c, a, replace_literal)),
    Function::new("mustRegexReplaceAllLiteral", THREE, STRING, |c, a| {
        returning(c, a, replace_literal)
    }),
    Function::new("regexSplit", AND_COUNT, STRINGS, |c, a| panicking(c, a, split)),
    Function::new("mustRegexSplit", AND_COUNT, STRINGS, |c, a| returning(c, a, split)),
    Function::new("regexQuoteMeta", &[STRING], STRING, |_, a| Ok(quote_meta(a.string(0)?))),
];

/// What a function does with its pattern, which is its first argument.
type Run = fn(&mut Context<'_>, &Pattern, Args<'_>) -> Outcome;

/// Runs with a pattern whose error is returned.
fn returning(context: &mut Context<'_>, args: Args<'_>, run: Run) -> Outcome {
    let pattern = compile(context, args.string(0)?)?;
    run(context, &pattern, args)
}

/// Runs with a pattern that must be right: `regexp.MustCompile` panics with the pattern in its text.
fn panicking(context: &mut Context<'_>, args: Args<'_>, run: Run) -> Outcome {
    let source = args.string(0)?;
    let pattern = compile(context, source).map_err(|error| match error {
        FunctionError::Message(text) => {
            let quoted = if strconv::can_backquote(source) {
                format!("`{source}`")
            } else {
                Str::from(strconv::quote(source, Charset::Unicode)).to_string()
            };
            FunctionError::new(format!("regexp: Compile({quoted}): {text}"))
        }
        other => other,
    })?;
    run(context, &pattern, args)
}

/// A compiled pattern. Cheap to clone.
#[derive(Clone, Debug)]
struct Pattern {
    regex: Regex,
    /// The name of each group, empty for one without; the first is the whole match.
    groups: std::rc::Rc<[String]>,
}

/// The text of Go's error for an expression.
fn error(code: &str, expression: &str) -> FunctionError {
    FunctionError::new(format!("error parsing regexp: {code}: `{expression}`"))
}

/// How large a compiled pattern may be, in bytes.
const SIZE_LIMIT: usize = 32 << 20;

/// How many patterns are kept compiled: templates use the same few again and again.
const KEPT: usize = 32;

thread_local! {
    /// Recently used patterns, the last used at the end. A memo: what compiles once, compiles always.
    static COMPILED: RefCell<Vec<(Str, Pattern)>> = const { RefCell::new(Vec::new()) };
}

/// `regexp.Compile`.
fn compile(context: &mut Context<'_>, pattern: &Str) -> Result<Pattern, FunctionError> {
    let kept = COMPILED.with_borrow_mut(|kept| {
        let at = kept.iter().rposition(|(known, _)| known == pattern)?;
        let found = kept.remove(at);
        kept.push(found);
        kept.last().map(|(_, compiled)| compiled.clone())
    });
    if let Some(compiled) = kept {
        return Ok(compiled);
    }
    context.charge_steps(1000 + 100 * pattern.len() as u64)?;
    let compiled = compile_anew(pattern);
    // What a pattern costs is not seen before: a repetition multiplies what it repeats.
    let size = compiled.as_ref().map_or(SIZE_LIMIT / 8, |compiled| compiled.regex.memory_usage());
    context.charge_steps(size as u64 / 8)?;
    let compiled = compiled?;
    COMPILED.with_borrow_mut(|kept| {
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((pattern.clone(), compiled.clone()));
    });
    Ok(compiled)
}

fn compile_anew(pattern: &Str) -> Result<Pattern, FunctionError> {
    let translated = syntax::translate(pattern)?;
    let config = Config::new().nfa_size_limit(Some(SIZE_LIMIT)).utf8_empty(true);
    let depth = u32::try_from(4 * syntax::DEEPEST).unwrap_or(u32::MAX);
    let regex = with_room(|| {
        Regex::builder()
            .configure(config)
            .syntax(Syntax::new().utf8(false).nest_limit(depth))
            .build(&translated.pattern)
    });
    let regex = regex.map_err(|_| error("expression too large", &pattern.to_text()))?;
    Ok(Pattern { regex, groups: translated.groups.into() })
}

/// What is searched: as UTF-8, with the way back to the original bytes.
struct Subject<'a> {
    original: &'a [u8],
    text: Cow<'a, str>,
    /// For each byte of the text its place in the original, and the end; empty if they are the same.
    places: Vec<usize>,
}

impl<'a> Subject<'a> {
    fn new(original: &'a [u8]) -> Self {
        if let Ok(text) = std::str::from_utf8(original) {
            return Self { original, text: Cow::Borrowed(text), places: Vec::new() };
        }
        let (mut text, mut places, mut at) = (String::new(), Vec::new(), 0);
        for (c, bytes) in unicode::runes(original) {
            text.push(c);
            places.resize(text.len(), at);
            at += bytes.len();
        }
        places.push(at);
        Self { original, text: Cow::Owned(text), places }
    }

    fn bytes(&self, span: Range<usize>) -> &'a [u8] {
        let place = |at: usize| self.places.get(at).copied().unwrap_or(at);
        self.original.get(place(span.start)..place(span.end)).unwrap_or_default()
    }

    /// How wide the character at a place is; 0 at the end.
    fn width(&self, at: usize) -> usize {
        self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
    }
}

/// The next match from `at` on, with its groups.
fn search(
    context: &mut Context<'_>,
    pattern: &Pattern,
    subject: &Subject<'_>,
    at: usize,
    groups: &mut Captures,
) -> Result<Option<Span>, FunctionError> {
    // Finding all matches takes quadratic time at worst.
    context.charge_steps(1 + (subject.text.len() - at) as u64 / 128)?;
    pattern.regex.search_captures(&Input::new(&*subject.text).range(at..), groups);
    Ok(groups.get_match().map(|found| found.span()))
}

fn is_match(context: &mut Context<'_>, pattern: &Pattern, args: Args<'_>) -> Outcome {
    let subject = Subject::new(args.string(1)?);
    context.charge_steps(1 + subject.text.len() as u64 / 128)?;
    Ok(Value::Bool(pattern.regex.is_match(&*subject.text)))
}

fn find(context: &mut Context<'_>, pattern: &Pattern, args: Args<'_>) -> Outcome {
    let subject = Subject::new(args.string(1)?);
    let mut groups = pattern.regex.create_captures();
    let found = search(context, pattern, &subject, 0, &mut groups)?;
    Ok(Value::string(found.map_or(&b""[..], |span| subject.bytes(span.range()))))
}

/// At most `limit` matches: an empty one directly behind another does not count.
fn matches(
    context: &mut Context<'_>,
    pattern: &Pattern,
    subject: &Subject<'_>,
    limit: i64,
) -> Result<Vec<Range<usize>>, FunctionError> {
    let limit = if limit < 0 { usize::MAX } else { usize::try_from(limit).unwrap_or(usize::MAX) };
    let mut groups = pattern.regex.create_captures();
    let (mut found, mut at, mut previous_end) = (Vec::new(), 0, None);
    while found.len() < limit && at <= subject.text.len() {
        let Some(span) = search(context, pattern, subject, at, &mut groups)? else { break };
        let empty_here = span.end == at;
        let adjacent = empty_here && previous_end == Some(span.start);
        at = if empty_here { at + subject.width(at).max(1) } else { span.end };
        previous_end = Some(span.end);
        if !adjacent {
            context.charge_bytes(size_of::<Value>() as u64)?;
            found.push(span.range());
        }
    }
    Ok(found)
}

fn find_all(context: &mut Context<'_>, pattern: &Pattern, args: Args<'_>) -> Outcome {
    let subject = Subject::new(args.string(1)?);
    let found = matches(context, pattern, &subject, args.int(2)?)?;
    if found.is_empty() {
        return Ok(Value::TypedNil(STRINGS));
    }
    Ok(Value::strings(found.into_iter().map(|span| Str::new(subject.bytes(span)))))
}

fn split(context: &mut Context<'_>, pattern: &Pattern, args: Args<'_>) -> Outcome {
    let (whole, limit) = (args.string(1)?, args.int(2)?);
    if limit == 0 {
        return Ok(Value::TypedNil(STRINGS));
    }
    if whole.is_empty() && !args.string(0)?.is_empty() {
        return Ok(Value::strings([Str::EMPTY]));
    }
    let subject = Subject::new(whole);
    let most = if limit < 0 { usize::MAX } else { usize::try_from(limit).unwrap_or(usize::MAX) };
    let (mut parts, mut begin, mut end) = (Vec::new(), 0, 0);
    for span in matches(context, pattern, &subject, limit)? {
        if parts.len() >= most - 1 {
            break;
        }
        end = span.start;
        if span.end != 0 {
            parts.push(Str::new(subject.bytes(begin..end)));
        }
        begin = span.end;
    }
    if end != subject.text.len() {
        parts.push(Str::new(subject.bytes(begin..subject.text.len())));
    }
    Ok(Value::strings(parts))
}

fn replace_literal(context: &mut Context<'_>, pattern: &Pattern, args: Args<'_>) -> Outcome {
    let replacement = args.string(2)?;
    replace_all(context, pattern, args, |out, _, _| out.extend_from_slice(replacement))
}

fn replace_expanded(context: &mut Context<'_>, pattern: &Pattern, args: Args<'_>) -> Outcome {
    let template = args.string(2)?;
    replace_all(context, pattern, args, |out, subject, groups| {
        expand(out, template, pattern, subject, groups);
    })
}

fn replace_all(
    context: &mut Context<'_>,
    pattern: &Pattern,
    args: Args<'_>,
    write: impl Fn(&mut Vec<u8>, &Subject<'_>, &Captures),
) -> Outcome {
    let subject = Subject::new(args.string(1)?);
    let mut groups = pattern.regex.create_captures();
    let (mut out, mut last_end, mut at) = (Vec::new(), 0, 0);
    while at <= subject.text.len() {
        let Some(span) = search(context, pattern, &subject, at, &mut groups)? else { break };
        let before = out.len();
        out.extend_from_slice(subject.bytes(last_end..span.start));
        if span.end > last_end || span.start == 0 {
            write(&mut out, &subject, &groups);
        }
        context.charge_bytes((out.len() - before) as u64)?;
        last_end = span.end;
        at = span.end.max(at + subject.width(at).max(1));
    }
    out.extend_from_slice(subject.bytes(last_end..subject.text.len()));
    Ok(Value::string(out))
}

/// Appends a template with its groups put in (`Regexp.Expand`).
fn expand(
    out: &mut Vec<u8>,
    template: &[u8],
    pattern: &Pattern,
    subject: &Subject<'_>,
    groups: &Captures,
) {
    let mut rest = template;
    while let Some(at) = memchr::memchr(b'$', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        if let [b'$', after @ ..] = rest {
            out.push(b'$');
            rest = after;
            continue;
        }
        let Some((name, after)) = group_name(rest) else {
            out.push(b'$');
            continue;
        };
        rest = after;
        let span = match group_number(name) {
            Some(number) => groups.get_group(number),
            None => {
                let named = pattern.groups.iter().enumerate().filter(|(_, n)| n.as_bytes() == name);
                named.into_iter().find_map(|(index, _)| groups.get_group(index))
            }
        };
        out.extend_from_slice(span.map_or(&b""[..], |span| subject.bytes(span.range())));
    }
    out.extend_from_slice(rest);
}

/// The longest name behind a `$`, in braces or not: letters, digits and underscores.
fn group_name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, braces) = match text {
        [b'{', rest @ ..] => (rest, true),
        _ => (text, false),
    };
    let word = |c: &char| unicode::is_letter(*c) || unicode::is_digit(*c) || *c == '_';
    let len = unicode::runes(name).take_while(|(c, _)| word(c)).map(|(_, bytes)| bytes.len()).sum();
    let (name, rest) = name.split_at_checked(len)?;
    if name.is_empty() {
        return None;
    }
    Some((name, if braces { rest.strip_prefix(b"}")? } else { rest }))
}

fn group_number(name: &[u8]) -> Option<usize> {
    let digits = name.iter().all(u8::is_ascii_digit) && (name == b"0" || name[0] != b'0');
    let number: usize = std::str::from_utf8(name).ok().filter(|_| digits)?.parse().ok()?;
    (number < 1_000_000_000).then_some(number)
}

fn quote_meta(text: &[u8]) -> Value {
    let mut out = Vec::with_capacity(text.len() + 8);
    for byte in text {
        if br"\.+*?()|[]{}^$".contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    Value::string(out)
}

#[cfg(test)]
mod tests;
