//! Stages: which resources are applied together, and which wait for the ones before to be healthy.
//!
//! A resource's place is (hook phase, wave, rank of its kind, depth of what it `uses` among its
//! rank). Equal places are one stage; stages are numbered from 0 without gaps. Deletions come after
//! them, the last applied first; then, where an app goes, the hooks that run after its deletion; and
//! last, hooks that have ended are cleared away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trueup_model::hook::{self, Phase};
use trueup_model::plan::{Action, Purpose, Verb};
use trueup_model::{Resource, ResourceId, kinds};

use crate::Input;
use crate::hooks::{Hooks, Standing};

/// Annotation that moves a resource: smaller waves go first; 0 if left out.
pub const WAVE: &str = "trueup.dev/wave";
/// Argo CD's of the same meaning.
pub const ARGO_WAVE: &str = "argocd.argoproj.io/sync-wave";

/// Namespaces that hooks run in come before these.
const PHASE_NAMESPACES: i8 = -2;

type Place = (i8, i32, u32, u32);

/// The stage of each desired resource.
pub struct Stages {
    stages: BTreeMap<ResourceId, u32>,
    deletions: u32,
    clearing: u32,
}

impl Stages {
    /// The stages of what is desired.
    pub fn of(input: &Input<'_>, hooks: &Hooks<'_>) -> Self {
        let places = places(input.desired, hooks);
        let late = |place: &Place| {
            input.purpose == Purpose::Delete && place.0 == phase_number(Phase::After)
        };
        let distinct: BTreeSet<Place> = places.iter().map(|(_, place)| *place).collect();
        let (after, before): (Vec<Place>, Vec<Place>) = distinct.into_iter().partition(late);
        let mut numbers: BTreeMap<Place, u32> = before.into_iter().zip(0..).collect();
        let deletions = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        let last = input.record.inventory.values().map(|item| item.stage).max().unwrap_or(0);
        let rest = deletions.saturating_add(last).saturating_add(1);
        let clearing = rest.saturating_add(u32::try_from(after.len()).unwrap_or(u32::MAX));
        numbers.extend(after.into_iter().zip(rest..));
        let stages = places.into_iter().map(|(id, place)| (id.clone(), numbers[&place])).collect();
        Self { stages, deletions, clearing }
    }

    /// The stage of a resource, if it is desired.
    pub fn of_resource(&self, id: &ResourceId) -> Option<u32> {
        self.stages.get(id).copied()
    }

    /// The first stage of what is no longer declared.
    pub fn deletions(&self) -> u32 {
        self.deletions
    }

    /// Gives each action on what is declared its stage.
    pub fn number(&self, actions: &mut [Action]) {
        for action in actions {
            if action.hook.is_some() && action.verb == Verb::Delete {
                action.stage = self.clearing;
            } else if let Some(stage) = self.of_resource(&action.id) {
                action.stage = stage;
            }
        }
    }
}

fn places<'a>(desired: &'a [Arc<Resource>], hooks: &Hooks<'_>) -> Vec<(&'a ResourceId, Place)> {
    let depths = Depths::of(desired);
    let standings: Vec<Option<Standing>> = desired.iter().map(|r| hooks.standing(r)).collect();
    let early: BTreeSet<&str> = desired
        .iter()
        .zip(&standings)
        .filter(|(_, standing)| standing.as_ref().is_some_and(|s| s.phase() == Phase::Before))
        .map(|(resource, _)| resource.id.namespace.as_str())
        .collect();
    let place = |(resource, standing): (&'a Arc<Resource>, &Option<Standing>)| {
        let depth = depths.of_resource(&resource.id);
        let place = match standing {
            Some(standing) => hook_place(resource, standing, depth),
            None if resource.id.kind == "Namespace"
                && early.contains(resource.id.name.as_str()) =>
            {
                (PHASE_NAMESPACES, 0, 0, 0)
            }
            None => (0, wave(resource), kinds::of(&resource.id).rank, depth),
        };
        (&resource.id, place)
    };
    desired.iter().zip(&standings).map(place).collect()
}

/// Hooks of one weight that run come after those that merely are there for them: an account, a
/// configuration.
fn hook_place(resource: &Resource, standing: &Standing, depth: u32) -> Place {
    let weight = hook::of(&resource.body).map_or(0, |hook| hook.weight);
    let runs = kinds::of(&resource.id).runs_once || resource.id.kind == "Pod";
    let rank = match standing.phase() {
        Phase::During => kinds::of(&resource.id).rank,
        Phase::Before | Phase::After | Phase::Failure => u32::from(runs),
    };
    (phase_number(standing.phase()), weight, rank, depth)
}

fn phase_number(phase: Phase) -> i8 {
    match phase {
        Phase::Before => -1,
        Phase::During => 0,
        Phase::After => 1,
        Phase::Failure => 2,
    }
}

/// The wave of a resource. Admission reports one that is not a number.
pub fn wave(resource: &Resource) -> i32 {
    let annotation = resource.annotation(WAVE).or_else(|| resource.annotation(ARGO_WAVE));
    annotation.and_then(|wave| wave.trim().parse().ok()).unwrap_or(0)
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
