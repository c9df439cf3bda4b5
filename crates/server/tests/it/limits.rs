//! Oversized, slow and many.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use trueup_controller::Signal;

use crate::site::{REPO, SECRET, Site};

#[tokio::test]
async fn an_oversized_body_is_refused() {
    let site = Site::new().await;
    let body = vec![b' '; 5 << 20];
    let answer = site.post("/hooks/gitlab", &[("x-gitlab-token", SECRET)], &body).await;
    // The refusal may come while the body is still being sent; then the connection is reset.
    assert!(matches!(answer.code, 413 | 0), "{answer:?}");
    assert_eq!(site.get("/healthz", &[]).await.code, 200);
}

#[tokio::test]
async fn what_is_no_http_ends_that_connection_only() {
    let site = Site::new().await;
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    stream.write_all(b"\x16\x03\x01 no http at all\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!(site.get("/healthz", &[]).await.code, 200);
}

#[tokio::test]
async fn connections_that_say_nothing_hold_up_nobody() {
    let site = Site::new().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(site.address).await.unwrap());
    }
    assert_eq!(site.get("/healthz", &[]).await.code, 200);
}

#[tokio::test]
async fn a_flood_of_genuine_webhooks_asks_a_few_times() {
    let mut site = Site::new().await;
    for n in 0..300 {
        let id = format!("d{n}");
        let body = r#"{"object_kind": "push", "project": {"git_ssh_url": "git@git.example.com:web/shop.git"}}"#;
        let headers = [("x-gitlab-token", SECRET), ("idempotency-key", id.as_str())];
        assert_eq!(site.post("/hooks/gitlab", &headers, body.as_bytes()).await.code, 202);
    }
    let mut asked = 0;
    while let Ok(signal) = site.signals.try_recv() {
        assert_eq!(signal, Signal::Source { repo: REPO.to_owned() });
        asked += 1;
    }
    assert!((1..50).contains(&asked), "{asked}");
}
