//! What an execution did, for those who ask where something comes from: which part of the template
//! wrote which part of the output, and which elements of which maps were read.

use std::collections::BTreeSet;

use crate::value::Str;

/// A record of one execution of a template that was started from outside.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// In order: where in the output a node began to write, where it stands in the source, and
    /// whether it is text, of which one byte in is one byte out.
    written: Vec<(usize, u32, bool)>,
    /// Elements that were read: the identity of the map and the key.
    reads: BTreeSet<(usize, Str)>,
}

impl Trace {
    pub(crate) fn writes(&mut self, output: usize, source: u32, is_text: bool) {
        self.written.push((output, source, is_text));
    }

    pub(crate) fn reads(&mut self, map: usize, key: &Str) {
        self.reads.insert((map, key.clone()));
    }

    /// The place in the source that wrote this place of the output. What an included template wrote
    /// comes from where it was included.
    pub fn source_of(&self, output: usize) -> Option<usize> {
        let after = self.written.partition_point(|(began, ..)| *began <= output);
        let (began, source, is_text) = self.written.get(after.checked_sub(1)?)?;
        let into = if *is_text { output - began } else { 0 };
        Some(*source as usize + into)
    }

    /// The keys that were read of the map with this identity ([`crate::Map::identity`]).
    pub fn keys_read(&self, map: usize) -> impl Iterator<Item = &Str> {
        self.reads
            .range((map, Str::EMPTY)..)
            .take_while(move |(of, _)| *of == map)
            .map(|(_, key)| key)
    }
}
