//! What a kustomization gathers.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::id::ResId;
use crate::kustomization::Var;
use crate::resources::Resources;

/// Resources, and the rules that travel with them to the overlays.
pub(crate) struct Accumulator {
    pub resources: Resources,
    /// Where transformers look.
    pub config: Arc<Config>,
    /// Variables, by name.
    pub vars: BTreeMap<String, Var>,
}

impl Accumulator {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self { resources: Resources::new(), config: Arc::default(), vars: BTreeMap::new() }
    }

    /// Adds all that a base has gathered.
    pub(crate) fn merge(&mut self, other: Self) -> Result<()> {
        self.resources.append_all(other.resources.into_list())?;
        self.merge_config(&other.config)?;
        other.vars.into_values().try_for_each(|var| self.add_var(var))
    }

    /// Adds field specs.
    pub(crate) fn merge_config(&mut self, config: &Arc<Config>) -> Result<()> {
        self.config = Config::merge(&self.config, config)?;
        Ok(())
    }

    /// Adds the variables of a kustomization, and notes on resources which variables read them.
    pub(crate) fn merge_vars(&mut self, vars: &[Var]) -> Result<()> {
        for var in vars {
            self.mark_source(var)?;
        }
        vars.iter().try_for_each(|var| self.add_var(var.clone()))
    }

    /// Without a namespace, a variable may mean an object of any.
    fn mark_source(&mut self, var: &Var) -> Result<()> {
        let target = ResId {
            gvk: var.object.gvk(),
            name: var.object.name.clone(),
            namespace: var.object.namespace.clone(),
            cluster_scoped: false,
        };
        let any_namespace = target.namespace.is_empty();
        let matches = self.resources.indices_by_any_id(|id| {
            if any_namespace { id.same_type_and_name(&target) } else { id.same(&target) }
        });
        match matches.as_slice() {
            [] => Ok(()),
            [index] => {
                if let Some(resource) = self.resources.as_mut_slice().get_mut(*index) {
                    resource.vars.push(var.name.clone());
                }
                Ok(())
            }
            several => Err(Error::new(format!(
                "found {} resId matches for var {} (unable to disambiguate)",
                several.len(),
                var.clone().with_type().go_text()
            ))),
        }
    }

    fn add_var(&mut self, var: Var) -> Result<()> {
        if self.vars.contains_key(&var.name) {
            return Err(Error::new(format!("var '{}' already encountered", var.name)));
        }
        self.vars.insert(var.name.clone(), var.with_defaults());
        Ok(())
    }
}
