//! Events → nodes, with aliases expanded and the limits kept.

use std::collections::HashMap;

use compact_str::CompactString;

use super::events::{Event, EventKind, Events, Properties};
use super::{Document, Limits};
use crate::error::{Error, ErrorKind};
use crate::node::{Content, Node, Style};

/// Composes the documents of a stream, one after the other.
pub(super) struct Composer<'a> {
    events: Events<'a>,
    limits: Limits,
    /// What an anchor names in this document; `None` while that is being read.
    anchors: HashMap<CompactString, Option<Anchored>>,
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

impl<'a> Composer<'a> {
    pub(super) fn new(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        if bytes.len() > limits.bytes {
            let message = format!("the stream has more than {} bytes", limits.bytes);
            return Err(Error::new(ErrorKind::Limit, message, 0, 0));
        }
        Ok(Self {
            events: Events::new(bytes),
            limits: *limits,
            anchors: HashMap::new(),
            depth: 0,
            nodes: 0,
            copies: 0,
        })
    }

    pub(super) fn next_document(&mut self) -> Result<Option<Document>, Error> {
        loop {
            let event = self.events.next()?;
            match event.kind {
                EventKind::StreamEnd => return Ok(None),
                EventKind::DocumentEnd => {}
                EventKind::DocumentStart => {
                    self.anchors.clear();
                    let event = self.events.next()?;
                    let is_empty = event.is_nothing();
                    let root = self.node(event)?;
                    // The end is read with the document: an error right behind it belongs to it.
                    self.events.next()?;
                    return Ok(Some(Document { root, is_empty }));
                }
                _ => return Err(event.error(ErrorKind::Syntax, "did not find a document")),
            }
        }
    }

    fn node(&mut self, event: Event<'a>) -> Result<Node, Error> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            let message = format!("the stream has more than {} nodes", self.limits.nodes);
            return Err(event.error(ErrorKind::Limit, message));
        }
        let (line, column) = (event.line, event.column);
        let before = self.nodes;
        let (node, anchor) = match event.kind {
            EventKind::Alias(ref name) => return self.alias(name, &event),
            EventKind::Scalar { text, style, properties } => {
                self.open(&properties);
                let content = Content::Scalar(CompactString::from(text));
                (build(content, style, &properties), properties.anchor)
            }
            EventKind::SequenceStart { style, ref properties } => {
                self.open(properties);
                let items = self.nested(&event, Self::items)?;
                let content = Content::Sequence(items);
                (build(content, style, properties), take_anchor(event.kind))
            }
            EventKind::MappingStart { style, ref properties } => {
                self.open(properties);
                let entries = self.nested(&event, Self::entries)?;
                let content = Content::Mapping(entries);
                (build(content, style, properties), take_anchor(event.kind))
            }
            _ => return Err(event.error(ErrorKind::Syntax, "did not find expected node content")),
        };
        let node = node.at(line, column);
        if let Some(name) = anchor {
            let nodes = self.nodes - before + 1;
            let anchored = Anchored { node: node.clone(), nodes };
            self.anchors.insert(CompactString::from(name), Some(anchored));
        }
        Ok(node)
    }

    /// An anchor that is not yet complete hides an earlier one of the same name.
    fn open(&mut self, properties: &Properties<'_>) {
        if let Some(name) = &properties.anchor {
            self.anchors.insert(CompactString::from(name.as_ref()), None);
        }
    }

    fn nested<T>(
        &mut self,
        event: &Event<'a>,
        read: fn(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            let message = format!("nested more than {} levels deep", self.limits.depth);
            return Err(event.error(ErrorKind::Limit, message));
        }
        let content = read(self)?;
        self.depth -= 1;
        Ok(content)
    }

    fn items(&mut self) -> Result<Vec<Node>, Error> {
        let mut items = Vec::new();
        loop {
            let event = self.events.next()?;
            if matches!(event.kind, EventKind::SequenceEnd) {
                return Ok(items);
            }
            items.push(self.node(event)?);
        }
    }

    fn entries(&mut self) -> Result<Vec<(Node, Node)>, Error> {
        let mut entries = Vec::new();
        loop {
            let event = self.events.next()?;
            if matches!(event.kind, EventKind::MappingEnd) {
                return Ok(entries);
            }
            let key = self.node(event)?;
            let event = self.events.next()?;
            entries.push((key, self.node(event)?));
        }
    }

    fn alias(&mut self, name: &str, event: &Event<'a>) -> Result<Node, Error> {
        let Some(anchored) = self.anchors.get(name) else {
            let message = format!("unknown anchor '{name}' referenced");
            return Err(event.error(ErrorKind::Alias, message));
        };
        let Some(anchored) = anchored else {
            let message = format!("anchor '{name}' value contains itself");
            return Err(event.error(ErrorKind::Alias, message));
        };
        self.nodes += anchored.nodes - 1;
        self.copies += anchored.nodes;
        if self.copies > 100 && self.nodes > 1_000 && self.aliases_too_much() {
            return Err(event.error(ErrorKind::Limit, "document contains excessive aliasing"));
        }
        if self.nodes > self.limits.nodes {
            let message = format!("the stream has more than {} nodes", self.limits.nodes);
            return Err(event.error(ErrorKind::Limit, message));
        }
        let mut node = anchored.node.clone().at(event.line, event.column);
        node.set_alias(name);
        Ok(node)
    }

    /// go-yaml's rule: up to 400,000 nodes 99 % may come from aliases; from 4,000,000 on, 10 %.
    #[expect(clippy::cast_precision_loss, reason = "a ratio; the counts are below 2^53")]
    fn aliases_too_much(&self) -> bool {
        const LOW: f64 = 400_000.0;
        const HIGH: f64 = 4_000_000.0;
        let nodes = self.nodes as f64;
        let excess = ((nodes - LOW) / (HIGH - LOW)).clamp(0.0, 1.0);
        self.copies as f64 / nodes > 0.99 - 0.89 * excess
    }
}

fn take_anchor(kind: EventKind<'_>) -> Option<std::borrow::Cow<'_, str>> {
    match kind {
        EventKind::SequenceStart { properties, .. }
        | EventKind::MappingStart { properties, .. } => properties.anchor,
        _ => None,
    }
}

fn build(content: Content, style: Style, properties: &Properties<'_>) -> Node {
    let mut node = Node::of(content, style);
    if let Some(tag) = &properties.tag {
        node.set_written_tag(tag);
    }
    if let Some(anchor) = &properties.anchor {
        node.set_anchor(anchor);
    }
    node
}

impl Event<'_> {
    /// Whether it stands for a node that is not there.
    fn is_nothing(&self) -> bool {
        matches!(
            &self.kind,
            EventKind::Scalar {
                text,
                style: Style::Plain,
                properties: Properties { anchor: None, tag: None },
            } if text.is_empty()
        )
    }

    fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(kind, message, self.line, self.column)
    }
}
