//! A record in parts. Most of a large record is what its sets hold: which content each of thousands
//! of resources has, once for what is applied, for what was healthy, and for each state before.
//! These are mostly the same and seldom change, so they are kept once each, named by their digest,
//! and a commit writes only those that are new.

use std::collections::BTreeMap;

use serde_json::value::{RawValue, to_raw_value};
use trueup_model::record::AppliedSet;
use trueup_model::{Digest, Record, ResourceId};

/// What a set holds: the content of each resource.
type Holding = BTreeMap<ResourceId, Digest>;

/// A record in parts.
pub(crate) struct Parts {
    /// The record as JSON, its sets empty.
    pub(crate) lean: Box<RawValue>,
    /// What its sets hold, by name, in the order in which [`sets`] visits them.
    pub(crate) names: Vec<Digest>,
    /// What is behind the names, as JSON.
    pub(crate) holdings: BTreeMap<Digest, Box<RawValue>>,
}

/// Takes a record apart.
pub(crate) fn take_apart(record: &Record) -> serde_json::Result<Parts> {
    let mut lean = record.clone();
    let mut names = Vec::new();
    let mut known: Vec<(Holding, Digest)> = Vec::new();
    let mut holdings = BTreeMap::new();
    for set in sets(&mut lean) {
        let holding = std::mem::take(&mut set.contents);
        if let Some((_, name)) = known.iter().find(|(other, _)| *other == holding) {
            names.push(*name);
            continue;
        }
        let json = to_raw_value(&holding)?;
        let name = Digest::of(json.get().as_bytes());
        names.push(name);
        holdings.insert(name, json);
        known.push((holding, name));
    }
    Ok(Parts { lean: to_raw_value(&lean)?, names, holdings })
}

/// Puts a record together again. `holding` answers the JSON behind a name. A record of which a part
/// is lost is one to be careful with.
pub(crate) fn put_together(
    lean: &str,
    names: &[Digest],
    mut holding: impl FnMut(&Digest) -> Result<Option<String>, String>,
) -> Result<Record, String> {
    let mut record: Record = serde_json::from_str(lean).map_err(|error| error.to_string())?;
    let mut known: BTreeMap<Digest, Holding> = BTreeMap::new();
    let mut lost = false;
    for (set, name) in sets(&mut record).into_iter().zip(names) {
        if !known.contains_key(name)
            && let Some(json) = holding(name)?
        {
            known.insert(*name, serde_json::from_str(&json).map_err(|error| error.to_string())?);
        }
        match known.get(name) {
            Some(holding) => set.contents.clone_from(holding),
            None => lost = true,
        }
    }
    record.careful |= lost;
    Ok(record)
}

/// All sets of a record, always in the same order.
fn sets(record: &mut Record) -> Vec<&mut AppliedSet> {
    let run = record.run.as_mut().map(|run| &mut run.set);
    let pin = record.pin.as_mut().map(|pin| &mut pin.set);
    let others = [run, record.applied.as_mut(), record.healthy.as_mut(), pin];
    others.into_iter().flatten().chain(&mut record.healthy_before).collect()
}
