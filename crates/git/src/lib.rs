//! Git as a source of desired state, and the only user of gix.
//!
//! A repository on this machine is read where it is: its object database is opened, its refs are
//! looked up, and nothing is copied. A remote one is mirrored into a bare repository below the cache
//! folder, which holds only the refs that were asked for. Either way the files of a commit are read
//! straight from the objects ([`GitTree`]): there is no checkout, no temporary folder, and no
//! program of Git's is run.

mod access;
mod commit;
mod consolidate;
mod error;
mod http;
mod local;
mod location;
mod ls_refs;
mod mirror;
mod range;
mod reference;
mod remote;
mod source;
mod ssh;
mod tree;
mod watch;
mod working_copy;

pub use access::SshAccess;
pub use error::GitError;
pub use source::{GitSource, Options};
pub use tree::{GitTree, is_lfs_pointer};
pub use watch::RefChanges;
