//! The table of types, read in place.
//!
//! All numbers are little-endian `u32`. The parts follow one another:
//!
//! | part | what |
//! |---|---|
//! | header | number of strings, bytes of text, types, fields, keys, resources, definitions |
//! | strings | the end of each string in the text |
//! | text | UTF-8, padded to four bytes |
//! | types | first field, fields, value type of other fields, item type, strategy, first key, keys |
//! | fields | name, type; sorted by name within a type |
//! | keys | string |
//! | resources | `apiVersion`, `kind`, type, scope; sorted |
//! | definitions | name, type; sorted |
//!
//! A reference to a type is its index plus one; 0 is none. The same holds for a strategy. With the
//! highest bit set it is a reference to a type of the built-in table.

use super::{BUILTIN, Scope};

/// Marks a reference to a type of the built-in table.
pub(super) const FOREIGN: u32 = 1 << 31;

pub(super) const HEADER_WORDS: usize = 7;
pub(super) const TYPE_WORDS: usize = 7;
pub(super) const FIELD_WORDS: usize = 2;
pub(super) const RESOURCE_WORDS: usize = 4;
pub(super) const DEFINITION_WORDS: usize = 2;
const WORD: usize = 4;

#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'t> {
    bytes: &'t [u8],
    ends: usize,
    text: usize,
    types: usize,
    fields: usize,
    keys: usize,
    resources: usize,
    resource_count: usize,
    definitions: usize,
    definition_count: usize,
}

/// What the table has for a resource.
pub(super) struct Resource<'t> {
    pub(super) definition: Option<Type<'t>>,
    pub(super) scope: Option<Scope>,
}

/// A type: what may be in a field, an item or a resource.
#[derive(Clone, Copy, Debug)]
pub struct Type<'t> {
    table: Table<'t>,
    at: usize,
}

impl<'t> Table<'t> {
    pub(super) fn new(bytes: &'t [u8]) -> Self {
        let count = |index| word(bytes, index * WORD);
        let ends = HEADER_WORDS * WORD;
        let text = ends + count(0) * WORD;
        let types = text + count(1);
        let fields = types + count(2) * TYPE_WORDS * WORD;
        let keys = fields + count(3) * FIELD_WORDS * WORD;
        let resources = keys + count(4) * WORD;
        let definitions = resources + count(5) * RESOURCE_WORDS * WORD;
        Self {
            bytes,
            ends,
            text,
            types,
            fields,
            keys,
            resources,
            resource_count: count(5),
            definitions,
            definition_count: count(6),
        }
    }

    fn word(&self, base: usize, index: usize) -> usize {
        word(self.bytes, base + index * WORD)
    }

    fn string(&self, index: usize) -> &'t str {
        let start = index.checked_sub(1).map_or(0, |before| self.word(self.ends, before));
        let end = self.word(self.ends, index);
        let bytes = self.bytes.get(self.text + start..self.text + end).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    fn type_of(self, reference: usize) -> Option<Type<'t>> {
        let foreign = FOREIGN as usize;
        if reference & foreign != 0 {
            return Table::new(BUILTIN).type_of(reference & !foreign);
        }
        let index = reference.checked_sub(1)?;
        Some(Type { table: self, at: self.types + index * TYPE_WORDS * WORD })
    }

    /// A reference to the definition of that name.
    pub(super) fn definition(self, name: &str) -> Option<u32> {
        let at = |index: usize| self.definitions + index * DEFINITION_WORDS * WORD;
        let string = |index| self.string(self.word(at(index), 0));
        let index = search(self.definition_count, |index| string(index).cmp(name))?;
        u32::try_from(self.word(at(index), 1)).ok()
    }

    pub(super) fn resource(self, api_version: &str, kind: &str) -> Option<Resource<'t>> {
        let at = |index: usize| self.resources + index * RESOURCE_WORDS * WORD;
        let index = search(self.resource_count, |index| {
            let string = |word| self.string(self.word(at(index), word));
            (string(0), string(1)).cmp(&(api_version, kind))
        })?;
        let scope = match self.word(at(index), 3) {
            1 => Some(Scope::Namespaced),
            2 => Some(Scope::Cluster),
            _ => None,
        };
        Some(Resource { definition: self.type_of(self.word(at(index), 2)), scope })
    }
}

impl<'t> Type<'t> {
    fn word(&self, index: usize) -> usize {
        self.table.word(self.at, index)
    }

    /// The type of a field: its own, or that of every other field of a map.
    pub fn field(&self, name: &str) -> Option<Type<'t>> {
        let table = self.table;
        let at = |index: usize| table.fields + (self.word(0) + index) * FIELD_WORDS * WORD;
        let found = search(self.word(1), |index| table.string(table.word(at(index), 0)).cmp(name));
        match found {
            Some(index) => table.type_of(table.word(at(index), 1)),
            None => table.type_of(self.word(2)),
        }
    }

    /// The type of the items of a list.
    pub fn items(&self) -> Option<Type<'t>> {
        self.table.type_of(self.word(3))
    }

    /// `x-kubernetes-patch-strategy`, or empty.
    pub fn strategy(&self) -> &'t str {
        self.word(4).checked_sub(1).map_or("", |index| self.table.string(index))
    }

    /// Whether a list is merged item by item instead of being replaced.
    pub fn is_merged(&self) -> bool {
        self.strategy().split(',').any(|strategy| strategy == "merge")
    }

    /// The fields that tell the items of a merged list apart; none where items are plain values.
    pub fn merge_keys(&self) -> impl ExactSizeIterator<Item = &'t str> + use<'t> {
        let table = self.table;
        let first = self.word(5);
        (first..first + self.word(6)).map(move |index| table.string(table.word(table.keys, index)))
    }
}

fn word(bytes: &[u8], at: usize) -> usize {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<WORD>());
    word.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
}

fn search(count: usize, compare: impl Fn(usize) -> std::cmp::Ordering) -> Option<usize> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        match compare(middle) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return Some(middle),
        }
    }
    None
}
