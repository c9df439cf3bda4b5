//! Reverts that are pushed.

use jiff::Timestamp;
use trueup_git::Revert;

use super::server::{Behaviour, Server};
use super::*;

/// A repository with `deploy/a` at 1 and then at 2, and something else beside it.
fn shop(bench: &Bench) -> (Repo, String, String) {
    let repo = bench.repo("shop");
    let good = repo.commit("deploy/a", "1");
    repo.write("deploy/new", "x");
    repo.write("docs/b", "beside");
    let bad = repo.commit("deploy/a", "2");
    repo.git(&["config", "http.receivepack", "true"]);
    repo.git(&["config", "receive.denyCurrentBranch", "ignore"]);
    (repo, good, bad)
}

fn revert(expected: &str, to: &str, branch: Option<&str>) -> Revert {
    Revert {
        expected: expected.to_owned(),
        to: to.to_owned(),
        path: "deploy".to_owned(),
        message: "Revert deploy\n\nIt was not healthy.\n".to_owned(),
        name: "TrueUp".to_owned(),
        email: "trueup@example.com".to_owned(),
        time: Timestamp::from_second(1_700_000_100).unwrap(),
        branch: branch.map(str::to_owned),
    }
}

async fn push(bench: &Bench, repo: &str, revert: Revert) -> Result<String, String> {
    let pushed = bench.source.push_revert(&spec(repo, "main"), revert).await;
    pushed.map(|revision| revision.commit).map_err(|error| error.message)
}

/// What holds of a pushed revert, in the repository that it was pushed to.
fn check_pushed(repo: &Repo, branch: &str, commit: &str, parent: &str) {
    assert_eq!(repo.git(&["rev-parse", branch]), commit);
    assert_eq!(repo.git(&["rev-parse", &format!("{branch}^")]), parent);
    assert_eq!(repo.git(&["show", &format!("{branch}:deploy/a")]), "1");
    assert_eq!(repo.git(&["ls-tree", "-r", "--name-only", branch]), "deploy/a\ndocs/b");
    assert_eq!(repo.git(&["log", "-1", "--format=%an %s", branch]), "TrueUp Revert deploy");
    repo.git(&["fsck", "--strict"]);
}

#[tokio::test]
async fn a_revert_is_pushed_over_http_onto_the_branch_or_a_new_one() {
    let Some(bench) = bench() else { return };
    let (repo, good, bad) = shop(&bench);
    let server = Server::start(bench.folder.path(), Behaviour::default()).await;
    let url = format!("{}/shop", server.url);
    let beside = push(&bench, &url, revert(&bad, &good, Some("back"))).await.unwrap();
    check_pushed(&repo, "back", &beside, &bad);
    assert_eq!(repo.git(&["rev-parse", "main"]), bad, "the branch itself stays");
    let again = push(&bench, &url, revert(&bad, &good, Some("back"))).await;
    assert_eq!(again, Ok(beside), "the same revert is there already");
    let other = Revert { message: "other".to_owned(), ..revert(&bad, &good, Some("back")) };
    let message = push(&bench, &url, other).await.unwrap_err();
    assert!(message.contains("refs/heads/back") && message.contains("has moved"), "{message}");
    let onto = push(&bench, &url, revert(&bad, &good, None)).await.unwrap();
    check_pushed(&repo, "main", &onto, &bad);
    assert_eq!(bench.resolve(&url, "main").await.unwrap().commit, onto);
}

#[tokio::test]
async fn nothing_is_pushed_over_what_came_meanwhile() {
    let Some(bench) = bench() else { return };
    let (repo, good, bad) = shop(&bench);
    let server = Server::start(bench.folder.path(), Behaviour::default()).await;
    let url = format!("{}/shop", server.url);
    let newer = repo.commit("deploy/a", "3");
    let message = push(&bench, &url, revert(&bad, &good, None)).await.unwrap_err();
    assert!(message.contains("has moved meanwhile"), "{message}");
    assert_eq!(repo.git(&["rev-parse", "main"]), newer);
    repo.git(&["config", "http.receivepack", "false"]);
    let message = push(&bench, &url, revert(&newer, &good, None)).await.unwrap_err();
    assert!(message.contains("refused access (HTTP 403)"), "{message}");
    let hook = repo.path.join(".git/hooks/pre-receive");
    std::fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hook, executable).unwrap();
    repo.git(&["config", "http.receivepack", "true"]);
    let message = push(&bench, &url, revert(&newer, &good, None)).await.unwrap_err();
    assert!(message.contains("does not take the commit: pre-receive hook declined"), "{message}");
    assert_eq!(repo.git(&["rev-parse", "main"]), newer);
}

#[tokio::test]
async fn a_repository_on_this_machine_is_reverted_where_nobody_stands_on_the_branch() {
    let Some(bench) = bench() else { return };
    let (repo, good, bad) = shop(&bench);
    let message = push(&bench, repo.name(), revert(&bad, &good, None)).await.unwrap_err();
    assert!(message.contains("is checked out there"), "{message}");
    let beside = push(&bench, repo.name(), revert(&bad, &good, Some("back"))).await.unwrap();
    check_pushed(&repo, "back", &beside, &bad);
    repo.git(&["checkout", "-q", "--detach"]);
    let onto = push(&bench, repo.name(), revert(&bad, &good, None)).await.unwrap();
    check_pushed(&repo, "main", &onto, &bad);
    let message = push(&bench, repo.name(), revert(&onto, &good, None)).await.unwrap_err();
    assert!(message.contains("nothing to revert"), "{message}");
    let tagged = spec(repo.name(), &good);
    let message = bench.source.push_revert(&tagged, revert(&good, &good, None)).await;
    assert!(message.unwrap_err().message.contains("is not a branch"));
}
