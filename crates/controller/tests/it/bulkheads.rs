//! What is slow or broken delays nothing else.

use std::time::Duration;

use crate::outside::{Kept, Town, app, file, name};

fn on(cluster: &str, repo: &str) -> String {
    format!("source: {{repo: {repo}}}, target: {{kubernetes: {{cluster: {cluster}}}}}")
}

/// Twenty apps in repository `x` on target `one`, and one in repository `other` on target `two`.
fn town() -> std::sync::Arc<Town> {
    let town = Town::new();
    let mut files: Vec<(String, String)> =
        (0..20).map(|n| (format!("x{n}.yaml"), app(&format!("x{n}"), &on("one", "x")))).collect();
    files.push(("other.yaml".to_owned(), app("other", &on("two", "other"))));
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    town.commit("roots", &files);
    town.commit("x", &[("x.yaml", "")]);
    town.commit("other", &[("f.yaml", &file("fy", "1"))]);
    town
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_hangs_delays_no_other() {
    let town = town();
    town.repositories.hanging.lock().expect("no panic").insert("x".to_owned());
    let kept = Kept::start(&town, &[("roots", "")]);
    let started = tokio::time::Instant::now();
    kept.state("other", "healthy").await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    town.commit("other", &[("f.yaml", &file("fy", "2"))]);
    kept.tell("other").await;
    kept.until("the commit is applied", |board| {
        board[&name("other")].runs.as_ref().is_some_and(|runs| runs.subject == "commit 2")
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_away_is_asked_by_one_app_at_growing_pauses() {
    let town = town();
    town.host("one").faults.set_rate(1000);
    let kept = Kept::start(&town, &[("roots", "")]);
    kept.state("other", "healthy").await;
    kept.state("x3", "failed").await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    town.host("one").faults.set_rate(0);
    let back = tokio::time::Instant::now();
    for n in 0..20 {
        kept.state(&format!("x{n}"), "healthy").await;
    }
    assert!(back.elapsed() < Duration::from_secs(240), "{:?}", back.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_is_broken_is_asked_at_growing_pauses() {
    let town = town();
    let kept = Kept::start(&town, &[("roots", "")]);
    kept.state("other", "healthy").await;
    kept.state("x3", "healthy").await;
    town.repositories.broken.lock().expect("no panic").insert("x".to_owned());
    kept.tell("x").await;
    let status = kept.state("x3", "unreadable").await;
    assert!(status.why.contains("x does not answer"), "{}", status.why);
    let before = town.counts().resolved;
    tokio::time::sleep(Duration::from_secs(600)).await;
    // The two others are asked once a minute; the broken one no more often than that.
    let asked = town.counts().resolved - before;
    assert!((20..=45).contains(&asked), "{asked}");
    town.repositories.broken.lock().expect("no panic").clear();
    kept.state("x3", "healthy").await;
}
