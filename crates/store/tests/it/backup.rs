//! A whole installation in one file, and back.

use std::os::unix::fs::PermissionsExt;

use trueup_store::{BackupKey, restore};

use super::*;

async fn filled(state: &State) -> SqliteStore {
    let store = state.open();
    fill(&store, "a", 1..=3).await;
    fill(&store, "b", 1..=1).await;
    store.remove(&app("b")).await.unwrap();
    let secret = Commit { contents: vec![content(b"secret", true)], ..commit(&app("c"), 1) };
    store.commit(&app("c"), secret).await.unwrap();
    store
}

#[tokio::test]
async fn everything_comes_back_and_waits_to_be_accepted() {
    let (old, new) = (State::new(), State::new());
    let store = filled(&old).await;
    let file = old.path("backup");
    store.backup(&file, BackupKey::Included).await.unwrap();
    store.backup(&file, BackupKey::Included).await.unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let (id, key) = (store.installation().to_owned(), store.key().clone());
    drop(store);

    restore(&file, new.folder.path()).unwrap();
    let bytes = std::fs::read(new.path("state.db")).unwrap();
    let digits = hex::encode(key.expose());
    assert!(!bytes.windows(64).any(|window| window == digits.as_bytes()));
    let store = new.open();
    assert_eq!((store.installation(), store.key()), (id.as_str(), &key));
    assert_eq!(store.apps().await.unwrap(), [app("a"), app("c")]);
    assert_eq!(store.record(&app("a")).await.unwrap(), Record { careful: true, ..record(3) });
    assert!(store.record(&app("b")).await.unwrap().careful);
    let secret = Digest::of(b"secret");
    assert_eq!(store.contents(&[secret]).await.unwrap()[&secret], b"secret");
    assert!(messages(&store, "a").await[0].contains("restored from a backup"));
    assert_eq!(store.verify(&app("a")).await.unwrap().fault, None);
    fill(&store, "a", 4..=4).await;
    assert!(!store.record(&app("a")).await.unwrap().careful);
    assert_eq!(store.verify(&app("a")).await.unwrap().fault, None);
}

#[tokio::test]
async fn a_backup_without_the_key_needs_it() {
    let (old, new) = (State::new(), State::new());
    let store = filled(&old).await;
    let file = old.path("backup");
    store.backup(&file, BackupKey::LeftOut).await.unwrap();
    let refused = restore(&file, new.folder.path()).unwrap_err().to_string();
    assert!(refused.contains("installation.key is missing"), "{refused}");
    std::fs::copy(old.path("installation.key"), new.path("installation.key")).unwrap();
    restore(&file, new.folder.path()).unwrap();
    assert_eq!(new.open().apps().await.unwrap().len(), 2);
}

#[tokio::test]
async fn nothing_is_overwritten_and_nothing_else_is_taken_for_a_backup() {
    let (old, new) = (State::new(), State::new());
    let store = filled(&old).await;
    let file = old.path("backup");
    store.backup(&file, BackupKey::Included).await.unwrap();
    drop(store);
    let check = |file: &std::path::Path, folder: &State, expected: &str| {
        let refused = restore(file, folder.folder.path()).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    };
    check(&file, &old, "exists already");
    check(&old.path("state.db"), &new, "is not a backup");
    check(&old.path("records.log"), &new, "is not a backup");
    check(&old.path("none"), &new, "could not be read");
    drop(new.open());
    new.remove_database();
    new.remove("records.log");
    check(&file, &new, "installation.key exists already");
}
