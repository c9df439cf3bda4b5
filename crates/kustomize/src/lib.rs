//! Kustomize, in process: a folder with a kustomization file becomes the same bytes as from
//! `kustomize build` 5.8.1.
//!
//! The crate has two layers, as the original has.
//!
//! The lower one knows YAML values and nothing of overlays. Every step changes a `trueup_yaml::Node`
//! in place. What upstream does to a value depends on more than its data (a quoted `"1"` stays a
//! string through a patch, a `null` that was written out survives where an empty one does not), so
//! the nodes keep the tag and the style they were written in until they are printed. They own their
//! children: nothing is shared between two resources, and nothing is copied but what is really
//! added twice.
//!
//! The upper one knows kustomization files: which resources there are, what they are called and
//! were called before, and which step is applied to which of them.
//!
//! All of it is pure: files are read through a tree, and there is no state beside the values.

mod accumulate;
mod build;
mod config;
mod decode;
mod documents;
mod error;
mod fieldspec;
mod filters;
mod generate;
mod go_text;
mod hash;
mod helm_charts;
mod id;
mod json6902;
mod kustomization;
mod links;
mod load;
pub mod merge;
mod metadata;
mod name_references;
mod need;
mod node;
mod origin;
mod output;
mod plugin;
mod repo;
mod resource;
mod resources;
pub mod schema;
mod select;
mod sort;
mod trace;
mod transform;

pub use build::{Built, Failure, Options, Outcome, Output, Reorder, build};
pub use error::{Error, Kind};
pub use helm_charts::{ChartRequest, Charts, HelmEngine};
pub use id::{Gvk, ResId};
pub use need::{Answers, Need, Unavailable};
pub use repo::RepoSpec;
pub use trace::{Change, Field};
pub use trueup_helm::{Profile, Randomness, Timestamp};

#[cfg(test)]
mod conformance;
