//! A record in parts. Most of a large record is maps with an entry for each of thousands of
//! resources: the inventory, and what its sets hold, once for what is applied, for what was healthy,
//! and for each state before. From one commit to the next they are mostly the same. So maps are kept
//! beside the record, named by the digest of their JSON and once each, and a large one in pieces: a
//! resource is always in the same piece, so that a commit that changes one of ten thousand writes
//! one piece, and the list of the pieces.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use trueup_model::record::AppliedSet;
use trueup_model::{Digest, Record, ResourceId};

/// So many resources are about in one piece.
const PIECE: usize = 128;
/// A map with fewer resources is kept as it is.
const SMALL: usize = 4 * PIECE;

/// A record in parts.
pub(crate) struct Parts {
    /// The record as JSON, its maps empty.
    pub(crate) lean: Box<RawValue>,
    /// The names of its maps: what its sets hold in the order in which [`sets`] visits them, and the
    /// inventory after them.
    pub(crate) names: Vec<Digest>,
    /// What is behind the names, and behind the names of pieces, as JSON.
    pub(crate) holdings: BTreeMap<Digest, Box<RawValue>>,
}

/// What is behind the name of a map.
enum Holding<V> {
    /// The map in pieces.
    Pieces(Vec<Digest>),
    /// The map.
    Whole(BTreeMap<ResourceId, V>),
}

/// Takes a record apart.
pub(crate) fn take_apart(record: &Record) -> serde_json::Result<Parts> {
    let mut lean = record.clone();
    let mut names = Vec::new();
    let mut known: Vec<(BTreeMap<ResourceId, Digest>, Digest)> = Vec::new();
    let mut holdings = Holdings::default();
    for set in sets(&mut lean) {
        let contents = std::mem::take(&mut set.contents);
        if let Some((_, name)) = known.iter().find(|(other, _)| *other == contents) {
            names.push(*name);
            continue;
        }
        let name = holdings.map(&contents)?;
        names.push(name);
        known.push((contents, name));
    }
    let inventory = std::mem::take(&mut lean.inventory);
    names.push(holdings.map(&inventory)?);
    Ok(Parts { lean: to_raw_value(&lean)?, names, holdings: holdings.0 })
}

/// What is kept beside records, by name.
#[derive(Default)]
struct Holdings(BTreeMap<Digest, Box<RawValue>>);

impl Holdings {
    fn map<V: Serialize>(&mut self, map: &BTreeMap<ResourceId, V>) -> serde_json::Result<Digest> {
        if map.len() < SMALL {
            return self.keep(map);
        }
        let count = (map.len() / PIECE).next_power_of_two();
        let mut pieces: Vec<BTreeMap<&ResourceId, &V>> = Vec::new();
        pieces.resize_with(count, BTreeMap::new);
        for (id, value) in map {
            if let Some(piece) = pieces.get_mut(place(id, count)) {
                piece.insert(id, value);
            }
        }
        let names = pieces.iter().map(|piece| self.keep(piece));
        let names = names.collect::<serde_json::Result<Vec<Digest>>>()?;
        self.keep(&names)
    }

    fn keep(&mut self, value: &impl Serialize) -> serde_json::Result<Digest> {
        let json = to_raw_value(value)?;
        let name = Digest::of(json.get().as_bytes());
        self.0.insert(name, json);
        Ok(name)
    }
}

/// The piece of so many that a resource is in (FNV-1a over what names it): it must not depend on
/// the process, and needs no more than to spread.
fn place(id: &ResourceId, count: usize) -> usize {
    let parts = [&id.group, &id.kind, &id.namespace, &id.name];
    let bytes = parts.into_iter().flat_map(|part| part.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from(hash >> 16).unwrap_or_default() % count.max(1)
}

/// The names of the pieces that are behind the name of a map, if it is in pieces.
pub(crate) fn pieces(holding: &str) -> Vec<Digest> {
    if holding.starts_with('[') {
        serde_json::from_str(holding).unwrap_or_default()
    } else {
        Vec::new()
    }
}

/// Puts a record together again. `holding` answers the JSON behind a name. A record of which a part
/// is lost is one to be careful with.
pub(crate) fn put_together(
    lean: &str,
    names: &[Digest],
    holding: impl FnMut(&Digest) -> Result<Option<String>, String>,
) -> Result<Record, String> {
    let mut record: Record = serde_json::from_str(lean).map_err(|error| error.to_string())?;
    let mut reading = Reading { holding, lost: false };
    let mut known: BTreeMap<Digest, BTreeMap<ResourceId, Digest>> = BTreeMap::new();
    let mut names = names.iter();
    for (set, name) in sets(&mut record).into_iter().zip(names.by_ref()) {
        if !known.contains_key(name) {
            known.insert(*name, reading.map(name)?);
        }
        set.contents = known.get(name).cloned().unwrap_or_default();
    }
    // Records of before have it within.
    if let Some(name) = names.next() {
        record.inventory = reading.map(name)?;
    }
    record.careful |= reading.lost;
    Ok(record)
}

struct Reading<F> {
    holding: F,
    /// Whether something behind a name is not there any more.
    lost: bool,
}

impl<F: FnMut(&Digest) -> Result<Option<String>, String>> Reading<F> {
    fn map<V: DeserializeOwned>(
        &mut self,
        name: &Digest,
    ) -> Result<BTreeMap<ResourceId, V>, String> {
        match self.read(name)? {
            None => Ok(BTreeMap::new()),
            Some(Holding::Whole(map)) => Ok(map),
            Some(Holding::Pieces(pieces)) => {
                let mut map = BTreeMap::new();
                for piece in &pieces {
                    if let Some(Holding::Whole(piece)) = self.read::<V>(piece)? {
                        map.extend(piece);
                    }
                }
                Ok(map)
            }
        }
    }

    fn read<V: DeserializeOwned>(&mut self, name: &Digest) -> Result<Option<Holding<V>>, String> {
        let Some(json) = (self.holding)(name)? else {
            self.lost = true;
            return Ok(None);
        };
        // Which of the two it is shows in the first letter; trying both would cost twice.
        let read = if json.starts_with('[') {
            serde_json::from_str(&json).map(Holding::Pieces)
        } else {
            serde_json::from_str(&json).map(Holding::Whole)
        };
        read.map(Some).map_err(|error| error.to_string())
    }
}

/// All sets of a record, always in the same order.
fn sets(record: &mut Record) -> Vec<&mut AppliedSet> {
    let run = record.run.as_mut().map(|run| &mut run.set);
    let pin = record.pin.as_mut().map(|pin| &mut pin.set);
    let others = [run, record.applied.as_mut(), record.healthy.as_mut(), pin];
    others.into_iter().flatten().chain(&mut record.healthy_before).collect()
}

#[cfg(test)]
mod tests {
    use trueup_model::record::InventoryItem;

    use super::*;

    fn record(count: usize, changed: usize) -> Record {
        let id = |n: usize| ResourceId::new("host.trueup.dev", "File", "", &format!("file-{n}"));
        let item = |n: usize| InventoryItem {
            api_version: "v1".to_owned(),
            uid: if n == changed { "another".to_owned() } else { n.to_string() },
            content: None,
            intended: false,
            keep: false,
            stage: 0,
            hook: false,
        };
        Record { inventory: (0..count).map(|n| (id(n), item(n))).collect(), ..Record::default() }
    }

    fn together(parts: &Parts) -> Record {
        let holding =
            |name: &Digest| Ok(parts.holdings.get(name).map(|json| json.get().to_owned()));
        put_together(parts.lean.get(), &parts.names, holding).expect("it is whole")
    }

    #[test]
    fn a_change_of_one_resource_changes_one_piece() {
        let before = take_apart(&record(10_000, 10_000)).expect("JSON");
        let after = take_apart(&record(10_000, 77)).expect("JSON");
        let new = after.holdings.iter().filter(|(name, _)| !before.holdings.contains_key(name));
        let (count, size) =
            new.fold((0, 0), |(n, size), (_, json)| (n + 1, size + json.get().len()));
        assert_eq!(count, 2, "a piece, and the list of pieces");
        assert!(size < 40_000, "{size}");
        assert_eq!(together(&after), record(10_000, 77));
    }

    #[test]
    fn maps_of_any_size_come_back_and_a_lost_piece_is_known() {
        for count in [0, 1, SMALL - 1, SMALL, 3000] {
            let parts = take_apart(&record(count, 0)).expect("JSON");
            assert_eq!(together(&parts), record(count, 0), "{count}");
        }
        let mut parts = take_apart(&record(3000, 0)).expect("JSON");
        let piece = pieces(parts.holdings[&parts.names[0]].get())[3];
        parts.holdings.remove(&piece);
        let found = together(&parts);
        assert!(found.careful && found.inventory.len() < 3000);
    }

    #[test]
    fn a_record_of_before_has_its_inventory_within() {
        let lean = serde_json::to_string(&record(5, 0)).expect("JSON");
        let found = put_together(&lean, &[], |_| Ok(None)).expect("a record");
        assert_eq!(found, record(5, 0));
    }
}
