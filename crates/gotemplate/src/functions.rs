//! The function library of Helm: Sprig 3.3 and Helm's own functions.
//!
//! One file a family, each with the table of its functions. What they do is what the Go libraries
//! beneath Sprig do, down to their slips and their error texts, since charts have come to rely on all
//! of it: `initials` reads bytes as Latin-1, `camelcase` doubles a lone underscore, and
//! `mergeOverwrite` takes over empty values. The files name the Go function that they answer to.
//!
//! Nothing here reads a clock, the environment or random numbers: these come from the
//! [`Host`](crate::Host). Whatever an argument decides the length of is paid for from the budget
//! before it is made.

mod cast;
mod crypto;
mod dates;
mod defaults;
mod dicts;
mod documents;
mod encoding;
mod lists;
mod numbers;
mod paths;
mod reflection;
mod regex;
mod runes;
pub mod semver;
mod stubs;
mod text;
mod urls;
mod versions;
mod words;

pub use stubs::STUBS;

use crate::function::{Function, FunctionError};
use crate::types::Type;
use crate::value::Value;

/// What a function gives back.
type Outcome = Result<Value, FunctionError>;

/// What Go says when a function looks into nil.
const NIL_POINTER: &str = "runtime error: invalid memory address or nil pointer dereference";

/// Which Helm's functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Helm 3.17.
    Helm3,
    /// Helm 4.1.
    #[default]
    Helm4,
}

/// All functions that templates have in Helm beyond Go's own.
///
/// `include`, `tpl`, `required`, `fail` and `lookup` know charts or clusters and are the embedder's;
/// `env` and `expandenv` do not exist in Helm. `getHostByName` never asks anyone, as Helm by default.
pub fn library(profile: Profile) -> Vec<Function> {
    let families = [
        dates::FUNCTIONS,
        defaults::FUNCTIONS,
        dicts::FUNCTIONS,
        documents::FUNCTIONS,
        encoding::FUNCTIONS,
        lists::FUNCTIONS,
        numbers::FUNCTIONS,
        paths::FUNCTIONS,
        reflection::FUNCTIONS,
        regex::FUNCTIONS,
        text::FUNCTIONS,
        urls::FUNCTIONS,
        GREETINGS,
    ];
    let mut functions: Vec<Function> = families.concat();
    functions.extend(crypto::functions());
    match profile {
        Profile::Helm3 => {
            functions.retain(|function| !matches!(function.name, "mustToYaml" | "toToml"));
            functions.extend_from_slice(documents::FUNCTIONS_3);
            functions.extend_from_slice(versions::FUNCTIONS_3_3);
        }
        Profile::Helm4 => functions.extend_from_slice(versions::FUNCTIONS),
    }
    functions
}

/// Functions without a family.
const GREETINGS: &[Function] = &[
    Function::new("hello", &[], Type::STRING, |_, _| Ok("Hello!".into())),
    Function::new("getHostByName", &[Type::STRING], Type::STRING, |_, _| Ok("".into())),
];
