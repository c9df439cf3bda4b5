//! The start of a document, and the properties of a node that depend on it.

use std::borrow::Cow;

use super::{Composer, Mark, Properties, Start};
use crate::error::{Error, ErrorKind};
use crate::node::LONG_PREFIX;
use crate::parse::token::Kind;

impl<'a> Composer<'a> {
    /// Goes to the content of the next document; `None` at the end of the stream.
    pub(super) fn start_document(&mut self) -> Result<Option<Start>, Error> {
        let first = !std::mem::replace(&mut self.started, true);
        self.handles.clear();
        while !first && matches!(self.tokens.peek()?.kind, Kind::DocumentEnd) {
            self.tokens.next()?;
        }
        match self.tokens.peek()?.kind {
            Kind::StreamEnd => return Ok(None),
            Kind::VersionDirective { .. } | Kind::TagDirective { .. } | Kind::DocumentStart => {}
            _ if first => {
                self.default_handles();
                return Ok(Some(Start::Implicit));
            }
            _ => {}
        }
        self.directives()?;
        if !matches!(self.tokens.peek()?.kind, Kind::DocumentStart) {
            return Err(self.syntax_error("did not find expected <document start>", None));
        }
        self.tokens.next()?;
        Ok(Some(Start::Explicit))
    }

    fn directives(&mut self) -> Result<(), Error> {
        let mut version = false;
        loop {
            match self.tokens.peek()?.kind {
                Kind::VersionDirective { .. } if version => {
                    return Err(self.syntax_error("found duplicate %YAML directive", None));
                }
                Kind::VersionDirective { major: 1, minor: 1 } => {
                    self.tokens.next()?;
                    version = true;
                }
                Kind::VersionDirective { .. } => {
                    return Err(self.syntax_error("found incompatible YAML document", None));
                }
                Kind::TagDirective { handle, .. } => {
                    if self.handles.iter().any(|(known, _)| *known == handle) {
                        return Err(self.syntax_error("found duplicate %TAG directive", None));
                    }
                    if let Kind::TagDirective { handle, prefix } = self.tokens.next()?.kind {
                        self.handles.push((handle, prefix));
                    }
                }
                _ => {
                    self.default_handles();
                    return Ok(());
                }
            }
        }
    }

    fn default_handles(&mut self) {
        for (handle, prefix) in [("!", "!"), ("!!", LONG_PREFIX)] {
            if !self.handles.iter().any(|(known, _)| *known == handle) {
                self.handles.push((handle, Cow::Borrowed(prefix)));
            }
        }
    }

    /// The anchor and tag before a node, in either order.
    pub(super) fn properties(&mut self, start: &mut Mark) -> Result<Properties<'a>, Error> {
        let mut properties = Properties::default();
        let mut tag = None;
        loop {
            match self.tokens.peek()?.kind {
                Kind::Anchor(name) if properties.anchor.is_none() => {
                    self.tokens.next()?;
                    properties.anchor = Some(name);
                }
                Kind::Tag { .. } if tag.is_none() => {
                    let token = self.tokens.next()?;
                    if let Kind::Tag { handle, suffix } = token.kind {
                        tag = Some((handle, suffix, token.start));
                    }
                }
                _ => break,
            }
        }
        if let Some((handle, suffix, at)) = tag {
            properties.tag = Some(self.full_tag(handle, suffix, *start, at)?);
        }
        Ok(properties)
    }

    fn full_tag(
        &self,
        handle: &str,
        suffix: Cow<'a, str>,
        start: Mark,
        at: Mark,
    ) -> Result<Cow<'a, str>, Error> {
        if handle.is_empty() {
            return Ok(suffix);
        }
        match self.handles.iter().find(|(known, _)| *known == handle) {
            Some((_, prefix)) => Ok(Cow::Owned(format!("{prefix}{suffix}"))),
            None => {
                let problem = "found undefined tag handle";
                let (v2, v3) = match (at.line, start.line) {
                    (0, context) => (context, context),
                    (line, 0) => (line, line),
                    (line, context) => (line, context),
                };
                Err(Error::new(ErrorKind::Syntax, problem, at.line + 1, at.column + 1)
                    .with_go_lines(v2, v3))
            }
        }
    }
}
