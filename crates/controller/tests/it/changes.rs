//! Only what changed is rendered, looked at and written.

use crate::outside::{Counts, Kept, Town, app, file};

const MANY: usize = 60;

/// A repository of many apps, each with a folder of its own.
fn many() -> std::sync::Arc<Town> {
    let town = Town::new();
    let mut files = Vec::new();
    for n in 0..MANY {
        let (name, folder) = (format!("app{n}"), format!("work/app{n}"));
        files.push((
            format!("roots/{name}.yaml"),
            app(&name, &format!("source: {{path: {folder}}}")),
        ));
        files.push((format!("{folder}/f.yaml"), file(&format!("f{n}"), "1")));
    }
    files.push(("README.md".to_owned(), "1".to_owned()));
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    town.commit("r", &files);
    town
}

async fn settled(kept: &Kept) {
    kept.until("all are healthy", |board| {
        board.len() == MANY && board.values().all(|app| app.state == "healthy")
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_repository_is_asked_once_for_all_its_apps() {
    let town = many();
    let kept = Kept::start(&town, &[("r", "roots")]);
    settled(&kept).await;
    let counts = town.counts();
    assert_eq!((counts.resolved, counts.loaded, counts.rendered), (1, 1, MANY as u64));
}

#[tokio::test(start_paused = true)]
async fn a_commit_renders_and_writes_what_it_touches() {
    let town = many();
    let kept = Kept::start(&town, &[("r", "roots")]);
    settled(&kept).await;

    let before = town.counts();
    kept.push("r", &[("work/app7/f.yaml", &file("f7", "2"))]).await;
    let counts = town.counts().since(before);
    assert_eq!((counts.resolved, counts.loaded, counts.rendered), (1, 1, 1));
    assert_eq!(town.live("f7").expect("it is there").body["spec"]["content"], "2");
    let sources = kept.board.read().await.sources.clone();
    let status = sources.values().next().expect("there is one source");
    assert_eq!((status.changed, status.apps), (Some(1), MANY));

    let before = town.counts();
    kept.push("r", &[("README.md", "2")]).await;
    let counts = town.counts().since(before);
    assert_eq!(counts, Counts { resolved: 1, loaded: 1, rendered: 0, written: 0 });
}

#[tokio::test(start_paused = true)]
async fn what_changed_there_and_back_is_rendered_and_not_applied() {
    let town = many();
    let kept = Kept::start(&town, &[("r", "roots")]);
    settled(&kept).await;
    let before = town.counts();
    let same = file("f7", "1").replace("kind", "# a comment\nkind");
    kept.push("r", &[("work/app7/f.yaml", &same)]).await;
    let counts = town.counts().since(before);
    assert_eq!((counts.rendered, counts.written), (1, 0), "the same resources: nothing to write");
}

#[tokio::test(start_paused = true)]
async fn a_restart_writes_nothing() {
    let town = many();
    let kept = Kept::start(&town, &[("r", "roots")]);
    settled(&kept).await;
    kept.push("r", &[("README.md", "2")]).await;
    let town = kept.kill().restarted();
    let before = town.counts().written;
    let kept = Kept::start(&town, &[("r", "roots")]);
    settled(&kept).await;
    assert_eq!(town.counts().written, before);
}

#[tokio::test(start_paused = true)]
async fn a_root_is_read_again_when_its_files_change() {
    let town = many();
    let kept = Kept::start(&town, &[("r", "roots")]);
    settled(&kept).await;
    town.commit("r", &[("work/new/f.yaml", &file("new", "1"))]);
    kept.push("r", &[("roots/new.yaml", &app("new", "source: {path: work/new}"))]).await;
    kept.state("new", "healthy").await;
    let before = town.counts();
    town.commit("r", &[("roots/new.yaml", &app("new", "source: {path: work/app7}"))]);
    kept.tell("r").await;
    kept.state("new", "blocked").await;
    assert_eq!(town.counts().since(before).rendered, 1);
}

#[tokio::test(start_paused = true)]
async fn news_are_seen_by_polling_too() {
    let town = many();
    let kept = Kept::start(&town, &[("r", "roots")]);
    settled(&kept).await;
    town.commit("r", &[("work/app7/f.yaml", &file("f7", "2"))]);
    kept.until("the commit is seen", |board| {
        board.values().all(|app| app.runs.as_ref().is_some_and(|r| r.subject == "commit 2"))
    })
    .await;
    let before = town.counts();
    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
    let counts = town.counts().since(before);
    assert!((8..=13).contains(&counts.resolved), "one request a minute: {counts:?}");
    assert_eq!((counts.loaded, counts.rendered, counts.written), (0, 0, 0));
}
