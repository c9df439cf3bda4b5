//! Who owns which field of a Kubernetes object, and what stands there.
//!
//! An API server notes for each writer which *paths* it set, as `fieldsV1` in
//! `metadata.managedFields`; it notes no values. This crate is the only place that knows that
//! notation (structured-merge-diff v4, as documented at the `FieldsV1` type): it reads and writes
//! such sets, does arithmetic on them, and finds in a document what stands at their paths.
//!
//! It knows no schemas. Which list is merged by which keys is in the sets themselves (`k:`, `v:`
//! and `i:` elements), because the server that wrote them knew; nothing here emulates a merge.
//!
//! - [`Set`][]: a set of paths; union, difference, intersection
//! - [`managed`][]: the entries of `metadata.managedFields`
//! - [`values`][]: values at paths, their digest, their removal; JSON pointers and the form in which
//!   a server names paths in its errors
//! - [`cover`][]: whether an object is, value by value, what a document says

pub mod cover;
pub mod managed;
pub mod set;
pub mod values;

pub use managed::Entry;
pub use set::{Element, Malformed, Set};
