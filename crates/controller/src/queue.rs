//! Which app is due when. Pure: time comes in, names come out.
//!
//! Who asks decides how long others may wait before: a person's request overtakes what waits, yet
//! nothing is overtaken for ever, because each request is ranked by the time it was asked plus the
//! patience of its kind. Several requests for one app are one.
//!
//! Every app runs in two *lanes*: its repository and its target. A lane that is slow can hold no
//! more than its share of the slots, and one that is *closed* (its target does not answer) holds
//! none: when it is due again one app goes first, and the others follow when that one came through.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use trueup_model::AppName;

/// Why an app is looked at.
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

impl Urgency {
    /// How much later than it was asked it counts as asked.
    const fn patience(self) -> Duration {
        match self {
            Self::Person => Duration::ZERO,
            Self::Commit => Duration::from_secs(10),
            Self::Change => Duration::from_secs(20),
            Self::Time => Duration::from_secs(60),
        }
    }
}

/// What several apps share and may wait for: a repository, a target.
pub type Lane = std::sync::Arc<str>;

/// Where an app runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Home {
    /// Its repository.
    pub source: Lane,
    /// Its target.
    pub target: Lane,
}

/// The smaller goes first.
type Rank = (Instant, u64, AppName);

#[derive(Debug, Default)]
struct LaneState {
    running: usize,
    closed: Option<Closed>,
}

#[derive(Clone, Copy, Debug)]
struct Closed {
    until: Instant,
    times: u32,
}

#[derive(Debug)]
struct Running {
    home: Home,
    /// Asked for again while it runs.
    again: Option<Urgency>,
}

/// The apps that wait to be looked at, those that are, and those that are due later.
#[derive(Debug)]
pub struct Queue {
    slots: usize,
    homes: BTreeMap<AppName, Home>,
    waiting: BTreeMap<AppName, (Home, Rank)>,
    /// When the first of the requests that are one now was made.
    since: BTreeMap<AppName, Instant>,
    by_home: BTreeMap<Home, BTreeSet<Rank>>,
    running: BTreeMap<AppName, Running>,
    lanes: BTreeMap<Lane, LaneState>,
    later: BTreeMap<AppName, Instant>,
    wakes: BTreeSet<(Instant, AppName)>,
    order: u64,
}

impl Queue {
    /// An empty queue; so many apps are looked at at once, and one more for each lane that would
    /// else have none.
    pub fn new(slots: usize) -> Self {
        Self {
            slots: slots.max(1),
            homes: BTreeMap::new(),
            waiting: BTreeMap::new(),
            since: BTreeMap::new(),
            by_home: BTreeMap::new(),
            running: BTreeMap::new(),
            lanes: BTreeMap::new(),
            later: BTreeMap::new(),
            wakes: BTreeSet::new(),
            order: 0,
        }
    }

    /// Says where an app runs. An app that nobody placed runs nowhere.
    pub fn place(&mut self, app: &AppName, home: Home) {
        let before = self.homes.insert(app.clone(), home.clone());
        if before.as_ref() == Some(&home) {
            return;
        }
        if let Some((old, rank)) = self.waiting.remove(app) {
            self.leave(&old, &rank);
            self.enter(app, home, rank);
        }
    }

    /// Asks for a look. A request during a run makes another run after it.
    pub fn ask(&mut self, app: &AppName, urgency: Urgency, now: Instant) {
        if let Some(running) = self.running.get_mut(app) {
            running.again = Some(running.again.map_or(urgency, |other| other.min(urgency)));
            return;
        }
        let Some(home) = self.homes.get(app).cloned() else { return };
        let at = now + urgency.patience();
        let rank = match self.waiting.remove(app) {
            Some((home, rank)) => {
                self.leave(&home, &rank);
                (rank.0.min(at), rank.1, rank.2)
            }
            None => {
                self.order += 1;
                self.since.insert(app.clone(), now);
                (at, self.order, app.clone())
            }
        };
        self.enter(app, home, rank);
    }

    fn enter(&mut self, app: &AppName, home: Home, rank: Rank) {
        self.by_home.entry(home.clone()).or_default().insert(rank.clone());
        self.waiting.insert(app.clone(), (home, rank));
    }

    fn leave(&mut self, home: &Home, rank: &Rank) {
        if let Some(ranks) = self.by_home.get_mut(home) {
            ranks.remove(rank);
            if ranks.is_empty() {
                self.by_home.remove(home);
            }
        }
    }

    /// Asks for a look at a later time; the sooner of several holds.
    pub fn ask_at(&mut self, app: &AppName, at: Instant) {
        match self.later.get(app) {
            Some(other) if *other <= at => return,
            Some(other) => {
                self.wakes.remove(&(*other, app.clone()));
            }
            None => {}
        }
        self.later.insert(app.clone(), at);
        self.wakes.insert((at, app.clone()));
    }

    fn not_later(&mut self, app: &AppName) {
        if let Some(at) = self.later.remove(app) {
            self.wakes.remove(&(at, app.clone()));
        }
    }

    /// The next app to look at, which counts as running from now on.
    pub fn take(&mut self, now: Instant) -> Option<AppName> {
        let open = self.by_home.iter().filter(|(home, _)| self.has_room(home, now));
        let (home, rank) = open
            .filter_map(|(home, ranks)| Some((home, ranks.first()?)))
            .min_by(|(_, a), (_, b)| a.cmp(b))?;
        let (home, rank) = (home.clone(), rank.clone());
        let app = rank.2.clone();
        self.leave(&home, &rank);
        self.waiting.remove(&app);
        self.since.remove(&app);
        self.not_later(&app);
        for lane in [&home.source, &home.target] {
            self.lanes.entry(lane.clone()).or_default().running += 1;
        }
        self.running.insert(app.clone(), Running { home, again: None });
        Some(app)
    }

    fn has_room(&self, home: &Home, now: Instant) -> bool {
        [&home.source, &home.target].into_iter().all(|lane| match self.lanes.get(lane) {
            None => true,
            Some(state) => match state.closed {
                Some(closed) => closed.until <= now && state.running == 0,
                None => state.running < self.share(state),
            },
        })
    }

    /// How many apps of a lane may run: half of what the others leave, and at least one.
    fn share(&self, lane: &LaneState) -> usize {
        let others = self.running.len().saturating_sub(lane.running);
        (self.slots.saturating_sub(others).div_ceil(2)).max(1)
    }

    /// A run is over.
    pub fn done(&mut self, app: &AppName, now: Instant) {
        let Some(running) = self.running.remove(app) else { return };
        for lane in [&running.home.source, &running.home.target] {
            if let Some(state) = self.lanes.get_mut(lane) {
                state.running = state.running.saturating_sub(1);
                if state.running == 0 && state.closed.is_none() {
                    self.lanes.remove(lane);
                }
            }
        }
        if let Some(again) = running.again {
            self.ask(app, again, now);
        }
    }

    /// What a lane leads to does not answer: nothing starts in it for a while. Says how often that
    /// was so in a row before.
    pub fn close(&mut self, lane: &Lane, pause: impl FnOnce(u32) -> Duration, now: Instant) -> u32 {
        let state = self.lanes.entry(lane.clone()).or_default();
        let times = match state.closed {
            // Others of the lane that had been started before say the same.
            Some(closed) if closed.until > now => return closed.times,
            Some(closed) => closed.times.saturating_add(1),
            None => 0,
        };
        state.closed = Some(Closed { until: now + pause(times), times });
        times
    }

    /// What a lane leads to answered.
    pub fn open(&mut self, lane: &Lane) {
        if let Some(state) = self.lanes.get_mut(lane) {
            state.closed = None;
        }
    }

    /// Moves what is due now to those that wait.
    pub fn wake(&mut self, now: Instant) {
        while let Some((at, app)) = self.wakes.first().cloned().filter(|(at, _)| *at <= now) {
            self.wakes.remove(&(at, app.clone()));
            self.later.remove(&app);
            self.ask(&app, Urgency::Time, now);
        }
    }

    /// When the next app is due that is due later, or the next closed lane is tried.
    pub fn next_wake(&self, now: Instant) -> Option<Instant> {
        let closed = self.by_home.keys().filter_map(|home| {
            let lanes = [&home.source, &home.target];
            let until = |lane: &&Lane| Some(self.lanes.get(*lane)?.closed?.until);
            lanes.iter().filter_map(until).max().filter(|until| *until > now)
        });
        closed.chain(self.wakes.first().map(|(at, _)| *at)).min()
    }

    /// Drops an app.
    pub fn forget(&mut self, app: &AppName) {
        self.homes.remove(app);
        self.since.remove(app);
        if let Some((home, rank)) = self.waiting.remove(app) {
            self.leave(&home, &rank);
        }
        self.not_later(app);
        if let Some(running) = self.running.get_mut(app) {
            running.again = None;
        }
    }

    /// Whether a look at an app is due or under way.
    pub fn is_pending(&self, app: &AppName) -> bool {
        self.waiting.contains_key(app) || self.running.contains_key(app)
    }

    /// How many apps are being looked at.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Whether this one is.
    pub fn is_running(&self, app: &AppName) -> bool {
        self.running.contains_key(app)
    }

    /// How many apps wait to be looked at.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How long the app has waited that waits longest.
    pub fn oldest(&self, now: Instant) -> Duration {
        let first = self.since.values().min();
        first.map(|first| now.saturating_duration_since(*first)).unwrap_or_default()
    }

    /// Whether nothing runs and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str) -> AppName {
        AppName::new(name).expect("a fitting name")
    }

    fn home(source: &str, target: &str) -> Home {
        Home { source: source.into(), target: target.into() }
    }

    /// A queue in which apps `a…` live in repository r1 on target t1, `b…` in r2 on t2, and so on.
    struct Case {
        queue: Queue,
        now: Instant,
    }

    impl Case {
        fn new(slots: usize) -> Self {
            Self { queue: Queue::new(slots), now: Instant::now() }
        }

        fn ask(&mut self, names: &str, urgency: Urgency) {
            for name in names.split(' ') {
                let n = name.as_bytes()[0];
                self.queue.place(&app(name), home(&format!("r{n}"), &format!("t{n}")));
                self.queue.ask(&app(name), urgency, self.now);
            }
        }

        fn take(&mut self) -> String {
            self.queue.take(self.now).map(|app| app.to_string()).unwrap_or_default()
        }

        fn all(&mut self) -> Vec<String> {
            std::iter::from_fn(|| Some(self.take()).filter(|name| !name.is_empty())).collect()
        }

        fn done(&mut self, name: &str) {
            self.queue.done(&app(name), self.now);
        }

        fn pass(&mut self, seconds: u64) {
            self.now += Duration::from_secs(seconds);
            self.queue.wake(self.now);
        }
    }

    #[test]
    fn the_urgent_goes_first_and_requests_are_one() {
        let mut case = Case::new(8);
        case.ask("a1 a2", Urgency::Time);
        case.ask("a1 a3", Urgency::Commit);
        case.ask("a4", Urgency::Person);
        assert_eq!(case.all(), ["a4", "a1", "a3", "a2"]);
    }

    #[test]
    fn nothing_is_overtaken_for_ever() {
        let mut case = Case::new(1);
        case.ask("a1", Urgency::Time);
        for _ in 0..7 {
            case.pass(10);
            case.ask("a2", Urgency::Person);
            case.ask("a3", Urgency::Commit);
            if case.take() == "a1" {
                return;
            }
            case.done("a2");
            case.done("a3");
        }
        panic!("it never came to a1");
    }

    #[test]
    fn an_app_never_runs_twice_at_once() {
        let mut case = Case::new(8);
        case.ask("a1", Urgency::Time);
        assert_eq!(case.take(), "a1");
        case.ask("a1", Urgency::Commit);
        assert_eq!(case.take(), "");
        case.done("a1");
        assert_eq!(case.take(), "a1");
        case.done("a1");
        assert!(case.queue.is_idle());
    }

    #[test]
    fn what_is_due_later_comes_when_it_is_time() {
        let mut case = Case::new(8);
        case.ask("a1", Urgency::Time);
        assert_eq!(case.take(), "a1");
        case.done("a1");
        let start = case.now;
        case.queue.ask_at(&app("a1"), start + Duration::from_secs(10));
        case.queue.ask_at(&app("a1"), start + Duration::from_secs(20));
        assert_eq!(case.queue.next_wake(start), Some(start + Duration::from_secs(10)));
        case.pass(9);
        assert_eq!(case.take(), "");
        case.pass(1);
        assert_eq!(case.take(), "a1");
        assert_eq!(case.queue.next_wake(case.now), None);
    }

    #[test]
    fn a_slow_lane_leaves_room_for_the_others() {
        let mut case = Case::new(8);
        case.ask("a1 a2 a3 a4 a5 a6 a7 a8 a9", Urgency::Commit);
        assert_eq!(case.all().len(), 4);
        case.ask("b1 b2 b3 b4", Urgency::Time);
        assert_eq!(case.all(), ["b1", "b2"]);
        case.ask("c1 c2", Urgency::Time);
        assert_eq!(case.all(), ["c1"]);
        case.ask("d1 d2", Urgency::Time);
        assert_eq!(case.all(), ["d1"]);
        case.ask("e1 e2", Urgency::Time);
        assert_eq!(case.all(), ["e1"], "each lane gets one, whatever else hangs");
        for name in ["a1", "a2", "a3"] {
            case.done(name);
        }
        assert_eq!(case.all().len(), 1, "half of what the others leave, and no more");
    }

    #[test]
    fn a_target_that_is_away_is_tried_by_one() {
        let mut case = Case::new(8);
        case.ask("a1 a2 a3", Urgency::Commit);
        assert_eq!(case.take(), "a1");
        assert_eq!(case.take(), "a2");
        let lane: Lane = format!("t{}", b'a').into();
        let pause = |times: u32| Duration::from_secs(2_u64 << times);
        assert_eq!(case.queue.close(&lane, pause, case.now), 0);
        assert_eq!(case.queue.close(&lane, pause, case.now), 0, "the second says the same");
        for name in ["a1", "a2"] {
            case.done(name);
            case.ask(name, Urgency::Time);
        }
        assert_eq!(case.take(), "");
        assert_eq!(case.queue.next_wake(case.now), Some(case.now + Duration::from_secs(2)));
        case.ask("b1", Urgency::Time);
        assert_eq!(case.take(), "b1");
        case.pass(2);
        assert_eq!(case.all(), ["a3"], "one goes first");
        assert_eq!(case.queue.close(&lane, pause, case.now), 1);
        case.done("a3");
        case.pass(3);
        assert_eq!(case.take(), "");
        case.pass(1);
        let first = case.take();
        case.queue.open(&lane);
        case.done(&first);
        assert_eq!(case.all().len(), 1, "the other follows");
    }

    #[test]
    fn a_forgotten_app_is_not_looked_at() {
        let mut case = Case::new(8);
        case.ask("a1", Urgency::Time);
        case.queue.ask_at(&app("a1"), case.now);
        case.queue.forget(&app("a1"));
        case.pass(1);
        assert_eq!(case.take(), "");
        assert!(case.queue.is_idle());
    }
}
