//! kill -9 at any instruction: what was acknowledged is there, whole, and the chain is in order.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;

const FOLDER: &str = "TRUEUP_STORE_TEST_FOLDER";

/// Not a test of its own: the process that is killed. It commits to two apps until it is, and says
/// of each commit that it was acknowledged.
#[tokio::test]
async fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = SqliteStore::open(folder.as_ref()).unwrap();
    loop {
        let mut acknowledged = u64::MAX;
        for name in ["a", "b"] {
            let n = number(&store.record(&app(name)).await.unwrap()) + 1;
            let mut commit = commit(&app(name), n);
            // Long enough that the plain file is written anew every now and then.
            commit.entries[0].message = "x".repeat(1000);
            commit.record.followed.as_mut().unwrap().repo = "y".repeat(100_000);
            store.commit(&app(name), commit).await.unwrap();
            acknowledged = acknowledged.min(n);
        }
        println!("acknowledged {acknowledged}");
    }
}

fn start(state: &State) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["kill::child", "--exact", "--nocapture"])
        .env(FOLDER, state.folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the child once it has acknowledged `count` commits, wherever it is by then, and answers the
/// last one it acknowledged.
fn kill_after(mut child: Child, count: usize, last: u64) -> u64 {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = last;
    let mut seen = 0;
    while let Some(Ok(line)) = lines.next() {
        if let Some((_, n)) = line.split_once("acknowledged ") {
            acknowledged = n.parse().unwrap();
            seen += 1;
        }
        if seen == count {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    acknowledged
}

#[tokio::test]
async fn nothing_that_was_acknowledged_is_lost() {
    let state = State::new();
    let mut last = 0;
    for round in 0..12 {
        let acknowledged = kill_after(start(&state), 1 + (round * 7) % 13, last);
        let copy = State::new();
        std::fs::copy(state.path("records.log"), copy.path("records.log")).unwrap();
        std::fs::copy(state.path("installation.key"), copy.path("installation.key")).unwrap();
        let store = state.open();
        last = number(&store.record(&app("b")).await.unwrap());
        assert!(last >= acknowledged, "{last} of {acknowledged}");
        for name in ["a", "b"] {
            let n = number(&store.record(&app(name)).await.unwrap());
            let digests: Vec<Digest> = (1..=n).map(|n| Digest::of(&n.to_be_bytes())).collect();
            assert_eq!(store.contents(&digests).await.unwrap().len() as u64, n);
            let report = store.verify(&app(name)).await.unwrap();
            assert_eq!((report.last, report.fault), (n, None));
        }
        // The plain file alone knows everything that was acknowledged.
        let alone = copy.open();
        assert!(number(&alone.record(&app("b")).await.unwrap()) >= acknowledged);
    }
}
