//! Prefixes and suffixes of names.

use trueup_yaml::Node;

use crate::config::FieldSpec;
use crate::error::Result;
use crate::fieldspec::{Make, at_field};
use crate::node::{set_scalar_text, text};

/// Puts a prefix before the fields that a spec names.
pub(crate) fn prefix(resource: &mut Node, prefix: &str, spec: &FieldSpec) -> Result<()> {
    at_field(resource, spec, Some(Make::TEXT), &mut |node| {
        set_scalar_text(node, &format!("{prefix}{}", text(node)))
    })
}

/// Puts a suffix after the fields that a spec names.
pub(crate) fn suffix(resource: &mut Node, suffix: &str, spec: &FieldSpec) -> Result<()> {
    at_field(resource, spec, Some(Make::TEXT), &mut |node| {
        set_scalar_text(node, &format!("{}{suffix}", text(node)))
    })
}
