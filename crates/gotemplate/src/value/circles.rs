//! Maps that hold themselves. Go's collector frees them; handles that count do not, so an execution
//! that may have made some takes them apart when it is over.

use std::collections::HashMap;

use super::{Map, Str, Value};

/// A map on the way down from a start.
struct Visit {
    map: Map,
    rest: Vec<(Str, Map)>,
}

impl Visit {
    fn new(map: Map) -> Self {
        let mut rest = Vec::new();
        for (key, value) in map.borrow().iter() {
            maps_in(value, |below| rest.push((key.clone(), below)));
        }
        Self { map, rest }
    }
}

/// The maps that a value is or that lists in it hold.
fn maps_in(value: &Value, mut found: impl FnMut(Map)) {
    let mut pending = vec![value.clone()];
    while let Some(value) = pending.pop() {
        match value {
            Value::Map(map) => found(map),
            Value::List(list) => {
                pending.extend(
                    list.iter().filter(|v| matches!(v, Value::Map(_) | Value::List(_))).cloned(),
                );
            }
            _ => {}
        }
    }
}

/// Removes the elements that lead from a map back to itself, in everything that can be reached from
/// these maps.
pub(crate) fn break_circles(starts: impl IntoIterator<Item = Map>) {
    // Whether all below a map was visited; `false` for those on the way down.
    let mut known: HashMap<usize, bool> = HashMap::new();
    for start in starts {
        if known.contains_key(&start.identity()) {
            continue;
        }
        known.insert(start.identity(), false);
        let mut way = vec![Visit::new(start)];
        while let Some(visit) = way.last_mut() {
            let Some((key, below)) = visit.rest.pop() else {
                known.insert(visit.map.identity(), true);
                way.pop();
                continue;
            };
            match known.get(&below.identity()) {
                Some(true) => {}
                Some(false) => drop(visit.map.remove(&key)),
                None => {
                    known.insert(below.identity(), false);
                    way.push(Visit::new(below));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_taken_apart_and_nothing_else() {
        let (outer, inner) = (Map::any([]), Map::any([]));
        outer.insert("in".into(), Value::Map(inner.clone()));
        outer.insert("n".into(), Value::Int(1));
        inner.insert("list".into(), Value::list(vec![Value::Map(outer.clone())]));
        let shared = Map::any([("n".into(), Value::Int(2))]);
        outer.insert("a".into(), Value::Map(shared.clone()));
        outer.insert("b".into(), Value::Map(shared.clone()));
        let weak = outer.downgrade();
        break_circles([inner.clone()]);
        assert_eq!(shared.len(), 1);
        drop((outer, inner));
        assert!(weak.upgrade().is_none());
    }
}
