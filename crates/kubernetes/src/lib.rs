//! Kubernetes clusters as a target; the only user of kube.
//!
//! kube is used for what is tedious and dangerous to write: kubeconfigs, exec plugins, tokens that
//! are renewed, certificates. What is asked is asked as plain requests over JSON documents, because
//! the things that decide here are not in a typed client: whether an apply answered 201 or 200, how
//! a 404 for an object differs from one for its kind, which paths a conflict is about.
//!
//! The server is the only one who predicts: what an apply would make of an object is asked by a dry
//! run, never emulated. It is asked only where it must be ([`trueup_fields::cover`] sees without
//! asking that an object is as declared).
//!
//! There is no cache of objects. Watches are limited to our label; each event is reduced to a few
//! digests ([`memory`]) and dropped. While a watch is live and the digests are those of our last
//! answer, looking at an object costs no request.
//!
//! What computes and what asks are kept apart:
//!
//! - pure: [`status`] (what an answer means), [`owner`], [`writers`] (conflicts, additions,
//!   bookkeeping), [`document`], [`catalog`] (which kinds are served), [`memory`],
//!   [`rights`] (what an app must be allowed)
//! - asking: [`connect`], [`wire`] (one request, its limits and retries), [`discovery`],
//!   [`observe`] and [`listing`], [`predict`], [`execute`], [`parent`] (the copy of what must
//!   survive), [`feed`] with [`watch`] (ours) and
//!   [`pods`] (of what is not healthy), [`explain`] (why it is not), [`apps`] (`App`
//!   objects)

mod adopt;
mod apps;
mod catalog;
mod connect;
mod discovery;
mod document;
mod execute;
mod explain;
mod feed;
mod listing;
mod lookup;
mod membership;
mod memory;
mod observe;
mod owner;
mod parent;
mod pods;
mod predict;
mod remarks;
pub mod rights;
mod status;
mod target;
mod watch;
mod wire;
mod writers;

/// The client that [`KubernetesTarget::over`] takes: `Client::new(service, "default")`.
pub use kube::Client;

pub use apps::ClusterApps;
pub use connect::{CLUSTER_LABEL, ClusterSecret, ConnectError, Connection};
pub use membership::LeaseMembership;
pub use target::KubernetesTarget;

/// Our field manager.
pub const MANAGER: &str = "trueup";
/// Label that says which app an object belongs to.
pub const APP_LABEL: &str = "trueup.dev/app";
/// Label that says which installation it belongs to: watches select by it.
pub const INSTALLATION_LABEL: &str = "trueup.dev/installation";
