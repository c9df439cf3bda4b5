//! Several controllers that share the apps of one installation.
//!
//! Each member has a lease that it renews. One of them leads: it alone says which members there are,
//! as numbered [`View`]s, and nobody else can, because the views lie in the lease that makes it the
//! leader. Which member has which app follows from the view; what keeps two from having one app at
//! once is said in the controller, where it is decided.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;

use crate::ports::PortError;

/// Which members share the apps. A later one replaces all before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Its number, from 1; 0 before there is any.
    pub number: u64,
    /// The members, by identity. One that starts again is another one.
    pub members: BTreeSet<String>,
}

/// A member, as its lease shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its identity.
    pub identity: String,
    /// Changes whenever it renews. It is compared and never read: clocks of two machines differ.
    pub renewal: String,
    /// The number of the view that it has taken in: what it had to give up by then, it has.
    pub settled: u64,
}

/// What all leases say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roll {
    /// The members that have a lease, whether they still live or not.
    pub members: Vec<Member>,
    /// Who leads, if anybody does; and what changes whenever the leader renews.
    pub leader: Option<(String, String)>,
    /// What the leader last said.
    pub view: View,
    /// The version of the leader's lease, which a write of it must name.
    pub version: String,
}

/// Where members meet.
#[async_trait]
pub trait Membership: Send + Sync {
    /// Our identity: unique to this start of this process.
    fn identity(&self) -> &str;

    /// Renews our lease, says which view we have settled in, and reads what all leases say.
    async fn renew(&self, settled: u64, lasts: Duration) -> Result<Roll, PortError>;

    /// Leads, or goes on leading, and says `view`; `Ok(false)` if the leader's lease is another one
    /// than that of `version` by now, and nothing was written.
    async fn lead(&self, version: &str, view: &View, lasts: Duration) -> Result<bool, PortError>;

    /// Removes the lease of a member that is gone, or our own when we end.
    async fn remove(&self, identity: &str) -> Result<(), PortError>;
}
