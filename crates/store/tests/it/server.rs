//! What is PostgreSQL's own: whose database it is, and connections that are lost.

use super::*;
use crate::place::Place;

#[tokio::test]
async fn a_database_belongs_to_one_key() {
    let Some(place) = Place::in_postgres().await else { return };
    let store = place.open().await;
    fill(&store, "shop", 1..=1).await;
    let other = place.beside();
    let refusal = other.try_open().await.err().unwrap().to_string();
    assert!(refusal.contains("installation.key is missing"), "{refusal}");
    std::fs::write(other.folder().join("installation.key"), "ab".repeat(32)).unwrap();
    let refusal = other.try_open().await.err().unwrap().to_string();
    assert!(refusal.contains("is not the key of the installation"), "{refusal}");
    // With the key, two controllers share one ledger.
    let key = place.folder().join("installation.key");
    std::fs::copy(key, other.folder().join("installation.key")).unwrap();
    let second = other.open().await;
    assert_eq!(second.installation(), store.installation());
    let (one, two) = (fill(&store, "a", 1..=20), fill(&second, "b", 1..=20));
    tokio::join!(one, two);
    for name in ["a", "b"] {
        assert_eq!(number(&store.record(&app(name)).await.unwrap()), 20);
        assert_eq!(second.verify(&app(name)).await.unwrap().fault, None);
    }
}

#[tokio::test]
async fn a_new_database_for_an_old_key_is_careful() {
    let Some(place) = Place::in_postgres().await else { return };
    std::fs::write(place.folder().join("installation.key"), "ab".repeat(32)).unwrap();
    let store = place.open().await;
    assert!(store.notes()[0].contains("nothing is applied until"), "{:?}", store.notes());
    assert!(store.record(&app("shop")).await.unwrap().careful);
    fill(&store, "shop", 1..=1).await;
    assert!(!store.record(&app("shop")).await.unwrap().careful);
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_name() {
    let Some(place) = Place::in_postgres().await else { return };
    drop(place.open().await);
    let newer = "UPDATE meta SET value = '99' WHERE name = 'schema';
        UPDATE meta SET value = '7.0.0' WHERE name = 'written-by'";
    place.execute(newer).await;
    let refusal = place.try_open().await.err().unwrap().to_string();
    assert!(refusal.contains("written by TrueUp 7.0.0 (schema 99)"), "{refusal}");
}

#[tokio::test]
async fn a_connection_that_was_lost_is_made_again() {
    let Some(place) = Place::in_postgres().await else { return };
    let store = place.open().await;
    fill(&store, "shop", 1..=1).await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'trueup'";
    place.execute(end).await;
    // The first to meet the dead connection is told so; the next one has another.
    let _ = store.record(&app("shop")).await;
    fill(&store, "shop", 2..=2).await;
    assert_eq!(number(&store.record(&app("shop")).await.unwrap()), 2);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://trueup:s3cret@127.0.0.1:1/ledger";
    let at = trueup_store::LedgerUrl { url: url.to_owned(), password: None };
    let refused = trueup_store::StateStore::open(folder.path(), Some(&at)).await.err().unwrap();
    let said = trueup_model::ports::PortError::from(refused);
    assert!(
        said.message.contains("postgres://trueup@127.0.0.1/ledger could not be reached"),
        "{said:?}"
    );
    assert!(!said.message.contains("s3cret"), "{said:?}");
}
