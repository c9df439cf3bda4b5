//! Which app is due when. Pure: time comes in, names come out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use trueup_model::AppName;

/// Why an app is looked at; the smaller goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// A person asked.
    Person,
    /// A commit came.
    Commit,
    /// Something changed in its target.
    Change,
    /// Time came.
    Time,
}

#[derive(Clone, Debug)]
struct Entry {
    urgency: Urgency,
    /// Set when it was asked for: the longest waiting goes first among equals.
    order: u64,
}

/// The apps that wait to be looked at, those that are, and those that are due later.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: BTreeMap<AppName, Entry>,
    running: BTreeMap<AppName, Option<Urgency>>,
    later: BTreeMap<AppName, Timestamp>,
    order: u64,
}

impl Queue {
    /// Asks for a look. Several requests are one; a request during a run makes another run after it.
    pub fn ask(&mut self, app: &AppName, urgency: Urgency) {
        if let Some(again) = self.running.get_mut(app) {
            *again = Some(again.map_or(urgency, |other| other.min(urgency)));
            return;
        }
        self.order += 1;
        let order = self.order;
        let entry = self.waiting.entry(app.clone()).or_insert(Entry { urgency, order });
        entry.urgency = entry.urgency.min(urgency);
    }

    /// Asks for a look at a later time; the sooner of several holds.
    pub fn ask_at(&mut self, app: &AppName, at: Timestamp) {
        let sooner = self.later.get(app).is_none_or(|other| at < *other);
        if sooner {
            self.later.insert(app.clone(), at);
        }
    }

    /// The next app to look at, which counts as running from now on.
    pub fn take(&mut self) -> Option<AppName> {
        let next = self.waiting.iter().min_by_key(|(_, entry)| (entry.urgency, entry.order))?;
        let app = next.0.clone();
        self.waiting.remove(&app);
        self.later.remove(&app);
        self.running.insert(app.clone(), None);
        Some(app)
    }

    /// A run is over.
    pub fn done(&mut self, app: &AppName) {
        if let Some(Some(again)) = self.running.remove(app) {
            self.ask(app, again);
        }
    }

    /// Moves what is due now to those that wait.
    pub fn wake(&mut self, now: Timestamp) {
        let due: Vec<AppName> =
            self.later.iter().filter(|(_, at)| **at <= now).map(|(app, _)| app.clone()).collect();
        for app in due {
            self.later.remove(&app);
            self.ask(&app, Urgency::Time);
        }
    }

    /// When something is next due.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.later.values().min().copied()
    }

    /// Whether a look at an app is due or under way.
    pub fn is_pending(&self, app: &AppName) -> bool {
        self.waiting.contains_key(app) || self.running.contains_key(app)
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Whether nothing waits and nothing runs.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// An app is no more.
    pub fn forget(&mut self, app: &AppName) {
        self.waiting.remove(app);
        self.later.remove(app);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str) -> AppName {
        AppName::new(name).unwrap()
    }

    #[test]
    fn people_go_first_then_who_waits_longest() {
        let mut queue = Queue::default();
        queue.ask(&app("a"), Urgency::Change);
        queue.ask(&app("b"), Urgency::Change);
        queue.ask(&app("c"), Urgency::Person);
        let taken: Vec<_> = std::iter::from_fn(|| queue.take()).collect();
        assert_eq!(taken, [app("c"), app("a"), app("b")]);
    }

    #[test]
    fn one_run_of_an_app_at_a_time_and_one_after_it() {
        let mut queue = Queue::default();
        queue.ask(&app("a"), Urgency::Commit);
        assert_eq!(queue.take(), Some(app("a")));
        queue.ask(&app("a"), Urgency::Change);
        queue.ask(&app("a"), Urgency::Change);
        assert_eq!(queue.take(), None);
        queue.done(&app("a"));
        assert_eq!(queue.take(), Some(app("a")));
        queue.done(&app("a"));
        assert!(queue.is_idle());
    }

    #[test]
    fn what_is_due_later_wakes_when_it_is() {
        let mut queue = Queue::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        queue.ask_at(&app("a"), at(10));
        queue.ask_at(&app("a"), at(20));
        assert_eq!(queue.next_wake(), Some(at(10)));
        queue.wake(at(9));
        assert_eq!(queue.take(), None);
        queue.wake(at(10));
        assert_eq!(queue.take(), Some(app("a")));
    }
}
