//! An app is called otherwise.

use serde_json::json;
use trueup_model::{AppName, Target};

use crate::directories::site;
use crate::world::{APP, World, declare};

#[tokio::test]
async fn what_an_app_has_moves_and_what_runs_goes_on() {
    let mut world = World::new();
    let script = "echo up; while :; do sleep 1; done";
    let more = json!({"command": ["/bin/sh", "-c", script], "workingDirectory": "site"});
    let desired = [
        declare("File", "greeting", json!({"path": "greeting.txt", "content": "hello"})),
        site("one"),
        declare("Process", "web", more),
    ];
    world.apply(&desired).await;
    world.wait_healthy(&desired, 2).await;
    let main = world.report("Process", "web").await.status.main.expect("it runs");

    let (from, to) = (AppName::new(APP).unwrap(), AppName::new("store").unwrap());
    for _ in 0..2 {
        world.target.rename(&from, &to).await.unwrap();
    }
    let events = world.kept.round(&world.target, "store", &desired).await;
    assert_eq!(events, [], "everything is as it was");
    assert!(main.runs());
    let own = world.own().with_file_name("store");
    assert_eq!(std::fs::read_to_string(own.join("greeting.txt")).unwrap(), "hello");
    assert_eq!(std::fs::read_to_string(own.join("site/index.html")).unwrap(), "one");
    assert_eq!(world.target.known_apps(), std::slice::from_ref(&to));

    let events = world.kept.round(&world.target, "store", &[]).await;
    assert_eq!(events.len(), 3);
    assert!(!main.runs());
    assert!(!own.join("greeting.txt").exists());
    world.end().await;
}
