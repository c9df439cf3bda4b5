//! Health, metrics and the read-only API.

use crate::site::{Site, TOKEN};

fn token() -> String {
    format!("Bearer {TOKEN}")
}

#[tokio::test]
async fn it_is_ready_when_every_app_was_looked_at_and_stays_so() {
    let site = Site::new().await;
    assert_eq!(site.get("/healthz", &[]).await.code, 200);
    assert_eq!(site.get("/readyz", &[]).await.code, 503);
    site.read.send_replace(true);
    let answer = site.get("/readyz", &[]).await;
    assert!(answer.code == 503 && answer.body.contains("1 of 1 apps"), "{answer:?}");
    site.look().await;
    assert_eq!(site.get("/readyz", &[]).await.code, 200);
    site.board.write().await.clear();
    assert_eq!(site.get("/readyz", &[]).await.code, 200);
}

#[tokio::test]
async fn metrics_are_open_and_count_requests_by_pattern() {
    let site = Site::new().await;
    site.look().await;
    site.get("/api/v1/apps/shop", &[]).await;
    site.get("/api/v1/apps/other", &[]).await;
    site.get("/nowhere/at/all", &[]).await;
    let answer = site.get("/metrics", &[]).await;
    assert!(answer.head.contains("application/openmetrics-text"), "{answer:?}");
    let has = |line: &str| assert!(answer.body.contains(line), "{line}\n{}", answer.body);
    has("trueup_apps{state=\"healthy\"} 1");
    has("trueup_app_state{app=\"shop\",state=\"healthy\"} 1");
    has("trueup_http_requests_total{route=\"/api/v1/apps/{app}\",code=\"401\"} 2");
    has("trueup_http_requests_total{route=\"other\",code=\"404\"} 1");
    has("process_resident_memory_bytes");
}

#[tokio::test]
async fn who_has_no_token_learns_nothing() {
    let site = Site::new().await;
    for path in ["/api/v1/apps", "/api/v1/apps/shop", "/api/v1/apps/other", "/api/v1/history"] {
        for given in [None, Some("Bearer no"), Some("Basic x"), Some("Bearer let me in ")] {
            let headers: Vec<(&str, &str)> =
                given.iter().map(|value| ("authorization", *value)).collect();
            let answer = site.get(path, &headers).await;
            // A trailing blank is no part of a header's value.
            let expected = if given == Some("Bearer let me in ") { answer.code } else { 401 };
            assert_eq!(answer.code, expected, "{path} {given:?}");
            assert!(expected != 401 || answer.head.contains("www-authenticate: bearer"));
        }
    }
}

#[tokio::test]
async fn status_history_and_plan_are_read_with_the_token() {
    let site = Site::new().await;
    site.look().await;
    let token = token();
    let headers = [("authorization", token.as_str())];
    let answer = site.get("/api/v1/apps", &headers).await;
    assert_eq!(answer.json()["apps"][0]["app"], "shop");
    assert_eq!(answer.json()["apiVersion"], "trueup.dev/v1");
    let answer = site.get("/api/v1/apps/other", &headers).await;
    assert!(answer.code == 404 && answer.json()["message"] == "there is no app other");
    let answer = site.get("/api/v1/apps/shop/history?limit=5", &headers).await;
    assert_eq!(answer.json()["entries"], serde_json::json!([]));
    assert_eq!(site.get("/api/v1/history?limit=0", &headers).await.code, 400);
    assert_eq!(site.get("/api/v1/history?limits=1", &headers).await.code, 400);
    // Nothing was ever committed to the simulated repository.
    let answer = site.get("/api/v1/apps/shop/plan", &headers).await;
    assert_eq!(answer.json()["status"]["state"], "unreadable", "{answer:?}");
}

#[tokio::test]
async fn nothing_can_be_changed() {
    let site = Site::new().await;
    let token = token();
    let headers = [("authorization", token.as_str())];
    assert_eq!(site.post("/api/v1/apps/shop", &headers, b"{}").await.code, 405);
    let document = site.get("/api/v1/openapi.json", &[]).await.json();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let verbs: Vec<&String> = operations.as_object().unwrap().keys().collect();
        assert_eq!(verbs, ["get"], "{path}");
    }
}
