//! The number of replicas.

use trueup_yaml::{Node, Tag};

use crate::config::FieldSpec;
use crate::error::Result;
use crate::fieldspec::{Make, at_field};
use crate::node::set_scalar;

/// Sets the field that a spec names.
pub(crate) fn set(resource: &mut Node, count: i64, spec: &FieldSpec) -> Result<()> {
    at_field(resource, spec, Some(Make::INTEGER), &mut |node| {
        set_scalar(node, Node::scalar(count.to_string()).with_tag(Tag::Int))
    })
}
