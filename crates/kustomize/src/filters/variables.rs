//! `$(NAME)` in texts.

use trueup_yaml::{Node, Style, Tag, format_g};

use crate::config::FieldSpec;
use crate::error::{Error, Result};
use crate::fieldspec::at_field;
use crate::node::{Kind, is_null, text};

/// The value of a variable.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Variable {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
}

/// Replaces variables in the texts of the fields that a spec names: a text, the values of a mapping,
/// the items of a list. `lookup` knows the variables.
pub(crate) fn expand(
    resource: &mut Node,
    spec: &FieldSpec,
    lookup: &mut dyn FnMut(&str) -> Option<Variable>,
) -> Result<()> {
    at_field(resource, spec, None, &mut |node| {
        if is_null(node) {
            return Ok(());
        }
        match Kind::of(node) {
            Kind::Scalar => expand_text(node, lookup).map(|_| ()),
            Kind::Mapping => expand_values(node, lookup),
            Kind::Sequence => node.items_mut().into_iter().flatten().try_for_each(|item| {
                match expand_text(item, lookup)? {
                    true => Ok(()),
                    false => Err(Error::new("invalid value type expect a string")),
                }
            }),
        }
    })
}

fn expand_values(node: &mut Node, lookup: &mut dyn FnMut(&str) -> Option<Variable>) -> Result<()> {
    for (key, value) in node.entries_mut().into_iter().flatten() {
        if !is_text(key) {
            return Err(Error::new(format!(
                "invalid map key: value='{}', tag='{}'",
                text(key),
                key.tag_text()
            )));
        }
        expand_text(value, lookup)?;
    }
    Ok(())
}

/// A scalar that is text, or that a step has made without saying what it is.
fn is_text(node: &Node) -> bool {
    let is_untyped = node.given_tag().is_none() && node.position().line == 0;
    Kind::of(node) == Kind::Scalar && (is_untyped || node.tag() == Tag::Str)
}

/// Whether it is a text at all.
fn expand_text(node: &mut Node, lookup: &mut dyn FnMut(&str) -> Option<Variable>) -> Result<bool> {
    if !is_text(node) {
        return Ok(false);
    }
    let link = node.link();
    *node = match expanded(text(node), lookup)? {
        Variable::Text(text) => Node::scalar(text).with_tag(Tag::Str),
        Variable::Integer(number) => Node::int(number),
        Variable::Boolean(truth) => Node::bool(truth),
        Variable::Float(number) => Node::scalar(fixed(number)).with_tag(Tag::Float),
    };
    node.style = Style::Plain;
    node.set_link(link);
    Ok(true)
}

/// Go's `FormatFloat(number, 'f', -1, 64)`.
fn fixed(number: f64) -> String {
    format!("{number}")
}

/// A text with its variables replaced. One that is nothing but a variable becomes its value; `$$` is
/// a dollar sign; what is no known variable stays.
fn expanded(input: &str, lookup: &mut dyn FnMut(&str) -> Option<Variable>) -> Result<Variable> {
    let mut out = String::with_capacity(input.len());
    let mut rest = input;
    while let Some(dollar) = rest.find('$') {
        let (before, after) = rest.split_at(dollar);
        let after = &after[1..];
        out.push_str(before);
        let Some(next) = after.chars().next() else {
            out.push('$');
            return Ok(Variable::Text(out));
        };
        rest = match next {
            '$' => {
                out.push('$');
                &after[1..]
            }
            '(' => match after.split_once(')') {
                Some((name, rest)) => {
                    let name = &name[1..];
                    let value = lookup(name);
                    if input.len() == name.len() + 3 {
                        return Ok(value.unwrap_or_else(|| Variable::Text(input.to_owned())));
                    }
                    match value {
                        Some(value) => out.push_str(&value.printed()),
                        None => out.extend(["$(", name, ")"]),
                    }
                    rest
                }
                None => {
                    out.push_str("$(");
                    &after[1..]
                }
            },
            // The original copies one byte here and so breaks the character it starts.
            c if !c.is_ascii() => {
                return Err(Error::new(format!(
                    "yaml: cannot marshal invalid UTF-8 data as !!str: \"${c}\" in a field that holds variables"
                )));
            }
            c => {
                out.extend(['$', c]);
                &after[1..]
            }
        };
    }
    out.push_str(rest);
    Ok(Variable::Text(out))
}

impl Variable {
    /// Go's `%v`.
    fn printed(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Float(number) if number.abs() >= 1e-4 && number.abs() < 1e21 => fixed(*number),
            Self::Float(number) => format_g(*number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        let mut lookup = |name: &str| match name {
            "A" => Some(Variable::Text("a".to_owned())),
            "N" => Some(Variable::Integer(7)),
            _ => None,
        };
        assert_eq!(expanded(input, &mut lookup).unwrap().printed(), expected, "{input}");
    }

    #[test]
    fn variables_are_replaced_and_the_rest_stays() {
        check("x-$(A)-$(N)", "x-a-7");
        check("$(N)", "7");
        check("$$(A)", "$(A)");
        check("$(B) $(A", "$(B) $(A");
        check("$a $", "$a $");
        check("$(A)$(A)", "aa");
    }
}
