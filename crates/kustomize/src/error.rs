//! What can go wrong in a build, worded as upstream words it.
//!
//! Upstream wraps an error in a prefix wherever it passes through, and prints the chain joined by
//! `: `. People search for these texts, so a build that fails here fails with the same chain. Each
//! link is an [`Error`]; its `Display` is that link alone, and [`Error::chain`] is the whole.

use std::fmt;

use trueup_model::{Diagnostic, Location};

/// What kind of failure it is, where a caller has to tell them apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The input is wrong.
    #[default]
    Input,
    /// A file is not YAML; a reader that guesses between a file and a folder stops guessing then.
    MalformedYaml,
    /// A remote file could not be had; there is nothing else to try.
    Http,
    /// Something remote has not been fetched yet.
    Needed,
    /// The feature runs other programs and is refused.
    Unsupported,
}

/// One link of the chain that leads to what went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    message: String,
    kind: Kind,
    location: Option<Location>,
    hint: Option<String>,
    source: Option<Box<Error>>,
}

/// The result of a step of a build.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of the input.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind: Kind::Input,
            location: None,
            hint: None,
            source: None,
        }
    }

    /// The same error, of another kind.
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The same error, with the place that a person has to look at; an earlier, more exact place
    /// stays.
    pub fn at(mut self, location: Location) -> Self {
        match self.innermost_location() {
            // A line that did not know its file.
            Some(known) if known.file.is_empty() => known.file = location.file,
            Some(_) => {}
            None => self.location = Some(location),
        }
        self
    }

    /// The same error on a line of the text that was read; [`Error::at`] says of which file.
    pub(crate) fn on_line(self, line: u32) -> Self {
        self.at(Location::new("", line, 0))
    }

    fn innermost_location(&mut self) -> Option<&mut Location> {
        match &mut self.source {
            Some(source) if source.location().is_some() => source.innermost_location(),
            _ => self.location.as_mut(),
        }
    }

    /// The same error, with what a person can do about it; an earlier hint stays too.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        match &mut self.hint {
            Some(known) => *known = format!("{known}; {}", hint.into()),
            None => self.hint = Some(hint.into()),
        }
        self
    }

    /// What can be done about it, innermost first.
    pub fn hints(&self) -> impl Iterator<Item = &str> {
        let mut hints: Vec<&str> = Vec::new();
        let mut link = Some(self);
        while let Some(error) = link {
            hints.extend(error.hint.as_deref());
            link = error.source.as_deref();
        }
        hints.into_iter().rev()
    }

    /// This error as the cause of another one.
    pub fn context(self, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind: self.kind,
            location: None,
            hint: None,
            source: Some(Box::new(self)),
        }
    }

    /// The same error in other words: kind, place and hints stay.
    pub(crate) fn reworded(self, message: impl Into<String>) -> Self {
        let hints: Vec<&str> = self.hints().collect();
        Self {
            message: message.into(),
            kind: self.kind,
            location: self.location().cloned(),
            hint: (!hints.is_empty()).then(|| hints.join("; ")),
            source: None,
        }
    }

    /// The kind of the innermost error.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The most exact place that is known.
    pub fn location(&self) -> Option<&Location> {
        self.source.as_deref().and_then(Error::location).or(self.location.as_ref())
    }

    /// The whole chain, outermost first, joined by `: `; what upstream prints after `Error: `.
    pub fn chain(&self) -> String {
        match &self.source {
            Some(source) => format!("{}: {}", self.message, source.chain()),
            None => self.message.clone(),
        }
    }

    /// The error as data for whoever shows it.
    pub fn diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::error(self.chain());
        let diagnostic = self.hints().fold(diagnostic, Diagnostic::hint);
        match self.location() {
            Some(location) => diagnostic.at(location.clone()),
            None => diagnostic,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

/// Adds a prefix to the error of a result, as upstream's `WrapPrefixf` does.
pub(crate) trait Context<T> {
    /// Wraps the error, if there is one, in `message`.
    fn context(self, message: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    fn context(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| error.context(message()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_place_stays() {
        let error = Error::new("a").on_line(7).at(Location::file("f")).context("b");
        let error = error.at(Location::new("g", 1, 0)).hint("do").context("c");
        assert_eq!(error.location(), Some(&Location::new("f", 7, 0)));
        assert_eq!(error.chain(), "c: b: a");
        assert_eq!(error.hints().collect::<Vec<_>>(), ["do"]);
    }
}
