//! Each kind of sink, and all of them together behind a controller's notices.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{RwLock, broadcast, mpsc};
use trueup_controller::Notice;
use trueup_controller::metrics::Metrics;
use trueup_controller::notify::{Notifications, Notifier, Occasion, SendError, Trigger};
use trueup_engine::Subject;
use trueup_model::record::Declaration;
use trueup_model::{AppName, AppSpec, LedgerEntry, LedgerKind, Revision, SourceSpec};

use crate::servers::{Asked, http, silent, smtp};

fn settings(sinks: Value) -> Notifications {
    serde_json::from_value(json!({ "sinks": sinks })).unwrap()
}

/// A secret that a command prints: no file has to be there.
fn printed(text: &str) -> Value {
    json!({ "command": ["printf", "%s", text] })
}

fn occasion() -> Occasion {
    Occasion {
        commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        subject: "New greeting".to_owned(),
        ..Occasion::example(Timestamp::UNIX_EPOCH)
    }
}

async fn send(sink: Value, occasion: &Occasion) -> Result<(), SendError> {
    let mut sink = sink;
    sink["name"] = json!("s");
    let notifier = Notifier::new(&settings(json!([sink]))).unwrap();
    notifier.test("s", occasion).await.expect("the sink is there")
}

async fn next(asked: &mut mpsc::Receiver<Asked>) -> Asked {
    tokio::time::timeout(Duration::from_secs(20), asked.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn slack_by_webhook_and_by_bot() {
    let (url, mut asked) = http(vec![(200, "ok")]).await;
    let hook = json!({ "slack": { "url": printed(&format!("{url}/T1/B2")) } });
    send(hook, &occasion()).await.unwrap();
    let request = next(&mut asked).await;
    assert!(request.head.starts_with("POST /T1/B2 "), "{request:?}");
    assert!(request.body.contains("commit 0123456 (New greeting)"), "{request:?}");

    let (url, mut asked) = http(vec![(200, r#"{"ok":true}"#)]).await;
    let bot = json!({ "slack": { "token": printed("xoxb-1"), "channel": "#ops", "api": url } });
    send(bot, &occasion()).await.unwrap();
    let request = next(&mut asked).await;
    assert!(request.head.contains("Bearer xoxb-1") && request.json()["channel"] == "#ops");
}

#[tokio::test]
async fn teams_and_discord() {
    let (url, mut asked) = http(vec![(202, "")]).await;
    send(json!({ "teams": { "url": printed(&url) } }), &occasion()).await.unwrap();
    assert_eq!(next(&mut asked).await.json()["type"], "message");
    let (url, mut asked) = http(vec![(204, "")]).await;
    send(json!({ "discord": { "url": printed(&url) } }), &occasion()).await.unwrap();
    assert_eq!(next(&mut asked).await.json()["embeds"][0]["title"], "trueup-test: degraded");
}

#[tokio::test]
async fn a_webhook_sends_fields_or_what_a_template_makes_of_them() {
    let (url, mut asked) = http(vec![(200, "")]).await;
    send(json!({ "webhook": { "url": printed(&url) } }), &occasion()).await.unwrap();
    assert_eq!(next(&mut asked).await.json()["trigger"], "degraded");
    let hook = json!({ "webhook": {
        "url": printed(&url), "method": "PUT", "headers": { "x-team": "web" },
        "token": printed("tok"), "sign": printed("key"),
        "body": "{{ .app }}@{{ .commit | trunc 7 }}", "contentType": "text/plain",
    }});
    send(hook, &occasion()).await.unwrap();
    let request = next(&mut asked).await;
    assert_eq!(request.body, "trueup-test@0123456");
    for part in ["PUT / ", "x-team: web", "Bearer tok", "x-trueup-signature: sha256=", "text/plain"]
    {
        assert!(request.head.contains(part), "{part}: {request:?}");
    }
}

#[tokio::test]
async fn commit_status_and_deployment() {
    let answers = vec![(201, "{}"), (200, "[]"), (201, r#"{"id": 7}"#), (201, "{}")];
    let (url, mut asked) = http(answers).await;
    let github = json!({ "github": {
        "api": url, "host": "github.com", "token": printed("t"), "environment": "prod-{app}",
    }});
    let mut occasion = occasion();
    occasion.repository = "https://github.com/web/shop.git".to_owned();
    occasion.trigger = Trigger::Healthy;
    send(github, &occasion).await.unwrap();
    let status = next(&mut asked).await;
    assert!(
        status.head.starts_with(&format!("POST /repos/web/shop/statuses/{} ", occasion.commit))
    );
    assert_eq!(status.json()["state"], "success");
    assert!(next(&mut asked).await.head.contains("environment=prod-trueup-test"));
    assert_eq!(next(&mut asked).await.json()["environment"], "prod-trueup-test");
    assert!(
        next(&mut asked).await.head.starts_with("POST /repos/web/shop/deployments/7/statuses ")
    );
}

#[tokio::test]
async fn alertmanager() {
    let (url, mut asked) = http(vec![(200, "")]).await;
    let manager = json!({ "alertmanager": { "url": url, "labels": { "team": "web" } } });
    send(manager, &occasion()).await.unwrap();
    let request = next(&mut asked).await;
    assert!(request.head.starts_with("POST /api/v2/alerts "));
    assert_eq!(
        request.json()[0]["labels"],
        json!({ "alertname": "TrueUpDegraded", "app": "trueup-test", "team": "web" })
    );
}

#[tokio::test]
async fn mail() {
    let (port, said) = smtp().await;
    let email = json!({ "email": {
        "host": "127.0.0.1", "port": port, "tls": "none",
        "from": "TrueUp <trueup@example.com>", "to": ["ops@example.com"],
    }});
    send(email, &occasion()).await.unwrap();
    let said = said.await.unwrap();
    assert!(said.contains("RCPT TO:<ops@example.com>"), "{said}");
    assert!(said.contains("Subject: trueup-test: degraded"), "{said}");
    assert!(said.contains("commit 0123456 (New greeting)"), "{said}");
}

#[tokio::test]
async fn a_refusal_says_why_and_hides_secrets() {
    let (url, _asked) = http(vec![(403, "tok is not welcome")]).await;
    let hook =
        json!({ "webhook": { "url": printed(&format!("{url}/s3cret")), "token": printed("tok") } });
    let error = send(hook, &occasion()).await.unwrap_err();
    assert!(error.permanent);
    assert_eq!(error.message, "the server answered 403: (not shown) is not welcome");
    let hook = json!({ "webhook": { "url": printed("http://127.0.0.1:1/s3cret") } });
    let error = send(hook, &occasion()).await.unwrap_err();
    assert!(!error.permanent && !error.message.contains("s3cret"), "{error}");
}

fn entry(kind: LedgerKind, commit: &str) -> Notice {
    let app = AppName::new("shop").unwrap();
    let mut entry = LedgerEntry::new(&app, Timestamp::now(), kind, "said");
    entry.revision = Some(Revision {
        commit: commit.to_owned(),
        reference: "refs/heads/main".to_owned(),
        time: Timestamp::UNIX_EPOCH,
        author: String::new(),
        subject: String::new(),
        notes: Vec::new(),
    });
    Notice::Entry(Box::new(entry))
}

fn subjects() -> trueup_controller::run::Subjects {
    let declaration = Declaration {
        spec: AppSpec::default(),
        source: SourceSpec { repo: "/srv/shop".to_owned(), reference: String::new() },
        path: String::new(),
        target: "host".to_owned(),
        labels: BTreeMap::from([("team".to_owned(), "web".to_owned())]),
        root: String::new(),
        set: None,
    };
    let name = AppName::new("shop").unwrap();
    Arc::new(RwLock::new([(name.clone(), Subject::new(name, declaration))].into()))
}

/// One sink hangs, one answers: the one that answers gets everything at once, the other's surplus is
/// counted and dropped, and whoever tells never waits.
#[tokio::test]
async fn a_sink_that_hangs_costs_the_others_nothing() {
    let (url, mut asked) = http(vec![(200, "")]).await;
    let hang = silent().await;
    let sinks = json!([
        { "name": "hangs", "webhook": { "url": printed(&hang) } },
        { "name": "works", "labels": { "team": "web" }, "webhook": { "url": printed(&url) } },
        { "name": "other", "labels": { "team": "db" }, "webhook": { "url": printed(&url) } },
    ]);
    let notifier = Notifier::new(&settings(sinks)).unwrap();
    let (notices, receiver) = broadcast::channel(1024);
    let metrics = Metrics::new();
    let listening = tokio::spawn(notifier.listen(receiver, subjects(), metrics.clone()));
    for n in 0..300 {
        notices.send(entry(LedgerKind::Degraded, &format!("{n:040}"))).unwrap();
        assert_eq!(next(&mut asked).await.json()["labels"]["team"], "web");
    }
    // The same again is no news.
    notices.send(entry(LedgerKind::Degraded, &format!("{:040}", 299))).unwrap();
    notices.send(entry(LedgerKind::RolledBack, &format!("{:040}", 300))).unwrap();
    assert_eq!(next(&mut asked).await.json()["trigger"], "rolledBack");
    let text = metrics.text(&BTreeMap::new(), false);
    let has = |line: &str| assert!(text.contains(line), "{line}\n{text}");
    has("trueup_notifications_total{sink=\"hangs\",result=\"dropped\"} 4");
    has("trueup_notifications_total{sink=\"works\",result=\"repeated\"} 1");
    assert!(!text.contains("sink=\"other\""), "{text}");
    listening.abort();
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let check = |sinks: Value, part: &str| {
        let error = Notifier::new(&settings(sinks)).err().map(|error| error.to_string());
        assert!(error.as_deref().is_some_and(|error| error.contains(part)), "{part}: {error:?}");
    };
    check(json!([{ "name": "a" }]), "no kind");
    check(json!([{ "name": "", "teams": { "url": {} } }]), "name");
    let teams = json!({ "name": "a", "teams": { "url": {} } });
    check(json!([teams, teams]), "same name");
    check(json!([{ "name": "a", "teams": { "url": {} }, "discord": { "url": {} } }]), "several");
    check(json!([{ "name": "a", "webhook": { "url": {}, "body": "{{ .app" } }]), "template");
    check(json!([{ "name": "a", "apps": ["["], "teams": { "url": {} } }]), "sink `a`");
    let email = json!({ "host": "h", "from": "nobody", "to": ["ops@example.com"] });
    check(json!([{ "name": "a", "email": email }]), "nobody");
    check(json!([{ "name": "a", "gitea": { "token": {} } }]), "api");
}
