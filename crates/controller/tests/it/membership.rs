//! Apps come, go, move, and are called otherwise.

use crate::outside::{Kept, Town, app, file, name};
use trueup_controller::Signal;

/// Two apps, `a` and `b`, with a file each, and a third one that stays.
fn town() -> std::sync::Arc<Town> {
    let town = Town::new();
    town.commit(
        "r",
        &[
            ("apps/a/app.yaml", &app("a", "")),
            ("apps/a/f.yaml", &file("fa", "1")),
            ("apps/b/app.yaml", &app("b", "onRemove: delete")),
            ("apps/b/f.yaml", &file("fb", "1")),
            ("apps/c/app.yaml", &app("c", "")),
            ("apps/c/f.yaml", &file("fc", "1")),
        ],
    );
    town
}

async fn started(town: &std::sync::Arc<Town>) -> Kept {
    let kept = Kept::start(town, &[("r", "apps")]);
    for app in ["a", "b", "c"] {
        kept.state(app, "healthy").await;
    }
    kept
}

async fn gone(kept: &Kept, app: &str) {
    let app = name(app);
    kept.until("it is forgotten", |board| !board.contains_key(&app)).await;
}

#[tokio::test(start_paused = true)]
async fn an_app_that_leaves_keeps_what_it_owns_or_deletes_it() {
    let town = town();
    let kept = started(&town).await;
    kept.push("r", &[("apps/a/app.yaml", ""), ("apps/a/f.yaml", "")]).await;
    let status = kept.state("a", "left").await;
    assert!(status.why.contains("not in r@main apps any more"), "{}", status.why);
    assert!(town.live("fa").is_some(), "it stays");
    assert!(town.ledger("a").iter().any(|line| line.contains("what it owns stays")));

    kept.push("r", &[("apps/b/app.yaml", ""), ("apps/b/f.yaml", "")]).await;
    gone(&kept, "b").await;
    assert!(town.live("fb").is_none(), "it is deleted");
    assert!(town.live("fc").is_some());

    let town = kept.kill().restarted();
    let kept = Kept::start(&town, &[("r", "apps")]);
    kept.state("c", "healthy").await;
    kept.state("a", "left").await;
    kept.push("r", &[("apps/a/app.yaml", &app("a", "")), ("apps/a/f.yaml", &file("fa", "2"))])
        .await;
    kept.state("a", "healthy").await;
    assert_eq!(town.live("fa").expect("it is there").body["spec"]["content"], "2");
}

#[tokio::test(start_paused = true)]
async fn a_root_that_loses_all_its_apps_loses_none_without_consent() {
    let town = town();
    let mut kept = started(&town).await;
    let lost = ["apps/a/app.yaml", "apps/b/app.yaml", "apps/c/app.yaml"].map(|path| (path, ""));
    town.commit("r", &lost);
    kept.tell("r").await;
    for app in ["a", "b", "c"] {
        let status = kept.state(app, "leaving").await;
        assert!(status.hint.contains("trueup accept"), "{}", status.hint);
    }
    assert!(kept.said().contains("all 3 apps"));
    for file in ["fa", "fb", "fc"] {
        assert!(town.live(file).is_some(), "{file} stays");
    }
    kept.signals.send(Signal::Accept { app: Some(name("b")) }).await.expect("it runs");
    gone(&kept, "b").await;
    assert!(town.live("fb").is_none());
    kept.signals.send(Signal::Accept { app: None }).await.expect("it runs");
    kept.state("a", "left").await;
    kept.state("c", "left").await;
    assert!(town.live("fa").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_document_that_cannot_be_read_is_not_one_that_left() {
    let town = town();
    let mut kept = started(&town).await;
    town.commit("r", &[("apps/b/app.yaml", "apiVersion: trueup.dev/v1\nkind: App\nmetdata: {}\n")]);
    kept.tell("r").await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert!(kept.said().contains("apps/b/app.yaml"), "it is said where");
    assert!(town.live("fb").is_some());
    kept.state("b", "healthy").await;
}

#[tokio::test(start_paused = true)]
async fn an_app_that_is_called_otherwise_keeps_everything() {
    let town = town();
    let kept = started(&town).await;
    let before = town.live("fb").expect("it is there");
    town.commit("r", &[("apps/b/app.yaml", &app("new", "formerly: b, onRemove: delete"))]);
    kept.tell("r").await;
    kept.state("new", "healthy").await;
    gone(&kept, "b").await;
    assert_eq!(town.live("fb").expect("it is there").uid, before.uid);
    assert_eq!(town.record("b"), Default::default());
    let record = town.record("new");
    assert_eq!(record.inventory.len(), 1);
    assert_eq!(record.formerly, [name("b")]);
    kept.push("r", &[("apps/b/f.yaml", &file("fb", "2"))]).await;
    assert_eq!(town.live("fb").expect("it is there").uid, before.uid);
}

#[tokio::test(start_paused = true)]
async fn what_another_app_claims_in_the_same_commit_moves() {
    for (from, to) in [("a", "c"), ("c", "a")] {
        let town = town();
        let kept = started(&town).await;
        let moving = format!("f{from}");
        let before = town.live(&moving).expect("it is there");
        let (old, new) = (format!("apps/{from}/f.yaml"), format!("apps/{to}/g.yaml"));
        let other = file("other", "1");
        let files = [(old.as_str(), other.as_str()), (new.as_str(), &file(&moving, "1"))];
        kept.push("r", &files).await;
        kept.state(to, "healthy").await;
        kept.state(from, "healthy").await;
        let after = town.live(&moving).expect("it is there");
        assert_eq!(after.uid, before.uid, "it was not deleted");
        assert_eq!(after.app, Some(name(to)));
        assert!(town.record(to).inventory.keys().any(|id| id.name == moving));
        assert!(!town.record(from).inventory.keys().any(|id| id.name == moving));
    }
}

#[tokio::test(start_paused = true)]
async fn what_two_apps_claim_stays_with_the_first() {
    let town = town();
    let kept = started(&town).await;
    town.commit("r", &[("apps/c/g.yaml", &file("fa", "mine"))]);
    kept.tell("r").await;
    let status = kept.state("c", "blocked").await;
    assert!(status.why.contains("app a") && status.why.contains("File/fa"), "{}", status.why);
    assert_eq!(town.live("fa").expect("it is there").body["spec"]["content"], "1");
    kept.push("r", &[("apps/a/f.yaml", ""), ("apps/a/h.yaml", &file("ha", "1"))]).await;
    kept.state("c", "healthy").await;
    assert_eq!(town.live("fa").expect("it is there").body["spec"]["content"], "mine");
}

#[tokio::test(start_paused = true)]
async fn an_app_moves_between_roots() {
    let town = town();
    town.commit("r", &[("more/d/app.yaml", &app("d", "")), ("more/d/f.yaml", &file("fd", "1"))]);
    let mut kept = Kept::start(&town, &[("r", "apps"), ("r", "more")]);
    kept.state("d", "healthy").await;
    kept.state("b", "healthy").await;
    let before = town.live("fb").expect("it is there");
    let files = [
        ("apps/b/app.yaml", ""),
        ("apps/b/f.yaml", ""),
        ("more/b/app.yaml", &app("b", "onRemove: delete")),
        ("more/b/f.yaml", &file("fb", "1")),
    ];
    kept.push("r", &files).await;
    kept.state("b", "healthy").await;
    assert_eq!(town.live("fb").expect("it is there").uid, before.uid);

    town.commit("r", &[("apps/x/app.yaml", &app("d", "")), ("apps/x/f.yaml", &file("fx", "1"))]);
    kept.tell("r").await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let said = kept.said();
    assert!(said.contains("App d is declared in r@main more and in r@main apps"), "{said}");
    assert!(town.live("fx").is_none());
}
