//! Git as a source of desired state, and the only user of gix.
//!
//! A repository on this machine is read where it is: its object database is opened, its refs are
//! looked up, and nothing is copied. A remote one is mirrored into a bare repository below the cache
//! folder, which holds only the refs that were asked for. Either way the files of a commit are read
//! straight from the objects ([`GitTree`]): there is no checkout, no temporary folder, and no
//! program of Git's is run.
//!
//! The one thing that is ever written to a repository is a [`Revert`]: a new commit on top of a branch,
//! pushed as such ([`GitSource::push_revert`]). History is never rewritten.

mod access;
mod ancestry;
mod commit;
mod consolidate;
mod error;
mod http;
mod local;
mod location;
mod ls_refs;
mod mirror;
mod pack;
mod push;
mod range;
mod receive_pack;
mod reference;
mod remote;
mod revert;
mod source;
mod ssh;
mod tree;
mod watch;
mod working_copy;

pub use access::SshAccess;
pub use error::GitError;
pub use source::{GitSource, Options};
pub use tree::{GitTree, is_lfs_pointer};
pub use trueup_model::source::Revert;
pub use watch::RefChanges;
