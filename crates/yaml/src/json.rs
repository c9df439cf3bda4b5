//! Nodes → JSON, as `sigs.k8s.io/yaml` and as Kustomize convert.

mod go_syntax;
mod simple;

use serde_json::{Map, Number, Value as Json};

use crate::dialect::{Dialect, Resolved};
use crate::error::{Error, ErrorKind};
use crate::float::{format_g32, format_json, special};

use crate::node::{Content, Node, Tag};
use crate::parse::{Limits, parse_first};

pub use simple::Simple;

/// What is to become of a key that occurs twice. yaml.v3 always refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplicateKeys {
    /// The last one holds: `yaml.Unmarshal`.
    LastWins,
    /// An error: `yaml.UnmarshalStrict`.
    Refused,
}

/// The first document of a text as JSON: `yaml.YAMLToJSON`.
///
/// # Errors
/// The text is no YAML, or has no counterpart in JSON.
pub fn from_slice(bytes: &[u8], dialect: Dialect) -> Result<Json, Error> {
    parse_first(bytes, &Limits::default())?.to_json(dialect, DuplicateKeys::LastWins)
}

impl Node {
    /// The value as JSON: merge keys merged, keys made texts, numbers as Go's JSON prints them.
    ///
    /// # Errors
    /// Text that is not what its tag claims; duplicate keys where they are refused; keys that are
    /// null, sequences or mappings; numbers that JSON does not have.
    pub fn to_json(&self, dialect: Dialect, duplicates: DuplicateKeys) -> Result<Json, Error> {
        let mut converter = Converter { dialect, duplicates, complaints: Vec::new() };
        let json = converter.value(self, true)?;
        converter.finish(json)
    }
}

struct Converter {
    dialect: Dialect,
    duplicates: DuplicateKeys,
    /// Errors that go-yaml collects and reports together.
    complaints: Vec<Complaint>,
}

/// Which mapping it is.
#[derive(Clone, Copy)]
struct Level {
    /// The outermost, whose keys Kustomize decodes as strings.
    root: bool,
    /// One that a merge key names: what is there already stays.
    merged: bool,
}

struct Complaint {
    text: String,
    line: u32,
    column: u32,
}

impl Converter {
    fn finish(self, json: Json) -> Result<Json, Error> {
        let Some(first) = self.complaints.first() else { return Ok(json) };
        let (line, column) = (first.line, first.column);
        let mut message = "unmarshal errors:".to_owned();
        for complaint in &self.complaints {
            message.push_str("\n  ");
            message.push_str(&complaint.text);
        }
        Err(Error::new(ErrorKind::Key, message, line, column))
    }

    fn value(&mut self, node: &Node, root: bool) -> Result<Json, Error> {
        match &node.content {
            Content::Scalar(_) => self.scalar(node),
            Content::Sequence(items) => {
                // A loop, since adapters would cost stack on every level.
                let mut array = Vec::with_capacity(items.len());
                for item in items {
                    array.push(self.value(item, false)?);
                }
                Ok(Json::Array(array))
            }
            Content::Mapping(entries) => {
                let mut map = Map::new();
                match self.dialect {
                    Dialect::V2 => self.entries_v2(entries, &mut map)?,
                    Dialect::V3 => {
                        self.entries_v3(node, entries, &mut map, Level { root, merged: false })?
                    }
                }
                Ok(Json::Object(map))
            }
        }
    }

    fn scalar(&self, node: &Node) -> Result<Json, Error> {
        Ok(match node.resolve(self.dialect)? {
            Resolved::Null => Json::Null,
            Resolved::Bool(value) => Json::Bool(value),
            Resolved::Int(value) => Json::Number(value.into()),
            Resolved::Uint(value) => Json::Number(value.into()),
            Resolved::Float(value) => float(value, node)?,
            Resolved::Timestamp(time) => match self.dialect {
                Dialect::V2 => Json::String(node.text().unwrap_or_default().to_owned()),
                Dialect::V3 if time.has_json_zone() => Json::String(time.to_string()),
                Dialect::V3 => {
                    let message = "json: error calling MarshalJSON for type time.Time: \
                                   Time.MarshalJSON: timezone hour outside of range [0,23]";
                    return Err(node.error(ErrorKind::Json, message));
                }
            },
            Resolved::Str(text) => Json::String(text.to_owned()),
            Resolved::Bytes(bytes) => Json::String(crate::print::replace_invalid(&bytes)),
        })
    }

    /// goyaml.v2 goes through the entries in order: whatever comes later replaces what was there,
    /// merge keys included.
    fn entries_v2(
        &mut self,
        entries: &[(Node, Node)],
        map: &mut Map<String, Json>,
    ) -> Result<(), Error> {
        for (key, value) in entries {
            if key.is_merge_key() {
                for source in merge_sources(value)?.iter().rev() {
                    self.entries_v2(source, map)?;
                }
                continue;
            }
            let name = self.key_v2(key, value)?;
            let json = self.value(value, false)?;
            if self.duplicates == DuplicateKeys::Refused && map.contains_key(&name) {
                let position = value.position();
                let shown = go_syntax::of(key, Dialect::V2);
                self.complaints.push(Complaint {
                    text: format!("line {}: key {shown} already set in map", position.line),
                    line: position.line,
                    column: position.column,
                });
                continue;
            }
            map.insert(name, json);
        }
        Ok(())
    }

    fn key_v2(&self, key: &Node, value: &Node) -> Result<String, Error> {
        if key.text().is_none() {
            return Err(invalid_key(key, Dialect::V2));
        }
        Ok(match key.resolve(Dialect::V2)? {
            Resolved::Str(text) => text.to_owned(),
            Resolved::Int(value) => value.to_string(),
            Resolved::Bool(value) => value.to_string(),
            Resolved::Timestamp(_) => key.text().unwrap_or_default().to_owned(),
            Resolved::Float(value) if value.is_finite() => format_g32(value),
            Resolved::Float(value) => special(value).to_owned(),
            Resolved::Bytes(bytes) => crate::print::replace_invalid(&bytes),
            Resolved::Null => {
                return Err(unsupported_key(key, value, "%!s(<nil>)", "<nil>"));
            }
            Resolved::Uint(number) => {
                return Err(unsupported_key(key, value, "uint64", &format!("{number:#x}")));
            }
        })
    }

    /// yaml.v3 takes the entries of the mapping itself first; merge keys add what is not there.
    fn entries_v3(
        &mut self,
        node: &Node,
        entries: &[(Node, Node)],
        map: &mut Map<String, Json>,
        level: Level,
    ) -> Result<(), Error> {
        if self.has_duplicates(entries) {
            return Ok(());
        }
        let mut merge = None;
        for (key, value) in entries {
            if key.is_merge_key() {
                merge = Some(value);
                continue;
            }
            if key.text().is_none() {
                if !level.root {
                    return Err(invalid_key(key, Dialect::V3));
                }
                self.complain_of_key(key);
                continue;
            }
            if !level.root && !matches!(key.tag(), Tag::Str | Tag::Merge) {
                let message = "json: unsupported type: map[interface {}]interface {}";
                return Err(node.error(ErrorKind::Json, message));
            }
            let Some(name) = key_v3(key)? else { continue };
            if !(level.merged && map.contains_key(&name)) {
                let json = self.value(value, false)?;
                map.insert(name, json);
            }
        }
        if let Some(value) = merge {
            for source in merge_sources(value)? {
                self.entries_v3(value, source, map, Level { merged: true, ..level })?;
            }
        }
        Ok(())
    }

    fn complain_of_key(&mut self, key: &Node) {
        let position = key.position();
        let shown = if matches!(key.tag(), Tag::Seq | Tag::Map) { "" } else { " ``" };
        let tag = key.tag_text();
        self.complaints.push(Complaint {
            text: format!("line {}: cannot unmarshal {tag}{shown} into string", position.line),
            line: position.line,
            column: position.column,
        });
    }

    fn has_duplicates(&mut self, entries: &[(Node, Node)]) -> bool {
        let before = self.complaints.len();
        for (index, second) in duplicate_keys(entries) {
            let (Some((first, _)), Some((second, _))) = (entries.get(index), entries.get(second))
            else {
                continue;
            };
            let position = second.position();
            self.complaints.push(Complaint {
                text: format!(
                    "line {}: mapping key {:?} already defined at line {}",
                    position.line,
                    second.text().unwrap_or_default(),
                    first.position().line
                ),
                line: position.line,
                column: position.column,
            });
        }
        self.complaints.len() > before
    }
}

/// Pairs of equal keys. Few keys are compared each with each; many are sorted first.
fn duplicate_keys(entries: &[(Node, Node)]) -> Vec<(usize, usize)> {
    const FEW: usize = 8;
    let mut pairs = Vec::new();
    let is_new = |(index, (key, _)): (usize, &(Node, Node))| {
        entries.iter().take(index).all(|(other, _)| identity(other) != identity(key))
    };
    if entries.is_sorted_by(|(a, _), (b, _)| identity(a) < identity(b))
        || (entries.len() <= FEW && entries.iter().enumerate().all(is_new))
    {
        return pairs;
    }
    let key = |index: usize| entries.get(index).map(|(key, _)| identity(key));
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by(|&a, &b| key(a).cmp(&key(b)).then(a.cmp(&b)));
    for run in order.chunk_by(|&a, &b| key(a) == key(b)) {
        for (at, &first) in run.iter().enumerate() {
            pairs.extend(run.iter().skip(at + 1).map(|&second| (first, second)));
        }
    }
    pairs.sort_unstable();
    pairs
}

/// What yaml.v3 compares of two keys: the kind of node, and its text or the name it is an alias of.
fn identity(key: &Node) -> (u8, &str) {
    match (&key.content, key.alias()) {
        (_, Some(name)) => (0, name),
        (Content::Scalar(text), _) => (1, text),
        (Content::Sequence(_), _) => (2, ""),
        (Content::Mapping(_), _) => (3, ""),
    }
}

/// A key as yaml.v3 decodes it into a string: its text, whatever it means; a null is left out.
fn key_v3(key: &Node) -> Result<Option<String>, Error> {
    Ok(match key.resolve(Dialect::V3)? {
        Resolved::Null => None,
        Resolved::Bytes(bytes) => Some(crate::print::replace_invalid(&bytes)),
        _ => key.text().map(str::to_owned),
    })
}

fn invalid_key(key: &Node, dialect: Dialect) -> Error {
    key.error(ErrorKind::Key, format!("invalid map key: {}", go_syntax::of(key, dialect)))
}

fn unsupported_key(key: &Node, value: &Node, kind: &str, shown: &str) -> Error {
    let value = go_syntax::of(value, Dialect::V2);
    let message = format!("unsupported map key of type: {kind}, key: {shown}, value: {value}");
    key.error(ErrorKind::Json, message)
}

/// The mappings that the value of a merge key names.
fn merge_sources(value: &Node) -> Result<Vec<&[(Node, Node)]>, Error> {
    let not_a_map = |node: &Node| {
        node.error(ErrorKind::Key, "map merge requires map or sequence of maps as the value")
    };
    match &value.content {
        Content::Mapping(entries) => Ok(vec![entries]),
        // An alias of a sequence is not taken, only one that is written out.
        Content::Sequence(items) if value.alias().is_none() => {
            items.iter().map(|item| item.entries().ok_or_else(|| not_a_map(item))).collect()
        }
        _ => Err(not_a_map(value)),
    }
}

fn float(value: f64, node: &Node) -> Result<Json, Error> {
    let Some(text) = format_json(value) else {
        let message = crate::print::PrintError::not_json(value).to_string();
        return Err(node.error(ErrorKind::Json, message));
    };
    // Go reads its own JSON again: a whole number that fits is an integer from then on.
    if let Ok(value) = text.parse::<i64>()
        && text != "-0"
    {
        return Ok(Json::Number(value.into()));
    }
    if let Ok(value) = text.parse::<u64>() {
        return Ok(Json::Number(value.into()));
    }
    Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
}
