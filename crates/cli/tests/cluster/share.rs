//! Two processes share apps by Leases; one is killed, and what it had moves to the other. At no moment
//! do both run one app.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use trueup_controller::Signal;
use trueup_controller::metrics::Metrics;
use trueup_controller::share::Member;
use trueup_kubernetes::{Connection, LeaseMembership};
use trueup_model::AppName;
use trueup_model::membership::Membership;

use crate::bed::bed;

const MEMBER: &str = "TRUEUP_TEST_MEMBER";
const APPS: u32 = 20;
const PATIENCE: Duration = Duration::from_secs(60);

fn app(n: u32) -> AppName {
    AppName::from_text(&format!("app-{n}"))
}

fn millis() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis()
}

/// Not a test but the process that the test starts: it runs what is its own, and says so.
#[test]
fn member() {
    let Ok(told) = std::env::var(MEMBER) else { return };
    let told: Vec<&str> = told.split('|').collect();
    let [kubeconfig, namespace, name] = told[..] else { panic!("{told:?}") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(run_apps(kubeconfig, namespace, name));
}

async fn run_apps(kubeconfig: &str, namespace: &str, name: &str) {
    let kubeconfig = Some(PathBuf::from(kubeconfig));
    let connection = Connection { kubeconfig, ..Connection::default() };
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    let meet = move || -> Arc<dyn Membership> {
        let identity = format!("{name}-{}", millis());
        Arc::new(LeaseMembership::new(connection.clone(), &namespace, "test", &identity))
    };
    let (signals, mut inbox) = tokio::sync::mpsc::channel(8);
    let (member, keeping) = Member::join(meet, signals, Metrics::new());
    tokio::spawn(keeping);
    tokio::spawn(async move { while let Some(Signal::Shared) = inbox.recv().await {} });
    for n in (0..APPS).cycle() {
        if let Some(begun) = member.begin(&app(n)) {
            println!("begin {} {}", app(n), millis());
            tokio::time::sleep(Duration::from_millis(20)).await;
            println!("end {} {}", app(n), millis());
            drop(begun);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A process with a share, and what it ran: app, from, to.
struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
    runs: Vec<(String, u128, u128)>,
}

impl Process {
    fn start(kubeconfig: &str, namespace: &str, name: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "share::member", "--nocapture"])
            .env(MEMBER, format!("{kubeconfig}|{namespace}|{name}"))
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .expect("it starts");
        let stdout = child.stdout.take().expect("a pipe");
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, runs: Vec::new() }
    }

    /// Reads what it ran until `enough` of it.
    fn until(&mut self, enough: impl Fn(&[(String, u128, u128)]) -> bool) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while !enough(&self.runs) {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            let line = self.lines.recv_timeout(left).expect("it goes on");
            self.take(&line);
        }
    }

    fn take(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let at = words.get(2).and_then(|at| at.parse().ok()).unwrap_or_default();
        match words[..] {
            ["begin", app, _] => self.runs.push((app.to_owned(), at, u128::MAX)),
            ["end", app, _] => {
                let run = self.runs.iter_mut().rev().find(|run| run.0 == app);
                run.expect("it began").2 = at;
            }
            _ => {}
        }
    }

    /// Kills it by its pid; what it ran ended then.
    fn kill(&mut self) -> u128 {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        let at = millis();
        let lines: Vec<String> = self.lines.iter().collect();
        lines.iter().for_each(|line| self.take(line));
        for run in self.runs.iter_mut().filter(|run| run.2 == u128::MAX) {
            run.2 = at;
        }
        at
    }

    fn ran(&self, from: u128) -> Vec<&str> {
        let mut apps: Vec<&str> =
            self.runs.iter().filter(|run| run.1 >= from).map(|run| run.0.as_str()).collect();
        apps.sort_unstable();
        apps.dedup();
        apps
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_a_killed_controller_had_moves_and_no_app_is_run_by_two() {
    let Some(bed) = bed() else { return };
    let namespace = bed.namespace("share");
    let kubeconfig = bed.kubeconfig.display().to_string();
    let mut first = Process::start(&kubeconfig, &namespace, "first");
    first.until(|runs| runs.len() > 2 * APPS as usize);
    assert_eq!(first.ran(0).len(), APPS as usize, "alone it has all");

    let mut second = Process::start(&kubeconfig, &namespace, "second");
    second.until(|runs| runs.len() > 100);
    let joined = second.runs[0].1;
    let taken = second.ran(0).len();
    assert!((1..APPS as usize).contains(&taken), "the second took {taken}");

    let killed = first.kill();
    second.until(|runs| {
        let mut apps = BTreeMap::new();
        runs.iter().filter(|run| run.1 > killed).for_each(|run| {
            apps.insert(run.0.clone(), ());
        });
        apps.len() == APPS as usize
    });
    let moved = second.runs.iter().filter(|run| run.1 > killed);
    let last = moved.map(|run| run.1).max().unwrap_or_default();
    assert!(last - killed < 30_000, "it took {} ms", last - killed);
    assert!(!first.ran(joined).is_empty(), "the first went on with what it kept");
    for (app, from, to) in &first.runs {
        let both = second.runs.iter().find(|run| run.0 == *app && run.1 < *to && *from < run.2);
        assert_eq!(both, None, "{app} was run by both: {from} to {to}");
    }
}
