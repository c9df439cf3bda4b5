//! How a command speaks: data on standard output, everything else on standard error; colour only on
//! a terminal, and never as the only carrier of a meaning.

use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::CliError;

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For programs, and people.
    Yaml,
    /// For a pull request (`plan` only).
    Markdown,
}

/// Colours and weights, by what they mean.
#[derive(Clone, Copy)]
pub enum Paint {
    /// Well.
    Good,
    /// Needs a look.
    Warn,
    /// Wrong.
    Bad,
    /// Less important.
    Dim,
    /// What the eye should find first.
    Bold,
}

/// Where and how a command prints.
pub struct Output {
    format: Format,
    colour: bool,
}

impl Output {
    /// Prints in this format.
    pub fn new(format: Format) -> Self {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { format, colour }
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Prints a value: for programs with the version of its shape, in words for people.
    pub fn print<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        match self.format {
            Format::Text | Format::Markdown => write(&text()),
            Format::Json | Format::Yaml => {
                self.document(&versioned(serde_json::to_value(value)?), String::new)
            }
        }
    }

    /// Prints a document of which the shape is somebody else's, such as a JSON Schema.
    pub fn document(&self, value: &Value, text: impl FnOnce() -> String) -> Result<(), CliError> {
        let printed = match self.format {
            Format::Text | Format::Markdown => text(),
            Format::Json => serde_json::to_string_pretty(value)? + "\n",
            Format::Yaml => trueup_yaml::to_yaml(value).map_err(|error| CliError::of(&error))?,
        };
        write(&printed)
    }

    /// Says what was done, where that is all there is to say.
    pub fn done(&self, message: &str) -> Result<(), CliError> {
        match self.format {
            Format::Text | Format::Markdown => self.note(message),
            Format::Json | Format::Yaml => {
                self.print(&serde_json::json!({ "message": message }), String::new)?;
            }
        }
        Ok(())
    }

    /// Says something beside the data.
    pub fn note(&self, text: &str) {
        eprintln!("{text}");
    }

    /// Says what ended the command.
    pub fn error(&self, error: &CliError) {
        if self.format == Format::Json {
            let value = serde_json::json!({ "error": error.to_string(), "hints": error.hints() });
            eprintln!("{}", versioned(value));
            return;
        }
        eprintln!("error: {error}");
        for hint in error.hints() {
            eprintln!("hint: {hint}");
        }
    }

    /// Text in a colour, on a terminal.
    pub fn paint(&self, paint: Paint, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Good => 32,
            Paint::Warn => 33,
            Paint::Bad => 31,
            Paint::Dim => 2,
            Paint::Bold => 1,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// With the version of the shape; a list becomes the `items` of an object.
fn versioned(value: Value) -> Value {
    let mut object = match value {
        Value::Object(object) => object,
        list => Map::from_iter([("items".to_owned(), list)]),
    };
    object.entry("apiVersion").or_insert_with(|| trueup_api::VERSION.into());
    Value::Object(object)
}

/// Writes text to standard output.
fn write(text: &str) -> Result<(), CliError> {
    write_bytes(text.as_bytes())
}

/// Writes bytes to standard output. A reader that went away (`trueup status | head -1`) is no error.
pub fn write_bytes(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
