//! Puts a value into fields, or at a position of the paths that fields hold.

use crate::build::Session;
use crate::decode::go_struct;
use crate::error::{Error, Result};
use crate::filters::{namespace, value_add};
use crate::resources::Resources;
use crate::select::Selector;

/// A value and where to put it.
pub(crate) struct ValueAdd {
    pub value: String,
    pub targets: Vec<ValueTarget>,
}

/// Fields that get the value.
#[derive(Clone, Debug, Default)]
pub(crate) struct ValueTarget {
    pub selector: Option<Selector>,
    pub field_path: String,
    pub position: i64,
}

go_struct!(ValueTarget, "Target", "builtins.Target", {
    "selector" at "selector" => selector,
    "fieldPath" at "fieldPath" => field_path,
    "filePathPosition" at "filePathPosition" => position,
});

impl ValueTarget {
    /// Checks what a configuration says.
    pub(crate) fn check(&self) -> Result<()> {
        if self.field_path.is_empty() {
            return Err(Error::new("fieldPath cannot be empty"));
        }
        if self.position < 0 {
            return Err(Error::new(format!(
                "value of FilePathPosition ({}) cannot be negative",
                self.position
            )));
        }
        Ok(())
    }
}

impl ValueAdd {
    pub(super) fn apply(&self, session: &Session<'_>, resources: &mut Resources) -> Result<()> {
        let namespace =
            namespace::Namespace { name: &self.value, specs: &[], unset_only: false, subjects: "" };
        for target in &self.targets {
            let selected = match &target.selector {
                Some(selector) => resources.select(selector)?,
                None => (0..resources.len()).collect(),
            };
            for index in selected {
                let Some(resource) = resources.as_mut_slice().get_mut(index) else { continue };
                let node = resource.node_mut();
                if target.field_path == "metadata/namespace" {
                    namespace::set(node, &namespace, session.types.schema())?;
                } else {
                    value_add::add(node, &self.value, &target.field_path, target.position)?;
                }
            }
        }
        Ok(())
    }
}
