//! The events of a stream.

use std::borrow::Cow;

use libyaml_safer as libyaml;

use crate::error::{Error, ErrorKind};
use crate::node::Style;

/// Something that happens while a stream is read.
#[derive(Debug)]
pub(super) struct Event<'a> {
    pub(super) kind: EventKind<'a>,
    /// From 1.
    pub(super) line: u32,
    /// From 1.
    pub(super) column: u32,
}

#[derive(Debug)]
pub(super) enum EventKind<'a> {
    DocumentStart,
    DocumentEnd,
    StreamEnd,
    Alias(Cow<'a, str>),
    Scalar { text: Cow<'a, str>, style: Style, properties: Properties<'a> },
    SequenceStart { style: Style, properties: Properties<'a> },
    SequenceEnd,
    MappingStart { style: Style, properties: Properties<'a> },
    MappingEnd,
}

#[derive(Debug, Default)]
pub(super) struct Properties<'a> {
    pub(super) anchor: Option<Cow<'a, str>>,
    pub(super) tag: Option<Cow<'a, str>>,
}

/// Reads events.
pub(super) struct Events<'a> {
    parser: libyaml::Parser<&'a [u8]>,
}

impl<'a> Events<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut parser = libyaml::Parser::new();
        parser.set_input(bytes);
        Self { parser }
    }

    pub(super) fn next(&mut self) -> Result<Event<'a>, Error> {
        loop {
            let event = self.parser.parse().map_err(|error| translate(&error))?;
            let line = small(event.start_mark.line) + 1;
            let column = small(event.start_mark.column) + 1;
            let kind = match event.data {
                libyaml::EventData::StreamStart { .. } => continue,
                libyaml::EventData::StreamEnd => EventKind::StreamEnd,
                libyaml::EventData::DocumentStart { .. } => EventKind::DocumentStart,
                libyaml::EventData::DocumentEnd { .. } => EventKind::DocumentEnd,
                libyaml::EventData::Alias { anchor } => EventKind::Alias(anchor.into()),
                libyaml::EventData::Scalar { anchor, tag, value, style, .. } => EventKind::Scalar {
                    text: value.into(),
                    style: match style {
                        libyaml::ScalarStyle::SingleQuoted => Style::SingleQuoted,
                        libyaml::ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
                        libyaml::ScalarStyle::Literal => Style::Literal,
                        libyaml::ScalarStyle::Folded => Style::Folded,
                        _ => Style::Plain,
                    },
                    properties: properties(anchor, tag),
                },
                libyaml::EventData::SequenceStart { anchor, tag, style, .. } => {
                    EventKind::SequenceStart {
                        style: flow(style == libyaml::SequenceStyle::Flow),
                        properties: properties(anchor, tag),
                    }
                }
                libyaml::EventData::SequenceEnd => EventKind::SequenceEnd,
                libyaml::EventData::MappingStart { anchor, tag, style, .. } => {
                    EventKind::MappingStart {
                        style: flow(style == libyaml::MappingStyle::Flow),
                        properties: properties(anchor, tag),
                    }
                }
                libyaml::EventData::MappingEnd => EventKind::MappingEnd,
            };
            return Ok(Event { kind, line, column });
        }
    }
}

fn flow(flow: bool) -> Style {
    if flow { Style::Flow } else { Style::Plain }
}

fn properties(anchor: Option<String>, tag: Option<String>) -> Properties<'static> {
    Properties { anchor: anchor.map(Cow::Owned), tag: tag.map(Cow::Owned) }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX - 1)
}

fn translate(error: &libyaml::Error) -> Error {
    let kind = match error.kind() {
        libyaml::ErrorKind::Reader | libyaml::ErrorKind::Io => ErrorKind::Encoding,
        _ => ErrorKind::Syntax,
    };
    let scanner = u32::from(error.kind() == libyaml::ErrorKind::Scanner);
    let mark = error.problem_mark();
    let line = mark.map_or(0, |mark| small(mark.line));
    let context = error.context_mark().map_or(0, |mark| small(mark.line));
    let raised = |line: u32| if line > 0 { line + scanner } else { 0 };
    let v2 = if line > 0 { raised(line) } else { context };
    let v3 = if context > 0 { raised(context) } else { raised(line) };
    let (shown_line, column) = mark.map_or((0, 0), |mark| (line + 1, small(mark.column) + 1));
    Error::new(kind, error.problem(), shown_line, column).with_go_lines(v2, v3)
}
