//! When changes may be applied: windows, a freeze, other apps; and what does not go back by itself.

use std::time::Duration;

use jiff::Timestamp;
use trueup_engine::command::{self, Command};
use trueup_engine::{State, Waits};
use trueup_model::app::Window;
use trueup_model::ports::Clock as _;
use trueup_model::record::Freeze;
use trueup_model::{AppName, LedgerKind, ResourceId};

use crate::play::{Play, file, process, task};

fn page() -> ResourceId {
    ResourceId::new("host.trueup.dev", "File", "", "page")
}

fn content(play: &Play) -> String {
    let live = play.outside.host.live();
    live.get(&page()).map(|page| page.body["spec"]["content"].to_string()).unwrap_or_default()
}

async fn freeze_all(play: &Play, freeze: Option<Freeze>, by: &str) {
    let (store, now) = (play.outside.store.clone(), play.outside.clock.now());
    let told = command::freeze(store.as_ref(), freeze, now).await.expect("the store answers");
    command::tell(store.as_ref(), &play.app.name, &told, by, now).await.expect("it is written");
}

/// A window that is shut for an hour from the time the simulation stands at.
fn shut_for_an_hour(play: &Play, healing: &str) -> Vec<Window> {
    let now = play.outside.clock.now().to_zoned(jiff::tz::TimeZone::UTC);
    let schedule = format!("{} {} * * *", now.minute(), now.hour());
    let window = serde_json::json!({
        "kind": "deny", "schedule": schedule, "duration": "1h", "why": "the fair", "healing": healing,
    });
    vec![serde_json::from_value(window).expect("a window")]
}

#[tokio::test]
async fn a_shut_window_holds_changes_up_and_heals() {
    let mut play = Play::new();
    play.commit(&[file("page", "1")]);
    assert_eq!(play.rest().await.state, State::Settled);
    play.app.declaration.spec.policy.windows = shut_for_an_hour(&play, "continue");
    play.commit(&[file("page", "2")]);
    let outcome = play.look().await;
    let State::Shut { why, until: Some(until) } = &outcome.state else {
        panic!("{:?}", outcome.state)
    };
    assert!(why.contains("the fair"), "{why}");
    assert_eq!(content(&play), "\"1\"");

    play.outside.host.tamper(&page(), Some(serde_json::json!({"by": "hand"})));
    assert!(matches!(play.look().await.state, State::Shut { .. }));
    assert_eq!(content(&play), "\"1\"", "what is applied stays true");

    play.app.declaration.spec.policy.windows = shut_for_an_hour(&play, "stop");
    play.outside.host.tamper(&page(), Some(serde_json::json!({"by": "hand"})));
    assert!(matches!(play.look().await.state, State::Shut { .. }));
    assert_eq!(content(&play), "null", "healing: stop");

    play.outside.clock.advance_to(*until);
    assert_eq!(play.rest().await.state, State::Settled);
    assert_eq!(content(&play), "\"2\"");
}

#[tokio::test]
async fn an_approved_plan_goes_through_a_window_and_not_through_a_freeze() {
    let mut play = Play::new();
    play.commit(&[file("page", "1")]);
    play.rest().await;
    play.app.declaration.spec.policy.windows = shut_for_an_hour(&play, "continue");
    play.commit(&[file("page", "2")]);
    let digest = play.look().await.plan.expect("a plan").digest;
    let store = play.outside.store.clone();
    let now = play.outside.clock.now();
    let freeze = Freeze { since: now, until: None, by: "ann".to_owned(), why: "a fire".to_owned() };
    freeze_all(&play, Some(freeze), "ann").await;
    command::carry_out(store.as_ref(), &play.app.name, &Command::Approve { digest }, "ann", now)
        .await
        .expect("it is approved");
    let State::Shut { why, until: None } = play.look().await.state else { panic!("it is frozen") };
    assert_eq!(why, "the installation is frozen by ann: a fire");
    freeze_all(&play, None, "bob").await;
    assert_eq!(play.rest().await.state, State::Settled);
    assert_eq!(content(&play), "\"2\"");
    let told: Vec<(LedgerKind, String)> =
        play.outside.store.ledger().into_iter().map(|entry| (entry.kind, entry.by)).collect();
    assert!(told.contains(&(LedgerKind::Frozen, "ann".to_owned())), "{told:?}");
    assert!(told.contains(&(LedgerKind::Unfrozen, "bob".to_owned())), "{told:?}");
}

#[tokio::test]
async fn what_was_begun_is_brought_to_its_end_and_going_back_goes_on() {
    let play = Play::new();
    play.commit(&[file("page", "1"), process("web", "good", "")]);
    play.rest().await;
    play.commit(&[file("page", "2"), process("web", "stuck", "")]);
    assert!(matches!(play.look().await.state, State::Waiting { .. }));
    let freeze = Freeze {
        since: Timestamp::UNIX_EPOCH,
        until: None,
        by: "ann".to_owned(),
        why: "a fire".to_owned(),
    };
    freeze_all(&play, Some(freeze), "ann").await;
    let outcome = play.rest().await;
    assert!(matches!(outcome.state, State::Held { rolled_back: true, .. }), "{:?}", outcome.state);
    assert_eq!(content(&play), "\"1\"");
}

#[tokio::test]
async fn an_app_waits_for_another_and_is_healed_meanwhile() {
    let mut play = Play::new();
    play.commit(&[file("page", "1")]);
    play.rest().await;
    let database = AppName::new("database").expect("a fitting name");
    play.app.waits = Some(Waits::For { app: database, why: "it is starting".to_owned() });
    play.commit(&[file("page", "2")]);
    play.outside.host.tamper(&page(), None);
    let outcome = play.look().await;
    let State::Waiting { until: None, why } = &outcome.state else { panic!("{:?}", outcome.state) };
    assert_eq!(why, "app database (it is starting)");
    assert_eq!(content(&play), "\"1\"", "what is applied stays true");
    play.app.waits =
        Some(Waits::Refused { why: "apps wait for each other: a → b → a".to_owned() });
    assert!(matches!(play.look().await.state, State::Blocked { .. }));
    play.app.waits = None;
    assert_eq!(play.rest().await.state, State::Settled);
    assert_eq!(content(&play), "\"2\"");
}

#[tokio::test]
async fn a_change_that_cannot_go_back_is_held_instead() {
    let play = Play::new();
    let set = |content: &str, fate: &str| {
        vec![
            file("page", content),
            task("migrate", "good", "trueup.dev/hook: before, trueup.dev/rollback: never"),
            process("web", fate, ""),
        ]
    };
    play.commit(&set("1", "good"));
    play.rest().await;
    play.commit(&set("2", "broken"));
    let outcome = play.rest().await;
    assert!(matches!(outcome.state, State::Held { rolled_back: false, .. }), "{:?}", outcome.state);
    assert_eq!(content(&play), "\"2\"");
    let told: Vec<String> = play.outside.store.ledger().into_iter().map(|e| e.message).collect();
    assert!(
        told.iter().any(|m| m.contains("Task/migrate was changed (trueup.dev/rollback: never)")),
        "{told:?}"
    );
}

/// Image automation writes a new commit that renders to the same as the one that failed: the hold is
/// of what is rendered, so nothing swings back and forth.
#[tokio::test]
async fn no_swinging_with_image_automation() {
    let play = Play::new();
    let set = |fate: &str| vec![process("web", fate, "")];
    play.commit(&set("good"));
    play.rest().await;
    for _ in 0..4 {
        play.commit(&set("broken"));
        let outcome = play.rest().await;
        assert!(
            matches!(outcome.state, State::Held { rolled_back: true, .. }),
            "{:?}",
            outcome.state
        );
        play.outside.clock.advance(Duration::from_secs(3600));
    }
    let ledger = play.outside.store.ledger();
    let rollbacks = ledger.iter().filter(|entry| entry.kind == LedgerKind::RolledBack).count();
    assert_eq!(rollbacks, 1, "the same result is tried once");
    play.commit(&set("slow"));
    assert_eq!(play.rest().await.state, State::Settled, "another result lets the hold go");
}

#[tokio::test]
async fn a_commit_that_failed_is_reverted_in_git_where_the_policy_says_so() {
    let mut play = Play::new();
    play.app.declaration.spec.policy.health.revert = trueup_model::app::Revert::Commit;
    play.commit(&[process("web", "good", "")]);
    play.rest().await;
    play.commit(&[process("web", "broken", "")]);
    play.rest().await;
    assert_eq!(play.rest().await.state, State::Settled, "Git says again what was healthy");
    let told: Vec<LedgerKind> =
        play.outside.store.ledger().iter().map(|entry| entry.kind).collect();
    assert!(told.contains(&LedgerKind::Reverted), "{told:?}");
    play.outside.clock.advance(Duration::from_secs(3600));
    play.rest().await;
    let rollbacks =
        play.outside.store.ledger().iter().filter(|e| e.kind == LedgerKind::RolledBack).count();
    assert_eq!(rollbacks, 1);
}
