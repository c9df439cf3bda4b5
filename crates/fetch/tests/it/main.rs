//! A chart repository and a registry on this machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod server;

use server::{Server, packed};
use tempfile::TempDir;
use trueup_fetch::{Fetcher, Options};
use trueup_http::{Access, Credential, Proxy, Scheme, SecretFrom};
use trueup_model::Digest;
use trueup_model::need::{Answer, ChartNeed, Need};
use trueup_model::ports::Supply;

fn options(folder: &TempDir, prefixes: &[String]) -> Options {
    let access = |prefix: &String| Access {
        prefix: prefix.clone(),
        credential: Some(Credential {
            from: SecretFrom::Command(vec!["echo".to_owned(), "ada:secret".to_owned()]),
            user: None,
            scheme: Scheme::Basic,
        }),
        proxy: Proxy::None,
        ..Access::default()
    };
    let plain = Access { proxy: Proxy::None, ..Access::default() };
    Options {
        http: prefixes.iter().map(access).chain([plain]).collect(),
        ..Options::new(folder.path().join("fetched"))
    }
}

fn fetcher(folder: &TempDir) -> Fetcher {
    Fetcher::new(options(folder, &[]))
}

fn chart(repository: &str, version: &str) -> Need {
    Need::Chart(ChartNeed {
        repository: repository.to_owned(),
        name: "web".to_owned(),
        version: version.to_owned(),
        devel: false,
    })
}

/// `bytes` and which, or what is wrong.
async fn seen(fetcher: &Fetcher, need: &Need) -> String {
    match fetcher.supply(need).await {
        Ok(supplied) => match supplied.answer {
            Answer::Bytes(bytes) => format!("bytes {}", Digest::of(&bytes).short()),
            Answer::Missing { why, .. } => format!("missing: {why}"),
            _ => "something else".to_owned(),
        },
        Err(error) if error.permanent => format!("permanent: {error}"),
        Err(error) => format!("passing: {error}"),
    }
}

fn bytes(content: &[u8]) -> String {
    format!("bytes {}", Digest::of(content).short())
}

fn index(versions: &[(&str, &[u8])]) -> String {
    let mut text = "apiVersion: v1\nentries:\n  web:\n".to_owned();
    for (version, content) in versions {
        let digest = Digest::of(content).hex();
        text.push_str(&format!(
            "  - {{version: {version}, urls: [web-{version}.tgz], digest: {digest}}}\n"
        ));
    }
    text
}

#[tokio::test]
async fn a_chart_comes_from_its_repository_once() {
    let (old, new) = (packed("web", "1.0.0"), packed("web", "1.4.0"));
    let server = Server::start().await;
    server.put("/charts/index.yaml", index(&[("1.0.0", &old), ("1.4.0", &new)]));
    server.put("/charts/web-1.0.0.tgz", old.clone());
    server.put("/charts/web-1.4.0.tgz", new.clone());
    let folder = TempDir::new().unwrap();
    let fetcher = fetcher(&folder);
    let repository = format!("{}/charts", server.url);
    assert_eq!(seen(&fetcher, &chart(&repository, "^1.0")).await, bytes(&new));
    assert_eq!(seen(&fetcher, &chart(&repository, "1.0.0")).await, bytes(&old));
    assert_eq!(server.count("/charts/index.yaml"), 1);

    // What a version was once it stays, also after a restart and when the repository is gone.
    server.put("/charts/web-1.0.0.tgz", b"other".to_vec());
    assert_eq!(seen(&fetcher, &chart(&repository, "1.0.0")).await, bytes(&old));
    drop(server);
    let fetcher = self::fetcher(&folder);
    assert_eq!(seen(&fetcher, &chart(&repository, "1.0.0")).await, bytes(&old));
    assert!(seen(&fetcher, &chart(&repository, "^1.0")).await.starts_with("passing: "));
}

#[tokio::test]
async fn what_is_not_there_is_an_answer_and_what_is_wrong_is_none() {
    let content = packed("web", "1.0.0");
    let server = Server::start().await;
    server.put("/index.yaml", index(&[("1.0.0", &content)]));
    server.put("/web-1.0.0.tgz", b"not what the index says".to_vec());
    let folder = TempDir::new().unwrap();
    let fetcher = fetcher(&folder);
    let url = &server.url;
    assert_eq!(
        seen(&fetcher, &chart(url, "^2")).await,
        format!("missing: {url}: it has no version ^2 of web; the newest is 1.0.0")
    );
    let wrong = seen(&fetcher, &chart(url, "1.0.0")).await;
    assert!(wrong.contains("has another digest than declared"), "{wrong}");
    let none = seen(&fetcher, &chart(&format!("{url}/none"), "1.0.0")).await;
    assert!(none.starts_with("missing: ") && none.contains("answered 404"), "{none}");
    server.put("/page/index.yaml", "<html>".to_owned());
    let page = seen(&fetcher, &chart(&format!("{url}/page"), "1.0.0")).await;
    assert!(page.contains("does not answer as a chart repository does"), "{page}");
}

#[tokio::test]
async fn credentials_are_for_what_is_below_their_prefix() {
    let content = packed("web", "1.0.0");
    let (mine, other) = (Server::start().await, Server::start().await);
    mine.want_basic("ada", "secret");
    let elsewhere = format!("{}/web-1.0.0.tgz", other.url);
    mine.put("/index.yaml", index(&[("1.0.0", &content)]).replace("web-1.0.0.tgz", &elsewhere));
    other.put("/web-1.0.0.tgz", content.clone());
    let folder = TempDir::new().unwrap();
    let without = fetcher(&folder);
    let refused = seen(&without, &chart(&mine.url, "1.0.0")).await;
    assert!(refused.starts_with("permanent: ") && refused.contains("credential"), "{refused}");
    let with = Fetcher::new(options(&folder, std::slice::from_ref(&mine.url)));
    assert_eq!(seen(&with, &chart(&mine.url, "1.0.0")).await, bytes(&content));
    assert!(other.requests().iter().all(|request| !request.contains("authorization")));
}

#[tokio::test]
async fn a_registry_gives_charts_by_tag() {
    let content = packed("web", "1.0.0");
    let server = Server::start().await;
    server.push("charts/web", &["0.9.0", "1.0.0", "1.1.0-rc.1", "latest"], &content);
    let folder = TempDir::new().unwrap();
    let fetcher = fetcher(&folder);
    let repository = format!("oci://{}/charts", server.host());
    assert_eq!(seen(&fetcher, &chart(&repository, "1.0.0")).await, bytes(&content));
    assert_eq!(server.count("/v2/charts/web/tags/list?n=1000"), 0);
    assert_eq!(seen(&fetcher, &chart(&repository, ">=0.9")).await, bytes(&content));
    assert_eq!(server.count("/v2/charts/web/manifests/1.0.0"), 2);
    let none = seen(&fetcher, &chart(&repository, "2.0.0")).await;
    assert!(none.starts_with("missing: "), "{none}");
    let bad = chart("oci://Registry/UPPER/..", "1.0.0");
    assert!(seen(&fetcher, &bad).await.contains("is not a chart of a registry"));
}

#[tokio::test]
async fn a_registry_that_wants_a_token_gets_one() {
    let content = packed("web", "1.0.0");
    let server = Server::start().await;
    server.push("charts/web", &["1.0.0"], &content);
    server.want_token("/token", "ada", "secret");
    let folder = TempDir::new().unwrap();
    let repository = format!("oci://{}/charts", server.host());
    let refused = seen(&fetcher(&folder), &chart(&repository, "1.0.0")).await;
    assert!(refused.contains("401"), "{refused}");
    let fetcher = Fetcher::new(options(&folder, std::slice::from_ref(&server.url)));
    assert_eq!(seen(&fetcher, &chart(&repository, "1.0.0")).await, bytes(&content));
}

#[tokio::test]
async fn a_layer_is_what_its_digest_says() {
    let content = packed("web", "1.0.0");
    let server = Server::start().await;
    server.push("charts/web", &["1.0.0"], &content);
    let blob = format!("/v2/charts/web/blobs/{}", Digest::of(&content));
    server.put(&blob, b"something else".to_vec());
    let folder = TempDir::new().unwrap();
    let repository = format!("oci://{}/charts", server.host());
    let wrong = seen(&fetcher(&folder), &chart(&repository, "1.0.0")).await;
    assert!(wrong.contains("has another digest"), "{wrong}");
}

#[tokio::test]
async fn single_files_are_fetched_within_bounds() {
    let server = Server::start().await;
    server.put("/a.yaml", "a: 1".to_owned());
    server.put("/big.yaml", vec![0; 4096]);
    let folder = TempDir::new().unwrap();
    let fetcher = Fetcher::new(Options { largest_file: 1024, ..options(&folder, &[]) });
    let file = |path: &str| Need::File { url: format!("{}{path}", server.url) };
    assert_eq!(seen(&fetcher, &file("/a.yaml")).await, bytes(b"a: 1"));
    assert!(seen(&fetcher, &file("/none")).await.starts_with("missing: "));
    assert!(seen(&fetcher, &file("/big.yaml")).await.starts_with("permanent: "));
    let guarded = Need::File { url: "http://169.254.169.254/latest".to_owned() };
    assert!(seen(&fetcher, &guarded).await.contains("metadata address"));
}
