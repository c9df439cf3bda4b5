//! An OpenAPI (v2) document becomes a table of types.
//!
//! Types that are written alike are stored once: most fields of Kubernetes are plain strings. A
//! definition gets its place before it is read, so that it may refer to itself.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::Precedence;
use super::table::{FOREIGN, Table};

const GROUP_VERSION_KIND: &str = "x-kubernetes-group-version-kind";
/// Deeper nesting inside one definition is cut off: no real type comes near.
const DEPTH_MAX: usize = 200;

/// A type, with references by index; see `table.rs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Record {
    fields: BTreeMap<String, u32>,
    additional: u32,
    items: u32,
    strategy: Option<String>,
    keys: Vec<String>,
}

struct Compiler<'d> {
    definitions: Option<&'d Map<String, Value>>,
    beside: Option<Beside>,
    /// Reference (index plus one) of each definition that was needed so far.
    defined: HashMap<&'d str, u32>,
    pending: Vec<(u32, &'d Value)>,
    known: HashMap<Record, u32>,
    records: Vec<Record>,
}

/// The table for a document. What is not as OpenAPI says is taken for missing.
pub fn compile(document: &Value) -> Vec<u8> {
    compile_beside(document, None)
}

/// A table whose definitions the document may refer to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside {
    pub table: Table<'static>,
    pub precedence: Precedence,
}

/// The table for a document that refers to definitions of another table as well.
pub(super) fn compile_beside(document: &Value, beside: Option<Beside>) -> Vec<u8> {
    let definitions = document.get("definitions").and_then(Value::as_object);
    let mut compiler = Compiler {
        definitions,
        beside,
        defined: HashMap::new(),
        pending: Vec::new(),
        known: HashMap::new(),
        records: Vec::new(),
    };
    let mut resources: BTreeMap<(String, String), (u32, u32)> = BTreeMap::new();
    let mut named: BTreeMap<&str, u32> = BTreeMap::new();
    for (name, definition) in definitions.into_iter().flatten() {
        if beside.is_none() {
            named.insert(name, compiler.definition(name, definition));
        }
        let kinds = definition.get(GROUP_VERSION_KIND).and_then(Value::as_array);
        for resource in kinds.into_iter().flatten().filter_map(type_meta) {
            resources.entry(resource).or_default().0 = compiler.definition(name, definition);
        }
    }
    compiler.finish();
    for (resource, scope) in scopes(document) {
        resources.entry(resource).or_default().1 = scope;
    }
    write(&compiler.records, &resources, &named)
}

/// `apiVersion` and `kind` of a `x-kubernetes-group-version-kind` entry.
fn type_meta(entry: &Value) -> Option<(String, String)> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let version = text("version")?;
    let api_version = match text("group") {
        Some(group) if !group.is_empty() => format!("{group}/{version}"),
        _ => version.to_owned(),
    };
    Some((api_version, text("kind")?.to_owned()))
}

/// A kind has namespaces if one of the paths to read it has one (upstream `findNamespaceability`).
fn scopes(document: &Value) -> BTreeMap<(String, String), u32> {
    let mut scopes = BTreeMap::new();
    let paths = document.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten() {
        let kind = item.get("get").and_then(|get| get.get(GROUP_VERSION_KIND));
        let Some(resource) = kind.and_then(type_meta) else { continue };
        let scope = scopes.entry(resource).or_insert(2);
        if path.contains("namespaces/{namespace}") {
            *scope = 1;
        }
    }
    scopes
}

impl<'d> Compiler<'d> {
    fn definition(&mut self, name: &'d str, definition: &'d Value) -> u32 {
        if let Some(reference) = self.defined.get(name) {
            return *reference;
        }
        let reference = self.push(Record::default());
        self.defined.insert(name, reference);
        self.pending.push((reference, definition));
        reference
    }

    fn push(&mut self, record: Record) -> u32 {
        self.records.push(record);
        u32::try_from(self.records.len()).unwrap_or(0)
    }

    fn finish(&mut self) {
        while let Some((reference, definition)) = self.pending.pop() {
            let record = self.record(definition, 0);
            if let Some(place) = self.records.get_mut(reference as usize - 1) {
                *place = record;
            }
        }
    }

    /// A reference to the type that a schema describes; 0 if it refers to what is not there.
    fn reference(&mut self, schema: &'d Value, depth: usize) -> u32 {
        if depth > DEPTH_MAX {
            return 0;
        }
        if schema.get("$ref").is_some() {
            return self.resolve(schema);
        }
        let record = self.record(schema, depth);
        if let Some(reference) = self.known.get(&record) {
            return *reference;
        }
        let reference = self.push(record.clone());
        self.known.insert(record, reference);
        reference
    }

    /// Follows `$ref`s; a circle of them leads nowhere.
    fn resolve(&mut self, schema: &'d Value) -> u32 {
        let mut schema = schema;
        let mut steps = 0;
        let mut name = "";
        while let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target = reference.strip_prefix("#/definitions/").unwrap_or_default();
            let own = self.definitions.and_then(|definitions| definitions.get_key_value(target));
            match (own, self.foreign(target, own.is_some())) {
                (_, Some(reference)) => return reference,
                (Some((key, next)), None) => (name, schema) = (key, next),
                (None, None) => return 0,
            }
            steps += 1;
            if steps > DEPTH_MAX {
                return 0;
            }
        }
        self.definition(name, schema)
    }

    /// A definition of the other table, unless the document's own holds.
    fn foreign(&self, name: &str, is_defined: bool) -> Option<u32> {
        let beside = self.beside?;
        if is_defined && beside.precedence == Precedence::Document {
            return None;
        }
        beside.table.definition(name).map(|reference| reference | FOREIGN)
    }

    fn record(&mut self, schema: &'d Value, depth: usize) -> Record {
        let mut record = Record::default();
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            record.fields.insert(name.clone(), self.reference(property, depth + 1));
        }
        if let Some(additional) = schema.get("additionalProperties").filter(|it| it.is_object()) {
            record.additional = self.reference(additional, depth + 1);
        }
        if is_array(schema)
            && let Some(items) = schema.get("items").filter(|it| it.is_object())
        {
            record.items = self.reference(items, depth + 1);
        }
        let strategy = schema.get("x-kubernetes-patch-strategy").and_then(Value::as_str);
        if let Some(strategy) = strategy {
            record.strategy = Some(strategy.to_owned());
            record.keys = merge_keys(schema);
        }
        record
    }
}

fn is_array(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => name == "array",
        Some(Value::Array(names)) => names.len() == 1 && names[0] == "array",
        _ => false,
    }
}

/// The list of keys where there is one, else the single key.
fn merge_keys(schema: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array) {
        Some(keys) => keys.iter().filter_map(text).collect(),
        None => schema.get("x-kubernetes-patch-merge-key").and_then(text).into_iter().collect(),
    }
}

/// The strings of a table, each once.
#[derive(Default)]
struct Strings {
    indices: HashMap<String, u32>,
    ends: Vec<u32>,
    text: Vec<u8>,
}

impl Strings {
    fn index(&mut self, text: &str) -> u32 {
        if let Some(index) = self.indices.get(text) {
            return *index;
        }
        self.text.extend_from_slice(text.as_bytes());
        let index = length(&self.ends);
        self.ends.push(length(&self.text));
        self.indices.insert(text.to_owned(), index);
        index
    }
}

fn length<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}

fn write(
    records: &[Record],
    resources: &BTreeMap<(String, String), (u32, u32)>,
    named: &BTreeMap<&str, u32>,
) -> Vec<u8> {
    let mut strings = Strings::default();
    let (mut types, mut fields, mut keys, mut kinds) = (vec![], vec![], vec![], vec![]);
    for record in records {
        let strategy = record.strategy.as_ref().map_or(0, |text| strings.index(text) + 1);
        types.extend([length(&fields) / 2, u32::try_from(record.fields.len()).unwrap_or(0)]);
        types.extend([record.additional, record.items, strategy]);
        types.extend([length(&keys), length(&record.keys)]);
        for (name, reference) in &record.fields {
            fields.extend([strings.index(name), *reference]);
        }
        keys.extend(record.keys.iter().map(|key| strings.index(key)));
    }
    for ((api_version, kind), (reference, scope)) in resources {
        kinds.extend([strings.index(api_version), strings.index(kind), *reference, *scope]);
    }
    let mut definitions = vec![];
    for (name, reference) in named {
        definitions.extend([strings.index(name), *reference]);
    }
    strings.text.resize(strings.text.len().next_multiple_of(4), 0);
    let header = [
        length(&strings.ends),
        length(&strings.text),
        length(records),
        length(&fields) / 2,
        length(&keys),
        length(&kinds) / 4,
        length(&definitions) / 2,
    ];
    let mut table = Vec::new();
    let put = |words: &[u32], table: &mut Vec<u8>| {
        words.iter().for_each(|word| table.extend(word.to_le_bytes()));
    };
    put(&header, &mut table);
    put(&strings.ends, &mut table);
    table.extend(&strings.text);
    for part in [&types, &fields, &keys, &kinds, &definitions] {
        put(part, &mut table);
    }
    table
}
