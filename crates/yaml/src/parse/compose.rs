//! Tokens → nodes: YAML's grammar as libyaml's parser reads it, with aliases expanded and the limits
//! kept.

mod collections;
mod directives;

use std::borrow::Cow;
use std::collections::HashMap;

use compact_str::CompactString;

use super::cursor::Mark;
use super::scan::Scanner;
use super::token::{Kind, Token};
use super::{Document, Limits, Source};
use crate::error::{Error, ErrorKind};
use crate::node::{Content, Node, Style};

/// Composes the documents of a stream, one after the other.
pub(super) struct Composer<'a> {
    tokens: Scanner<'a>,
    limits: Limits,
    source: Source,
    /// What an anchor names in this document; `None` while that is being read.
    anchors: HashMap<CompactString, Option<Anchored>>,
    /// Handles of tags and what they stand for.
    handles: Vec<(&'a str, Cow<'a, str>)>,
    started: bool,
    depth: usize,
    nodes: usize,
    /// How many of the nodes are copies made for aliases.
    copies: usize,
}

struct Anchored {
    node: Node,
    /// How many nodes it consists of.
    nodes: usize,
}

/// Where a node may stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a flow collection.
    Flow,
    /// In a block.
    Block,
    /// In a block mapping, where a sequence need not be indented.
    Entry,
}

/// How a document starts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// With its content.
    Implicit,
    /// With `---`.
    Explicit,
}

#[derive(Default)]
struct Properties<'a> {
    anchor: Option<&'a str>,
    tag: Option<Cow<'a, str>>,
}

impl<'a> Composer<'a> {
    pub(super) fn new(bytes: &'a [u8], limits: &Limits, source: Source) -> Result<Self, Error> {
        // Places are kept in 32 bits.
        let bound = limits.bytes.min(u32::MAX as usize - 1);
        if bytes.len() > bound {
            let message = format!("the stream has more than {bound} bytes");
            return Err(Error::new(ErrorKind::Limit, message, 0, 0));
        }
        Ok(Self {
            tokens: Scanner::new(bytes),
            limits: *limits,
            source,
            anchors: HashMap::new(),
            handles: Vec::new(),
            started: false,
            depth: 0,
            nodes: 0,
            copies: 0,
        })
    }

    pub(super) fn next_document(&mut self) -> Result<Option<Document>, Error> {
        self.anchors.clear();
        let Some(start) = self.start_document()? else { return Ok(None) };
        let token = self.tokens.peek()?;
        let at = token.start;
        let document = match token.kind {
            _ if start == Start::Implicit => {
                Document { root: self.node(Place::Block)?, is_empty: false }
            }
            Kind::VersionDirective { .. }
            | Kind::TagDirective { .. }
            | Kind::DocumentStart
            | Kind::DocumentEnd
            | Kind::StreamEnd => Document { root: self.nothing(at)?, is_empty: true },
            _ => Document { root: self.node(Place::Block)?, is_empty: false },
        };
        // The end is read with the document: what is wrong right behind it belongs to it.
        if matches!(self.tokens.peek()?.kind, Kind::DocumentEnd) {
            self.tokens.next()?;
        }
        Ok(Some(document))
    }

    /// A node that is not there: null.
    fn nothing(&mut self, at: Mark) -> Result<Node, Error> {
        self.count(1, at)?;
        Ok(self.place(Node::of(Content::Scalar(CompactString::default()), Style::Plain), at))
    }

    fn node(&mut self, position: Place) -> Result<Node, Error> {
        if matches!(self.tokens.peek()?.kind, Kind::Alias(_)) {
            return self.alias();
        }
        let before = self.nodes;
        let mut start = self.tokens.peek()?.start;
        let properties = self.properties(&mut start)?;
        self.count(1, start)?;
        if let Some(name) = properties.anchor {
            // An anchor that is not yet complete hides an earlier one of the same name.
            self.anchors.insert(CompactString::from(name), None);
        }
        let mut node = {
            let content = self.content(position, start, &properties)?;
            self.place(content, start)
        };
        if let Some(tag) = &properties.tag {
            node.set_written_tag(tag);
        }
        if let Some(name) = properties.anchor {
            node.set_anchor(name);
            let anchored = Anchored { node: node.clone(), nodes: self.nodes - before };
            self.anchors.insert(CompactString::from(name), Some(anchored));
        }
        Ok(node)
    }

    fn content(
        &mut self,
        position: Place,
        start: Mark,
        properties: &Properties<'a>,
    ) -> Result<Node, Error> {
        let block = position != Place::Flow;
        match self.tokens.peek()?.kind {
            Kind::BlockEntry if position == Place::Entry => {
                self.nested(start, Self::indentless_sequence)
            }
            Kind::Scalar { .. } => {
                let token = self.tokens.next()?;
                let Kind::Scalar { text, style } = token.kind else {
                    return Err(self.unexpected(start, block));
                };
                Ok(Node::of(Content::Scalar(CompactString::from(text)), style))
            }
            Kind::FlowSequenceStart => self.nested(start, Self::flow_sequence),
            Kind::FlowMappingStart => self.nested(start, Self::flow_mapping),
            Kind::BlockSequenceStart if block => self.nested(start, Self::block_sequence),
            Kind::BlockMappingStart if block => self.nested(start, Self::block_mapping),
            _ if properties.anchor.is_some() || properties.tag.is_some() => {
                Ok(Node::of(Content::Scalar(CompactString::default()), Style::Plain))
            }
            _ => Err(self.unexpected(start, block)),
        }
    }

    fn unexpected(&mut self, start: Mark, _block: bool) -> Error {
        self.syntax_error("did not find expected node content", Some(start))
    }

    /// An error at the next token, in something that started at `context`.
    fn syntax_error(&mut self, problem: &str, context: Option<Mark>) -> Error {
        let at = match self.tokens.peek() {
            Ok(token) => token.start,
            Err(error) => return error,
        };
        let context = context.map_or(0, |mark| mark.line);
        let v2 = if at.line > 0 { at.line } else { context };
        let v3 = if context > 0 { context } else { at.line };
        let error = Error::new(ErrorKind::Syntax, problem, at.line + 1, at.column + 1)
            .with_go_lines(v2, v3);
        match self.tokens.look_ahead() {
            Some(earlier) => error.but_for_v3(&earlier),
            None => error,
        }
    }

    fn count(&mut self, nodes: usize, at: Mark) -> Result<(), Error> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > self.limits.nodes {
            let message = format!("the stream has more than {} nodes", self.limits.nodes);
            return Err(error_at(at, ErrorKind::Limit, message));
        }
        Ok(())
    }

    fn nested(
        &mut self,
        start: Mark,
        read: fn(&mut Self, Mark) -> Result<Node, Error>,
    ) -> Result<Node, Error> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            let message = format!("nested more than {} levels deep", self.limits.depth);
            return Err(error_at(start, ErrorKind::Limit, message));
        }
        let opening = self.tokens.peek()?.start;
        let node = read(self, opening)?;
        self.depth -= 1;
        Ok(node)
    }

    fn alias(&mut self) -> Result<Node, Error> {
        let Token { kind, start, .. } = self.tokens.next()?;
        let Kind::Alias(name) = kind else { return self.nothing(start) };
        let complain = |message: String| error_at(start, ErrorKind::Alias, message);
        let Some(anchored) = self.anchors.get(name) else {
            return Err(complain(format!("unknown anchor '{name}' referenced")));
        };
        let Some(Anchored { node, nodes }) = anchored else {
            return Err(complain(format!("anchor '{name}' value contains itself")));
        };
        let nodes = *nodes;
        let total = self.nodes.saturating_add(nodes);
        self.copies = self.copies.saturating_add(nodes);
        if self.copies > 100 && total > 1_000 && too_many_copies(self.copies, total) {
            let message = "document contains excessive aliasing";
            return Err(error_at(start, ErrorKind::Limit, message));
        }
        if total > self.limits.nodes {
            let message = format!("the stream has more than {} nodes", self.limits.nodes);
            return Err(error_at(start, ErrorKind::Limit, message));
        }
        self.nodes = total;
        let mut node = self.place(node.clone(), start);
        node.set_alias(name);
        Ok(node)
    }

    fn place(&self, node: Node, at: Mark) -> Node {
        let line = self.source.first_line.saturating_add(at.line);
        node.at(self.source.number, line, at.column + 1)
    }
}

/// go-yaml's rule: up to 400,000 nodes 99 % may come from aliases; from 4,000,000 on, 10 %.
#[expect(clippy::cast_precision_loss, reason = "a ratio; the counts are below 2^53")]
fn too_many_copies(copies: usize, nodes: usize) -> bool {
    const LOW: f64 = 400_000.0;
    const HIGH: f64 = 4_000_000.0;
    let nodes = nodes as f64;
    let excess = ((nodes - LOW) / (HIGH - LOW)).clamp(0.0, 1.0);
    copies as f64 / nodes > 0.99 - 0.89 * excess
}

fn error_at(at: Mark, kind: ErrorKind, message: impl Into<String>) -> Error {
    Error::new(kind, message, at.line + 1, at.column + 1)
}
