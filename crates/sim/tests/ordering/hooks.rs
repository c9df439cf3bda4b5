//! Hooks: on which occasion, in which order, how often, and what becomes of a run whose hook fails.

use trueup_engine::State;
use trueup_engine::command::{self, Command};
use trueup_model::ports::Clock as _;

use crate::play::{Play, file, process, task};

#[tokio::test]
async fn before_by_weight_then_the_set_then_after_once_a_set() {
    let play = Play::new();
    let set = |content: &str| {
        vec![
            file("page", content),
            task("last", "good", "trueup.dev/hook: after"),
            task("second", "good", "trueup.dev/hook: before, trueup.dev/hook-weight: \"5\""),
            task("first", "good", "trueup.dev/hook: before, trueup.dev/hook-weight: \"-5\""),
            process("web", "slow", ""),
        ]
    };
    play.commit(&set("1"));
    let first = play.look().await;
    assert_eq!(
        play.ran(),
        ["first", "second"],
        "`after` waits for what is slow: {:?}",
        first.state
    );
    assert_eq!(play.rest().await.state, State::Settled);
    assert_eq!(play.ran(), ["first", "second", "last"]);
    play.rest().await;
    assert_eq!(play.ran().len(), 3, "nothing runs while nothing is applied");

    play.commit(&set("2"));
    assert_eq!(play.rest().await.state, State::Settled);
    assert_eq!(play.ran()[3..], ["first", "second", "last"], "each set that is applied runs them");
}

#[tokio::test]
async fn a_hook_that_is_gone_is_no_drift() {
    let play = Play::new();
    play.commit(&[
        file("page", "1"),
        process("probe", "good", "trueup.dev/hook: after, trueup.dev/hook-delete: succeeded"),
        process("keeper", "good", "trueup.dev/hook: after"),
    ]);
    assert_eq!(play.rest().await.state, State::Settled);
    assert!(!play.lives("Process", "probe"), "it is cleared away once it succeeded");
    assert!(play.lives("Process", "keeper"));
    let id = trueup_model::ResourceId::new("host.trueup.dev", "Process", "", "keeper");
    play.outside.host.tamper(&id, None);
    let outcome = play.rest().await;
    assert_eq!(outcome.state, State::Settled);
    assert!(outcome.entries.is_empty(), "{:?}", outcome.entries);
}

#[tokio::test]
async fn a_failed_hook_fails_the_run_and_runs_failure_hooks() {
    let play = Play::new();
    let set = |content: &str, fate: &str| {
        vec![
            file("page", content),
            process("migrate", fate, "trueup.dev/hook: before"),
            task("page-someone", "good", "trueup.dev/hook: failure"),
            task("undo", "good", "trueup.dev/hook: rollback"),
        ]
    };
    play.commit(&set("1", "good"));
    assert_eq!(play.rest().await.state, State::Settled);
    assert!(play.ran().is_empty());

    play.commit(&set("2", "broken"));
    let outcome = play.rest().await;
    assert!(matches!(outcome.state, State::Held { rolled_back: true, .. }), "{:?}", outcome.state);
    assert_eq!(play.ran(), ["page-someone"], "nothing was changed, so nothing is undone");
    let page = trueup_model::ResourceId::new("host.trueup.dev", "File", "", "page");
    assert_eq!(play.outside.host.live()[&page].body["spec"]["content"], "1");
    play.rest().await;
    assert_eq!(play.ran(), ["page-someone"], "once");
}

#[tokio::test]
async fn going_back_runs_rollback_hooks_only() {
    let play = Play::new();
    let set = |content: &str, fate: &str| {
        vec![
            file("page", content),
            task("migrate", "good", "trueup.dev/hook: before"),
            task("undo", "good", "trueup.dev/hook: rollback"),
            process("web", fate, ""),
        ]
    };
    play.commit(&set("1", "good"));
    play.rest().await;
    play.commit(&set("2", "broken"));
    let outcome = play.rest().await;
    assert!(matches!(outcome.state, State::Held { rolled_back: true, .. }), "{:?}", outcome.state);
    assert_eq!(play.ran(), ["migrate", "migrate", "undo"]);
}

#[tokio::test]
async fn a_hook_that_never_ends_hits_its_timeout_and_is_said() {
    let play = Play::new();
    play.commit(&[
        file("page", "1"),
        process("wait", "stuck", "trueup.dev/hook: before, trueup.dev/hook-timeout: 20s"),
    ]);
    let waiting = play.look().await;
    let State::Waiting { until: Some(until), why } = &waiting.state else {
        panic!("{:?}", waiting.state)
    };
    assert!(why.contains("Process/wait (the hook `before` runs)"), "{why}");
    assert!((19..=20).contains(&until.duration_since(play.outside.clock.now()).as_secs()));
    let outcome = play.rest().await;
    let State::Held { why, rolled_back: false } = &outcome.state else {
        panic!("{:?}", outcome.state)
    };
    assert!(why.contains("in time") && why.contains("Process/wait"), "{why}");
    assert!(!play.lives("File", "page"), "what comes after a failed hook is not done");
}

#[tokio::test]
async fn helm_tells_the_first_apply_from_later_ones() {
    let play = Play::new();
    let set = |content: &str| {
        vec![
            file("page", content),
            task("install", "good", "helm.sh/hook: pre-install"),
            task("upgrade", "good", "helm.sh/hook: \"pre-upgrade,post-upgrade\""),
            task("sync", "good", "argocd.argoproj.io/hook: PostSync"),
            task("skipped", "good", "argocd.argoproj.io/hook: Skip"),
            task("test", "good", "helm.sh/hook: test"),
        ]
    };
    play.commit(&set("1"));
    assert_eq!(play.rest().await.state, State::Settled);
    assert_eq!(play.ran(), ["install", "sync"]);
    play.commit(&set("2"));
    assert_eq!(play.rest().await.state, State::Settled);
    let later = &play.ran()[2..];
    assert_eq!(later.first().map(String::as_str), Some("upgrade"));
    assert_eq!(later.iter().filter(|name| *name == "upgrade").count(), 2, "{later:?}");
}

#[tokio::test]
async fn releasing_a_hold_runs_the_hooks_again() {
    let play = Play::new();
    play.commit(&[file("page", "1"), process("gate", "broken", "trueup.dev/hook: before")]);
    let held = play.rest().await.state;
    assert!(matches!(held, State::Held { rolled_back: false, .. }), "{held:?}");
    let store = play.outside.store.clone();
    let now = play.outside.clock.now();
    let before = play.outside.host.live();
    command::carry_out(store.as_ref(), &play.app.name, &Command::Release, "ann", now)
        .await
        .expect("there is a hold");
    assert!(matches!(play.rest().await.state, State::Held { .. }));
    let id = trueup_model::ResourceId::new("host.trueup.dev", "Process", "", "gate");
    assert_ne!(before[&id].uid, play.outside.host.live()[&id].uid, "it was made again");
}

#[tokio::test]
async fn deleting_an_app_runs_its_hooks_before_and_after() {
    let mut play = Play::new();
    play.commit(&[
        file("page", "1"),
        task("backup", "good", "trueup.dev/hook: before-delete"),
        task("bye", "good", "helm.sh/hook: post-delete"),
    ]);
    assert_eq!(play.rest().await.state, State::Settled);
    assert!(play.ran().is_empty());
    play.app.delete = true;
    assert_eq!(play.rest().await.state, State::Deleted);
    assert_eq!(play.ran(), ["backup", "bye"]);
    assert!(play.outside.host.live().is_empty(), "hooks go with the app");
}
