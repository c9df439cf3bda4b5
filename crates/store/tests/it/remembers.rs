//! What is written is read back, by this process and the next.

use trueup_model::Revision;
use trueup_model::record::AppliedSet;

use super::*;

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

pub fn set(name: &str, count: u64) -> AppliedSet {
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
