//! The language of `--set`, `--set-string`, `--set-file`, `--set-json` and `--set-literal`:
//! `a.b[0].c=value,d={x,y}`, with `\` to escape.
//!
//! Reproduces `pkg/strvals` of Helm, with what it leaves in the values when it fails half way: the
//! conformance suite compares both. Integers become JSON integers, everything from JSON a float, as
//! in Helm, where the former are int64 and the latter float64.

use serde_json::{Map, Value};

use crate::Profile;

/// The largest index that is accepted; Helm's `MaxIndex`.
const MAX_INDEX: usize = 65_536;
/// How deep names may be nested; Helm's `MaxNestedNameLevel`.
const MAX_NESTED_NAME_LEVEL: usize = 30;
/// How often `[…]` may follow itself. Helm has no such limit and grows its stack instead.
const MAX_NESTED_LISTS: usize = 1_000;

/// How the text after a `=` becomes a value.
pub enum Reading<'a> {
    /// `--set`: true, false, null and integers by their looks, anything else a string.
    Typed,
    /// `--set-string`: always a string.
    Text,
    /// `--set-json`: a JSON value.
    Json,
    /// `--set-literal`: always a string, which nothing ends and nothing escapes.
    Literal,
    /// `--set-file`: the content of the file that is named; the reader's error is a sentence.
    File(&'a mut dyn FnMut(&str) -> Result<String, String>),
}

/// Parses `text` and merges what it sets into `values`. What was set before an error stays set.
///
/// # Errors
/// With Helm's message, which names the key.
pub fn parse_into(
    text: &str,
    values: &mut Map<String, Value>,
    reading: Reading<'_>,
    profile: Profile,
) -> Result<(), String> {
    let mut parser = Parser { text: text.chars().collect(), at: 0, reading };
    loop {
        match parser.key(values, 0) {
            Ok(()) => {}
            Err(Stop::End) => return Ok(()),
            Err(Stop::EndInIndex) if profile == Profile::Helm4 => return Ok(()),
            Err(Stop::EndInIndex) => return Err("error parsing index: EOF".to_owned()),
            Err(Stop::Failed(message)) => return Err(message),
        }
    }
}

/// Why parsing went no further.
enum Stop {
    /// The text is at its end.
    End,
    /// The text ended inside `[…`; Helm 4 takes it for the end of the text.
    EndInIndex,
    Failed(String),
}

fn failed<T>(message: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Failed(message.into()))
}

type Parsed<T> = Result<T, Stop>;

struct Parser<'a> {
    text: Vec<char>,
    at: usize,
    reading: Reading<'a>,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let char = self.text.get(self.at).copied()?;
        self.at += 1;
        Some(char)
    }

    fn is_literal(&self) -> bool {
        matches!(self.reading, Reading::Literal)
    }

    /// Reads up to one of `stops`, which is consumed; `None` for it at the end of the text.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut read = String::new();
        while let Some(char) = self.next() {
            if stops.contains(&char) {
                return (read, Some(char));
            }
            if char == '\\' && !self.is_literal() {
                match self.next() {
                    Some(escaped) => read.push(escaped),
                    None => break,
                }
            } else {
                read.push(char);
            }
        }
        (read, None)
    }

    /// A key with all that follows it, up to the next key.
    fn key(&mut self, data: &mut Map<String, Value>, level: usize) -> Parsed<()> {
        let stops: &[char] =
            if self.is_literal() { &['=', '[', '.'] } else { &['=', '[', ',', '.'] };
        let (key, last) = self.until(stops);
        match last {
            None if key.is_empty() => Err(Stop::End),
            None => failed(format!("key {} has no value", quoted(&key))),
            Some('[') => self.list(data, &key, level),
            Some('=') => self.assignment(data, &key),
            Some(',') => {
                set(data, &key, Value::String(String::new()));
                failed(format!("key {} has no value (cannot end with ,)", quoted(&key)))
            }
            Some(_) => self.nested(data, &key, level),
        }
    }

    fn list(&mut self, data: &mut Map<String, Value>, key: &str, level: usize) -> Parsed<()> {
        let index = self.index()?;
        let mut list = match data.get_mut(key) {
            None => Vec::new(),
            Some(Value::Array(list)) => std::mem::take(list),
            Some(other) => return failed(not_a(other, "[]interface {}")),
        };
        let result = self.item(&mut list, index, level, 0);
        set(data, key, Value::Array(list));
        result
    }

    fn nested(&mut self, data: &mut Map<String, Value>, key: &str, level: usize) -> Parsed<()> {
        let level = level + 1;
        if level > MAX_NESTED_NAME_LEVEL {
            return failed(too_deep());
        }
        let (mut inner, existed) = match data.get_mut(key) {
            None => (Map::new(), false),
            Some(Value::Object(map)) => (std::mem::take(map), true),
            Some(other) => return failed(not_a(other, "map[string]interface {}")),
        };
        let result = self.key(&mut inner, level);
        let is_empty = inner.is_empty();
        if existed {
            data.insert(key.to_owned(), Value::Object(inner));
        } else if !is_empty {
            set(data, key, Value::Object(inner));
        }
        match result {
            Ok(()) if is_empty => failed(format!("key map {} has no value", quoted(key))),
            other => other,
        }
    }

    fn assignment(&mut self, data: &mut Map<String, Value>, key: &str) -> Parsed<()> {
        match self.reading {
            Reading::Json => {
                let value = self.json()?;
                set(data, key, value);
                self.is_blank();
                Ok(())
            }
            Reading::Literal => {
                let (value, _) = self.until(&[]);
                set(data, key, Value::String(value));
                Ok(())
            }
            _ => match self.plain() {
                Ok(value) => {
                    set(data, key, value);
                    Ok(())
                }
                Err(Stop::End) => {
                    set(data, key, Value::String(String::new()));
                    Err(Stop::End)
                }
                Err(other) => {
                    // Helm sets what the reader of a file returns beside its error: nil.
                    if matches!(self.reading, Reading::File(_)) {
                        set(data, key, Value::Null);
                    }
                    Err(other)
                }
            },
        }
    }

    /// An entry of a list, its index already read.
    fn item(
        &mut self,
        list: &mut Vec<Value>,
        index: i64,
        level: usize,
        lists: usize,
    ) -> Parsed<()> {
        if index < 0 {
            return failed(format!("negative {index} index not allowed"));
        }
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let (read, last) = self.until(&['[', '.', '=']);
        if !read.is_empty() {
            return failed(format!(
                "unexpected data at end of array index: {}",
                quoted_characters(&read)
            ));
        }
        match last {
            None => Err(Stop::End),
            Some('=') => self.item_value(list, index),
            Some('[') => self.item_list(list, index, level, lists + 1),
            Some(_) => self.item_map(list, index, level),
        }
    }

    fn item_value(&mut self, list: &mut Vec<Value>, index: usize) -> Parsed<()> {
        match self.reading {
            Reading::Json => {
                let value = self.json()?;
                set_index(list, index, value)?;
                self.is_blank();
                Ok(())
            }
            Reading::Literal => {
                let (value, _) = self.until(&[]);
                set_index(list, index, Value::String(value))
            }
            _ => match self.plain() {
                Ok(value) => set_index(list, index, value),
                Err(Stop::End) => set_index(list, index, Value::String(String::new())),
                Err(other) => Err(other),
            },
        }
    }

    fn item_list(
        &mut self,
        list: &mut Vec<Value>,
        index: usize,
        level: usize,
        lists: usize,
    ) -> Parsed<()> {
        if lists > MAX_NESTED_LISTS {
            return failed(format!("lists are nested deeper than {MAX_NESTED_LISTS}"));
        }
        let next = self.index()?;
        let mut inner = match list.get_mut(index) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(inner)) => std::mem::take(inner),
            Some(other) => return failed(not_a(other, "[]interface {}")),
        };
        let result = self.item(&mut inner, next, level, lists);
        match result {
            Ok(()) => set_index(list, index, Value::Array(inner)),
            Err(stop) => {
                if let Some(existing @ Value::Array(_)) = list.get_mut(index) {
                    *existing = Value::Array(inner);
                }
                Err(stop)
            }
        }
    }

    fn item_map(&mut self, list: &mut Vec<Value>, index: usize, level: usize) -> Parsed<()> {
        let (mut inner, existed) = match list.get_mut(index) {
            None => (Map::new(), false),
            Some(Value::Object(map)) => (std::mem::take(map), true),
            Some(_) => (Map::new(), true),
        };
        let result = self.key(&mut inner, level);
        if existed || result.is_ok() {
            set_index(list, index, Value::Object(inner))?;
        }
        result
    }

    /// The number in `[…]`, its opening bracket already read.
    fn index(&mut self) -> Parsed<i64> {
        let (digits, last) = self.until(&[']']);
        if last.is_none() {
            return Err(Stop::EndInIndex);
        }
        match digits.parse::<i64>() {
            Ok(index) => Ok(index),
            Err(error) => failed(format!(
                "error parsing index: strconv.Atoi: parsing {}: {}",
                quoted(&digits),
                atoi_reason(&error)
            )),
        }
    }

    /// What follows the `=` of `--set`, `--set-string` and `--set-file`.
    fn plain(&mut self) -> Parsed<Value> {
        match self.text.get(self.at) {
            None => Err(Stop::End),
            Some('{') => {
                self.at += 1;
                self.plain_list()
            }
            Some(_) => {
                let (text, _) = self.until(&[',']);
                self.read(text)
            }
        }
    }

    fn plain_list(&mut self) -> Parsed<Value> {
        let mut list = Vec::new();
        loop {
            let (text, last) = self.until(&[',', '}']);
            match last {
                None => return failed("list must terminate with '}'"),
                Some('}') => {
                    if self.text.get(self.at) == Some(&',') {
                        self.at += 1;
                    }
                    list.push(self.read(text)?);
                    return Ok(Value::Array(list));
                }
                Some(_) => list.push(self.read(text)?),
            }
        }
    }

    fn read(&mut self, text: String) -> Parsed<Value> {
        match &mut self.reading {
            Reading::Typed => Ok(typed(text)),
            Reading::File(read) => read(&text).map(Value::String).map_err(Stop::Failed),
            Reading::Text | Reading::Json | Reading::Literal => Ok(Value::String(text)),
        }
    }

    /// A JSON value, or null where there is none before the next comma.
    fn json(&mut self) -> Parsed<Value> {
        if self.is_blank() {
            return Ok(Value::Null);
        }
        let rest: String = self.text.iter().skip(self.at).collect();
        let mut values = serde_json::Deserializer::from_str(&rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                let read = rest.get(..values.byte_offset()).unwrap_or_default();
                self.at += read.chars().count();
                Ok(super::with_floats(value))
            }
            Some(Err(error)) => failed(error.to_string()),
            None => failed("EOF"),
        }
    }

    /// Skips spaces. True if a comma, which is skipped too, or the end of the text follows.
    fn is_blank(&mut self) -> bool {
        loop {
            match self.text.get(self.at) {
                None => return true,
                Some(',') => {
                    self.at += 1;
                    return true;
                }
                Some(char) if char.is_whitespace() => self.at += 1,
                Some(_) => return false,
            }
        }
    }
}

/// A key that is empty sets nothing.
fn set(data: &mut Map<String, Value>, key: &str, value: Value) {
    if !key.is_empty() {
        data.insert(key.to_owned(), value);
    }
}

fn set_index(list: &mut Vec<Value>, index: usize, value: Value) -> Parsed<()> {
    if index > MAX_INDEX {
        return failed(format!(
            "index of {index} is greater than maximum supported index of {MAX_INDEX}"
        ));
    }
    if list.len() <= index {
        list.resize(index + 1, Value::Null);
    }
    if let Some(slot) = list.get_mut(index) {
        *slot = value;
    }
    Ok(())
}

fn typed(text: String) -> Value {
    if text.eq_ignore_ascii_case("true") {
        return Value::Bool(true);
    }
    if text.eq_ignore_ascii_case("false") {
        return Value::Bool(false);
    }
    if text.eq_ignore_ascii_case("null") {
        return Value::Null;
    }
    if text == "0" {
        return Value::from(0_i64);
    }
    if text.starts_with('0') {
        return Value::String(text);
    }
    match text.parse::<i64>() {
        Ok(number) => Value::from(number),
        Err(_) => Value::String(text),
    }
}

fn too_deep() -> String {
    format!(
        "value name nested level is greater than maximum supported nested level of {MAX_NESTED_NAME_LEVEL}"
    )
}

/// What Go says when an interface holds another type than the one that was asserted.
fn not_a(value: &Value, wanted: &str) -> String {
    let held = match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    };
    format!("unable to parse key: interface conversion: interface {{}} is {held}, not {wanted}")
}

fn atoi_reason(error: &std::num::ParseIntError) -> &'static str {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    match error.kind() {
        PosOverflow | NegOverflow => "value out of range",
        _ => "invalid syntax",
    }
}

/// As Go's `%q` prints a string; keys are short, so only what a shell can pass matters.
fn quoted(text: &str) -> String {
    format!("{text:?}").replace("\\'", "'")
}

/// As Go's `%q` prints a slice of runes.
fn quoted_characters(text: &str) -> String {
    let characters: Vec<String> = text.chars().map(|char| format!("{char:?}")).collect();
    format!("[{}]", characters.join(" "))
}
