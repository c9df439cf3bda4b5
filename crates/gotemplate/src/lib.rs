//! Go's `text/template` as of Go 1.25, with `fmt` beneath it, byte for byte.
//!
//! Charts are written against what Go does, not against what its documentation promises: that a map
//! handed to two templates is one map, that `1000000` read from YAML prints as `1e+06`, that a string
//! may be cut in the middle of a character, that an error names the node it happened at. So this crate
//! models Go's values ([`Value`]) and the part of its type system that a template can see ([`Type`]),
//! and derives everything else from these: how arguments are checked, what `printf "%T"` says, which
//! error text a wrong call has.
//!
//! Three properties are ours:
//! - **Parsed templates are immutable and shared.** A tree is `Send + Sync` and can be cached by the
//!   digest of its source; a set of templates is a chain of layers, so that what `tpl` does (the whole
//!   set, and a few definitions more) costs nothing.
//! - **Functions get their world handed.** A function receives a [`Context`]: the running interpreter,
//!   its budget, and the [`Host`], which is the only source of time and randomness.
//! - **Nothing leaves its budget.** Steps, bytes and depth are counted wherever a template can make
//!   work; running out is an error of that template and never the end of the process.
//!
//! The function library of Helm ([`functions`]) is part of it, with YAML from its own crate; which
//! functions there are is up to the embedder. The crate knows no charts and no Kubernetes.

pub mod ast;
mod builtins;
pub mod context;
mod exec;
pub mod fmt;
pub mod function;
pub mod functions;
mod lex;
pub mod parse;
mod stack;
pub mod strconv;
mod templates;
mod trace;
pub mod types;
pub mod unicode;
pub mod value;

pub use context::{
    Budget, Context, Exhausted, Go, Host, MissingKey, RandomCall, Settings, Timestamp,
};
pub use exec::{ExecError, Place, Step};
pub use function::{Args, Function, FunctionError, Functions, Signature};
pub use parse::{Delims, ParseError};
pub use templates::Templates;
pub use trace::Trace;
pub use types::{Field, Kind, Method, NamedType, Type};
pub use value::{List, Map, Object, Str, Value};
