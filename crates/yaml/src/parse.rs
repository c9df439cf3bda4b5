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

/// Which text is parsed, for programs that read many: every node remembers its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The number; 0 for none.
    pub number: u16,
    /// The line on which the text starts in its file, from 1.
    pub first_line: u32,
}

impl Default for Source {
    /// No number, and a file that starts with the text.
    fn default() -> Self {
        Self { number: 0, first_line: 1 }
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
    let mut composer = compose::Composer::new(&bytes, limits, Source::default())?;
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
    parse_first_of(Source::default(), bytes, limits)
}

/// [`parse_first`] of a text that the nodes are to remember. Positions of nodes count lines from where
/// the text starts; errors count them within the text, as go-yaml does.
///
/// # Errors
/// The first thing that is wrong in it.
pub fn parse_first_of(source: Source, bytes: &[u8], limits: &Limits) -> Result<Node, Error> {
    let bytes = cursor::as_utf8(bytes);
    let mut composer = compose::Composer::new(&bytes, limits, source)?;
    Ok(composer.next_document()?.map_or_else(Node::null, |document| document.root))
}
