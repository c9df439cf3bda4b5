//! A disk without room, and a database that somebody else holds: what waits is told so, and nothing
//! that was acknowledged is lost.

use std::process::{Command, Output};

use super::*;

const FOLDER: &str = "TRUEUP_STORE_TEST_FULL";

/// Not a test of its own: runs on a small disk of its own, and fills it.
#[tokio::test]
async fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = SqliteStore::open(folder.as_ref()).unwrap();
    let large = |n: u64| {
        // What does not get shorter by compressing it.
        let noise = (0..8_000_u64)
            .flat_map(|i| Digest::of(&(n * 8_000 + i).to_be_bytes()).hex().into_bytes());
        Commit {
            contents: vec![content(&noise.collect::<Vec<u8>>(), false)],
            ..commit(&app("a"), n)
        }
    };
    let mut acknowledged = 0;
    let refusal = loop {
        match store.commit(&app("a"), large(acknowledged + 1)).await {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(!refusal.permanent && refusal.message.contains("no room left"), "{refusal:?}");
    assert_eq!(number(&store.record(&app("a")).await.unwrap()), acknowledged);
    drop(store);
    // It goes on once there is room, and has everything.
    std::fs::remove_file(std::path::Path::new(&folder).join("../ballast")).unwrap();
    let store = SqliteStore::open(folder.as_ref()).unwrap();
    assert_eq!(number(&store.record(&app("a")).await.unwrap()), acknowledged);
    let report = store.verify(&app("a")).await.unwrap();
    assert_eq!((report.last, report.fault), (acknowledged, None));
    store.commit(&app("a"), commit(&app("a"), acknowledged + 1)).await.unwrap();
    println!("acknowledged {acknowledged}");
}

/// Runs the child on a disk of 12 MiB, of which 4 MiB are taken; `None` where this machine gives
/// nobody a disk of their own.
fn on_a_small_disk() -> Option<Output> {
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=12m none \"$1\" && \
        head -c 4194304 /dev/zero > \"$1/ballast\" && mkdir \"$1/state\" && \
        exec env \"$2=$1/state\" \"$0\" full::child --exact --nocapture";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(folder.path())
        .arg(FOLDER)
        .output();
    let output = output.ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let refused = said.contains("unshare:") || said.contains("mount:");
    if refused {
        eprintln!("not tested: a disk that is full ({})", said.trim());
    }
    (!refused).then_some(output)
}

#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    let Some(output) = on_a_small_disk() else { return };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("acknowledged"), "{said}");
}

#[tokio::test]
async fn a_database_that_another_program_holds_is_said() {
    let state = State::new();
    let store = state.open();
    fill(&store, "a", 1..=2).await;
    let other = rusqlite::Connection::open(state.path("state.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refusal = store.commit(&app("a"), commit(&app("a"), 3)).await.unwrap_err();
    assert!(!refusal.permanent && refusal.message.contains("another program"), "{refusal:?}");
    assert_eq!(number(&store.record(&app("a")).await.unwrap()), 2);
    other.execute_batch("ROLLBACK").unwrap();
    store.commit(&app("a"), commit(&app("a"), 3)).await.unwrap();
    assert_eq!(number(&store.record(&app("a")).await.unwrap()), 3);
}
