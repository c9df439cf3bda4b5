//! Stages: which resources are applied together, and which wait for the ones before to be healthy.
//!
//! A resource's place is (hook phase, wave, rank of its kind, depth of what it `uses` among its
//! rank). Equal places are one stage; stages are numbered from 0 without gaps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trueup_model::{Resource, ResourceId, kinds};

/// Annotation that moves a resource: smaller waves go first; 0 if left out.
pub const WAVE: &str = "trueup.dev/wave";
/// Annotation that makes a resource a hook.
pub const HOOK: &str = "trueup.dev/hook";

type Place = (i8, i32, u32, u32);

/// The stage of each desired resource.
pub struct Stages {
    stages: BTreeMap<ResourceId, u32>,
    count: u32,
}

impl Stages {
    /// The stages of a desired set.
    pub fn of(desired: &[Arc<Resource>]) -> Self {
        let depths = Depths::of(desired);
        let places: Vec<(&ResourceId, Place)> =
            desired.iter().map(|r| (&r.id, place(r, depths.of_resource(&r.id)))).collect();
        let distinct: BTreeSet<Place> = places.iter().map(|(_, place)| *place).collect();
        let numbers: BTreeMap<Place, u32> = distinct.into_iter().zip(0..).collect();
        let count = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        let stages = places.into_iter().map(|(id, place)| (id.clone(), numbers[&place])).collect();
        Self { stages, count }
    }

    /// The stage of a resource, if it is desired.
    pub fn of_resource(&self, id: &ResourceId) -> Option<u32> {
        self.stages.get(id).copied()
    }

    /// How many stages there are.
    pub fn count(&self) -> u32 {
        self.count
    }
}

fn place(resource: &Resource, depth: u32) -> Place {
    let phase = match resource.annotation(HOOK) {
        Some("before") => -1,
        Some("after") => 1,
        _ => 0,
    };
    (phase, wave(resource), kinds::of(&resource.id).rank, depth)
}

/// The wave of a resource. Admission reports one that is not a number.
pub fn wave(resource: &Resource) -> i32 {
    resource.annotation(WAVE).and_then(|wave| wave.trim().parse().ok()).unwrap_or(0)
}

/// The resources that a host resource `uses`, as `(kind, name)`.
pub fn uses(resource: &Resource) -> impl Iterator<Item = (&str, &str)> {
    let list = resource.body.get("spec").and_then(|spec| spec.get("uses"));
    let items = list.and_then(|list| list.as_array()).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str()?.split_once('/'))
}

/// How many resources of the same rank a resource uses, one through the other.
struct Depths(BTreeMap<ResourceId, u32>);

impl Depths {
    /// Longest paths, by repeated relaxation; a circle (which admission refuses) ends with it.
    fn of(desired: &[Arc<Resource>]) -> Self {
        let users: Vec<(&ResourceId, Vec<ResourceId>)> = desired
            .iter()
            .filter(|r| r.id.group == kinds::HOST_GROUP)
            .map(|r| {
                let same_rank = |kind: &str| {
                    kinds::traits(kinds::HOST_GROUP, kind).rank == kinds::of(&r.id).rank
                };
                let used = uses(r)
                    .filter(|(kind, _)| same_rank(kind))
                    .map(|(kind, name)| ResourceId::new(kinds::HOST_GROUP, kind, "", name))
                    .collect::<Vec<_>>();
                (&r.id, used)
            })
            .filter(|(_, used)| !used.is_empty())
            .collect();
        let mut depths: BTreeMap<ResourceId, u32> = BTreeMap::new();
        for _ in 0..users.len() {
            let mut changed = false;
            for (id, used) in &users {
                let depth = |id: &ResourceId| depths.get(id).copied().unwrap_or(0);
                let wanted = used.iter().map(|id| depth(id) + 1).max().unwrap_or(0);
                if wanted > depth(id) {
                    depths.insert((*id).clone(), wanted);
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        Self(depths)
    }

    fn of_resource(&self, id: &ResourceId) -> u32 {
        self.0.get(id).copied().unwrap_or(0)
    }
}
