//! What the machine's owner allows, and nothing else.

use serde_json::json;
use trueup_host::Allowed;
use trueup_model::observed::Prediction;

use crate::world::{World, declare};

/// What is said of a resource on a machine that allows root and what is in `/usr/bin` and `/bin`.
async fn said(kind: &str, spec: serde_json::Value) -> String {
    let world = World::with(|config| {
        config.allowed = Allowed {
            users: Some(vec!["root".to_owned(), users::own()]),
            commands: Some(vec!["/usr/bin/".into(), "/bin/".into()]),
        };
    });
    let seen = world.look(&[declare(kind, "a", spec)], 0).await;
    match seen.prediction {
        Some(Prediction::Refused { message, .. }) => message,
        _ => String::new(),
    }
}

mod users {
    /// The number of whoever runs the tests.
    pub fn own() -> String {
        rustix::process::geteuid().as_raw().to_string()
    }
}

#[tokio::test]
async fn only_the_programs_that_are_allowed_are_run() {
    let sh = json!(["sh", "-c", "true"]);
    assert_eq!(said("Process", json!({"command": sh})).await, "");
    assert_eq!(said("Task", json!({"command": sh})).await, "");
    let refused = [
        ("Process", json!({"command": ["./server"]})),
        ("Task", json!({"command": ["/opt/tool"]})),
        ("Timer", json!({"schedule": "* * * * *", "command": ["/usr/bin/../../opt/tool"]})),
        ("Process", json!({"command": sh, "livenessProbe": {"exec": {"command": ["/opt/p"]}}})),
        ("Process", json!({"command": sh, "onChange": {"reload": {"command": ["/opt/r"]}}})),
        ("File", json!({"path": "a", "content": "x", "validate": ["/opt/check", "{}"]})),
        ("File", json!({"path": "a", "contentFrom": {"valueFrom": {"command": ["/opt/give"]}}})),
    ];
    for (kind, spec) in refused {
        let message = said(kind, spec.clone()).await;
        assert!(message.contains("host.commands"), "{kind} {spec}: {message}");
    }
}

#[tokio::test]
async fn only_the_users_that_are_allowed_are_named() {
    let nobody = json!({"command": ["sh"], "user": "nobody"});
    assert!(said("Process", nobody).await.contains("host.users"));
    let file = json!({"path": "a", "content": "x", "owner": "nobody"});
    assert!(said("File", file).await.contains("host.users"));
}
