//! Which contents are kept.

use super::*;

pub fn state_commit(n: u64, states: &[u64]) -> Commit {
    let bytes = |n: u64| n.to_be_bytes().repeat(40);
    let mut entry = entry(&app("shop"), &format!("wrote {}", Digest::of(&bytes(n))));
    entry.rendered = Some(Digest::of(format!("state {n}").as_bytes()));
    let named: Vec<String> = states.iter().map(|n| Digest::of(&bytes(*n)).to_string()).collect();
    let mut record = record(n);
    record.hold = Some(trueup_model::record::Hold {
        rendered: Default::default(),
        revision: trueup_model::Revision {
            commit: String::new(),
            reference: String::new(),
            time: Timestamp::UNIX_EPOCH,
            author: String::new(),
            subject: String::new(),
            notes: Vec::new(),
        },
        since: Timestamp::UNIX_EPOCH,
        why: named.join(" "),
        rollback: false,
    });
    let contents = vec![content(&bytes(n), n.is_multiple_of(2))];
    Commit { record, entries: vec![entry], contents, replaces: None }
}

#[tokio::test]
async fn an_erased_content_is_gone_and_the_chain_is_in_order() {
    let state = State::new();
    let store = state.open();
    let plain = b"once was plain, and never compressed".to_vec();
    let commit = Commit { contents: vec![content(&plain, false)], ..commit(&app("shop"), 1) };
    store.commit(&app("shop"), commit).await.unwrap();
    let digest = Digest::of(&plain);
    assert!(store.erase(digest).await.unwrap());
    assert!(!store.erase(digest).await.unwrap());
    assert!(store.contents(&[digest]).await.unwrap().is_empty());
    assert_eq!(store.verify(&app("shop")).await.unwrap().fault, None);
    for file in ["state.db", "state.db-wal"] {
        let bytes = std::fs::read(state.path(file)).unwrap_or_default();
        assert!(!bytes.windows(14).any(|window| window == b"once was plain"), "{file}");
    }
}
