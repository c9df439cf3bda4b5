//! Sets of templates that can call each other.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ast::Tree;
use crate::value::Str;

/// A set of templates by name. Cheap to clone: what is added to a clone is seen by the clone alone.
///
/// A set is a chain of layers. Adding to a set that others share begins a new layer, so that a text
/// executed by `tpl` has the whole set and its own definitions without copying anything.
#[derive(Clone, Debug, Default)]
pub struct Templates(Arc<Layer>);

#[derive(Debug, Default)]
struct Layer {
    below: Option<Templates>,
    trees: HashMap<Str, Arc<Tree>>,
}

impl Templates {
    /// Adds trees, in their order. Of one name the last is taken, but an empty one replaces none
    /// (`Template.AddParseTree`).
    pub fn add(&mut self, trees: impl IntoIterator<Item = Arc<Tree>>) {
        for tree in trees {
            if tree.is_empty() && self.get(&tree.name).is_some() {
                continue;
            }
            self.own_layer().trees.insert(tree.name.clone(), tree);
        }
    }

    /// The layer on top, which this set has for itself.
    fn own_layer(&mut self) -> &mut Layer {
        if Arc::get_mut(&mut self.0).is_none() {
            let layer = Layer { below: Some(self.clone()), trees: HashMap::new() };
            self.0 = Arc::new(layer);
        }
        Arc::get_mut(&mut self.0).expect("nothing else holds a layer that was just made")
    }

    /// The template of a name.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Tree>> {
        let mut layer = &self.0;
        loop {
            if let Some(tree) = layer.trees.get(name) {
                return Some(tree);
            }
            layer = &layer.below.as_ref()?.0;
        }
    }

    /// The names of all templates, sorted.
    pub fn names(&self) -> Vec<Str> {
        let mut names = Vec::new();
        let mut layer = Some(self);
        while let Some(Self(this)) = layer {
            names.extend(this.trees.keys().cloned());
            layer = this.below.as_ref();
        }
        names.sort_unstable();
        names.dedup();
        names
    }
}
