//! Bitbucket, Cloud and Data Center. Deliveries are signed in `X-Hub-Signature`.
//! <https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/>

use axum::http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;

use super::signature::{body_mark, check, header};
use super::{Forge, Genuine, Meaning, Refusal, news, texts};

pub const FORGE: Forge = Forge { name: "bitbucket", verify, read };

fn verify(
    secret: &[u8],
    headers: &HeaderMap,
    body: &[u8],
    _: Timestamp,
) -> Result<Genuine, Refusal> {
    let missing = Refusal::Unsigned("X-Hub-Signature is missing: give the webhook a secret");
    let signature = header(headers, "x-hub-signature").and_then(|s| s.strip_prefix("sha256="));
    check(secret, &[body], signature.ok_or(missing)?)?;
    // Data Center's connection test has the same body each time, and asks nothing.
    if header(headers, "x-event-key") == Some("diagnostics:ping") {
        return Ok(Genuine { marks: Vec::new() });
    }
    let mut marks = vec![body_mark(body)];
    let id = header(headers, "x-request-uuid").or_else(|| header(headers, "x-request-id"));
    marks.extend(id.map(|id| format!("bitbucket {id}")));
    Ok(Genuine { marks })
}

fn read(headers: &HeaderMap, body: &Value) -> Result<Meaning, Refusal> {
    let event = header(headers, "x-event-key").unwrap_or_default();
    if event == "diagnostics:ping" {
        return Ok(Meaning::Ping);
    }
    let wanted = event == "repo:push"
        || event == "repo:refs_changed"
        || event.starts_with("pullrequest:")
        || event.starts_with("pr:");
    if !wanted {
        return Ok(Meaning::Other(format!("the event `{event}`")));
    }
    let mut urls = texts(body, &["/repository/links/html/href"]);
    // Data Center lists the URLs, each with its protocol.
    for list in ["/repository/links/clone", "/repository/links/self"] {
        let links = body.pointer(list).and_then(Value::as_array).into_iter().flatten();
        urls.extend(links.filter_map(|link| Some(link.get("href")?.as_str()?.to_owned())));
    }
    for url in urls.clone() {
        urls.extend(browsed(&url));
    }
    news(urls)
}

/// Data Center's pages lie elsewhere than its repositories: `/projects/P/repos/r/browse` is
/// `/scm/P/r.git` over HTTP and `/P/r.git` over SSH.
fn browsed(url: &str) -> Vec<String> {
    let Some((host, rest)) = url.split_once("/projects/") else { return Vec::new() };
    let Some((project, rest)) = rest.split_once("/repos/") else { return Vec::new() };
    let name = rest.split('/').next().unwrap_or_default();
    vec![format!("{host}/scm/{project}/{name}.git"), format!("{host}/{project}/{name}.git")]
}
