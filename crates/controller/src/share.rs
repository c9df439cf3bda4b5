//! Several controllers share the apps: which of them has which, and why never two have one.
//!
//! **Who has what.** By rendezvous hashing over the members of a [`View`]: each member scores an app,
//! the highest has it ([`owner`]). When a member goes, its apps alone move; when one comes, only what
//! it takes over does.
//!
//! **Never two at once.** Two rules, both needed:
//!
//! 1. *Handing over*: views are numbered, and only the leader makes them. A member that takes in a view
//!    stops beginning what is not its own there, lets what runs end, and only then says that it has
//!    *settled* in it. An app that a view moves is begun by its new owner when every member of the view
//!    has settled in it; what a member had all along goes on meanwhile.
//! 2. *Fencing*: a member that is gone cannot settle. It is left out of a view when its lease was seen
//!    unchanged for [`LASTS`]; by then it has stopped by itself, because it writes nothing once its own
//!    last renewal, as of before it was sent, is older than [`WRITES`]. One to whom that happened and
//!    who comes back is another member: what it had begun before never writes again.
//!
//! What remains is a write that was sent in time and reaches the API server more than
//! `LASTS - WRITES` later. Such a write still has its precondition (uid, resourceVersion, no force), and
//! what it did is seen as drift by the new owner.
//!
//! Time is a monotonic one and an argument, so that all of this is tested without waiting.

mod fence;
mod member;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use trueup_model::membership::{Roll, View};
use trueup_model::{AppName, Digest};

use member::Shared;
pub use member::{Begun, Member};

/// A lease that was not renewed for so long is that of a member that is gone.
pub const LASTS: Duration = Duration::from_secs(6);
/// How long after its last renewal a member may write.
pub const WRITES: Duration = Duration::from_secs(4);
/// How often leases are renewed.
pub const RENEWS: Duration = Duration::from_secs(1);
/// Views without agreement after which nothing that runs here is taken to be still ours.
const DISAGREED_MAX: usize = 16;

/// Which member of a view has an app; `None` if there is none.
pub fn owner<'a>(app: &AppName, members: &'a BTreeSet<String>) -> Option<&'a str> {
    let score = |member: &&String| {
        *Digest::of_parts([member.as_bytes(), app.as_str().as_bytes()]).as_bytes()
    };
    members.iter().max_by_key(score).map(String::as_str)
}

/// What a member knows, and what it may do by that.
#[derive(Debug)]
pub struct Share {
    us: String,
    /// The view we go by.
    view: View,
    /// The number of the view that we have settled in.
    settled: u64,
    /// The last view that all had settled in, and those since: what is ours in every one of them
    /// was never anybody else's.
    since: Vec<View>,
    /// Whether every member of the view has settled in it.
    agreed: bool,
    /// The apps that run here.
    running: BTreeSet<AppName>,
    /// When our lease was last renewed, as of before that was sent.
    renewed: Option<Instant>,
    /// Members, and the leader under the empty name, by what they last renewed to and when that was
    /// first seen here.
    seen: BTreeMap<String, (String, Instant)>,
    /// Whether others may take us for gone. That is for good: under this identity nothing is written
    /// any more, by whatever still runs.
    lapsed: bool,
}

/// What a member has to do after it has read the leases.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Duties {
    /// Lead, and say this view.
    pub lead: Option<View>,
    /// Leases to remove: of members that are gone.
    pub remove: Vec<String>,
}

impl Share {
    /// A member that has just started.
    pub fn new(us: impl Into<String>) -> Self {
        Self {
            us: us.into(),
            view: View::default(),
            settled: 0,
            since: Vec::new(),
            agreed: false,
            running: BTreeSet::new(),
            renewed: None,
            seen: BTreeMap::new(),
            lapsed: false,
        }
    }

    /// Whether we may write now, by our lease.
    pub fn may_write(&self, now: Instant) -> bool {
        self.writes_until().is_some_and(|until| now < until)
    }

    /// Until when we may write if our lease is not renewed; `None` if not at all.
    pub fn writes_until(&self) -> Option<Instant> {
        self.renewed.filter(|_| !self.lapsed)?.checked_add(WRITES)
    }

    /// Begins a run of an app, if that is ours to do now.
    pub fn begin(&mut self, app: &AppName, now: Instant) -> bool {
        let ours = |view: &View| owner(app, &view.members) == Some(self.us.as_str());
        let undisturbed = !self.since.is_empty() && self.since.iter().all(ours);
        let may = self.may_write(now) && ours(&self.view) && (self.agreed || undisturbed);
        if may {
            self.running.insert(app.clone());
        }
        may
    }

    /// A run has ended.
    pub fn end(&mut self, app: &AppName) {
        self.running.remove(app);
        self.settle();
    }

    /// Who has an app in the view that we go by.
    pub fn owner_of(&self, app: &AppName) -> Option<&str> {
        owner(app, &self.view.members)
    }

    /// How many share the apps.
    pub fn members(&self) -> usize {
        self.view.members.len()
    }

    /// The number of the view we have settled in: what our lease says.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// Whether every member of the view has settled in it.
    pub fn is_agreed(&self) -> bool {
        self.agreed
    }

    /// Whether others may take us for gone. Only another identity can come back.
    pub fn is_lapsed(&self) -> bool {
        self.lapsed
    }

    /// Takes in what the leases said when we renewed ours. `sent` is from before that was sent.
    pub fn take(&mut self, roll: &Roll, sent: Instant, now: Instant) -> Duties {
        self.lapsed |= self.renewed.is_some() && !self.may_write(now);
        self.renewed = Some(sent);
        self.see(roll, now);
        self.go_by(&roll.view);
        let has_settled = |identity: &String| {
            let member = roll.members.iter().find(|member| member.identity == *identity);
            member.is_some_and(|member| member.settled >= self.view.number)
        };
        self.agreed = roll.view.number == self.view.number
            && self.view.members.contains(&self.us)
            && self.view.members.iter().all(has_settled);
        if self.agreed {
            self.since = vec![self.view.clone()];
        }
        self.duties(roll, now)
    }

    fn go_by(&mut self, view: &View) {
        if view.number <= self.view.number {
            return;
        }
        self.lapsed |= self.view.members.contains(&self.us) && !view.members.contains(&self.us);
        self.view = view.clone();
        if self.since.len() >= DISAGREED_MAX {
            self.since.clear();
        } else if !self.since.is_empty() {
            self.since.push(view.clone());
        }
        self.settle();
    }

    /// What runs here and is not ours in the view we go by has ended: then we have settled in it.
    fn settle(&mut self) {
        let ours = |app: &AppName| self.owner_of(app) == Some(self.us.as_str());
        if self.running.iter().all(ours) {
            self.settled = self.view.number;
        }
    }

    fn see(&mut self, roll: &Roll, now: Instant) {
        let leader = roll.leader.iter().map(|(_, renewal)| (String::new(), renewal));
        let members = roll.members.iter().map(|member| (member.identity.clone(), &member.renewal));
        let shown: BTreeMap<String, &String> = members.chain(leader).collect();
        self.seen.retain(|name, _| shown.contains_key(name));
        for (name, renewal) in shown {
            if self.seen.get(&name).is_none_or(|(before, _)| before != renewal) {
                self.seen.insert(name, (renewal.clone(), now));
            }
        }
    }

    fn lives(&self, name: &str, now: Instant) -> bool {
        self.seen.get(name).is_some_and(|(_, at)| now.duration_since(*at) < LASTS)
    }

    /// Whoever leads goes on; where nobody does any more, whoever sees it first tries. The leader
    /// counts those who live.
    fn duties(&self, roll: &Roll, now: Instant) -> Duties {
        let leads = roll.leader.as_ref().is_some_and(|(leader, _)| *leader == self.us);
        let vacant = roll.leader.is_none() || !self.lives("", now);
        if self.lapsed || !(leads || vacant) {
            return Duties::default();
        }
        let (living, gone): (Vec<&str>, Vec<&str>) = roll
            .members
            .iter()
            .map(|member| member.identity.as_str())
            .partition(|identity| self.lives(identity, now));
        let members: BTreeSet<String> = living.into_iter().map(str::to_owned).collect();
        // A leader's lease that somebody deleted has lost its number; ours has not.
        let same = members == roll.view.members && roll.view.number >= self.view.number;
        let last = roll.view.number.max(self.view.number);
        let number = if same { last } else { last.saturating_add(1) };
        Duties {
            lead: Some(View { number, members }),
            remove: gone.into_iter().map(str::to_owned).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
