//! What there is to refer to, apart from the resources themselves, which change meanwhile.

use std::collections::HashMap;

use crate::id::ResId;
use crate::resource::Resource;

/// What a reference asks of a resource.
pub(super) struct Facts {
    /// Its place among the resources.
    pub index: usize,
    pub id: ResId,
    pub former: Vec<ResId>,
    /// The effective namespace of its first id.
    pub original_namespace: String,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
}

impl Facts {
    fn of(index: usize, resource: &Resource) -> Self {
        Self {
            index,
            id: resource.id().clone(),
            former: resource.former_ids().to_vec(),
            original_namespace: resource.original_id().effective_namespace().to_owned(),
            prefixes: resource.track.prefixes.clone(),
            suffixes: resource.track.suffixes.clone(),
        }
    }

    /// Whether both were renamed in the same layers: their prefixes, and their suffixes, end alike.
    pub(super) fn same_affixes(&self, other: &Self, empty_matches: bool) -> bool {
        let same = |a: &[String], b: &[String]| {
            (empty_matches && (a.is_empty() || b.is_empty())) || end_alike(a, b)
        };
        same(&self.prefixes, &other.prefixes) && same(&self.suffixes, &other.suffixes)
    }
}

/// Whether the shorter list is the end of the longer one; an empty list is only like an empty one.
fn end_alike(a: &[String], b: &[String]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.is_empty() { long.is_empty() } else { long.ends_with(short) }
}

/// All resources, and which of them were once called what.
pub(super) struct Candidates {
    all: Vec<Facts>,
    by_former_name: HashMap<String, Vec<usize>>,
}

impl Candidates {
    pub(super) fn new(resources: &[Resource]) -> Self {
        if resources.iter().all(|resource| resource.track.former.is_empty()) {
            return Self { all: Vec::new(), by_former_name: HashMap::new() };
        }
        let all: Vec<Facts> = resources.iter().enumerate().map(|(i, r)| Facts::of(i, r)).collect();
        let mut by_former_name: HashMap<String, Vec<usize>> = HashMap::new();
        for facts in &all {
            for former in &facts.former {
                let places = by_former_name.entry(former.name.clone()).or_default();
                if places.last() != Some(&facts.index) {
                    places.push(facts.index);
                }
            }
        }
        Self { all, by_former_name }
    }

    /// Whether nothing has been renamed.
    pub(super) fn is_empty(&self) -> bool {
        self.by_former_name.is_empty()
    }

    pub(super) fn all(&self) -> &[Facts] {
        &self.all
    }

    pub(super) fn get(&self, index: usize) -> Option<&Facts> {
        self.all.get(index)
    }

    /// Those that had this name once, in order.
    pub(super) fn once_called(&self, name: &str) -> impl Iterator<Item = &Facts> {
        let places = self.by_former_name.get(name).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|&index| self.all.get(index))
    }
}
