//! Webhooks of every forge: genuine, forged, replayed, and what follows from them.

use std::time::Duration;

use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use serde_json::json;
use sha2::Sha256;
use trueup_controller::Signal;

use crate::site::{Answer, REPO, SECRET, Site};

fn signed(parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    hex::encode(mac.finalize().into_bytes())
}

/// A push as GitHub tells it, of the repository that the app names in another form.
fn push(n: u32) -> Vec<u8> {
    json!({
        "ref": "refs/heads/main",
        "after": format!("{n:040}"),
        "repository": {
            "clone_url": "https://git.example.com/web/shop.git",
            "html_url": "https://git.example.com/web/shop",
        },
    })
    .to_string()
    .into_bytes()
}

async fn github(site: &Site, event: &str, id: &str, body: &[u8]) -> Answer {
    let signature = format!("sha256={}", signed(&[body]));
    let headers = [
        ("x-github-event", event),
        ("x-github-delivery", id),
        ("x-hub-signature-256", signature.as_str()),
    ];
    site.post("/hooks/github", &headers, body).await
}

async fn asked(site: &mut Site) -> Option<Signal> {
    tokio::time::timeout(Duration::from_secs(5), site.signals.recv()).await.ok().flatten()
}

fn news() -> Option<Signal> {
    Some(Signal::Source { repo: REPO.to_owned() })
}

#[tokio::test]
async fn a_push_asks_the_repository_whichever_url_names_it() {
    let mut site = Site::new().await;
    let answer = github(&site, "push", "1", &push(1)).await;
    assert_eq!((answer.code, &answer.json()["repositories"]), (202, &json!(1)));
    assert_eq!(asked(&mut site).await, news());
}

#[tokio::test]
async fn a_forged_delivery_is_refused_before_it_is_parsed() {
    let mut site = Site::new().await;
    let body = push(1);
    let right = signed(&[&body]);
    let wrong = signed(&[b"other"]);
    for signature in ["", "sha256=", &format!("sha256={wrong}"), &right, "sha256=zz"] {
        let headers = [("x-github-event", "push"), ("x-hub-signature-256", signature)];
        assert_eq!(site.post("/hooks/github", &headers, &body).await.code, 401, "{signature}");
    }
    let answer = site.post("/hooks/gitlab", &[("x-gitlab-token", "guess")], &body).await;
    assert_eq!(answer.code, 401);
    // The secret of one forge does not open another that is not configured.
    assert_eq!(site.post("/hooks/bitbucket", &[], &body).await.code, 404);
    assert_eq!(site.post("/hooks/elsewhere", &[], &body).await.code, 404);
    assert!(site.signals.try_recv().is_err());
}

#[tokio::test]
async fn a_delivery_is_taken_once() {
    let site = Site::new().await;
    assert_eq!(github(&site, "push", "1", &push(1)).await.code, 202);
    assert_eq!(github(&site, "push", "1", &push(1)).await.code, 409);
    assert_eq!(github(&site, "push", "2", &push(1)).await.code, 409, "another id, the same body");
    assert_eq!(github(&site, "push", "3", &push(2)).await.code, 202);
    let text = site.get("/metrics", &[]).await.body;
    assert!(
        text.contains("trueup_webhooks_total{from=\"github\",result=\"replayed\"} 2"),
        "{text}"
    );
}

#[tokio::test]
async fn pings_are_answered_and_other_events_ignored() {
    let mut site = Site::new().await;
    assert_eq!(github(&site, "ping", "1", b"{}").await.code, 200);
    let answer = github(&site, "star", "2", &push(2)).await;
    assert_eq!((answer.code, &answer.json()["repositories"]), (202, &json!(0)));
    let foreign = br#"{"repository": {"clone_url": "https://git.example.com/other/shop"}}"#;
    assert_eq!(github(&site, "push", "3", foreign).await.json()["repositories"], 0);
    assert!(site.signals.try_recv().is_err());
}

#[tokio::test]
async fn every_forge_is_understood() {
    let mut site = Site::new().await;
    let project = json!({"object_kind": "push", "project": {
        "git_ssh_url": "git@git.example.com:web/shop.git",
        "git_http_url": "https://git.example.com/web/shop.git",
    }});
    let headers = [("x-gitlab-token", SECRET), ("x-gitlab-event-uuid", "u1")];
    let answer = site.post("/hooks/gitlab", &headers, project.to_string().as_bytes()).await;
    assert_eq!(answer.code, 202, "{answer:?}");
    assert_eq!(asked(&mut site).await, news());

    let body = push(7);
    let signature = signed(&[&body]);
    let headers = [("x-forgejo-event", "push"), ("x-gitea-signature", signature.as_str())];
    assert_eq!(site.post("/hooks/gitea", &headers, &body).await.code, 202);
    assert_eq!(asked(&mut site).await, news());
}

async fn generic(site: &Site, age: i64, body: &[u8]) -> Answer {
    let time = (Timestamp::now().as_second() - age).to_string();
    let signature = format!("sha256={}", signed(&[time.as_bytes(), b".", body]));
    let headers =
        [("x-trueup-timestamp", time.as_str()), ("x-trueup-signature", signature.as_str())];
    site.post("/hooks/generic", &headers, body).await
}

#[tokio::test]
async fn a_generic_delivery_is_signed_with_its_time() {
    let mut site = Site::new().await;
    let body = br#"{"repository": "ssh://git@git.example.com:22/web/shop"}"#;
    assert_eq!(generic(&site, 0, body).await.code, 202);
    assert_eq!(asked(&mut site).await, news());
    assert_eq!(generic(&site, 3600, body).await.code, 409);
    assert_eq!(generic(&site, -3600, body).await.code, 409);
    assert_eq!(generic(&site, 1, b"[]").await.code, 400);
    assert_eq!(generic(&site, 2, b"not json").await.code, 400);
}
