//! The namespace of resources, and of what refers to namespaced ones.

use crate::build::Session;
use crate::config::FieldSpec;
use crate::error::{Error, Result};
use crate::filters::namespace;
use crate::resources::Resources;

/// Puts resources into a namespace.
pub(crate) struct Namespace {
    pub namespace: String,
    pub specs: Vec<FieldSpec>,
    /// Leaves fields alone that have a value.
    pub unset_only: bool,
    /// Which subjects of role bindings get it: `defaultOnly` (or nothing), `allServiceAccounts`,
    /// `none`.
    pub subjects: String,
}

impl Namespace {
    /// Checks what a configuration says.
    pub(crate) fn check(&self) -> Result<()> {
        if ["", "defaultOnly", "allServiceAccounts", "none"].contains(&self.subjects.as_str()) {
            return Ok(());
        }
        Err(Error::new(format!(
            "invalid value {} for setRoleBindingSubjects: must be one of \"defaultOnly\", \"none\" or \"allServiceAccounts\"",
            crate::go_text::quote(&self.subjects)
        )))
    }

    pub(super) fn apply(&self, session: &Session<'_>, resources: &mut Resources) -> Result<()> {
        if self.namespace.is_empty() {
            return Ok(());
        }
        let namespace = namespace::Namespace {
            name: &self.namespace,
            specs: &self.specs,
            unset_only: self.unset_only,
            subjects: &self.subjects,
        };
        for index in 0..resources.len() {
            let Some(resource) = resources.as_mut_slice().get_mut(index) else { break };
            if resource.is_empty() || resource.track.helm_generated {
                continue;
            }
            resource.remember_id();
            namespace::set(resource.node_mut(), &namespace, session.types.schema())?;
            reject_conflict(resources, index)?;
        }
        Ok(())
    }
}

fn reject_conflict(resources: &Resources, index: usize) -> Result<()> {
    let Some(moved) = resources.as_slice().get(index) else { return Ok(()) };
    let same = resources.indices(|other| other.id().same(moved.id()));
    if same.len() == 1 {
        return Ok(());
    }
    Err(Error::new(format!(
        "namespace transformation produces ID conflict: {}",
        resources.go_list(&same)
    )))
}
