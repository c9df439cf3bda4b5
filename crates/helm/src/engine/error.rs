//! The errors of templates, in the two frames that Helm puts around them.

use trueup_gotemplate::{ExecError, ParseError, Step};
use trueup_model::Location;

use super::functions::{WARNING_END, WARNING_START};
use crate::Profile;

/// Why templates could not be rendered.
#[derive(Clone, Debug)]
pub(crate) enum EngineError {
    /// A file is no template.
    Parse { name: String, error: ParseError },
    /// Execution failed.
    Execution { error: Box<ExecError> },
}

impl EngineError {
    /// The text that Helm prints.
    pub(crate) fn helm_text(&self, profile: Profile) -> String {
        match self {
            Self::Parse { name, error } => parse_text(name, error),
            Self::Execution { error } => execution_text(error, profile),
        }
    }

    /// What is wrong, without the way there: the message of `fail` or `required`, or what the
    /// innermost template did.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Parse { error, .. } => error.message.clone(),
            Self::Execution { error } => {
                warning(&error.message).unwrap_or(&error.message).to_owned()
            }
        }
    }

    /// The innermost place that lies in a file; a line and a column from 1.
    pub(crate) fn location(&self) -> Option<Location> {
        match self {
            Self::Parse { name, error } => Some(Location::new(name, line(error.line), 0)),
            Self::Execution { error } => error.trace.iter().find_map(|step| match step {
                Step::At(place) if place.source.as_bytes() != super::SET_NAME.as_bytes() => {
                    let (at, column, _) = place.node.as_ref()?;
                    Some(Location::new(place.source.to_text(), line(*at), line(*column + 1)))
                }
                _ => None,
            }),
        }
    }

    /// The templates that led to the place, outermost first.
    pub(crate) fn chain(&self) -> Vec<String> {
        let Self::Execution { error } = self else { return Vec::new() };
        let places = error.trace.iter().rev().filter_map(|step| match step {
            Step::At(place) => Some(place.to_string()),
            Step::Within(_) => None,
        });
        places.collect()
    }
}

fn line(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Helm takes the text apart at its colons.
fn parse_text(name: &str, error: &ParseError) -> String {
    let text = error.to_string();
    let tokens: Vec<&str> = text.split(": ").collect();
    match tokens.as_slice() {
        [_, location, .., message] => format!("parse error at ({location}): {message}"),
        _ => format!("parse error in ({name}): {text}"),
    }
}

fn execution_text(error: &ExecError, profile: Profile) -> String {
    let text = error.to_string();
    // An error without a place comes from outside the templates.
    let mut tokens = text.splitn(3, ": ");
    if error.place().is_none() {
        return text;
    }
    let (Some(_), Some(location), Some(rest)) = (tokens.next(), tokens.next(), tokens.next())
    else {
        return text;
    };
    if let Some(message) = warning(rest) {
        return format!("execution error at ({location}): {message}");
    }
    match profile {
        Profile::Helm3 => text,
        Profile::Helm4 => trace_text(error).unwrap_or(text),
    }
}

/// The message between the marks that `required` and `fail` set.
fn warning(text: &str) -> Option<&str> {
    let start = text.find(WARNING_START)? + WARNING_START.len();
    let end = text.rfind(WARNING_END)?;
    text.get(start..end)
}

/// Helm 4 takes the chain of errors apart and writes each on lines of its own, but only if all of
/// them come from templates: the text of a function's error makes it give up.
fn trace_text(error: &ExecError) -> Option<String> {
    let mut written = String::new();
    let mut last = None;
    for skipped in 0..error.trace.len() {
        let kept = error.trace.len() - skipped;
        let trace = error.trace.get(..kept)?.to_vec();
        if matches!(trace.last(), Some(Step::Within(_))) {
            return None;
        }
        let text = ExecError { trace, ..error.clone() }.to_string();
        let step = traced(&text)?;
        if last.as_ref() != Some(&step) {
            written.push_str(&step);
            last = Some(step);
        }
    }
    let failed_in_function = match error.trace.first()? {
        Step::At(place) => place.calling.is_some(),
        Step::Within(_) => true,
    };
    if failed_in_function {
        written.push_str(&traced(&error.message).filter(|step| last.as_ref() != Some(step))?);
    }
    Some(written.trim().to_owned())
}

/// One error of the chain as Helm 4 writes it; `None` for what does not look like one of a template.
fn traced(text: &str) -> Option<String> {
    let rest = text.strip_prefix("template: ")?;
    if rest.starts_with("no template ") {
        return Some(format!("{text}\n"));
    }
    let until_next = |message: &str| -> String {
        message
            .find(" template:")
            .map_or(message, |at| message.get(..at).unwrap_or(message))
            .to_owned()
    };
    if let Some((location, after)) = rest.split_once(": executing ") {
        let (function, after) = after.strip_prefix('"')?.split_once('"')?;
        let (node, message) = after.strip_prefix(" at <")?.split_once(">: ")?;
        let message = until_next(message);
        return Some(format!(
            "{location}\n  executing \"{function}\" at <{node}>:\n    {message}\n"
        ));
    }
    let (location, message) = rest.rsplit_once(": ")?;
    Some(format!("{location}\n  {}\n", until_next(message)))
}
