//! Label selector expressions: `a=b`, `a!=b`, `a in (b, c)`, `a notin (b)`, `a`, `!a`, `a>1`, joined
//! by commas. The language is that of Kubernetes' `labels.Parse`.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// A parsed selector: all of its requirements must hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
    Greater(i64),
    Less(i64),
}

impl LabelSelector {
    /// Parses an expression; the empty one selects everything.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let tokens = tokens(text);
        let mut parser = Parser { tokens: &tokens, at: 0 };
        let requirements = parser
            .requirements()
            .map_err(|reason| Error::new(format!("unable to parse requirement: {reason}")))?;
        Ok(Self { requirements })
    }

    /// Whether it selects everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether the labels satisfy it.
    pub(crate) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|requirement| {
            requirement.test.holds(labels.get(&requirement.key).map(String::as_str))
        })
    }
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::In(values) => value.is_some_and(|value| values.iter().any(|v| v == value)),
            Self::NotIn(values) => !value.is_some_and(|value| values.iter().any(|v| v == value)),
            Self::Exists => value.is_some(),
            Self::DoesNotExist => value.is_none(),
            Self::Greater(than) => number().is_some_and(|number| number > *than),
            Self::Less(than) => number().is_some_and(|number| number < *than),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Symbol(&'static str),
    Word(String),
}

const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            tokens.push(Token::Symbol(symbol));
            rest = rest.get(symbol.len()..).unwrap_or("").trim_start();
            continue;
        }
        let is_end = |c: char| c.is_ascii_whitespace() || "=!(),><".contains(c);
        let length = rest.find(is_end).unwrap_or(rest.len()).max(first.len_utf8());
        let (word, after) = rest.split_at(length);
        tokens.push(Token::Word(word.to_owned()));
        rest = after.trim_start();
    }
    tokens
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
}

type Parsed<T> = std::result::Result<T, String>;

impl<'a> Parser<'a> {
    fn requirements(&mut self) -> Parsed<Vec<Requirement>> {
        let mut requirements = Vec::new();
        if self.tokens.is_empty() {
            return Ok(requirements);
        }
        loop {
            requirements.push(self.requirement()?);
            match self.next() {
                None => return Ok(requirements),
                Some(Token::Symbol(",")) if self.at < self.tokens.len() => {}
                Some(Token::Symbol(",")) => {
                    return Err("found '', expected: identifier after ','".to_owned());
                }
                Some(other) => {
                    return Err(format!(
                        "found '{}', expected: ',' or 'end of string'",
                        other.text()
                    ));
                }
            }
        }
    }

    fn requirement(&mut self) -> Parsed<Requirement> {
        if self.peek() == Some(&Token::Symbol("!")) {
            self.at += 1;
            return Ok(Requirement { key: self.key()?, test: Test::DoesNotExist });
        }
        let key = self.key()?;
        let test = match self.peek().cloned() {
            None | Some(Token::Symbol(",")) => Test::Exists,
            Some(operator) => {
                self.at += 1;
                self.test(&operator)?
            }
        };
        Ok(Requirement { key, test })
    }

    fn key(&mut self) -> Parsed<String> {
        match self.next() {
            Some(Token::Word(word)) => {
                check_key(word)?;
                Ok(word.clone())
            }
            Some(other) => Err(format!(
                "found '{}', expected: !, identifier, or 'end of string'",
                other.text()
            )),
            None => Err("found '', expected: identifier".to_owned()),
        }
    }

    fn test(&mut self, operator: &Token) -> Parsed<Test> {
        match operator.text() {
            "=" | "==" => Ok(Test::In(vec![self.value()?])),
            "!=" => Ok(Test::NotIn(vec![self.value()?])),
            "in" => Ok(Test::In(self.values()?)),
            "notin" => Ok(Test::NotIn(self.values()?)),
            ">" => Ok(Test::Greater(self.number()?)),
            "<" => Ok(Test::Less(self.number()?)),
            other => Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt")),
        }
    }

    /// A value may be missing: `a=` asks for the empty one.
    fn value(&mut self) -> Parsed<String> {
        match self.peek() {
            None | Some(Token::Symbol(",")) => Ok(String::new()),
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.at += 1;
                check_value(&word)?;
                Ok(word)
            }
            Some(other) => Err(format!("found '{}', expected: identifier", other.text())),
        }
    }

    fn values(&mut self) -> Parsed<Vec<String>> {
        if self.next() != Some(&Token::Symbol("(")) {
            return Err("found '', expected: '('".to_owned());
        }
        let mut values = vec![self.listed()?];
        loop {
            match self.next() {
                Some(Token::Symbol(")")) => return Ok(values),
                Some(Token::Symbol(",")) => values.push(self.listed()?),
                other => {
                    let found = other.map_or("", Token::text);
                    return Err(format!("found '{found}', expected: ',' or ')'"));
                }
            }
        }
    }

    /// A value in parentheses; between two commas there is the empty one.
    fn listed(&mut self) -> Parsed<String> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.at += 1;
                check_value(&word)?;
                Ok(word)
            }
            _ => Ok(String::new()),
        }
    }

    fn number(&mut self) -> Parsed<i64> {
        let value = self.value()?;
        value.parse().map_err(|_| {
            "values[0]: for 'Gt', 'Lt' operators, the value must be an integer".to_owned()
        })
    }

    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<&'a Token> {
        let token = self.tokens.get(self.at);
        self.at += 1;
        token
    }
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::Symbol(symbol) => symbol,
            Self::Word(word) => word,
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_edge = |c: char| c.is_ascii_alphanumeric();
    let is_inner = |c: char| is_edge(c) || matches!(c, '-' | '_' | '.');
    text.len() <= 63
        && text.starts_with(is_edge)
        && text.ends_with(is_edge)
        && text.chars().all(is_inner)
}

fn check_key(key: &str) -> Parsed<()> {
    let (prefix, name) = key.rsplit_once('/').unwrap_or(("x", key));
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))
    };
    if is_name(name) && is_part(prefix) {
        return Ok(());
    }
    Err(format!("key: Invalid value: {}: not a qualified name", crate::go_text::quote(key)))
}

fn check_value(value: &str) -> Parsed<()> {
    if value.is_empty() || is_name(value) {
        return Ok(());
    }
    Err(format!("values[0]: Invalid value: {}: not a label value", crate::go_text::quote(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_select() {
        let labels: BTreeMap<String, String> =
            [("app", "web"), ("n", "5")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let selects = |text: &str| LabelSelector::parse(text).unwrap().matches(&labels);
        for text in ["", "app", "app=web", "app==web,n", "app in (a, web)", "!x", "n>4", "x!=1"] {
            assert!(selects(text), "{text}");
        }
        for text in ["x", "app!=web", "app notin (web)", "!app", "n<5", "app=", "app in (a)"] {
            assert!(!selects(text), "{text}");
        }
        for text in ["app in", "=", "a=b=c", "app,", "a in (b", "a@b"] {
            assert!(LabelSelector::parse(text).is_err(), "{text}");
        }
    }
}
