//! What went wrong, and where.

use std::fmt;

use crate::context::Exhausted;
use crate::strconv::{Charset, quote};
use crate::value::Str;

/// A failed execution.
///
/// Displays as Go's text: for each step of the trace, outermost first, `template: name:line:column:
/// executing "name" at <node>: error calling f:`, then the message.
#[derive(Clone, Debug, Default)]
pub struct ExecError {
    /// How execution came to the error, innermost first.
    pub trace: Vec<Step>,
    /// What went wrong: a rule of the language, or the text of the function that failed.
    pub message: String,
    /// Is it that the budget did not suffice?
    pub exhausted: Option<Exhausted>,
}

/// A step of the way to an error.
#[derive(Clone, Debug)]
pub enum Step {
    /// A node of a template.
    At(Place),
    /// A text that a function put before the error.
    Within(String),
}

/// A node of a template that could not be executed.
#[derive(Clone, Debug)]
pub struct Place {
    /// The template.
    pub template: Str,
    /// The name of the text it is in.
    pub source: Str,
    /// Line (from 1) and column (in bytes, from 0) in that text, and the node's text.
    pub node: Option<(usize, usize, Str)>,
    /// The function that it called, if that is what failed.
    pub calling: Option<Str>,
}

impl ExecError {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { trace: vec![Step::At(place)], message: message.into(), exhausted: None }
    }

    pub(crate) fn plain(message: String) -> Self {
        Self { message, ..Self::default() }
    }

    pub(crate) fn exhausted(why: Exhausted) -> Self {
        Self { message: why.to_string(), exhausted: Some(why), ..Self::default() }
    }

    /// The innermost place.
    pub fn place(&self) -> Option<&Place> {
        self.trace.iter().find_map(|step| match step {
            Step::At(place) => Some(place),
            Step::Within(_) => None,
        })
    }
}

impl std::error::Error for ExecError {}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in self.trace.iter().rev() {
            match step {
                Step::At(place) => write!(f, "{place}: ")?,
                Step::Within(text) => write!(f, "{text}: ")?,
            }
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            None => write!(f, "template: {}", self.template)?,
            Some((line, column, node)) => {
                let template = Str::from(quote(&self.template, Charset::Unicode));
                let source = &self.source;
                write!(f, "template: {source}:{line}:{column}: executing {template} at <{node}>")?;
            }
        }
        match &self.calling {
            Some(function) => write!(f, ": error calling {function}"),
            None => Ok(()),
        }
    }
}
