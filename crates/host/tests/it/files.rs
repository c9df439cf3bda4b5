//! `File`.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::json;
use trueup_model::Resource;
use trueup_model::observed::{Owner, Prediction, Presence};

use crate::world::{World, declare, failure};

fn file(name: &str, content: &str) -> Resource {
    declare("File", name, json!({"path": format!("etc/{name}.txt"), "content": content}))
}

#[tokio::test]
async fn files_are_written_changed_and_removed() {
    let mut world = World::new();
    let first = [file("a", "one"), file("b", "two")];
    world.apply(&first).await;
    assert_eq!((world.read("etc/a.txt"), world.read("etc/b.txt")), ("one".into(), "two".into()));
    assert_eq!(world.round(&first).await, []);
    let second = [file("a", "new")];
    assert_eq!(world.apply(&second).await.len(), 2);
    assert_eq!(world.read("etc/a.txt"), "new");
    assert!(!world.own().join("etc/b.txt").exists());
    world.apply(&[]).await;
    assert!(!world.own().join("etc").exists(), "folders that were made for files go with them");
}

#[tokio::test]
async fn drift_is_shown_field_by_field_and_healed() {
    let mut world = World::new();
    let spec = json!({"path": "a.txt", "content": "right", "mode": "640"});
    let desired = [declare("File", "a", spec)];
    world.apply(&desired).await;
    let path = world.own().join("a.txt");
    std::fs::write(&path, "wrong").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let seen = world.look(&desired, 0).await;
    assert_eq!((seen.synced, &seen.owner), (None, &Owner::Ours));
    let live = seen.live.unwrap();
    assert_eq!(
        (&live["spec"]["content"], &live["spec"]["mode"]),
        (&json!("wrong"), &json!("0600"))
    );
    let Some(Prediction::Exact(predicted)) = seen.prediction else { panic!("a file is exact") };
    assert_eq!(predicted["spec"]["mode"], json!("0640"));
    world.apply(&desired).await;
    assert_eq!(world.read("a.txt"), "right");
    assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o640);
}

#[tokio::test]
async fn what_is_not_ours_is_refused_or_adopted_and_put_back() {
    let mut world = World::new();
    std::fs::create_dir_all(world.own()).unwrap();
    let path = world.own().join("a.txt");
    std::fs::write(&path, "theirs").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o604)).unwrap();
    let plain = [declare("File", "a", json!({"path": "a.txt", "content": "ours"}))];
    let seen = world.look(&plain, 0).await;
    assert_eq!((&seen.presence, &seen.owner), (&Presence::Present, &Owner::Nobody));
    let Some(Prediction::Refused { message, permanent: true }) = seen.prediction else {
        panic!("it is not ours")
    };
    assert!(message.contains("adopt: true") && message.contains("a.txt"), "{message}");
    assert_eq!(world.round(&plain).await, []);
    let adopting =
        [declare("File", "a", json!({"path": "a.txt", "content": "ours", "adopt": true}))];
    world.apply(&adopting).await;
    assert_eq!(world.read("a.txt"), "ours");
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o604, "the mode is kept");
    let again =
        [declare("File", "a", json!({"path": "a.txt", "content": "ours too", "adopt": true}))];
    world.apply(&again).await;
    world.apply(&[]).await;
    assert_eq!(world.read("a.txt"), "theirs");
}

#[tokio::test]
async fn a_file_that_does_not_validate_changes_nothing() {
    let mut world = World::new();
    let declared = |content: &str| {
        let check = ["/bin/sh", "-c", "echo checking $0 >&2; grep -q good $0", "{}"];
        [declare("File", "a", json!({"path": "a.conf", "content": content, "validate": check}))]
    };
    world.apply(&declared("good")).await;
    let events = world.round(&declared("bad")).await;
    let message = failure(&events[0]);
    assert!(message.contains("/bin/sh") && message.contains("a.conf"), "{message}");
    assert_eq!(world.read("a.conf"), "good");
    let names = std::fs::read_dir(world.own()).unwrap().count();
    assert_eq!(names, 1, "nothing half-written is left");
}

#[tokio::test]
async fn what_appears_after_the_plan_is_not_overwritten() {
    let mut world = World::new();
    let desired = [declare("File", "a", json!({"path": "a.txt", "content": "ours"}))];
    // The look says it is absent; then somebody is quicker.
    world.look(&desired, 0).await;
    std::fs::create_dir_all(world.own()).unwrap();
    std::fs::write(world.own().join("a.txt"), "theirs").unwrap();
    let create = crate::converge::action(
        desired[0].id.clone(),
        trueup_model::Verb::Create,
        Some(std::sync::Arc::new(desired[0].clone())),
        trueup_model::Precondition::Absent,
    );
    let context = crate::converge::context(crate::world::APP);
    let events =
        trueup_model::Target::execute(&world.target, &context, std::slice::from_ref(&create)).await;
    assert!(failure(&events[0]).contains("appeared"), "{events:?}");
    assert_eq!(world.read("a.txt"), "theirs");
    assert_eq!(world.round(&desired).await, []);
}

#[tokio::test]
async fn paths_outside_and_through_links_are_refused() {
    let mut world = World::new();
    let outside = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(world.own()).unwrap();
    std::os::unix::fs::symlink(outside.path(), world.own().join("link")).unwrap();
    let there = outside.path().join("x").to_string_lossy().into_owned();
    for path in ["/etc/trueup-test", "../x", "link/x", there.as_str()] {
        let desired = [declare("File", "a", json!({"path": path, "content": "x"}))];
        let seen = world.look(&desired, 0).await;
        assert!(
            matches!(&seen.prediction, Some(Prediction::Refused { permanent: true, .. })),
            "{path}: {seen:?}"
        );
        assert_eq!(world.round(&desired).await, []);
    }
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn secrets_are_named_and_born_private() {
    let mut world = World::new();
    std::fs::create_dir_all(world.own()).unwrap();
    std::fs::write(world.own().join("source"), "hush\n").unwrap();
    let from = json!({"path": "token", "contentFrom": {"valueFrom": {"file": "source"}}});
    let desired = [declare("File", "token", from)];
    let before = world.look(&desired, 0).await;
    assert!(!format!("{before:?}").contains("hush"));
    world.apply(&desired).await;
    assert_eq!(world.read("token"), "hush");
    assert_eq!(world.own().join("token").metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(world.round(&desired).await, []);
    std::fs::write(world.own().join("source"), "other\n").unwrap();
    let seen = world.look(&desired, 0).await;
    assert!(seen.synced.is_none() && !format!("{seen:?}").contains("hush"), "{seen:?}");
    assert!(format!("{seen:?}").contains("secret:"));
    world.apply(&desired).await;
    assert_eq!(world.read("token"), "other");
}
