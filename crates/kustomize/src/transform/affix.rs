//! Prefixes and suffixes of names.

use crate::config::FieldSpec;
use crate::error::Result;
use crate::filters::affix;
use crate::id::{Gvk, ResId};
use crate::resources::Resources;

/// Which end of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// `namePrefix`
    Prefix,
    /// `nameSuffix`
    Suffix,
}

/// A prefix or suffix for the fields that hold names.
pub(crate) struct Affix {
    pub end: End,
    pub text: String,
    pub specs: Vec<FieldSpec>,
}

/// The names of these mean something by themselves.
fn is_skipped(id: &ResId) -> bool {
    let api_service =
        Gvk { group: "apiregistration.k8s.io".to_owned(), ..Gvk::of_kind("APIService") };
    id.gvk.kind == "CustomResourceDefinition"
        || id.gvk.kind == "Namespace"
        || id.gvk.is_selected(&api_service)
}

impl Affix {
    pub(super) fn apply(&self, resources: &mut Resources) -> Result<()> {
        for resource in resources.iter_mut() {
            if is_skipped(resource.original_id()) {
                continue;
            }
            let gvk = resource.original_id().gvk.clone();
            for spec in self.specs.iter().filter(|spec| gvk.is_selected(&spec.gvk)) {
                if spec.path == "metadata/name" && !self.text.is_empty() {
                    let affixes = match self.end {
                        End::Prefix => &mut resource.track.prefixes,
                        End::Suffix => &mut resource.track.suffixes,
                    };
                    affixes.push(self.text.clone());
                    resource.remember_id();
                }
                match self.end {
                    End::Prefix => affix::prefix(resource.node_mut(), &self.text, spec)?,
                    End::Suffix => affix::suffix(resource.node_mut(), &self.text, spec)?,
                }
            }
        }
        Ok(())
    }
}
