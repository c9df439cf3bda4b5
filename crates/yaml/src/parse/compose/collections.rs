//! Sequences and mappings, by indentation and in brackets.

use super::{Composer, Mark, Place};
use crate::error::Error;
use crate::node::{Content, Node, Style};
use crate::parse::token::Kind;

impl Composer<'_> {
    pub(super) fn block_sequence(&mut self, opening: Mark) -> Result<Node, Error> {
        self.tokens.next()?;
        let mut items = Vec::new();
        loop {
            match self.tokens.peek()?.kind {
                Kind::BlockEntry => {
                    let dash = self.tokens.next()?.end;
                    items.push(match self.tokens.peek()?.kind {
                        Kind::BlockEntry | Kind::BlockEnd => self.nothing(dash)?,
                        _ => self.node(Place::Block)?,
                    });
                }
                Kind::BlockEnd => {
                    self.tokens.next()?;
                    return Ok(Node::sequence(items));
                }
                _ => {
                    let problem = "did not find expected '-' indicator";
                    return Err(self.syntax_error(problem, Some(opening)));
                }
            }
        }
    }

    /// A sequence whose dashes stand below the key of the mapping that it is a value of.
    pub(super) fn indentless_sequence(&mut self, _opening: Mark) -> Result<Node, Error> {
        let mut items = Vec::new();
        while matches!(self.tokens.peek()?.kind, Kind::BlockEntry) {
            let dash = self.tokens.next()?.end;
            items.push(match self.tokens.peek()?.kind {
                Kind::BlockEntry | Kind::Key | Kind::Value | Kind::BlockEnd => {
                    self.nothing(dash)?
                }
                _ => self.node(Place::Block)?,
            });
        }
        Ok(Node::sequence(items))
    }

    pub(super) fn block_mapping(&mut self, opening: Mark) -> Result<Node, Error> {
        self.tokens.next()?;
        let mut entries = Vec::new();
        loop {
            let key = match self.tokens.peek()?.kind {
                Kind::Key => {
                    let end = self.tokens.next()?.end;
                    self.entry_part(end)?
                }
                Kind::BlockEnd => {
                    self.tokens.next()?;
                    return Ok(Node::mapping(entries));
                }
                _ => return Err(self.syntax_error("did not find expected key", Some(opening))),
            };
            let token = self.tokens.peek()?;
            let at = token.start;
            let value = match token.kind {
                Kind::Value => {
                    let end = self.tokens.next()?.end;
                    self.entry_part(end)?
                }
                _ => self.nothing(at)?,
            };
            entries.push((key, value));
        }
    }

    /// What stands behind a `?` or a `:` of a block mapping.
    fn entry_part(&mut self, end: Mark) -> Result<Node, Error> {
        match self.tokens.peek()?.kind {
            Kind::Key | Kind::Value | Kind::BlockEnd => self.nothing(end),
            _ => self.node(Place::Entry),
        }
    }

    pub(super) fn flow_sequence(&mut self, opening: Mark) -> Result<Node, Error> {
        self.tokens.next()?;
        let mut items = Vec::new();
        let mut first = true;
        while !matches!(self.tokens.peek()?.kind, Kind::FlowSequenceEnd) {
            if !first {
                self.flow_separator("did not find expected ',' or ']'", opening)?;
            }
            first = false;
            let token = self.tokens.peek()?;
            let at = token.start;
            match token.kind {
                Kind::Key => {
                    let pair = self.single_pair()?;
                    items.push(self.place(pair, at));
                }
                Kind::FlowSequenceEnd => break,
                _ => items.push(self.node(Place::Flow)?),
            }
        }
        self.tokens.next()?;
        Ok(Node::of(Content::Sequence(items), Style::Flow))
    }

    /// `[a: b]`: a mapping of one entry without braces.
    fn single_pair(&mut self) -> Result<Node, Error> {
        let key_end = self.tokens.next()?.end;
        self.count(1, key_end)?;
        let key = match self.tokens.peek()?.kind {
            // go-yaml goes over the token, as libyaml does not.
            Kind::Value | Kind::FlowEntry | Kind::FlowSequenceEnd => {
                let end = self.tokens.next()?.end;
                self.nothing(end)?
            }
            _ => self.node(Place::Flow)?,
        };
        let value =
            self.flow_value(|kind| matches!(kind, Kind::FlowEntry | Kind::FlowSequenceEnd))?;
        Ok(Node::of(Content::Mapping(vec![(key, value)]), Style::Flow))
    }

    pub(super) fn flow_mapping(&mut self, opening: Mark) -> Result<Node, Error> {
        self.tokens.next()?;
        let mut entries = Vec::new();
        let mut first = true;
        while !matches!(self.tokens.peek()?.kind, Kind::FlowMappingEnd) {
            if !first {
                self.flow_separator("did not find expected ',' or '}'", opening)?;
            }
            first = false;
            let ends = |kind: &Kind<'_>| matches!(kind, Kind::FlowEntry | Kind::FlowMappingEnd);
            match self.tokens.peek()?.kind {
                Kind::Key => {
                    self.tokens.next()?;
                    let token = self.tokens.peek()?;
                    let at = token.start;
                    let key = match token.kind {
                        Kind::Value | Kind::FlowEntry | Kind::FlowMappingEnd => self.nothing(at)?,
                        _ => self.node(Place::Flow)?,
                    };
                    entries.push((key, self.flow_value(ends)?));
                }
                Kind::FlowMappingEnd => break,
                _ => {
                    let key = self.node(Place::Flow)?;
                    let at = self.tokens.peek()?.start;
                    entries.push((key, self.nothing(at)?));
                }
            }
        }
        self.tokens.next()?;
        Ok(Node::of(Content::Mapping(entries), Style::Flow))
    }

    fn flow_separator(&mut self, problem: &str, opening: Mark) -> Result<(), Error> {
        if !matches!(self.tokens.peek()?.kind, Kind::FlowEntry) {
            return Err(self.syntax_error(problem, Some(opening)));
        }
        self.tokens.next()?;
        Ok(())
    }

    /// The value behind the colon of a flow mapping, if there is one.
    fn flow_value(&mut self, ends: fn(&Kind<'_>) -> bool) -> Result<Node, Error> {
        if matches!(self.tokens.peek()?.kind, Kind::Value) {
            self.tokens.next()?;
            if !ends(&self.tokens.peek()?.kind) {
                return self.node(Place::Flow);
            }
        }
        let at = self.tokens.peek()?.start;
        self.nothing(at)
    }
}
