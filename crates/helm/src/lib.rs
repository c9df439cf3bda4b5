//! Helm charts, natively: chart + values + capabilities + release → resources, byte for byte as
//! `helm template` of Helm 4.1.4 (or, on request, 3.17.2) prints them.
//!
//! Why another Helm: rendering inside the process reads an immutable tree instead of a checkout,
//! costs no start of a program, runs inside a budget that a hostile chart cannot leave, and knows of
//! each resource where it comes from. That is only worth something if the bytes are the same, since
//! charts hash what they render. So nothing here is improved upon: where Helm has a quirk, so has
//! this crate, and the conformance suites (`tests/conformance.rs`) compare more than a thousand
//! charts. What differs is listed in `docs/helm.md`.
//!
//! The parts, in the order in which data flows:
//!
//! - [`chart`]: files → [`chart::Chart`]. Folders and archives, `.helmignore`, `Chart.yaml`,
//!   subcharts. A chart is immutable, `Send + Sync`, parses its templates once, and can be cached by
//!   the digest of what it was loaded from.
//! - [`values`]: files and flags → values; how they and the defaults of charts become one map; whether
//!   they are what the charts' schemas demand.
//! - [`repository`]: which version of a chart a repository gives for a request.
//! - `assembly`: which subcharts take part in a rendering, under which names.
//! - `engine`: the templates, executed. The language and its library are those of
//!   `trueup_gotemplate`; here are the objects that charts see and the functions that know charts.
//! - `manifest`: what templates wrote → [`Manifest`]s and [`Hook`]s, in order.
//! - [`render`]: all of it, with what else it needs from outside as [`trueup_model::Need`]s.
//! - [`mod@explain`], [`mod@lint`], [`random`]: where a manifest comes from, what is wrong with a chart, what
//!   of it is drawn at random.
//! - [`mod@template`]: the command `helm template`, as a function from arguments to bytes.
//!
//! What differs between the two versions of Helm asks the [`Profile`].

mod assembly;
mod capabilities;
pub mod chart;
mod decode;
mod document;
mod engine;
pub mod explain;
pub mod lint;
mod manifest;
mod pattern;
mod profile;
pub mod random;
mod render;
pub mod repository;
pub mod template;
pub mod values;
mod versions;

pub use capabilities::{Capabilities, KubeVersion};
pub use engine::host::{Lookups, Period, Randomness, Traced};
pub use manifest::{Hook, HookEvent, Manifest, ManifestError};
pub use profile::Profile;
pub use render::{Crd, Options, Release, RenderError, Rendered, Stage, render};
pub use trueup_gotemplate::{Budget, Timestamp};
