//! Repositories behind HTTP, served by `git http-backend`.

use std::time::Duration;

use trueup_http::{Access, Credential, Scheme, SecretFrom};

use super::*;
use crate::server::{Behaviour, Server};

async fn serve(bench: &Bench, behaviour: Behaviour) -> Server {
    Server::start(bench.folder.path(), behaviour).await
}

#[tokio::test]
async fn a_remote_repository_is_mirrored_and_followed() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    let first = repo.commit("a/b.yaml", "one");
    repo.git(&["branch", "other"]);
    let server = serve(&bench, Behaviour::default()).await;
    let url = format!("{}/shop", server.url);

    let revision = bench.resolve(&url, "main").await.unwrap();
    assert_eq!((&revision.commit, revision.reference.as_str()), (&first, "refs/heads/main"));
    assert_eq!(revision.author, "Ada <ada@example.com>");
    assert_eq!(bench.read(&url, &first, "a/b.yaml").await.unwrap(), "one");
    server.asked();

    // Nothing new: one request, and a short one.
    assert_eq!(bench.resolve(&url, "main").await.unwrap().commit, first);
    let asked = server.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].bytes < 500, "{asked:?}");
    assert_eq!(bench.resolve(&url, &first).await.unwrap().commit, first);
    assert_eq!(server.asked().len(), 0);

    let second = repo.commit("a/b.yaml", "two");
    assert_eq!(bench.resolve(&url, "main").await.unwrap().commit, second);
    assert_eq!(bench.read(&url, &second, "a/b.yaml").await.unwrap(), "two");
    assert_eq!(bench.read(&url, &first, "a/b.yaml").await.unwrap(), "one");
    let spec = spec(&url, "main");
    assert!(bench.source.descends(&spec, &first, &second).await.unwrap());
    assert!(!bench.source.descends(&spec, &second, &first).await.unwrap());
}

#[tokio::test]
async fn references_of_every_kind_are_fetched() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    let first = repo.commit("f", "1");
    repo.git(&["tag", "v1.0.0"]);
    let second = repo.commit("f", "2");
    repo.git(&["tag", "-a", "v1.1.0", "-m", "annotated"]);
    let third = repo.commit("f", "3");
    repo.git(&["checkout", "-q", "-b", "side"]);
    let fourth = repo.commit("f", "4");
    repo.git(&["checkout", "-q", "main"]);
    let server = serve(&bench, Behaviour::default()).await;
    for (number, (reference, commit, name)) in [
        ("", &third, "refs/heads/main"),
        ("main", &third, "refs/heads/main"),
        ("v1.1.0", &second, "refs/tags/v1.1.0"),
        ("~1.0", &first, "refs/tags/v1.0.0"),
        ("^1", &second, "refs/tags/v1.1.0"),
        ("refs/heads/side", &fourth, "refs/heads/side"),
        (fourth.as_str(), &fourth, ""),
        (&fourth[..9], &fourth, ""),
        (&second[..9], &second, ""),
    ]
    .into_iter()
    .enumerate()
    {
        // Each with a mirror of its own, and all with the same one.
        let options = Options::new(bench.path(&format!("cache-{number}")));
        for source in [&GitSource::new(options), &bench.source] {
            let url = format!("{}/shop/.git", server.url);
            let found = source.resolve(&spec(&url, reference)).await.unwrap();
            let expected = (commit.as_str(), name);
            assert_eq!((found.commit.as_str(), found.reference.as_str()), expected, "{reference}");
            let tree = source.load(&spec(&url, reference), commit).await.unwrap();
            assert_eq!(tree.read("f").unwrap().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_commit_that_a_record_names_is_fetched_again() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    let first = repo.commit("f", "1");
    repo.commit("f", "2");
    let server = serve(&bench, Behaviour::default()).await;
    let url = format!("{}/shop", server.url);
    assert_eq!(bench.read(&url, &first, "f").await.unwrap(), "1");
    let gone = "0123456789012345678901234567890123456789";
    let message = bench.read(&url, gone, "f").await.unwrap_err();
    assert!(message.contains("its history was rewritten"), "{message}");
}

#[tokio::test]
async fn a_rewritten_branch_is_followed_and_the_old_commit_stays_readable() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    repo.commit("f", "1");
    let second = repo.commit("f", "2");
    let server = serve(&bench, Behaviour::default()).await;
    let url = format!("{}/shop", server.url);
    bench.resolve(&url, "main").await.unwrap();
    repo.git(&["reset", "-q", "--hard", "HEAD^"]);
    let other = repo.commit("f", "3");
    assert_eq!(bench.resolve(&url, "main").await.unwrap().commit, other);
    assert!(!bench.source.descends(&spec(&url, "main"), &second, &other).await.unwrap());
    assert_eq!(bench.read(&url, &second, "f").await.unwrap(), "2");
}

#[tokio::test]
async fn credentials_are_shown_to_whom_they_are_for_and_to_nobody_else() {
    let wants = "Basic YWRhOnMzY3JldA==";
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "ada:s3cret\n").unwrap();
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    let head = repo.commit("f", "1");
    let server = serve(&bench, Behaviour { wants: Some(wants), ..Behaviour::default() }).await;
    let url = format!("{}/shop", server.url);

    let message = bench.resolve(&url, "main").await.unwrap_err();
    assert!(message.contains("refused access (HTTP 401): configure a credential"), "{message}");

    let credential = Credential {
        from: SecretFrom::File(secret.path().to_owned()),
        user: None,
        scheme: Scheme::Basic,
    };
    let rule =
        Access { prefix: server.url.clone(), credential: Some(credential), ..Access::default() };
    let options = Options { http: vec![rule], ..Options::new(bench.path("other")) };
    let source = GitSource::new(options.clone());
    assert_eq!(source.resolve(&spec(&url, "main")).await.unwrap().commit, head);
    assert!(server.asked().iter().skip(1).all(|asked| asked.authorization == wants));

    // The URL's own credential works too, and is not shown.
    let with_user = url.replace("http://", "http://ada:s3cret@");
    assert_eq!(bench.resolve(&with_user, "main").await.unwrap().commit, head);
    let message = bench.resolve(&with_user.replace("s3cret", "wr0ng"), "main").await.unwrap_err();
    assert!(message.contains("check the credential"), "{message}");
    assert!(!message.contains("wr0ng"), "{message}");

    // Another server gets nothing.
    let other = serve(&bench, Behaviour::default()).await;
    source.resolve(&spec(&format!("{}/shop", other.url), "main")).await.unwrap();
    assert!(other.asked().iter().all(|asked| asked.authorization.is_empty()));
    std::fs::write(secret.path(), "\n").unwrap();
    let message = source.resolve(&spec(&url, "main")).await.unwrap_err().message;
    assert!(message.contains("is empty"), "{message}");
}

#[tokio::test]
async fn a_repository_that_moved_is_followed_without_the_credential() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    let head = repo.commit("f", "1");
    let new = serve(&bench, Behaviour::default()).await;
    let moved_to = Some(new.url.clone());
    let old = serve(&bench, Behaviour { moved_to, ..Behaviour::default() }).await;
    let url = format!("{}/old/shop", old.url).replace("http://", "http://ada:s3cret@");
    assert_eq!(bench.resolve(&url, "main").await.unwrap().commit, head);
    assert!(old.asked().iter().all(|asked| !asked.authorization.is_empty()));
    assert!(new.asked().iter().all(|asked| asked.authorization.is_empty()));
}

#[tokio::test]
async fn what_cannot_be_had_is_said() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    repo.commit("f", "1");
    bench.repo("empty");
    let check = async |url: &str, reference: &str, expected: &str| {
        let message = bench.resolve(url, reference).await.unwrap_err();
        assert!(message.contains(expected), "{url}: {message}");
    };
    let server = serve(&bench, Behaviour::default()).await;
    check(&format!("{}/none", server.url), "", "is not a Git repository, or not one that").await;
    check(&format!("{}/empty", server.url), "", "is empty").await;
    check(&format!("{}/empty", server.url), "main", "is empty").await;
    check(&format!("{}/shop", server.url), "mian", "did you mean `main`?").await;
    check(&format!("{}/shop", server.url), "^3", "has no tag in the range `^3`").await;
    check(&format!("{}/shop", server.url), "fedcba98", "has no branch, tag or commit").await;
    check(&format!("{}/shop", server.url), "main~9", "has no parent").await;
    check(&format!("{}/shop", server.url), "a b", "has no branch, tag or commit").await;

    let page = |status, text| Behaviour { page: Some((status, text)), ..Behaviour::default() };
    let web = serve(&bench, page(200, "<html>hello</html>")).await;
    check(&web.url, "", "is not a Git repository").await;
    let broken = serve(&bench, page(502, "")).await;
    check(&broken.url, "", "cannot be reached: HTTP status 502").await;
    check("http://127.0.0.1:1/x", "", "cannot be reached").await;
    check("http://169.254.169.254/x", "", "metadata address").await;
    check("http://ada:pw@git.example/x", "", "over https or to this machine only").await;
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for() {
    let brief = |options| Options { fetch_within: Duration::from_millis(300), ..options };
    let Some(bench) = bench_with(brief) else { return };
    let silent = serve(&bench, Behaviour { silent: true, ..Behaviour::default() }).await;
    let message = bench.resolve(&silent.url, "").await.unwrap_err();
    assert!(message.contains("did not answer within"), "{message}");
}

#[tokio::test]
async fn a_fetch_over_the_limit_ends() {
    let Some(bench) = bench_with(|options| Options { largest_fetch: 100_000, ..options }) else {
        return;
    };
    let repo = bench.repo("shop");
    let noise: String = (0..60_000_u64).map(|n| format!("{:x}\n", n.wrapping_mul(n))).collect();
    repo.commit("big", &noise);
    let server = serve(&bench, Behaviour::default()).await;
    let message = bench.resolve(&format!("{}/shop", server.url), "").await.unwrap_err();
    assert!(message.contains("more than 100000 bytes"), "{message}");
}

#[tokio::test]
async fn a_year_of_fetches_leaves_few_packs_and_every_commit() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    let server = serve(&bench, Behaviour::default()).await;
    let url = format!("{}/shop", server.url);
    let big: String = (0..2000).map(|n| format!("line {n}\n")).collect();
    let mut commits = Vec::new();
    let mut trees = Vec::new();
    for n in 0..40 {
        let commit = repo.commit("f", &format!("{big}{n}\n"));
        assert_eq!(bench.resolve(&url, "main").await.unwrap().commit, commit);
        trees.push(bench.source.load(&spec(&url, ""), &commit).await.unwrap());
        commits.push(commit);
    }
    let last = |content: &str| content.lines().last().unwrap().to_owned();
    for (n, (tree, commit)) in trees.iter().zip(&commits).enumerate() {
        let content = tree.read("f").unwrap();
        assert_eq!(last(&String::from_utf8_lossy(&content)), n.to_string());
        assert_eq!(last(&bench.read(&url, commit, "f").await.unwrap()), n.to_string());
    }
    let mirrors = std::fs::read_dir(bench.path("cache")).unwrap().flatten();
    let mirror = mirrors.map(|entry| entry.path()).find(|path| path.is_dir()).unwrap();
    let packs = std::fs::read_dir(mirror.join("objects/pack")).unwrap().flatten();
    let files: Vec<_> = packs.map(|entry| entry.path()).collect();
    assert!(files.len() < 40, "{files:?}");
    git(&mirror, &["fsck", "--strict"]);
}
