//! Crashes: the controller is killed at a point of an apply. The next look must say what is, and the
//! next apply must end where an undisturbed one would have.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use trueup_host::HostTarget;
use trueup_model::Resource;

use crate::converge::Kept;
use crate::world::{APP, World, config, declare, driver};

fn declared(text: &str) -> Vec<Resource> {
    vec![
        declare("File", "a", json!({"path": "etc/a", "content": text})),
        declare("File", "theirs", json!({"path": "theirs", "content": text, "adopt": true})),
        declare(
            "Task",
            "count",
            json!({
                "command": ["/bin/sh", "-c", format!("echo {text} >> ran")],
                "uses": ["File/a"],
            }),
        ),
        declare(
            "Process",
            "web",
            json!({
                "command": ["/bin/sh", "-c", "cat etc/a > seen; exec sleep 1000"],
                "uses": ["File/a"],
            }),
        ),
    ]
}

/// Applies in a process of its own, which is killed at a fault point.
fn apply_until(state: &Path, documents: &[Resource], fault: &str) {
    let file = state.with_extension("json");
    let bodies: Vec<&Value> = documents.iter().map(|resource| &resource.body).collect();
    std::fs::write(&file, serde_json::to_vec(&bodies).unwrap()).unwrap();
    let status = Command::new(driver())
        .args(["apply".as_ref(), state.as_os_str(), APP.as_ref(), file.as_os_str()])
        .env("FAULT", fault)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(9),
        "{fault}: {status}"
    );
}

/// The inventory as the engine would have written it ahead.
fn written_ahead(documents: &[Resource], known: Kept) -> Kept {
    let mut kept = known;
    for resource in documents {
        let item = trueup_model::record::InventoryItem {
            api_version: resource.api_version.clone(),
            uid: String::new(),
            content: Some(resource.digest),
            intended: true,
            keep: false,
            stage: 0,
            hook: false,
        };
        kept.inventory.entry(resource.id.clone()).or_insert(item);
    }
    kept
}

async fn check(fault: &str, first: bool) {
    let mut world = World::new();
    std::fs::create_dir_all(world.own()).unwrap();
    std::fs::write(world.own().join("theirs"), "original").unwrap();
    let state = world.folder.path().join("state");
    if !first {
        world.apply(&declared("one")).await;
        world.wait_healthy(&declared("one"), 3).await;
    }
    let text = if first { "one" } else { "two" };
    apply_until(&state, &declared(text), fault);
    world.target = HostTarget::open(config(&state)).unwrap();
    world.kept = written_ahead(&declared(text), std::mem::take(&mut world.kept));
    for path in ["etc/a", "theirs"] {
        let content = world.read(path);
        let whole = ["one", "two", "original"].contains(&content.as_str());
        assert!(whole || content.contains("No such file"), "{fault}: {path} is {content:?}");
    }
    world.apply(&declared(text)).await;
    world.wait_healthy(&declared(text), 3).await;
    assert_eq!(world.round(&declared(text)).await, [], "{fault}");
    assert_eq!((world.read("etc/a"), world.read("seen")), (text.into(), text.into()), "{fault}");
    let runs = world.read("ran").lines().filter(|line| *line == text).count();
    assert_eq!(runs, 1, "{fault}: the task ran once for this content");
    assert_eq!(hidden_files(&world.own()), Vec::<String>::new(), "{fault}");
    world.apply(&[]).await;
    assert_eq!(world.read("theirs"), "original", "{fault}");
    world.end().await;
}

fn hidden_files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with('.')).collect()
}

#[tokio::test]
async fn of_a_first_apply() {
    for fault in ["intended", "written", "noted", "stopped", "started"] {
        check(fault, true).await;
    }
}

#[tokio::test]
async fn of_a_change() {
    for fault in ["intended", "written", "noted", "stopped", "started"] {
        check(fault, false).await;
    }
}

#[tokio::test]
async fn a_copied_state_folder_is_refused_by_name() {
    let mut world = World::new();
    world.apply(&declared("one")[..1]).await;
    let (from, to) = (world.folder.path().join("state"), world.folder.path().join("copy"));
    let copied = Command::new("cp").arg("-a").args([&from, &to]).status().unwrap();
    assert!(copied.success());
    let error = HostTarget::open(config(&to)).err().map(|error| error.message).unwrap();
    assert!(error.contains("copied or moved") && error.contains("copy"), "{error}");
    let mut accepting = config(&to);
    accepting.accept_identity = true;
    assert!(HostTarget::open(accepting).is_ok());
    assert!(HostTarget::open(config(&to)).is_ok());
}

#[tokio::test]
async fn a_full_disk_leaves_what_was_there() {
    let mut world = World::new();
    let small = [declare("File", "a", json!({"path": "a", "content": "small\n"}))];
    world.apply(&small).await;
    // A limit of 8 KiB for each file stands in for a disk that is full.
    let large = [declare("File", "a", json!({"path": "a", "content": "x".repeat(100_000)}))];
    let state = world.folder.path().join("state");
    let file = world.folder.path().join("large.json");
    let bodies: Vec<&Value> = large.iter().map(|resource| &resource.body).collect();
    std::fs::write(&file, serde_json::to_vec(&bodies).unwrap()).unwrap();
    let script = "trap '' XFSZ; ulimit -f 16; exec \"$0\" apply \"$1\" shop \"$2\"";
    let output = Command::new("/bin/sh")
        .args([
            "-c".as_ref(),
            script.as_ref(),
            driver().as_os_str(),
            state.as_os_str(),
            file.as_os_str(),
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("cannot write") && said.contains("apps/shop/a"), "{said}");
    assert_eq!(world.read("a"), "small\n");
    assert_eq!(hidden_files(&world.own()), Vec::<String>::new());
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    if rustix::process::geteuid().is_root() {
        // Nothing is unwritable for root but what is mounted so.
        return;
    }
    let mut world = World::new();
    std::fs::create_dir_all(world.own().join("locked")).unwrap();
    let locked = world.own().join("locked");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).unwrap();
    let desired = [declare("File", "a", json!({"path": "locked/a", "content": "x"}))];
    let events = world.round(&desired).await;
    let message = crate::world::failure(&events[0]);
    assert!(message.contains("locked/a") && message.contains("permission"), "{message}");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o700)).unwrap();
}

/// Applies one file, or looks at it, in namespaces of its own, after a script prepared them. `None` where this
/// machine gives nobody such.
fn in_namespaces(verb: &str, prepare: &str, world: &World, resource: &Resource) -> Option<String> {
    let (folder, state) = (world.folder.path(), world.folder.path().join("state"));
    let file = folder.join("desired.json");
    std::fs::write(&file, serde_json::to_vec(&[&resource.body]).unwrap()).unwrap();
    let script = format!("set -e; {prepare}; exec \"$0\" {verb} \"$1\" shop \"$2\"");
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
        .arg(driver())
        .args([&state, &file])
        .current_dir(folder)
        .output()
        .ok()?;
    let refused = String::from_utf8_lossy(&output.stderr).into_owned();
    if refused.contains("unshare:") || refused.contains("mount:") {
        eprintln!("not tested: it needs namespaces ({})", refused.trim());
        return None;
    }
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn a_mount_point_is_not_replaced() {
    let mut world = World::new();
    let small = declare("File", "a", json!({"path": "a", "content": "small\n"}));
    world.apply(std::slice::from_ref(&small)).await;
    let changed = declare("File", "a", json!({"path": "a", "content": "changed\n"}));
    let prepare = "echo other > other; mount --bind other state/apps/shop/a";
    let Some(said) = in_namespaces("look", prepare, &world, &changed) else { return };
    assert!(said.contains("is a mount point"), "{said}");
    assert_eq!(world.read("a"), "small\n");
}

#[tokio::test]
async fn a_disk_without_room_leaves_what_was_there() {
    let mut world = World::new();
    let small = declare("File", "a", json!({"path": "full/a", "content": "small\n"}));
    world.apply(std::slice::from_ref(&small)).await;
    let large = "x".repeat(1 << 20);
    let large = declare("File", "a", json!({"path": "full/a", "content": large}));
    // The folder of the file is a disk of its own, with a copy of it and 64 KiB more.
    let prepare = "cp -a state/apps/shop/full copy; \
        mount -t tmpfs -o size=128k none state/apps/shop/full; \
        cp -a copy/a state/apps/shop/full/a; \
        head -c 65536 /dev/zero > state/apps/shop/full/ballast";
    let Some(said) = in_namespaces("apply", prepare, &world, &large) else { return };
    assert!(said.contains("full/a") && said.contains("free some space"), "{said}");
}
