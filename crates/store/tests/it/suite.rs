//! What holds wherever the ledger is: in the state folder, or in PostgreSQL.

use super::*;
use crate::place::Place;

/// Each as a test of its own, in the state folder and in PostgreSQL.
macro_rules! in_both {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::place::Place::in_folder()).await;
            })*
        }

        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(place) = crate::place::Place::in_postgres().await {
                    super::$name(place).await;
                }
            })*
        }
    };
}

in_both! {
    a_commit_is_read_back_by_the_next_process
    an_app_that_was_never_seen_has_an_empty_record
    a_freeze_is_read_back_until_it_is_let_go
    chains_are_an_apps_own_and_go_on_after_it_was_removed
    commits_of_many_apps_at_once_are_all_there
    another_process_may_read_but_not_hold
    a_folder_without_state_cannot_be_read
    what_a_record_or_one_of_the_last_states_names_is_kept
    what_sets_hold_is_put_together_again
    a_record_takes_the_place_of_another
    an_erased_content_is_gone
    a_content_that_is_written_again_is_kept
    what_is_done_to_a_chain_is_seen_by_its_end
}

async fn a_commit_is_read_back_by_the_next_process(state: Place) {
    let store = state.open().await;
    fill(&store, "shop", 1..=3).await;
    let (id, key) = (store.installation().to_owned(), store.key().clone());
    drop(store);

    let store = state.open().await;
    assert_eq!(store.notes(), [""; 0]);
    assert_eq!((store.installation(), store.key()), (id.as_str(), &key));
    assert_eq!(store.apps().await.unwrap(), [app("shop")]);
    assert_eq!(store.record(&app("shop")).await.unwrap(), record(3));
    assert_eq!(messages(&store, "shop").await, ["applied 3", "applied 2", "applied 1"]);
    let digest = Digest::of(&2_u64.to_be_bytes());
    assert_eq!(store.contents(&[digest]).await.unwrap()[&digest], 2_u64.to_be_bytes());
}

async fn an_app_that_was_never_seen_has_an_empty_record(state: Place) {
    let store = state.open().await;
    assert_eq!(store.record(&app("new")).await.unwrap(), Record::default());
}

async fn a_freeze_is_read_back_until_it_is_let_go(state: Place) {
    let store = state.open().await;
    assert_eq!(store.freeze().await.unwrap(), None);
    let freeze = Freeze {
        since: Timestamp::UNIX_EPOCH,
        until: None,
        by: "ann".to_owned(),
        why: "a fire".to_owned(),
    };
    store.set_freeze(Some(freeze.clone())).await.unwrap();
    drop(store);
    let store = state.open().await;
    assert_eq!(store.freeze().await.unwrap(), Some(freeze));
    store.set_freeze(None).await.unwrap();
    assert_eq!(store.freeze().await.unwrap(), None);
}

async fn chains_are_an_apps_own_and_go_on_after_it_was_removed(state: Place) {
    let store = state.open().await;
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

async fn commits_of_many_apps_at_once_are_all_there(state: Place) {
    let store = state.open().await;
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
    let store = state.open().await;
    assert_eq!(store.apps().await.unwrap().len(), 40);
    for name in store.apps().await.unwrap() {
        assert_eq!(number(&store.record(&name).await.unwrap()), 3);
        assert_eq!(store.verify(&name).await.unwrap().fault, None);
    }
}

async fn another_process_may_read_but_not_hold(state: Place) {
    let store = state.open().await;
    fill(&store, "shop", 1..=1).await;

    let refusal = state.try_open().await.err().unwrap().to_string();
    assert!(refusal.contains(&format!("in use by process {}", std::process::id())), "{refusal}");

    let reader = state.open_read_only().await.unwrap();
    assert_eq!(reader.installation(), store.installation());
    assert_eq!(number(&reader.record(&app("shop")).await.unwrap()), 1);
    fill(&store, "shop", 2..=2).await;
    assert_eq!(number(&reader.record(&app("shop")).await.unwrap()), 2);
    assert!(reader.commit(&app("shop"), Commit::default()).await.unwrap_err().permanent);
}

async fn a_folder_without_state_cannot_be_read(state: Place) {
    let refusal = state.open_read_only().await.err().unwrap().to_string();
    assert!(refusal.contains("nothing has run with it yet"), "{refusal}");
}

async fn what_a_record_or_one_of_the_last_states_names_is_kept(state: Place) {
    let store = state.open().await;
    for n in 1..=9 {
        store.commit(&app("shop"), crate::retention::state_commit(n, &[2])).await.unwrap();
    }
    let swept = store.sweep(3).await.unwrap();
    assert_eq!((swept.looked_at, swept.removed), (9, 5));
    let all: Vec<Digest> = (1..=9_u64).map(|n| Digest::of(&n.to_be_bytes().repeat(40))).collect();
    let kept = store.contents(&all).await.unwrap();
    let numbers: Vec<usize> = (1..=9).filter(|n| kept.contains_key(&all[*n - 1])).collect();
    assert_eq!(numbers, [2, 7, 8, 9]);
    assert_eq!(store.sweep(3).await.unwrap().removed, 0);
    assert_eq!(store.verify(&app("shop")).await.unwrap().fault, None);
}

async fn what_sets_hold_is_put_together_again(state: Place) {
    let (old, new) = (crate::remembers::set("old", 50), crate::remembers::set("new", 50));
    let expected = Record {
        applied: Some(new.clone()),
        healthy: Some(new),
        healthy_before: vec![old.clone(), crate::remembers::set("empty", 0), old],
        ..record(1)
    };
    let store = state.open().await;
    let commit = Commit { record: expected.clone(), ..Commit::default() };
    store.commit(&app("shop"), commit).await.unwrap();
    assert_eq!(store.record(&app("shop")).await.unwrap(), expected);
}

async fn a_record_takes_the_place_of_another(state: Place) {
    let store = state.open().await;
    store.commit(&app("old"), commit(&app("old"), 1)).await.unwrap();
    let renamed = Commit { replaces: Some(app("old")), ..commit(&app("new"), 2) };
    store.commit(&app("new"), renamed).await.unwrap();
    assert_eq!(store.apps().await.unwrap(), [app("new")]);
    assert_eq!(number(&store.record(&app("new")).await.unwrap()), 2);
    assert_eq!(store.record(&app("old")).await.unwrap(), Record::default());
    for name in ["old", "new"] {
        assert_eq!(store.verify(&app(name)).await.unwrap().fault, None, "{name}");
    }
}

async fn an_erased_content_is_gone(state: Place) {
    let store = state.open().await;
    let secret = b"once was here".to_vec();
    let commit = Commit { contents: vec![content(&secret, true)], ..commit(&app("shop"), 1) };
    store.commit(&app("shop"), commit).await.unwrap();
    let digest = Digest::of(&secret);
    assert_eq!(store.contents(&[digest]).await.unwrap()[&digest], secret);
    assert!(store.erase(digest).await.unwrap());
    assert!(!store.erase(digest).await.unwrap());
    assert!(store.contents(&[digest]).await.unwrap().is_empty());
    assert_eq!(store.verify(&app("shop")).await.unwrap().fault, None);
}

async fn a_content_that_is_written_again_is_kept(state: Place) {
    let store = state.open().await;
    let twice = vec![content(b"twice", false), content(b"twice", false), content(b"once", false)];
    for n in 1..=2 {
        let commit = Commit { contents: twice.clone(), ..commit(&app("shop"), n) };
        store.commit(&app("shop"), commit).await.unwrap();
    }
    let digest = Digest::of(b"twice");
    assert_eq!(store.contents(&[digest]).await.unwrap()[&digest], b"twice");
}

async fn what_is_done_to_a_chain_is_seen_by_its_end(state: Place) {
    let store = state.open().await;
    fill(&store, "a", 1..=70).await;
    let report = store.verify(&app("a")).await.unwrap();
    assert_eq!((report.entries, report.checkpoints, report.fault), (70, 1, None));
    state.execute("DELETE FROM ledger WHERE seq > 68").await;
    let fault = store.verify(&app("a")).await.unwrap().fault;
    assert_eq!(fault, Some(ChainFault::CutOff { found: 68, known: 70 }));
    state.execute("UPDATE checkpoint SET seal = head_hash FROM app").await;
    let fault = store.verify(&app("a")).await.unwrap().fault;
    assert_eq!(fault, Some(ChainFault::Rewritten { seq: 64 }));
}
