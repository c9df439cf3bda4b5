//! Against a server on loopback: what is asked, how often, and what is refused.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use trueup_forge::HttpForge;
use trueup_http::Settings;
use trueup_model::app_set::{ForgeKind, PullRequestQuery};
use trueup_model::ports::Forge as _;

/// Answers each request with the next of these, and remembers what was asked.
struct Server {
    api: String,
    asked: Arc<Mutex<Vec<String>>>,
}

async fn server(answers: &[(&str, &str)]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let api = format!("http://{}/api", listener.local_addr().expect("an address"));
    let mut answers: VecDeque<String> = answers
        .iter()
        .map(|(head, body)| {
            let head = head.replace("API", &api);
            let length = body.len();
            format!(
                "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
        })
        .collect();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = asked.clone();
    tokio::spawn(async move {
        while let Some(answer) = answers.pop_front() {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).await.expect("a request") == 0 {
                    break;
                }
                request.push(byte[0]);
            }
            let text = String::from_utf8_lossy(&request).to_lowercase();
            noted.lock().expect("no panic").push(text);
            stream.write_all(answer.as_bytes()).await.expect("an answer");
        }
    });
    Server { api, asked }
}

impl Server {
    fn query(&self, forge: ForgeKind) -> PullRequestQuery {
        PullRequestQuery { forge, api: self.api.clone(), repository: "group/sub".to_owned() }
    }

    fn asked(&self, n: usize) -> String {
        self.asked.lock().expect("no panic")[n].clone()
    }
}

fn pull(number: u32) -> String {
    format!(
        "[{{\"number\": {number}, \"head\": {{\"ref\": \"b\", \"sha\": \"c\"}}, \"base\": {{\"ref\": \"main\"}}}}]"
    )
}

fn forge() -> HttpForge {
    HttpForge::new(Vec::new(), Settings::default())
}

#[tokio::test]
async fn pages_are_followed_and_not_sent_again() {
    let (one, two) = (pull(1), pull(2));
    let first = "200 OK\r\netag: \"t1\"\r\nlink: <API/repos/group/sub/pulls?page=2>; rel=\"next\", <API/x>; rel=\"last\"";
    let answers = [
        (first, one.as_str()),
        ("200 OK\r\netag: \"t2\"", two.as_str()),
        ("304 Not Modified", ""),
        ("304 Not Modified", ""),
    ];
    let server = server(&answers).await;
    let (forge, query) = (forge(), server.query(ForgeKind::Github));
    for _ in 0..2 {
        let open = forge.pull_requests(&query).await.expect("an answer");
        assert_eq!(open.iter().map(|pull| pull.number).collect::<Vec<_>>(), [1, 2]);
    }
    assert!(server.asked(0).starts_with("get /api/repos/group/sub/pulls?state=open&per_page=100 "));
    assert!(server.asked(2).contains("if-none-match: \"t1\""), "{}", server.asked(2));
}

#[tokio::test]
async fn each_forge_has_its_paths() {
    for (forge_kind, path) in [
        (ForgeKind::Gitlab, "/api/projects/group%2fsub/merge_requests?state=opened&per_page=100"),
        (ForgeKind::Gitea, "/api/repos/group/sub/pulls?state=open&limit=100"),
    ] {
        let server = server(&[("200 OK", "[]")]).await;
        let open = forge().pull_requests(&server.query(forge_kind)).await.expect("an answer");
        assert!(open.is_empty());
        assert!(server.asked(0).starts_with(&format!("get {path} ")), "{}", server.asked(0));
    }
}

#[tokio::test]
async fn a_forge_that_asks_for_it_is_left_alone() {
    let limited = "403 Forbidden\r\nx-ratelimit-remaining: 0\r\nretry-after: 120";
    let server = server(&[(limited, "{}")]).await;
    let (forge, query) = (forge(), server.query(ForgeKind::Github));
    for _ in 0..3 {
        let error = forge.pull_requests(&query).await.expect_err("it is limited");
        assert!(error.message.contains("left alone") && !error.permanent, "{error:?}");
    }
    assert_eq!(server.asked.lock().expect("no panic").len(), 1);
}

#[tokio::test]
async fn what_cannot_be_is_said() {
    for (head, body, expected, permanent) in [
        ("404 Not Found", "{}", "no such repository", true),
        ("401 Unauthorized", "{}", "check the credential", true),
        ("502 Bad Gateway", "", "asked again later", false),
        ("200 OK", "<html>", "no list of pull requests", false),
        ("200 OK", "{}", "it is not a list", false),
    ] {
        let server = server(&[(head, body)]).await;
        let error = forge().pull_requests(&server.query(ForgeKind::Github)).await;
        let error = error.expect_err("it is refused");
        assert!(error.message.contains(expected), "{}", error.message);
        assert_eq!(error.permanent, permanent, "{}", error.message);
    }
    let away = "200 OK\r\nlink: <http://127.0.0.1:1/steal>; rel=\"next\"";
    let one = pull(1);
    let server = server(&[(away, one.as_str())]).await;
    let open = forge().pull_requests(&server.query(ForgeKind::Github)).await.expect("an answer");
    assert_eq!(open.len(), 1, "no page elsewhere is asked for");
}
