//! `$patch`: what a patch says about itself.

use trueup_yaml::Node;

use crate::error::{Error, Result};
use crate::node::{Kind, text, to_text};

const KEY: &str = "$patch";

/// What is to be done with the value that a patch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Directive {
    Merge,
    Replace,
    Delete,
}

impl Directive {
    fn parse(text: &str) -> Result<Self> {
        match text {
            "merge" => Ok(Self::Merge),
            "replace" => Ok(Self::Replace),
            "delete" => Ok(Self::Delete),
            other => Err(Error::new(format!("unknown patch strategy '{other}'"))),
        }
    }

    /// Reads the directive of a patch and takes it out of there.
    pub(super) fn take(patch: &mut Node) -> Result<Self> {
        match Kind::of(patch) {
            Kind::Mapping => Self::take_from_mapping(patch),
            Kind::Sequence => Self::take_from_list(patch),
            Kind::Scalar => Err(Error::new(format!(
                "no implemented strategic merge patch strategy for '{}' ('{}')",
                patch.tag_text(),
                to_text(patch)
            ))),
        }
    }

    fn take_from_mapping(patch: &mut Node) -> Result<Self> {
        let Some(value) = patch.get(KEY) else { return Ok(Self::Merge) };
        let directive = Self::parse(text(value))?;
        patch.remove(KEY);
        Ok(directive)
    }

    /// A list has a directive in an element that holds nothing else.
    fn take_from_list(patch: &mut Node) -> Result<Self> {
        let Some(items) = patch.items_mut() else { return Ok(Self::Merge) };
        let Some(element) = items.iter().find(|item| item.get(KEY).is_some()) else {
            return Ok(Self::Merge);
        };
        if element.entries().is_some_and(|entries| entries.len() > 1) {
            return Ok(Self::Merge);
        }
        let value = element.get(KEY).map(text).unwrap_or_default().to_owned();
        let directive = Self::parse(&value)?;
        items.retain(|item| {
            !crate::node::is_empty_map(item) && item.get(KEY).is_none_or(|it| text(it) != value)
        });
        Ok(directive)
    }
}
