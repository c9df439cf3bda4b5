//! What one app gives up and another declares moves without being deleted. Pure.
//!
//! Who gives it up drops it from its inventory, as soon as another app's render holds it; who
//! declares it takes it, as soon as the render of the app whose mark it carries does not hold it any
//! more. Each side is safe by itself: what nobody's inventory holds is deleted by nobody.

use std::sync::Arc;

use trueup_model::observed::{Observed, Owner, Prediction};
use trueup_model::record::{InventoryItem, Record};
use trueup_model::{AppName, Resource, ResourceId};

/// What is given up: each resource that is owned and not desired, and that another app declares,
/// with that app.
pub fn given_up(
    record: &Record,
    desired: &[Arc<Resource>],
    declared_by: impl Fn(&ResourceId) -> Option<AppName>,
) -> Vec<(ResourceId, AppName)> {
    let kept: std::collections::BTreeSet<&ResourceId> = desired.iter().map(|r| &r.id).collect();
    let undeclared = record.inventory.keys().filter(|id| !kept.contains(id));
    undeclared.filter_map(|id| Some((id.clone(), declared_by(id)?))).collect()
}

/// What carries the mark of an app that does not declare it any more is ours to take: it is in the
/// inventory from now on, and written anew, so that it carries our mark. Answers what is taken, with
/// the app it comes from.
pub fn take(
    record: &mut Record,
    observed: &mut Observed,
    desired: &[Arc<Resource>],
    declares: impl Fn(&AppName, &ResourceId) -> Option<bool>,
) -> Vec<(ResourceId, AppName)> {
    let mut taken = Vec::new();
    for resource in desired {
        let Some(seen) = observed.get_mut(&resource.id) else { continue };
        let Owner::App(other) = &seen.owner else { continue };
        let Ok(other) = AppName::new(other.as_str()) else { continue };
        if declares(&other, &resource.id) != Some(false) {
            continue;
        }
        seen.owner = Owner::Ours;
        seen.synced = None;
        if matches!(&seen.prediction, Some(Prediction::Exact(body)) if Some(body) == seen.live.as_ref())
        {
            seen.prediction =
                Some(Prediction::Unpredicted(format!("it moves here from app {other}")));
        }
        record.inventory.insert(resource.id.clone(), item(resource, &seen.uid));
        taken.push((resource.id.clone(), other));
    }
    taken
}

fn item(resource: &Resource, uid: &str) -> InventoryItem {
    InventoryItem {
        api_version: resource.api_version.clone(),
        uid: uid.to_owned(),
        content: None,
        intended: false,
        keep: false,
        stage: 0,
        hook: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueup_model::observed::ObservedResource;
    use trueup_model::{Origin, Presence};

    fn app(name: &str) -> AppName {
        AppName::new(name).expect("a name")
    }

    fn id(name: &str) -> ResourceId {
        ResourceId::new("", "ConfigMap", "x", name)
    }

    fn resource(name: &str) -> Arc<Resource> {
        Arc::new(Resource::new(id(name), "v1".to_owned(), serde_json::json!({}), Origin::default()))
    }

    #[test]
    fn only_what_is_not_desired_and_claimed_is_given_up() {
        let inventory = ["a", "b", "c"].map(|name| (id(name), item(&resource(name), "u"))).into();
        let record = Record { inventory, ..Record::default() };
        let other = |id: &ResourceId| (id.name != "c").then(|| app("other"));
        let given = given_up(&record, &[resource("a")], other);
        assert_eq!(given, [(id("b"), app("other"))]);
    }

    #[test]
    fn what_the_other_still_declares_or_may_is_not_taken() {
        for (declares, owner) in [
            (Some(false), Owner::Ours),
            (Some(true), Owner::App("other".to_owned())),
            (None, Owner::App("other".to_owned())),
        ] {
            let seen = ObservedResource {
                presence: Presence::Present,
                owner: Owner::App("other".to_owned()),
                ..ObservedResource::absent()
            };
            let mut observed: Observed = [(id("a"), seen)].into();
            let mut record = Record::default();
            let taken = take(&mut record, &mut observed, &[resource("a")], |_, _| declares);
            assert_eq!(observed[&id("a")].owner, owner);
            assert_eq!(taken.is_empty(), record.inventory.is_empty());
            assert_eq!(taken.is_empty(), owner != Owner::Ours);
        }
    }
}
