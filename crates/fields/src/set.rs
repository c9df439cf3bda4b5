//! Sets of paths.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    /// `f:NAME`: a field of a map or struct.
    Field(String),
    /// `k:{"name":"web"}`: the element of a list of maps with these keys, in their order of names.
    Key(Vec<(String, Scalar)>),
    /// `v:"x"`: the element of a list that is used as a set.
    Value(Scalar),
    /// `i:3`: an element by its place.
    Index(usize),
}

/// A key's value, as compact JSON: comparable and ordered, unlike a JSON number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scalar(String);

impl Scalar {
    /// Of a value.
    pub fn of(value: &Value) -> Self {
        Self(value.to_string())
    }

    /// Whether it is this value.
    pub fn is(&self, value: &Value) -> bool {
        *self == Self::of(value)
    }

    /// As compact JSON.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

/// Why a `fieldsV1` could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an element of a fieldsV1 set")]
pub struct Malformed(String);

/// A set of paths, as a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// Whether the path up to here is itself in the set (`"."`, or a leaf).
    pub itself: bool,
    /// What is in the set below it.
    pub below: BTreeMap<Element, Set>,
}

impl Set {
    /// Reads a `fieldsV1` value. Depth is bounded by the JSON reader's limit.
    pub fn parse(fields: &Value) -> Result<Self, Malformed> {
        let mut set = Self::default();
        for (key, inner) in fields.as_object().into_iter().flatten() {
            if key == "." {
                set.itself = true;
                continue;
            }
            let element = Element::parse(key)?;
            let mut below = Self::parse(inner)?;
            below.itself |= inner.as_object().is_none_or(Map::is_empty);
            set.below.insert(element, below);
        }
        Ok(set)
    }

    /// As a `fieldsV1` value.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        if self.itself && !self.below.is_empty() {
            map.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (element, below) in &self.below {
            map.insert(element.to_string(), below.to_json());
        }
        Value::Object(map)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        !self.itself && self.below.values().all(Self::is_empty)
    }

    /// Whether this path is in it.
    pub fn contains(&self, path: &[Element]) -> bool {
        match path.split_first() {
            None => self.itself,
            Some((first, rest)) => self.below.get(first).is_some_and(|set| set.contains(rest)),
        }
    }

    /// Adds a path.
    pub fn insert(&mut self, path: &[Element]) {
        match path.split_first() {
            None => self.itself = true,
            Some((first, rest)) => self.below.entry(first.clone()).or_default().insert(rest),
        }
    }

    /// What is in either.
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.itself |= other.itself;
        for (element, below) in &other.below {
            let merged = all.below.get(element).map_or_else(|| below.clone(), |b| b.union(below));
            all.below.insert(element.clone(), merged);
        }
        all
    }

    /// What is in this one and not in the other.
    pub fn difference(&self, other: &Self) -> Self {
        let nothing = Self::default();
        self.each(
            other.itself,
            |itself, there| itself && !there,
            |element, below| below.difference(other.below.get(element).unwrap_or(&nothing)),
        )
    }

    /// What is in both.
    pub fn intersection(&self, other: &Self) -> Self {
        let nothing = Self::default();
        self.each(
            other.itself,
            |itself, there| itself && there,
            |element, below| below.intersection(other.below.get(element).unwrap_or(&nothing)),
        )
    }

    fn each(
        &self,
        other: bool,
        itself: impl Fn(bool, bool) -> bool,
        inner: impl Fn(&Element, &Self) -> Self,
    ) -> Self {
        let below = self.below.iter().map(|(e, below)| (e.clone(), inner(e, below)));
        Self {
            itself: itself(self.itself, other),
            below: below.filter(|(_, set)| !set.is_empty()).collect(),
        }
    }

    /// Everything outside of a top-level field, such as `status`.
    pub fn without(&self, path: &[&str]) -> Self {
        let mut set = self.clone();
        set.cut(path);
        set
    }

    fn cut(&mut self, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else { return };
        let element = Element::Field((*first).to_owned());
        if rest.is_empty() {
            self.below.remove(&element);
        } else if let Some(below) = self.below.get_mut(&element) {
            below.cut(rest);
        }
    }

    /// All paths in it, in their order.
    pub fn paths(&self) -> Vec<Vec<Element>> {
        let mut paths = Vec::new();
        self.collect(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect(&self, at: &mut Vec<Element>, paths: &mut Vec<Vec<Element>>) {
        if self.itself {
            paths.push(at.clone());
        }
        for (element, below) in &self.below {
            at.push(element.clone());
            below.collect(at, paths);
            at.pop();
        }
    }

    /// The set below a path of plain fields.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |set, name| set.below.get(&Element::Field((*name).to_owned())))
    }
}

impl Element {
    fn parse(key: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed(key.to_owned());
        let (kind, rest) = key.split_once(':').ok_or_else(malformed)?;
        let json = || serde_json::from_str::<Value>(rest).map_err(|_| malformed());
        match kind {
            "f" => Ok(Self::Field(rest.to_owned())),
            "v" => Ok(Self::Value(Scalar::of(&json()?))),
            "i" => rest.parse().map(Self::Index).map_err(|_| malformed()),
            "k" => {
                let keys = json()?;
                let keys = keys.as_object().ok_or_else(malformed)?;
                let mut keys: Vec<_> =
                    keys.iter().map(|(name, value)| (name.clone(), Scalar::of(value))).collect();
                keys.sort();
                Ok(Self::Key(keys))
            }
            _ => Err(malformed()),
        }
    }
}

impl fmt::Display for Element {
    /// As a key of `fieldsV1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, "f:{name}"),
            Self::Value(value) => write!(f, "v:{}", value.as_json()),
            Self::Index(index) => write!(f, "i:{index}"),
            Self::Key(keys) => {
                f.write_str("k:{")?;
                for (n, (name, value)) in keys.iter().enumerate() {
                    let comma = if n > 0 { "," } else { "" };
                    let name = Value::from(name.as_str());
                    write!(f, "{comma}{name}:{}", value.as_json())?;
                }
                f.write_str("}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(fields: Value) -> Set {
        Set::parse(&fields).expect("the test's set is well-formed")
    }

    fn deployment() -> Value {
        json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {
                "f:replicas": {},
                "f:template": {"f:spec": {"f:containers": {
                    "k:{\"name\":\"web\"}": {".": {}, "f:image": {}, "f:name": {},
                        "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}}}},
                }}},
                "f:finalizers": {"v:\"x\"": {}, "i:0": {}},
            },
        })
    }

    #[test]
    fn what_is_read_is_written() {
        let one_dot = json!({"f:ports": {"k:{\"port\":80}": {}}});
        for fields in [json!({}), json!({"f:data": {}}), one_dot] {
            assert_eq!(set(fields.clone()).to_json(), fields);
        }
        let written = set(deployment()).to_json();
        assert_eq!(set(written.clone()), set(deployment()));
        let port = "/f:spec/f:template/f:spec/f:containers/k:{\"name\":\"web\"}/f:ports";
        assert_eq!(
            written.pointer(port),
            Some(&json!({"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {}}))
        );
    }

    #[test]
    fn unknown_elements_are_refused() {
        for key in ["x:a", "spec", "k:[]", "v:", "i:-1"] {
            let error = Set::parse(&json!({key: {}})).unwrap_err();
            assert_eq!(error.to_string(), format!("`{key}` is not an element of a fieldsV1 set"));
        }
    }

    fn check(operation: impl Fn(&Set, &Set) -> Set, left: Value, right: Value, expected: Value) {
        assert_eq!(operation(&set(left), &set(right)).to_json(), expected);
    }

    #[test]
    fn arithmetic() {
        let a = || json!({"f:spec": {".": {}, "f:a": {}, "f:b": {}}});
        let b = || json!({"f:spec": {"f:b": {}, "f:c": {}}});
        check(Set::union, a(), b(), json!({"f:spec": {".": {}, "f:a": {}, "f:b": {}, "f:c": {}}}));
        check(Set::difference, a(), b(), json!({"f:spec": {".": {}, "f:a": {}}}));
        check(Set::difference, a(), a(), json!({}));
        check(Set::intersection, a(), b(), json!({"f:spec": {"f:b": {}}}));
        check(Set::intersection, a(), json!({}), json!({}));
    }

    #[test]
    fn a_leaf_and_what_is_below_it_are_different_paths() {
        check(
            Set::difference,
            json!({"f:emptyDir": {"f:medium": {}}}),
            json!({"f:emptyDir": {}}),
            json!({"f:emptyDir": {"f:medium": {}}}),
        );
    }

    #[test]
    fn parts_can_be_left_out() {
        let fields = json!({"f:metadata": {"f:labels": {"f:a": {}}}, "f:status": {"f:x": {}}});
        let set = set(fields).without(&["status"]).without(&["metadata", "labels"]);
        assert!(set.is_empty());
    }
}
