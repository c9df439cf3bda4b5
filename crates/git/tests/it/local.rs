//! Repositories on this machine, read where they are.

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use trueup_model::tree::EntryKind;

use super::*;

#[tokio::test]
async fn head_is_what_a_source_without_reference_means() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    let first = repo.commit("a/b.yaml", "one");
    let revision = bench.resolve(repo.name(), "").await.unwrap();
    assert_eq!(revision.commit, first);
    assert_eq!(revision.reference, "refs/heads/main");
    assert_eq!(revision.time.as_second(), 1_700_000_001);
    assert_eq!(revision.author, "Ada <ada@example.com>");
    assert_eq!(revision.subject, "change a/b.yaml");
    assert_eq!(bench.read(repo.name(), &first, "a/b.yaml").await.unwrap(), "one");

    let second = repo.commit("a/b.yaml", "two");
    assert_eq!(bench.resolve(repo.name(), "").await.unwrap().commit, second);
    assert_eq!(bench.read(repo.name(), &second, "a/b.yaml").await.unwrap(), "two");
    assert_eq!(bench.read(repo.name(), &first, "a/b.yaml").await.unwrap(), "one");
}

#[tokio::test]
async fn references_of_every_kind_are_resolved() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    let first = repo.commit("f", "1");
    repo.git(&["tag", "v1.0.0"]);
    repo.git(&["branch", "old"]);
    let second = repo.commit("f", "2");
    repo.git(&["tag", "-a", "v1.1.0", "-m", "annotated"]);
    repo.git(&["tag", "-a", "-f", "nested", "-m", "a tag of a tag", "v1.1.0"]);
    let third = repo.commit("f", "3");
    repo.git(&["tag", "v2.0.0-rc1"]);

    let check = async |reference: &str, commit: &str, name: &str| {
        let found = bench.resolve(repo.name(), reference).await.unwrap();
        assert_eq!(
            (found.commit.as_str(), found.reference.as_str()),
            (commit, name),
            "{reference}"
        );
    };
    let all = async || {
        check("main", &third, "refs/heads/main").await;
        check("old", &first, "refs/heads/old").await;
        check("v1.0.0", &first, "refs/tags/v1.0.0").await;
        check("v1.1.0", &second, "refs/tags/v1.1.0").await;
        check("nested", &second, "refs/tags/nested").await;
        check("^1", &second, "refs/tags/v1.1.0").await;
        check("~1.0", &first, "refs/tags/v1.0.0").await;
        check(">=2.0.0-0", &third, "refs/tags/v2.0.0-rc1").await;
        check("refs/heads/old", &first, "refs/heads/old").await;
        check(&second, &second, "").await;
        check(&second[..8], &second, "").await;
        check(&second[..8].to_uppercase(), &second, "").await;
        check("HEAD~2", &first, "").await;
        check("main^", &second, "").await;
        check("v1.1.0~1", &first, "").await;
        check("nested^{}", &second, "refs/tags/nested").await;
        check(&format!("{}^^", &third[..8]), &first, "").await;
        check("@", &third, "refs/heads/main").await;
    };
    all().await;
    repo.git(&["pack-refs", "--all"]);
    repo.git(&["gc", "-q"]);
    all().await;
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    let first = repo.commit("f", "1");
    let tree = repo.git(&["rev-parse", "HEAD^{tree}"]);
    let empty = bench.repo("empty");
    std::fs::create_dir_all(bench.path("shop/deploy")).unwrap();
    std::fs::create_dir_all(bench.path("folder")).unwrap();
    let check = async |repo: &str, reference: &str, expected: &str| {
        let message = bench.resolve(repo, reference).await.unwrap_err();
        assert!(message.contains(expected), "{repo} {reference}: {message}");
    };
    check(repo.name(), "mian", "has no branch, tag or commit `mian`; did you mean `main`?").await;
    check(repo.name(), "main~7", "`main~7` of").await;
    check(repo.name(), "main~7", "has no parent 1").await;
    check(repo.name(), "main^2", "has no parent 2").await;
    check(repo.name(), "mian~1", "did you mean `main`?").await;
    check(repo.name(), "^7", "has no tag in the range `^7`").await;
    check(repo.name(), "deadbeef", "has no branch, tag or commit `deadbeef`").await;
    let gone = "0123456789012345678901234567890123456789";
    check(repo.name(), gone, "is not in").await;
    check(repo.name(), &tree, "is not a commit but a tree").await;
    check(empty.name(), "", "is empty: nothing was committed to refs/heads/main yet").await;
    check(&format!("{}/none", repo.name()), "", "does not exist").await;
    let folder = format!("{}/deploy", repo.name());
    check(&folder, "", "shop is one: name that, and this folder with --path").await;
    check(bench.path("folder").to_str().unwrap(), "", "is not a Git repository").await;
    let message = bench.read(repo.name(), gone, "f").await.unwrap_err();
    assert!(message.contains("its history was rewritten"), "{message}");
    assert_eq!(bench.read(repo.name(), &first, "g").await.unwrap_err(), "g does not exist");
}

#[tokio::test]
async fn bare_repositories_worktrees_alternates_and_shallow_clones_are_read() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    repo.commit("f", "1");
    let head = repo.commit("f", "2");
    let root = bench.folder.path();
    git(root, &["clone", "-q", "--bare", "shop", "bare.git"]);
    git(root, &["clone", "-q", "--shared", "shop", "shared"]);
    git(root, &["clone", "-q", "--depth", "1", &format!("file://{}", repo.name()), "shallow"]);
    repo.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    for name in ["bare.git", "shared", "shallow", "side"] {
        let path = bench.path(name);
        for name in [path.to_str().unwrap().to_owned(), format!("file://{}", path.display())] {
            let found = bench.resolve(&name, "").await.unwrap();
            assert_eq!(found.commit, head, "{name}");
            assert_eq!(bench.read(&name, &head, "f").await.unwrap(), "2", "{name}");
        }
    }
    assert_eq!(bench.resolve("side", "").await.unwrap_err(), "side does not exist");
    let side = Repo::at(bench.path("side"));
    let moved = side.commit("f", "3");
    assert_eq!(bench.resolve(side.name(), "").await.unwrap().commit, moved);
    assert_eq!(bench.resolve(repo.name(), "").await.unwrap().commit, head);
    assert_eq!(bench.resolve(repo.name(), "side").await.unwrap().commit, moved);
}

#[tokio::test]
async fn an_amended_commit_is_followed_and_the_old_one_is_no_ancestor() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    let first = repo.commit("f", "1");
    let second = repo.commit("f", "2");
    repo.write("f", "2 and a half");
    repo.git(&["commit", "-q", "-a", "--amend", "-m", "amended"]);
    let amended = bench.resolve(repo.name(), "").await.unwrap().commit;
    assert_eq!(amended, repo.head());
    let spec = spec(repo.name(), "");
    let descends = async |ancestor: &str, descendant: &str| {
        bench.source.descends(&spec, ancestor, descendant).await.unwrap()
    };
    assert!(descends(&first, &second).await);
    assert!(descends(&first, &amended).await);
    assert!(descends(&amended, &amended).await);
    assert!(!descends(&second, &amended).await);
    assert!(!descends(&amended, &first).await);
    assert!(!descends("0123456789012345678901234567890123456789", &first).await);
}

#[tokio::test]
async fn a_repository_that_took_the_place_of_another_is_read() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    let first = repo.commit("f", "1");
    assert_eq!(bench.read(repo.name(), &first, "f").await.unwrap(), "1");
    std::fs::rename(bench.path("shop"), bench.path("gone")).unwrap();
    let repo = bench.repo("shop");
    let other = repo.commit("f", "other");
    assert_eq!(bench.resolve(repo.name(), "").await.unwrap().commit, other);
    assert_eq!(bench.read(repo.name(), &other, "f").await.unwrap(), "other");
}

#[tokio::test]
async fn entries_are_what_git_says_they_are() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    let module = bench.repo("module");
    module.commit("m", "m");
    repo.write("run.sh", "#!/bin/sh\n");
    repo.git(&["add", "-A"]);
    repo.git(&["update-index", "--chmod=+x", "run.sh"]);
    std::os::unix::fs::symlink("a/b", repo.path.join("link")).unwrap();
    repo.write("a/b", "same");
    repo.write("a-c", "same");
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "add", "-q", "../module", "sub"]);
    repo.git(&["add", "a", "a-c", "link"]);
    repo.git(&["commit", "-q", "-m", "all kinds"]);
    let tree = bench.source.load(&spec(repo.name(), ""), &repo.head()).await.unwrap();
    let entries = tree.list("").unwrap();
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, [".gitmodules", "a", "a-c", "link", "run.sh", "sub"]);
    let kind = |path: &str| tree.entry(path).unwrap().unwrap().kind;
    assert_eq!(kind("a"), EntryKind::Directory);
    assert_eq!(kind("a/b"), EntryKind::File { executable: false });
    assert_eq!(kind("run.sh"), EntryKind::File { executable: true });
    assert_eq!(kind("link"), EntryKind::Symlink);
    assert_eq!(kind("sub"), EntryKind::Submodule);
    assert_eq!(tree.read("link").unwrap().as_ref(), b"a/b");
    assert_eq!(tree.entry("a/b").unwrap().unwrap().id, tree.entry("a-c").unwrap().unwrap().id);
    assert_eq!(tree.entry("a/b/c").unwrap(), None);
    assert_eq!(tree.entry("none").unwrap(), None);
    assert!(tree.read("sub").is_err());
    assert!(tree.list("a-c").is_err());
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    let head = repo.commit("big", &"x".repeat(5000));
    let options = Options { largest_file: 4000, ..Options::new(bench.path("cache")) };
    let tree = GitSource::new(options).load(&spec(repo.name(), ""), &head).await.unwrap();
    assert_eq!(tree.read("big").unwrap_err().to_string(), "big has 5000 bytes; the limit is 4000");
}

#[tokio::test]
async fn uncommitted_changes_are_counted() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    repo.write(".gitignore", "*.log\n");
    repo.write("deep/a/one", "1");
    repo.write("deep/b/two", "2");
    repo.commit("f", "1");
    let notes = async || bench.resolve(repo.name(), "").await.unwrap().notes;
    assert_eq!(notes().await, [""; 0]);

    repo.write("debug.log", "ignored");
    assert_eq!(notes().await, [""; 0]);
    repo.write("f", "2");
    assert_eq!(notes().await, ["1 uncommitted change is not applied"]);
    repo.git(&["add", "f"]);
    assert_eq!(notes().await, ["1 uncommitted change is not applied"]);
    repo.write("new/one", "untracked");
    repo.write("new/two", "untracked");
    std::fs::remove_file(repo.path.join("deep/a/one")).unwrap();
    assert_eq!(notes().await, ["3 uncommitted changes are not applied"]);
    let bare = bench.resolve(repo.path.join(".git").to_str().unwrap(), "main").await.unwrap();
    assert_eq!(bare.commit, repo.head());

    repo.git(&["tag", "before"]);
    repo.commit("f", "3");
    repo.write("f", "4");
    assert_eq!(bench.resolve(repo.name(), "before").await.unwrap().notes, [""; 0]);
}

#[tokio::test]
async fn a_commit_is_seen_at_once() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    repo.commit("f", "1");
    repo.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    let side = Repo::at(bench.path("side"));
    for (repo, branch) in [(&repo, "main"), (&side, "side")] {
        let spec = spec(repo.name(), branch);
        let mut changes = bench.source.watch(&spec).unwrap().expect("a local repository");
        let mut seen = async || poll_fn(|context| Pin::new(&mut changes).poll_next(context)).await;
        let commit = repo.commit("f", &format!("2 on {branch}"));
        assert_eq!(seen().await, Some(()));
        assert_eq!(bench.resolve(repo.name(), branch).await.unwrap().commit, commit);

        // Also in a folder of refs that was not there before.
        let other = format!("team/{branch}/x");
        repo.git(&["checkout", "-q", "-b", &other]);
        assert_eq!(seen().await, Some(()));
        let commit = repo.commit("f", &format!("3 on {branch}"));
        while bench.resolve(repo.name(), &other).await.unwrap().commit != commit {
            assert_eq!(seen().await, Some(()));
        }
        repo.git(&["pack-refs", "--all"]);
        assert_eq!(seen().await, Some(()));
    }
    let remote = bench.source.watch(&spec("https://git.example/x", "")).unwrap();
    assert!(remote.is_none());
}

#[tokio::test]
async fn a_watch_ends_with_its_repository() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    repo.commit("f", "1");
    let mut changes = bench.source.watch(&spec(repo.name(), "")).unwrap().unwrap();
    std::fs::remove_dir_all(&repo.path).unwrap();
    while poll_fn(|context| Pin::new(&mut changes).poll_next(context)).await.is_some() {}
}
