//! Variables: `$(NAME)` in fields that may hold one, replaced by a field of another resource.

use std::collections::{BTreeMap, BTreeSet};

use trueup_model::Diagnostic;
use trueup_yaml::{Content, Dialect, Node, Resolved, Tag};

use super::Accumulator;
use crate::build::Session;
use crate::error::{Error, Result};
use crate::filters::variables::{self, Variable};
use crate::kustomization::Var;
use crate::node;
use crate::resources::Resources;
use crate::trace::{self, Cause};

/// Replaces all variables.
pub(super) fn replace(
    session: &Session<'_>,
    accumulator: &mut Accumulator,
    cause: &Cause,
) -> Result<()> {
    let mut values = BTreeMap::new();
    for (name, var) in &accumulator.vars {
        values.insert(name.as_str(), value_of(var, &accumulator.resources)?);
    }
    if values.is_empty() {
        return Ok(());
    }
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let specs = &accumulator.config.var_reference;
    trace::around(session, &mut accumulator.resources, cause, |resources| {
        resources.iter_mut().try_for_each(|resource| {
            for spec in specs {
                variables::expand(resource.node_mut(), spec, &mut |name| {
                    let (name, value) = values.get_key_value(name)?;
                    let value = value.clone()?;
                    used.insert(name);
                    Some(value)
                })?;
                resource.follow_links();
            }
            Ok(())
        })
    })?;
    let unused: Vec<&str> = values.keys().copied().filter(|name| !used.contains(name)).collect();
    if !unused.is_empty() {
        session.warn(Diagnostic::warning(format!(
            "well-defined vars that were never replaced: {}",
            unused.join(",")
        )));
    }
    Ok(())
}

/// The field that a variable reads, in the first resource that is marked with it. `None` if it
/// holds no scalar.
fn value_of(var: &Var, resources: &Resources) -> Result<Option<Variable>> {
    let Some(source) = resources.iter().find(|resource| resource.vars.contains(&var.name)) else {
        return Err(Error::new(format!(
            "var '{}' cannot be mapped to a field in the set of known resources",
            var.go_text()
        )));
    };
    match node::lookup(source.node(), &field_path(&var.field.path)) {
        Ok(Some(value)) => Ok(variable(value)),
        _ => Err(Error::new(format!(
            "field specified in var '{}' not found in corresponding resource",
            var.go_text()
        ))),
    }
}

/// Splits a path at dots; `ports[0]` is two parts.
fn field_path(path: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for part in node::split_path_with_brackets(path, '.') {
        let indexed = part.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
        match indexed.filter(|(_, index)| index.bytes().all(|byte| byte.is_ascii_digit())) {
            Some((name, index)) if !index.is_empty() => {
                let named = Some(name).filter(|name| !name.is_empty());
                parts.extend(named.into_iter().chain([index]).map(str::to_owned));
            }
            _ => parts.push(part),
        }
    }
    parts
}

fn variable(value: &Node) -> Option<Variable> {
    let Content::Scalar(text) = &value.content else { return None };
    let text = || Variable::Text(text.to_string());
    Some(match (value.tag(), value.resolve(Dialect::V3)) {
        (Tag::Int, Ok(Resolved::Int(number))) => Variable::Integer(number),
        (Tag::Float, Ok(Resolved::Float(number))) => Variable::Float(number),
        (Tag::Bool, Ok(Resolved::Bool(truth))) => Variable::Boolean(truth),
        _ => text(),
    })
}
