//! YAML and JSON, in and out, exactly as Kubernetes' tools accept and print them.
//!
//! There is no single "YAML" in this field. Helm, kubectl and Argo CD read through
//! `sigs.k8s.io/yaml`, which is goyaml.v2 followed by a conversion to JSON: `yes` is a boolean,
//! `0777` is 511, a key `1:` becomes `"1"`, the last of two equal keys wins. Kustomize reads through
//! yaml.v3: `yes` is a string, two equal keys are an error, `2024-01-02` is a time. What comes out
//! again has been through goyaml.v2's printer in both cases, with a key order, a folding width and
//! quoting rules of its own, and a digest of those bytes ends up in annotations and object names.
//! So "nearly the same YAML" is not good enough, and none of Rust's YAML crates aims at this.
//!
//! The parts, in the order in which data flows:
//!
//! - [`parse`], [`parse_first`]: bytes → [`Document`]s of [`Node`]s. A node keeps what was *written*
//!   (text, style, tag, position) and decides nothing, for what a scalar means depends on the reader.
//! - [`Dialect`] and [`Node::resolve`]: what a scalar means to goyaml.v2 and to yaml.v3.
//! - [`Node::to_json`]: the conversion to JSON with merge keys, duplicate keys and key texts.
//! - [`Value`]: what can be printed. [`Node`]s, JSON values and the values of other crates implement
//!   it, so that nothing is converted only in order to be printed.
//! - [`to_yaml`] (goyaml.v2 behind `sigs.k8s.io/yaml`), [`to_yaml_v3`] (yaml.v3) and [`go_json`]
//!   (`encoding/json`): the printers.
//! - [`documents`]: cutting a stream at its `---` lines, with absolute line numbers.
//!
//! Input is hostile: [`Limits`] bound size, depth, the number of nodes and what aliases expand to.

mod dialect;
pub mod documents;
mod error;
mod float;
pub mod go_json;
mod json;
mod key_order;
mod node;
mod parse;
mod print;
mod timestamp;
mod value;

pub use dialect::{Dialect, Resolved, resolve_plain};
pub use error::{Error, ErrorKind};
pub use float::format_g;
pub use json::{DuplicateKeys, Simple, from_slice};
pub use key_order::{compare_v2, compare_v3};
pub use node::{Content, Node, Position, Style, Tag};
pub use parse::{Document, Limits, Source, parse, parse_first, parse_first_of};
pub use print::{Indent, PrintError, append_yaml, node_to_yaml_v3, to_yaml, to_yaml_v3};
pub use timestamp::Timestamp;
pub use value::{Sink, Value};

/// The text type of scalars: up to 24 bytes are stored in place.
pub use compact_str::CompactString;
