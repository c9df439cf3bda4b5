//! Units of systemd, as far as they can be seen without it: a stand-in for `systemd-run` notes what
//! it was asked for and starts it.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use trueup_host::Units;

use crate::world::{World, declare};

/// A world whose units are started by a script; what it was asked for is in `asked`.
fn world_with(script: &str) -> World {
    let mut program = None;
    let world = World::with(|config| {
        let path = config.state_dir.with_file_name("systemd-run");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        config.units = Some(Units { program: path.clone(), user: false });
        program = Some(path);
    });
    assert!(program.is_some_and(|path| path.exists()));
    world
}

#[tokio::test]
async fn a_process_is_a_unit_where_systemd_starts_it() {
    let stand_in = "#!/bin/sh
        printf '%s\n' \"$@\" > \"${0%/*}/asked\"
        while [ \"$1\" != -- ]; do shift; done; shift
        exec \"$@\"";
    let mut world = world_with(stand_in);
    let spec = json!({
        "command": ["/bin/sleep", "1000"],
        "env": [{"name": "TOKEN", "value": "s3cret"}],
        "limits": {"memory": "64Mi"},
    });
    let desired = [declare("Process", "web", spec)];
    world.apply(&desired).await;
    world.wait_healthy(&desired, 0).await;
    let asked = std::fs::read_to_string(world.folder.path().join("asked")).unwrap();
    for words in [
        "--unit=trueup-shop-Process-web-",
        "--description=TrueUp: Process/web of shop",
        "--property=MemoryMax=67108864",
        "--property=KillMode=mixed",
        "--collect",
    ] {
        assert!(asked.contains(words), "{words} is missing in:\n{asked}");
    }
    assert!(!asked.contains("s3cret"), "what is launched goes through a pipe");
    world.end().await;
}

#[tokio::test]
async fn a_systemd_that_starts_nothing_keeps_no_process_from_running() {
    let mut world = world_with("#!/bin/sh\nexit 1\n");
    let desired = [declare("Process", "web", json!({"command": ["/bin/sleep", "1000"]}))];
    world.apply(&desired).await;
    world.wait_healthy(&desired, 0).await;
    world.end().await;
}
