//! Selectors: which resources a patch or a replacement is for.
//!
//! Each part of a selector is a regular expression (RE2 syntax, as Go has it) that must match the
//! whole text; an empty part matches everything. Labels and annotations are selected by Kubernetes'
//! label selector expressions ([`labels`]).

mod labels;
pub(crate) mod pattern;

use std::fmt;

use regex::Regex;

use crate::decode::go_struct;
use crate::error::Result;
use crate::id::{Gvk, ResId};

pub(crate) use labels::LabelSelector;

/// A selector as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Patterns for group, version, kind, name and namespace.
    pub id: ResId,
    /// A label selector over annotations.
    pub annotations: String,
    /// A label selector over labels.
    pub labels: String,
}

go_struct!(Selector, "Selector", "types.Selector", {
    "group" at "ResId.Gvk.group" => id.gvk.group,
    "version" at "ResId.Gvk.version" => id.gvk.version,
    "kind" at "ResId.Gvk.kind" => id.gvk.kind,
    "name" at "ResId.name" => id.name,
    "namespace" at "ResId.namespace" => id.namespace,
    "annotationSelector" at "annotationSelector" => annotations,
    "labelSelector" at "labelSelector" => labels,
});

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:a={}:l={}", self.id, self.annotations, self.labels)
    }
}

/// A selector whose expressions are compiled.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
}

impl Matcher {
    /// Compiles the patterns of a selector.
    pub(crate) fn new(selector: &Selector) -> Result<Self> {
        Ok(Self {
            group: pattern::anchored(&selector.id.gvk.group)?,
            version: pattern::anchored(&selector.id.gvk.version)?,
            kind: pattern::anchored(&selector.id.gvk.kind)?,
            name: pattern::anchored(&selector.id.name)?,
            namespace: pattern::anchored(&selector.id.namespace)?,
        })
    }

    /// Whether the type is selected.
    pub(crate) fn gvk(&self, gvk: &Gvk) -> bool {
        matches(self.group.as_ref(), &gvk.group)
            && matches(self.version.as_ref(), &gvk.version)
            && matches(self.kind.as_ref(), &gvk.kind)
    }

    /// Whether the name is selected.
    pub(crate) fn name(&self, name: &str) -> bool {
        matches(self.name.as_ref(), name)
    }

    /// Whether the namespace is selected.
    pub(crate) fn namespace(&self, namespace: &str) -> bool {
        matches(self.namespace.as_ref(), namespace)
    }
}

fn matches(pattern: Option<&Regex>, text: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.is_match(text))
}
