//! Members in simulated time over leases in memory: random deaths, pauses, joins and slow reads, and
//! never is an app begun by two.

use super::*;
use trueup_model::membership::Member;

fn app(n: u32) -> AppName {
    AppName::from_text(&format!("app-{n}"))
}

fn members(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn only_what_must_move_moves() {
    let (all, fewer) = (members(&["a", "b", "c"]), members(&["a", "c"]));
    let mut counts = BTreeMap::<&str, usize>::new();
    for n in 0..3000 {
        let app = app(n);
        let before = owner(&app, &all).unwrap();
        *counts.entry(before).or_default() += 1;
        if before != "b" {
            assert_eq!(owner(&app, &fewer), Some(before));
        }
    }
    assert!(counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
    assert_eq!(owner(&app(0), &BTreeSet::new()), None);
}

/// The API server: leases, as a list gives them.
#[derive(Default)]
struct Leases {
    roll: Roll,
    version: u64,
}

impl Leases {
    fn renew(&mut self, identity: &str, settled: u64) -> Roll {
        self.version += 1;
        let member =
            Member { identity: identity.to_owned(), renewal: self.version.to_string(), settled };
        self.roll.members.retain(|member| member.identity != identity);
        self.roll.members.push(member);
        self.roll.clone()
    }

    fn lead(&mut self, identity: &str, version: &str, view: View) {
        if self.roll.version == version {
            self.version += 1;
            self.roll.leader = Some((identity.to_owned(), self.version.to_string()));
            self.roll.view = view;
            self.roll.version = self.version.to_string();
        }
    }
}

/// A process with a share of the apps.
struct Process {
    share: Share,
    /// It does nothing until then.
    stalled: Instant,
    dead: bool,
    /// Apps that run, and until when.
    runs: BTreeMap<AppName, Instant>,
}

struct World {
    random: u64,
    now: Instant,
    leases: Leases,
    processes: Vec<Process>,
    born: u32,
}

const APPS: u32 = 12;

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            random: seed.wrapping_mul(2).wrapping_add(1),
            now: Instant::now(),
            leases: Leases::default(),
            processes: Vec::new(),
            born: 0,
        };
        (0..3).for_each(|_| world.start());
        world
    }

    /// xorshift: enough to draw what happens.
    fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % n
    }

    fn start(&mut self) {
        self.born += 1;
        let share = Share::new(format!("m{}", self.born));
        let process = Process { share, stalled: self.now, dead: false, runs: BTreeMap::new() };
        self.processes.push(process);
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(100);
        for n in 0..self.processes.len() {
            if self.below(10) == 0 {
                self.beat(n);
            }
            self.work(n);
        }
        let n = self.below(self.processes.len() as u64) as usize;
        match self.below(600) {
            0 => self.processes[n].dead = true,
            1..4 => {
                let pause = Duration::from_millis(self.below(12_000));
                self.processes[n].stalled = self.now + pause;
            }
            4 if self.processes.iter().filter(|process| !process.dead).count() < 5 => self.start(),
            _ => {}
        }
        if self.processes.iter().all(|process| process.dead) {
            self.start();
        }
        self.check();
    }

    fn awake(&self, n: usize) -> bool {
        !self.processes[n].dead && self.processes[n].stalled <= self.now
    }

    fn beat(&mut self, n: usize) {
        if !self.awake(n) {
            return;
        }
        let identity = self.processes[n].share.us.clone();
        let settled = self.processes[n].share.settled();
        let roll = self.leases.renew(&identity, settled);
        let share = &mut self.processes[n].share;
        let duties = share.take(&roll, self.now, self.now);
        if let Some(view) = duties.lead {
            self.leases.lead(&identity, &roll.version, view);
        }
        self.leases.roll.members.retain(|member| !duties.remove.contains(&member.identity));
        if self.processes[n].share.is_lapsed() {
            self.processes[n].dead = true;
            self.start();
        }
    }

    fn work(&mut self, n: usize) {
        if !self.awake(n) {
            return;
        }
        let app = app(self.below(u64::from(APPS)) as u32);
        let lasts = Duration::from_millis(self.below(3_000));
        let (now, process) = (self.now, &mut self.processes[n]);
        let over: Vec<AppName> = process
            .runs
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(app, _)| app.clone())
            .collect();
        for app in over {
            process.runs.remove(&app);
            process.share.end(&app);
        }
        if !process.runs.contains_key(&app) && process.share.begin(&app, now) {
            process.runs.insert(app, now + lasts);
        }
    }

    /// A run that may write is the only one of its app, wherever it runs: also one of a process that
    /// stands still and would go on in the middle of a write.
    fn check(&self) {
        let mut writers = BTreeMap::new();
        for process in &self.processes {
            for app in process.runs.keys().filter(|_| process.share.may_write(self.now)) {
                let other = writers.insert(app, &process.share.us);
                assert_eq!(other, None, "{app} also by {}", process.share.us);
            }
        }
    }

    /// Left alone, every app is somebody's to run.
    fn rest(&mut self) {
        for process in &mut self.processes {
            process.stalled = self.now;
        }
        for _ in 0..300 {
            self.now += Duration::from_millis(100);
            for n in 0..self.processes.len() {
                self.beat(n);
                self.work(n);
            }
            self.check();
        }
        for process in &mut self.processes {
            process.runs.clear();
        }
        for n in 0..APPS {
            let (app, now) = (app(n), self.now);
            let begun = self
                .processes
                .iter_mut()
                .filter(|process| !process.dead)
                .filter(|process| process.share.may_write(now))
                .filter(|process| process.share.owner_of(&app) == Some(process.share.us.as_str()))
                .count();
            assert_eq!(begun, 1, "{app}");
        }
    }
}

#[test]
fn an_app_is_never_run_by_two_whoever_dies_stalls_or_joins() {
    for seed in 0..24 {
        let mut world = World::new(seed);
        (0..1000).for_each(|_| world.step());
        world.rest();
    }
}

#[test]
fn a_member_whose_lease_was_not_renewed_in_time_never_writes_again() {
    let mut leases = Leases::default();
    let mut share = Share::new("a");
    let begun = Instant::now();
    let view = share.take(&leases.renew("a", 0), begun, begun).lead.unwrap();
    leases.lead("a", "", view);
    share.take(&leases.renew("a", share.settled()), begun, begun);
    share.take(&leases.renew("a", share.settled()), begun, begun);
    assert!(share.begin(&app(1), begun));
    assert!(!share.may_write(begun + WRITES));
    let late = begun + WRITES + Duration::from_millis(1);
    share.take(&leases.renew("a", share.settled()), late, late);
    assert!(share.is_lapsed() && !share.may_write(late) && !share.begin(&app(1), late));
}
