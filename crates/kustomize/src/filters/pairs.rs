//! Labels and annotations.

use std::collections::BTreeMap;

use trueup_yaml::Node;

use crate::config::FieldSpec;
use crate::error::Result;
use crate::fieldspec::{Make, at_fields};
use crate::links::Links;

/// Sets names and values in each mapping that the specs name.
pub(crate) fn set(
    resource: &mut Node,
    links: &mut Links,
    pairs: &BTreeMap<String, String>,
    specs: &[FieldSpec],
) -> Result<()> {
    for (name, value) in pairs {
        let mut label = links.label(name, value);
        at_fields(resource, specs, Some(Make::MAPPING), &mut |node| label.put(node))?;
        label.finish();
    }
    Ok(())
}
