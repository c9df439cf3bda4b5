//! What is written is read back, by this process and the next.

use trueup_model::Revision;
use trueup_model::record::AppliedSet;

use super::*;

#[tokio::test]
async fn a_commit_is_read_back_by_the_next_process() {
    let state = State::new();
    let store = state.open();
    fill(&store, "shop", 1..=3).await;
    let (id, key) = (store.installation().to_owned(), store.key().clone());
    drop(store);

    let store = state.open();
    assert_eq!(store.notes(), [""; 0]);
    assert_eq!((store.installation(), store.key()), (id.as_str(), &key));
    assert_eq!(store.apps().await.unwrap(), [app("shop")]);
    assert_eq!(store.record(&app("shop")).await.unwrap(), record(3));
    assert_eq!(messages(&store, "shop").await, ["applied 3", "applied 2", "applied 1"]);
    let digest = Digest::of(&2_u64.to_be_bytes());
    assert_eq!(store.contents(&[digest]).await.unwrap()[&digest], 2_u64.to_be_bytes());
}

#[tokio::test]
async fn an_app_that_was_never_seen_has_an_empty_record() {
    let store = State::new().open();
    assert_eq!(store.record(&app("new")).await.unwrap(), Record::default());
}

#[tokio::test]
async fn chains_are_an_apps_own_and_go_on_after_it_was_removed() {
    let store = State::new().open();
    fill(&store, "a", 1..=2).await;
    fill(&store, "b", 1..=1).await;
    store.remove(&app("a")).await.unwrap();
    assert_eq!(store.apps().await.unwrap(), [app("b")]);
    assert_eq!(store.record(&app("a")).await.unwrap(), Record::default());
    fill(&store, "a", 3..=3).await;

    let query = HistoryQuery { app: Some(app("a")), limit: 2 };
    let entries = store.history(&query).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(entries[0].previous, entries[1].hash);
    let report = store.verify(&app("a")).await.unwrap();
    assert_eq!((report.entries, report.last, report.fault), (3, 3, None));
    let all = HistoryQuery { app: None, limit: 9 };
    assert_eq!(store.history(&all).await.unwrap().len(), 4);
}

#[tokio::test]
async fn secret_contents_are_nowhere_in_the_clear() {
    let state = State::new();
    let store = state.open();
    let secret = b"correct horse battery staple ".repeat(40);
    let commit = Commit { contents: vec![content(&secret, true)], ..Commit::default() };
    store.commit(&app("shop"), commit).await.unwrap();
    let digest = Digest::of(&secret);
    assert_eq!(store.contents(&[digest]).await.unwrap()[&digest], secret);
    for file in ["state.db", "state.db-wal", "records.log"] {
        let bytes = std::fs::read(state.path(file)).unwrap();
        assert!(!bytes.windows(13).any(|window| window == b"battery stapl"), "{file}");
    }
}

#[tokio::test]
async fn long_contents_are_compressed() {
    let state = State::new();
    let store = state.open();
    let long = vec![b'x'; 1 << 20];
    let commit = Commit { contents: vec![content(&long, false)], ..Commit::default() };
    store.commit(&app("shop"), commit).await.unwrap();
    let digest = Digest::of(&long);
    assert_eq!(store.contents(&[digest]).await.unwrap()[&digest], long);
    drop(store);
    assert!(std::fs::metadata(state.path("state.db")).unwrap().len() < 200_000);
}

#[tokio::test]
async fn commits_of_many_apps_at_once_are_all_there() {
    let state = State::new();
    let store = state.open();
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { fill(&store, &format!("app-{n}"), 1..=3).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    drop(store);
    let store = state.open();
    assert_eq!(store.apps().await.unwrap().len(), 40);
    for name in store.apps().await.unwrap() {
        assert_eq!(number(&store.record(&name).await.unwrap()), 3);
        assert_eq!(store.verify(&name).await.unwrap().fault, None);
    }
}

#[tokio::test]
async fn another_process_may_read_but_not_hold() {
    let state = State::new();
    let store = state.open();
    fill(&store, "shop", 1..=1).await;

    let refusal = SqliteStore::open(state.folder.path()).err().unwrap().to_string();
    assert!(refusal.contains(&format!("in use by process {}", std::process::id())), "{refusal}");

    let reader = SqliteStore::open_read_only(state.folder.path()).unwrap();
    assert_eq!(reader.installation(), store.installation());
    assert_eq!(number(&reader.record(&app("shop")).await.unwrap()), 1);
    fill(&store, "shop", 2..=2).await;
    assert_eq!(number(&reader.record(&app("shop")).await.unwrap()), 2);
    assert!(reader.commit(&app("shop"), Commit::default()).await.unwrap_err().permanent);
}

#[tokio::test]
async fn a_folder_without_state_cannot_be_read() {
    let state = State::new();
    let refusal = SqliteStore::open_read_only(state.folder.path()).err().unwrap().to_string();
    assert!(refusal.contains("nothing has run with it yet"), "{refusal}");
}

fn set(name: &str, count: u64) -> AppliedSet {
    let id = |n: u64| ResourceId::new("", "ConfigMap", "shop", &format!("{name}-{n}"));
    AppliedSet {
        rendered: Digest::of(name.as_bytes()),
        revision: Revision {
            commit: name.to_owned(),
            reference: "refs/heads/main".to_owned(),
            time: Timestamp::UNIX_EPOCH,
            author: String::new(),
            subject: String::new(),
            notes: Vec::new(),
        },
        at: Timestamp::UNIX_EPOCH,
        inputs: Default::default(),
        contents: (0..count).map(|n| (id(n), Digest::of(&n.to_be_bytes()))).collect(),
    }
}

#[tokio::test]
async fn what_sets_hold_is_written_once() {
    let state = State::new();
    let store = state.open();
    let (old, new) = (set("old", 500), set("new", 500));
    let record = |new: &AppliedSet| Record {
        applied: Some(new.clone()),
        healthy: Some(new.clone()),
        healthy_before: vec![old.clone(), set("empty", 0), old.clone()],
        ..record(1)
    };
    let write = async |record: Record| {
        let commit = Commit { record, ..Commit::default() };
        store.commit(&app("shop"), commit).await.unwrap();
        std::fs::metadata(state.path("records.log")).unwrap().len()
    };
    let first = write(record(&new)).await;
    let second = write(record(&new)).await;
    assert!(second - first < 5000, "{first} {second}");
    let third = write(record(&set("newer", 500))).await;
    assert!(third - second > 40_000, "{second} {third}");
    let expected = record(&set("newer", 500));
    assert_eq!(store.record(&app("shop")).await.unwrap(), expected);
    drop(store);

    state.remove("records.log");
    drop(state.open());
    // What only an earlier record held is forgotten when the file is written anew.
    assert!(std::fs::metadata(state.path("records.log")).unwrap().len() < third - 40_000);
    state.remove_database();
    assert_eq!(state.open().record(&app("shop")).await.unwrap(), expected);

    // With what a set holds lost as well, the rest is there, and to be careful with.
    let text = std::fs::read_to_string(state.path("records.log")).unwrap();
    std::fs::write(state.path("records.log"), text.replacen("newer-7\"", "newer-x\"", 1)).unwrap();
    state.remove_database();
    let found = state.open().record(&app("shop")).await.unwrap();
    assert_eq!((found.careful, &found.inventory), (true, &expected.inventory));
    assert!(found.applied.unwrap().contents.is_empty());
}
