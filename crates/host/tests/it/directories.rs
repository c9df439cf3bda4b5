//! `Directory`.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use futures::StreamExt;
use serde_json::{Value, json};
use trueup_model::observed::Prediction;
use trueup_model::tree::{EntryKind, MemoryTree, Tree};
use trueup_model::{HealthStatus, Payload, Resource, Target};

use crate::world::{DEADLINE, World, declare, failure};

/// A `Directory` with these files, as admission makes it.
fn directory(path: &str, files: &[(&str, &str)], more: Value) -> Resource {
    let mut tree = MemoryTree::new();
    for (name, content) in files {
        let kind = match name.ends_with(".sh") {
            true => EntryKind::File { executable: true },
            false => EntryKind::File { executable: false },
        };
        tree.insert_as(format!("site/{name}"), kind, content.as_bytes());
    }
    tree.insert_as("site/link", EntryKind::Symlink, b"index.html");
    with_tree(path, tree, more)
}

fn with_tree(path: &str, tree: MemoryTree, more: Value) -> Resource {
    let digest = tree.entry("site").unwrap().unwrap().id;
    let mut spec = json!({"path": path, "from": "./site", "digest": digest.to_string()});
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let mut resource = declare("Directory", "site", spec);
    resource.payload = Some(Payload { digest, tree: Arc::new(tree), path: "site".to_owned() });
    resource
}

pub fn site(text: &str) -> Resource {
    directory("site", &[("index.html", text), ("bin/run.sh", "#!/bin/sh\n")], json!({}))
}

#[tokio::test]
async fn a_folder_is_released_and_switched() {
    let mut world = World::new();
    world.apply(&[site("one")]).await;
    assert_eq!(world.read("site/index.html"), "one");
    assert_eq!(world.read("site/link"), "one");
    assert_eq!(world.own().join("site/bin/run.sh").metadata().unwrap().mode() & 0o777, 0o755);
    let first = world.own().join("site").canonicalize().unwrap();
    assert_eq!(world.round(&[site("one")]).await, []);
    world.apply(&[site("two")]).await;
    assert_eq!(world.read("site/index.html"), "two");
    assert_eq!(std::fs::read_to_string(first.join("index.html")).unwrap(), "one");
    world.apply(&[site("one")]).await;
    assert_eq!(world.own().join("site").canonicalize().unwrap(), first);
    world.apply(&[]).await;
    assert!(!world.own().join("site").exists() && !first.exists());
}

#[tokio::test]
async fn going_back_needs_no_tree() {
    let mut world = World::new();
    world.apply(&[site("one")]).await;
    world.apply(&[site("two")]).await;
    let without_tree = Resource { payload: None, ..site("one") };
    world.apply(&[without_tree]).await;
    assert_eq!(world.read("site/index.html"), "one");
    let never_released = Resource { payload: None, ..site("three") };
    let events = world.round(&[never_released]).await;
    assert!(failure(&events[0]).contains("not on this machine"), "{events:?}");
    assert_eq!(world.read("site/index.html"), "one");
}

#[tokio::test]
async fn old_releases_go_and_those_in_use_stay() {
    let mut world = World::new();
    let version = |n: usize| {
        let files = [("index.html", n.to_string())];
        let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (*a, b.as_str())).collect();
        directory("site", &files, json!({"keep": 2}))
    };
    let process = declare(
        "Process",
        "web",
        json!({"command": ["/bin/sleep", "1000"], "workingDirectory": "site"}),
    );
    world.apply(&[version(0), process.clone()]).await;
    let used = world.own().join("site").canonicalize().unwrap();
    for n in 1..6 {
        world.apply(&[version(n), process.clone()]).await;
    }
    let releases = || {
        let folder = used.parent().unwrap();
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        entries.filter(|entry| entry.path().is_dir()).count()
    };
    assert!(used.exists(), "a process runs from it");
    assert_eq!(releases(), 3);
    world.apply(&[version(6)]).await;
    world.apply(&[version(7)]).await;
    assert!(!used.exists());
    assert_eq!(releases(), 2);
    world.end().await;
}

#[tokio::test]
async fn changes_by_hand_are_named_and_healed() {
    let mut world = World::new();
    let desired = [site("one")];
    world.apply(&desired).await;
    assert_eq!(world.round(&desired).await, []);
    let mut changes = world.target.changes();
    std::fs::write(world.own().join("site/cache.tmp"), "a process may write here").unwrap();
    std::fs::write(world.own().join("site/index.html"), "hacked").unwrap();
    let told = tokio::time::timeout(DEADLINE, changes.next()).await.unwrap().unwrap();
    assert_eq!(told.id, Some(desired[0].id.clone()));
    let seen = world.look(&desired, 0).await;
    assert_eq!(seen.health.status, HealthStatus::Degraded);
    let live = seen.live.unwrap()["spec"]["digest"].to_string();
    assert!(live.contains("changed by hand: index.html"), "{live}");
    world.apply(&desired).await;
    assert_eq!(world.read("site/index.html"), "one");
    assert_eq!(world.read("site/cache.tmp"), "a process may write here");
}

#[tokio::test]
async fn shared_paths_outlive_releases() {
    let mut world = World::new();
    let version = |text: &str| {
        let files = [("index.html", text), ("uploads/readme", "first")];
        directory("site", &files, json!({"keepPaths": ["uploads", "cache/deep"]}))
    };
    world.apply(&[version("one")]).await;
    assert_eq!(world.read("site/uploads/readme"), "first");
    std::fs::write(world.own().join("site/uploads/cat.png"), "meow").unwrap();
    std::fs::write(world.own().join("site/cache/deep/x"), "x").unwrap();
    world.apply(&[version("two")]).await;
    assert_eq!(world.read("site/uploads/cat.png"), "meow");
    assert_eq!(world.read("site/cache/deep/x"), "x");
    assert_eq!(world.round(&[version("two")]).await, []);
    let events = world.apply(&[]).await;
    assert!(format!("{events:?}").contains("keepPaths"), "{events:?}");
}

#[tokio::test]
async fn foreign_folders_are_refused_or_kept_and_put_back() {
    let mut world = World::new();
    std::fs::create_dir_all(world.own().join("site")).unwrap();
    std::fs::write(world.own().join("site/theirs"), "x").unwrap();
    let seen = world.look(&[site("one")], 0).await;
    let Some(Prediction::Refused { message, permanent: true }) = seen.prediction else {
        panic!("it is not ours: {seen:?}")
    };
    assert!(message.contains("site is a folder"), "{message}");
    assert_eq!(world.round(&[site("one")]).await, []);
    let adopting = directory("site", &[("index.html", "one")], json!({"adopt": true}));
    world.apply(&[adopting]).await;
    assert_eq!(world.read("site/index.html"), "one");
    world.apply(&[]).await;
    assert_eq!(world.read("site/theirs"), "x");
}

#[tokio::test]
async fn hostile_trees_are_refused() {
    let mut world = World::new();
    let mut out = MemoryTree::new();
    out.insert_as("site/a/out", EntryKind::Symlink, b"../../x");
    let mut absolute = MemoryTree::new();
    absolute.insert_as("site/out", EntryKind::Symlink, b"/etc");
    let mut submodule = MemoryTree::new();
    submodule.insert_as("site/sub", EntryKind::Submodule, b"");
    for tree in [out, absolute, submodule] {
        let events = world.round(&[with_tree("site", tree, json!({}))]).await;
        failure(&events[0]);
        assert!(!world.own().join("site").exists());
    }
    for path in ["../x", "/x", "a/../b", ""] {
        let kept = directory("site", &[("a", "b")], json!({"keepPaths": [path]}));
        let seen = world.look(&[kept], 0).await;
        assert!(matches!(seen.prediction, Some(Prediction::Refused { .. })), "{path}");
    }
}
