//! Lost, old, torn and foreign files.

use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;
use trueup_model::LedgerKind;
use trueup_store::ChainFault;

use super::*;

async fn filled() -> State {
    let state = State::new();
    let store = state.open();
    fill(&store, "a", 1..=3).await;
    fill(&store, "b", 1..=1).await;
    store.remove(&app("b")).await.unwrap();
    state
}

fn sql(state: &State, statement: &str) {
    Connection::open(state.path("state.db")).unwrap().execute_batch(statement).unwrap();
}

fn refusal(state: &State) -> String {
    SqliteStore::open(state.folder.path()).err().expect("it must be refused").to_string()
}

#[tokio::test]
async fn a_lost_database_comes_back_from_the_plain_file() {
    let state = filled().await;
    state.remove_database();
    let store = state.open();
    assert!(store.notes()[0].contains("its records were taken from there"), "{:?}", store.notes());
    assert_eq!(store.record(&app("a")).await.unwrap(), record(3));
    assert_eq!(store.apps().await.unwrap(), [app("a")]);

    // The chain goes on where it ended, and says what is missing.
    fill(&store, "a", 4..=4).await;
    let report = store.verify(&app("a")).await.unwrap();
    assert_eq!((report.entries, report.last, report.fault), (2, 5, None));
    let query = HistoryQuery { app: Some(app("a")), limit: 9 };
    assert_eq!(store.history(&query).await.unwrap()[1].kind, LedgerKind::Restored);
}

#[tokio::test]
async fn an_older_database_takes_the_newer_records() {
    let state = filled().await;
    let old = std::fs::read(state.path("state.db")).unwrap();
    let store = state.open();
    fill(&store, "a", 4..=5).await;
    fill(&store, "c", 1..=1).await;
    drop(store);
    state.remove_database();
    std::fs::write(state.path("state.db"), old).unwrap();

    let store = state.open();
    assert_eq!(store.record(&app("a")).await.unwrap(), record(5));
    assert_eq!(store.record(&app("c")).await.unwrap(), record(1));
    let report = store.verify(&app("a")).await.unwrap();
    assert_eq!((report.entries, report.last, report.fault), (4, 6, None));
}

#[tokio::test]
async fn a_lost_or_torn_plain_file_is_written_anew() {
    for tear in [true, false] {
        let state = filled().await;
        if tear {
            let mut text = std::fs::read(state.path("records.log")).unwrap();
            text.truncate(text.len() - 7);
            std::fs::write(state.path("records.log"), text).unwrap();
        } else {
            state.remove("records.log");
        }
        drop(state.open());
        state.remove_database();
        let store = state.open();
        assert_eq!(store.record(&app("a")).await.unwrap(), record(3));
        assert!(!store.record(&app("a")).await.unwrap().careful);
    }
}

#[tokio::test]
async fn with_both_lost_every_record_is_careful_until_it_is_accepted() {
    let state = filled().await;
    state.remove_database();
    state.remove("records.log");
    let store = state.open();
    assert!(store.notes()[0].contains("trueup accept"), "{:?}", store.notes());
    let lost = store.record(&app("a")).await.unwrap();
    assert_eq!(lost, Record { careful: true, ..Record::default() });
    fill(&store, "a", 1..=1).await;
    drop(store);
    let store = state.open();
    assert!(!store.record(&app("a")).await.unwrap().careful);
    assert!(store.record(&app("b")).await.unwrap().careful);
}

#[tokio::test]
async fn a_damaged_database_is_kept_aside_and_replaced() {
    let state = filled().await;
    std::fs::write(state.path("state.db"), b"this is not a database, not even nearly".repeat(99))
        .unwrap();
    let store = state.open();
    assert!(store.notes()[0].contains("was damaged"), "{:?}", store.notes());
    assert_eq!(store.record(&app("a")).await.unwrap(), record(3));
    assert!(state.path("state.db.damaged-1").exists());
}

#[tokio::test]
async fn a_damaged_line_makes_the_records_careful_if_the_database_is_lost_too() {
    let state = filled().await;
    let text = std::fs::read_to_string(state.path("records.log")).unwrap();
    std::fs::write(state.path("records.log"), text.replacen("uid-2", "uid-9", 1)).unwrap();
    state.remove_database();
    let store = state.open();
    assert!(store.record(&app("a")).await.unwrap().careful);
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_name() {
    let state = filled().await;
    sql(
        &state,
        "PRAGMA user_version = 99; UPDATE meta SET value = '7.0.0' WHERE name = 'written-by'",
    );
    let refusal = refusal(&state);
    assert!(refusal.contains("written by TrueUp 7.0.0 (schema 99)"), "{refusal}");
}

#[tokio::test]
async fn a_lost_or_damaged_key_is_not_replaced() {
    let state = filled().await;
    let key = std::fs::read(state.path("installation.key")).unwrap();
    let mode = std::fs::metadata(state.path("installation.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::write(state.path("installation.key"), "beef").unwrap();
    assert!(refusal(&state).contains("does not hold an installation key"));
    state.remove("installation.key");
    assert!(refusal(&state).contains("installation.key is missing"));
    std::fs::write(state.path("installation.key"), key).unwrap();
    state.open();
}

#[tokio::test]
async fn files_of_two_installations_are_refused() {
    let (one, other) = (filled().await, filled().await);
    std::fs::copy(other.path("records.log"), one.path("records.log")).unwrap();
    assert!(refusal(&one).contains("files of two installations"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let refusal = SqliteStore::open(&file.path().join("state")).err().unwrap().to_string();
    assert!(refusal.contains(&file.path().display().to_string()), "{refusal}");
}

#[tokio::test]
async fn what_is_done_to_a_chain_is_seen() {
    let check = async |statement: &str, expected: ChainFault| {
        let state = State::new();
        let store = state.open();
        fill(&store, "a", 1..=70).await;
        drop(store);
        sql(&state, statement);
        let store = state.open();
        let report = store.verify(&app("a")).await.unwrap();
        assert_eq!(report.fault, Some(expected), "{statement}");
    };
    let changed = "UPDATE ledger SET body = (SELECT body FROM ledger WHERE seq = 3) WHERE seq = 2";
    check(changed, ChainFault::Changed { seq: 2 }).await;
    check("DELETE FROM ledger WHERE seq = 2", ChainFault::Gap { after: 1, seq: 3 }).await;
    check("DELETE FROM ledger WHERE seq = 1", ChainFault::Gap { after: 0, seq: 2 }).await;
    check("DELETE FROM ledger WHERE seq > 68", ChainFault::CutOff { found: 68, known: 70 }).await;
    check("UPDATE checkpoint SET seal = zeroblob(32)", ChainFault::Rewritten { seq: 64 }).await;
    check(
        "UPDATE ledger SET body = x'00' WHERE seq = 9",
        ChainFault::Unreadable { seq: 9, why: "Unknown frame descriptor".to_owned() },
    )
    .await;
}
