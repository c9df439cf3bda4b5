//! Bytes → documents.

mod compose;
mod cursor;
mod scan;
mod token;

use crate::error::Error;
use crate::node::Node;

/// What a stream may cost. Exceeding a limit is an [`Error`] of kind [`crate::ErrorKind::Limit`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the stream.
    pub bytes: usize,
    /// How deep sequences and mappings may be nested.
    pub depth: usize,
    /// Nodes of the stream, with what aliases expand to.
    pub nodes: usize,
}

impl Default for Limits {
    /// 256 MiB, 128 levels, 20 million nodes. What aliases may add is limited as go-yaml does.
    fn default() -> Self {
        Self { bytes: 256 << 20, depth: 128, nodes: 20_000_000 }
    }
}

/// A document of a stream.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it says; null if it says nothing.
    pub root: Node,
    /// Whether there was nothing but comments between its markers.
    pub is_empty: bool,
}

/// All documents of a stream. A stream without any content has none.
///
/// # Errors
/// The first thing that is wrong in it.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Vec<Document>, Error> {
    let bytes = cursor::as_utf8(bytes);
    let mut composer = compose::Composer::new(&bytes, limits)?;
    let mut documents = Vec::new();
    while let Some(document) = composer.next_document()? {
        documents.push(document);
    }
    Ok(documents)
}

/// The first document of a stream, or null: what `yaml.Unmarshal` reads. Whatever follows it is not
/// looked at, wrong or not.
///
/// # Errors
/// The first thing that is wrong in it.
pub fn parse_first(bytes: &[u8], limits: &Limits) -> Result<Node, Error> {
    let bytes = cursor::as_utf8(bytes);
    let mut composer = compose::Composer::new(&bytes, limits)?;
    Ok(composer.next_document()?.map_or_else(Node::null, |document| document.root))
}
