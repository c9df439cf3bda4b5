//! Labels and annotations.

use std::collections::BTreeMap;

use trueup_yaml::{Node, Tag};

use crate::config::FieldSpec;
use crate::error::Result;
use crate::fieldspec::{Make, at_fields};
use crate::node::set_field;

/// Sets names and values in each mapping that the specs name.
pub(crate) fn set(
    resource: &mut Node,
    pairs: &BTreeMap<String, String>,
    specs: &[FieldSpec],
) -> Result<()> {
    for (name, value) in pairs {
        at_fields(resource, specs, Some(Make::MAPPING), &mut |node| {
            set_field(node, name, Node::scalar(value).with_tag(Tag::Str))
        })?;
    }
    Ok(())
}
