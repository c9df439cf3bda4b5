//! Values as Go's `%#v` shows them, for the error texts that hold such.

use crate::dialect::{Dialect, Resolved};
use crate::float::format_g;
use crate::node::{Content, Node};

/// What a decoded node looks like.
pub(super) fn of(node: &Node, dialect: Dialect) -> String {
    match &node.content {
        Content::Scalar(_) => scalar(node, dialect),
        _ => inner(node, dialect),
    }
}

/// The same as an element of a collection, where nothing has a type of its own.
fn inner(node: &Node, dialect: Dialect) -> String {
    match &node.content {
        Content::Scalar(_) => match scalar(node, dialect) {
            nil if nil == "<nil>" => "interface {}(nil)".to_owned(),
            shown => shown,
        },
        Content::Sequence(items) => {
            let items: Vec<String> = items.iter().map(|item| inner(item, dialect)).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Content::Mapping(entries) => {
            let key = match dialect {
                Dialect::V2 => "interface {}",
                Dialect::V3 => "string",
            };
            let mut shown: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}:{}", inner(key, dialect), inner(value, dialect)))
                .collect();
            shown.sort();
            format!("map[{key}]interface {{}}{{{}}}", shown.join(", "))
        }
    }
}

fn scalar(node: &Node, dialect: Dialect) -> String {
    match node.resolve(dialect) {
        Ok(Resolved::Null) => "<nil>".to_owned(),
        Ok(Resolved::Bool(value)) => value.to_string(),
        Ok(Resolved::Int(value)) => value.to_string(),
        Ok(Resolved::Uint(value)) => format!("{value:#x}"),
        Ok(Resolved::Float(value)) => format_g(value),
        _ => format!("{:?}", node.text().unwrap_or_default()),
    }
}
