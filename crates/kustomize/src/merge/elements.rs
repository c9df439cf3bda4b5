//! Lists whose elements are told apart by keys.
//!
//! Upstream collects the key values of all versions' elements, walks the elements that share them,
//! and puts the results together with what was there, by a setter that replaces or deletes every
//! element which has the same key values. Elements without keys, with some of several keys, and
//! equal ones do odd things there, and builds depend on them; so the steps are the same here, on
//! positions in one arena instead of shared pointers.

use compact_str::CompactString;
use trueup_yaml::Node;

use super::{Path, VERSIONS, Verdict, Versions, Visitor, Walker, has_names, is_missing};
use crate::error::{Error, Result};
use crate::node::{Kind, expect, is_empty_map, is_null, set_field_text, text};
use crate::schema::Type;

/// How many elements all versions of a list may have together. Each is compared with each.
const ELEMENTS_MAX: usize = 20_000;

/// The values of an element's keys, in the order of the keys; empty where it lacks one.
type Values = Vec<CompactString>;

impl<'s, V: Visitor> Walker<'s, V> {
    /// Merges the elements of all versions into the first.
    pub(super) fn elements(
        &self,
        versions: Versions<'_, '_>,
        known: Option<Type<'s>>,
        path: Path<'_>,
    ) -> Result<()> {
        let keys = match known {
            Some(known) if !known.strategy().is_empty() => {
                known.merge_keys().map(CompactString::from).collect()
            }
            _ => vec![inferred_key(versions, path)?],
        };
        let item = known.and_then(|known| known.items());
        if let [Some(only), rest @ ..] = &mut *versions
            && rest.iter().all(Option::is_none)
            && are_distinct(only, &keys)
        {
            let others = rest.len();
            return self.elements_of_one(only, others, item);
        }
        let mut lists = Lists::take(versions, self.prepend);
        if lists.nodes.len() > ELEMENTS_MAX {
            return Err(Error::new(format!(
                "a list to be merged has {} elements; at most {ELEMENTS_MAX} are possible",
                lists.nodes.len()
            )));
        }
        let values = if keys.is_empty() { lists.texts() } else { lists.values(&keys) };
        let keys = if keys.is_empty() { vec![CompactString::default()] } else { keys };
        let merged = self.merge_elements(&mut lists, &keys, values, item)?;
        if let Some(list) = versions.first_mut().and_then(|first| first.as_deref_mut()) {
            *list = with_items(list, lists.into_items(&merged));
        }
        Ok(())
    }

    /// The elements of a list that only the first version has, all of them with keys of their own.
    fn elements_of_one(
        &self,
        list: &mut Node,
        others: usize,
        item: Option<Type<'s>>,
    ) -> Result<()> {
        let Some(items) = list.items_mut() else { return Ok(()) };
        let mut failure = None;
        items.retain_mut(|element| {
            if failure.is_some() {
                return true;
            }
            let mut versions = [Some(&mut *element), None, None];
            let versions = &mut versions[..=others.min(VERSIONS - 1)];
            match self.walk(versions, item, Path::ROOT) {
                Ok(Verdict::Version(_)) => !is_empty_map(element),
                Ok(Verdict::New(made)) => {
                    *element = made;
                    !is_empty_map(element)
                }
                Ok(Verdict::Clear | Verdict::Keep) => false,
                Err(error) => {
                    failure = Some(error);
                    true
                }
            }
        });
        failure.map_or(Ok(()), Err)
    }

    /// The positions of the merged elements.
    fn merge_elements(
        &self,
        lists: &mut Lists,
        keys: &[CompactString],
        mut values: Vec<Values>,
        item: Option<Type<'s>>,
    ) -> Result<Vec<usize>> {
        if values.is_empty() {
            return Ok(lists.order(0));
        }
        if keys.len() > 1 {
            unite(&mut values);
        }
        let used = UsedKeys::new(keys, &values);
        let mut added = Vec::new();
        for values in &values {
            let values = used.of(values);
            let merged = self.merge_element(lists, &used.keys, &values, item)?;
            match merged {
                Some(position) => {
                    lists.complete(position, &used.keys, &values)?;
                    lists.set(&mut added, &used.keys, &values, Some(position))?;
                }
                None => {
                    let mut order = lists.order(0);
                    lists.set(&mut order, &used.keys, &values, None)?;
                    lists.reorder(order);
                }
            }
        }
        if self.prepend {
            let there = lists.order(0);
            lists.append(&mut added, &there, &used.keys)?;
            return Ok(added);
        }
        let mut merged = lists.order(0);
        lists.append(&mut merged, &added, &used.keys)?;
        Ok(merged)
    }

    /// Walks the elements that have these key values. `None`: nothing is left.
    fn merge_element(
        &self,
        lists: &mut Lists,
        keys: &[CompactString],
        values: &[CompactString],
        item: Option<Type<'s>>,
    ) -> Result<Option<usize>> {
        let positions = lists.find(keys, values);
        let mut elements: Vec<Option<Node>> = positions
            .iter()
            .map(|position| position.and_then(|position| lists.take_out(position)))
            .collect();
        let mut versions = [const { None }; VERSIONS];
        for (version, element) in versions.iter_mut().zip(elements.iter_mut()) {
            *version = element.as_mut();
        }
        let count = positions.len().min(VERSIONS);
        let verdict = self.walk(&mut versions[..count], item, Path::ROOT);
        for (position, element) in positions.iter().zip(elements) {
            if let (Some(position), Some(element)) = (position, element) {
                lists.put_back(*position, element);
            }
        }
        let merged = match verdict? {
            Verdict::Clear | Verdict::Keep => None,
            Verdict::Version(index) => positions.get(index).copied().flatten(),
            Verdict::New(made) => Some(lists.add(made)),
        };
        Ok(merged.filter(|position| !is_empty_map(lists.node(*position))))
    }
}

fn with_items(list: &Node, items: Vec<Node>) -> Node {
    let mut merged = Node::sequence(items);
    merged.style = list.style;
    merged
}

/// `name`, where all elements of all versions have one.
fn inferred_key(versions: &[Option<&mut Node>], path: Path<'_>) -> Result<CompactString> {
    let mut key: Option<&str> = None;
    let lists = versions.iter().filter(|version| !is_missing(version)).flatten();
    for list in lists.filter(|list| list.items().is_some_and(|items| !items.is_empty())) {
        let own = if has_names(list) { "name" } else { "" };
        if let Some(other) = key.filter(|key| !key.is_empty() && *key != own) {
            return Err(Error::new(format!(
                "conflicting merge keys [{other},{own}] for field {}",
                path.text()
            )));
        }
        key = Some(own);
    }
    match key {
        Some(key) if !key.is_empty() => Ok(key.into()),
        _ => Err(Error::new(format!("no merge key found for field {}", path.text()))),
    }
}

/// The value of a key of an element; empty where it has none or an empty one.
fn key_value<'n>(element: &'n Node, key: &str) -> &'n str {
    let value = element.get(key);
    value.filter(|value| !crate::metadata::is_empty(value)).map(text).unwrap_or_default()
}

/// Whether every element has a value for each key, and no two have the same: then merging them with
/// nothing leaves each in its place.
fn are_distinct(list: &Node, keys: &[CompactString]) -> bool {
    let items = list.items().unwrap_or_default();
    if keys.is_empty() {
        let mut texts: Vec<&str> = items.iter().map(text).collect();
        texts.sort_unstable();
        return texts.windows(2).all(|pair| pair[0] != pair[1])
            && items.iter().all(|item| Kind::of(item) == Kind::Scalar && !is_null(item));
    }
    let values = |element: &'_ Node| -> Option<Vec<CompactString>> {
        keys.iter()
            .map(|key| Some(key_value(element, key)).filter(|it| !it.is_empty()).map(Into::into))
            .collect()
    };
    let Some(mut all) = items.iter().map(values).collect::<Option<Vec<_>>>() else { return false };
    all.sort_unstable();
    all.windows(2).all(|pair| pair[0] != pair[1])
}

/// Two elements that share a value, and of which one lacks what the other has, are the same element.
fn unite(values: &mut [Values]) {
    for i in 0..values.len() {
        let first = values[i].clone();
        for j in 0..values.len() {
            if let Some(both) = united(&first, &values[j]) {
                values[i].clone_from(&both);
                values[j] = both;
            }
        }
    }
}

fn united(one: &Values, other: &Values) -> Option<Values> {
    let mut share = false;
    let mut both = Values::with_capacity(one.len());
    for (a, b) in one.iter().zip(other) {
        share |= a == b;
        if a != b && !a.is_empty() && !b.is_empty() {
            return None;
        }
        both.push(if a.is_empty() { b.clone() } else { a.clone() });
    }
    share.then_some(both)
}

/// The keys that any element has a value for; all of them if none has.
struct UsedKeys {
    keys: Vec<CompactString>,
    used: Vec<bool>,
}

impl UsedKeys {
    fn new(keys: &[CompactString], values: &[Values]) -> Self {
        let is_used = |index: usize| {
            values.iter().any(|values| values.get(index).is_some_and(|value| !value.is_empty()))
        };
        let mut used: Vec<bool> = (0..keys.len()).map(is_used).collect();
        if !used.contains(&true) {
            used.fill(true);
        }
        let keys = keys.iter().zip(&used).filter(|(_, used)| **used).map(|(key, _)| key.clone());
        Self { keys: keys.collect(), used }
    }

    fn of(&self, values: &Values) -> Values {
        let values = values.iter().zip(&self.used);
        values.filter(|(_, used)| **used).map(|(value, _)| value.clone()).collect()
    }
}

/// The elements of all versions, and the positions of each version's.
struct Lists {
    nodes: Vec<Node>,
    orders: Vec<Option<Vec<usize>>>,
    /// The version whose elements come first.
    begin: usize,
}

impl Lists {
    fn take(versions: Versions<'_, '_>, prepend: bool) -> Self {
        let mut nodes = Vec::new();
        let mut orders = Vec::new();
        for version in versions.iter_mut() {
            let items = version
                .as_deref_mut()
                .map(|list| list.items_mut().map(std::mem::take).unwrap_or_default());
            orders.push(items.map(|items| {
                let start = nodes.len();
                nodes.extend(items);
                (start..nodes.len()).collect()
            }));
        }
        Self { nodes, orders, begin: usize::from(prepend) }
    }

    fn node(&self, position: usize) -> &Node {
        &self.nodes[position]
    }

    fn order(&self, version: usize) -> Vec<usize> {
        self.orders.get(version).cloned().flatten().unwrap_or_default()
    }

    fn reorder(&mut self, order: Vec<usize>) {
        if let Some(first) = self.orders.first_mut() {
            *first = Some(order);
        }
    }

    fn take_out(&mut self, position: usize) -> Option<Node> {
        self.nodes.get_mut(position).map(|node| std::mem::replace(node, Node::null()))
    }

    fn put_back(&mut self, position: usize, node: Node) {
        if let Some(place) = self.nodes.get_mut(position) {
            *place = node;
        }
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The elements in the order in which their values are collected.
    fn all(&self) -> impl Iterator<Item = &Node> {
        let count = self.orders.len();
        let versions = (0..count).map(move |index| (index + self.begin) % count);
        let positions = versions.filter_map(|version| self.orders[version].as_ref()).flatten();
        positions.map(|position| self.node(*position))
    }

    fn values(&self, keys: &[CompactString]) -> Vec<Values> {
        let of = |element: &Node| keys.iter().map(|key| key_value(element, key).into()).collect();
        unique(self.all().map(of))
    }

    fn texts(&self) -> Vec<Values> {
        unique(self.all().map(|element| vec![text(element).into()]))
    }

    /// The first element of each version that has these values.
    fn find(&self, keys: &[CompactString], values: &[CompactString]) -> Vec<Option<usize>> {
        let given: Vec<(&CompactString, &CompactString)> =
            keys.iter().zip(values).filter(|(_, value)| !value.is_empty()).collect();
        let wanted = if given.is_empty() { keys.iter().zip(values).collect() } else { given };
        let matches = |position: &&usize| {
            let element = self.node(**position);
            wanted.iter().all(|(key, value)| {
                let found = if key.is_empty() { Some(element) } else { element.get(key) };
                found.is_some_and(|found| text(found) == value.as_str())
            })
        };
        let find = |order: &Vec<usize>| order.iter().find(matches).copied();
        self.orders.iter().map(|order| order.as_ref().and_then(find)).collect()
    }

    /// Makes sure that an element has its keys.
    fn complete(
        &mut self,
        position: usize,
        keys: &[CompactString],
        values: &[CompactString],
    ) -> Result<()> {
        let Some(element) = self.nodes.get_mut(position) else { return Ok(()) };
        for (key, value) in keys.iter().zip(values) {
            if !key.is_empty() && !value.is_empty() && element.get(key).is_none() {
                set_field_text(element, key, value)?;
            }
        }
        Ok(())
    }

    /// Replaces the elements that have these values by one, or adds it, or deletes them (upstream
    /// `ElementSetter`). Nulls and empty mappings are deleted on the way.
    fn set(
        &self,
        order: &mut Vec<usize>,
        keys: &[CompactString],
        values: &[CompactString],
        element: Option<usize>,
    ) -> Result<()> {
        let by_key = keys.first().is_some_and(|key| !key.is_empty())
            && values.first().is_some_and(|value| !value.is_empty());
        let mut kept = Vec::with_capacity(order.len() + 1);
        let mut found = false;
        for &position in order.iter() {
            let node = self.node(position);
            if is_empty_map(node) {
                continue;
            }
            if by_key && Kind::of(node) != Kind::Mapping {
                kept.push(position);
            } else if has_values(node, keys, values)? {
                found = true;
                kept.extend(element);
            } else if !values.is_empty() {
                kept.push(position);
            }
        }
        if !found
            && let Some(element) = element
            && !is_null(self.node(element))
        {
            kept.push(element);
        }
        *order = kept;
        Ok(())
    }

    /// Puts elements into a list, each in the place of those that have its values.
    fn append(
        &self,
        order: &mut Vec<usize>,
        added: &[usize],
        keys: &[CompactString],
    ) -> Result<()> {
        for &position in added {
            let element = self.node(position);
            if keys.first().is_none_or(|key| key.is_empty()) {
                self.set(order, keys, &[text(element).into()], Some(position))?;
                continue;
            }
            expect(element, Kind::Mapping)?;
            let mut values = Values::new();
            for key in keys {
                match element.get(key) {
                    Some(value) => values.push(text(value).into()),
                    None => order.push(position),
                }
            }
            if keys.len() > 1 {
                self.set(order, keys, &values, None)?;
            }
            self.set(order, keys, &values, Some(position))?;
        }
        Ok(())
    }

    /// The elements at these positions; one that is named twice is copied.
    fn into_items(mut self, order: &[usize]) -> Vec<Node> {
        let mut uses = vec![0usize; self.nodes.len()];
        for &position in order {
            uses[position] += 1;
        }
        let mut items = Vec::with_capacity(order.len());
        for &position in order {
            uses[position] -= 1;
            let node = match uses[position] {
                0 => self.take_out(position),
                _ => self.nodes.get(position).cloned(),
            };
            items.extend(node);
        }
        items
    }
}

/// Whether an element has these values for its keys. An empty value stands for any.
fn has_values(element: &Node, keys: &[CompactString], values: &[CompactString]) -> Result<bool> {
    let mut found = false;
    for (index, key) in keys.iter().enumerate() {
        if let Some(value) = values.get(index) {
            found = has_value(element, key, value)?;
        }
        if !found {
            return Ok(false);
        }
    }
    Ok(true)
}

fn has_value(element: &Node, key: &str, value: &str) -> Result<bool> {
    if key.is_empty() {
        expect(element, Kind::Scalar)?;
        return Ok(text(element) == value);
    }
    expect(element, Kind::Mapping)?;
    Ok(element.get(key).is_some_and(|found| value.is_empty() || text(found) == value))
}

fn unique(values: impl Iterator<Item = Values>) -> Vec<Values> {
    let mut seen = std::collections::HashSet::new();
    values.filter(|values| seen.insert(values.clone())).collect()
}
