//! GitLab. A delivery carries the webhook's secret itself in `X-Gitlab-Token`.
//! <https://docs.gitlab.com/user/project/integrations/webhooks/>

use axum::http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;

use super::signature::{body_mark, header, is_token};
use super::{Forge, Genuine, Meaning, Refusal, news, texts};

pub const FORGE: Forge = Forge { name: "gitlab", verify, read };

/// `Idempotency-Key` is the same for each try of one delivery, `X-Gitlab-Event-UUID` for each webhook
/// that an event sets off.
fn verify(
    secret: &[u8],
    headers: &HeaderMap,
    body: &[u8],
    _: Timestamp,
) -> Result<Genuine, Refusal> {
    let missing = Refusal::Unsigned("X-Gitlab-Token is missing: give the webhook a secret token");
    let token = header(headers, "x-gitlab-token").ok_or(missing)?;
    if !is_token(secret, token) {
        return Err(Refusal::Unsigned("the token is not the configured one"));
    }
    let id = ["idempotency-key", "x-gitlab-event-uuid"]
        .into_iter()
        .find_map(|name| header(headers, name))
        .map(|id| format!("gitlab {id}"));
    Ok(Genuine { marks: vec![id.unwrap_or_else(|| body_mark(body))] })
}

fn read(_: &HeaderMap, body: &Value) -> Result<Meaning, Refusal> {
    let kind = |field: &str| body.get(field).and_then(Value::as_str);
    // System hooks say it in `event_name`, the others in `object_kind`.
    match kind("object_kind").or_else(|| kind("event_name")).unwrap_or_default() {
        "push" | "tag_push" | "merge_request" | "repository_update" => news(texts(
            body,
            &[
                "/project/git_http_url",
                "/project/git_ssh_url",
                "/project/web_url",
                "/project/http_url",
                "/project/ssh_url",
                "/repository/git_http_url",
                "/repository/git_ssh_url",
                "/repository/homepage",
            ],
        )),
        other => Ok(Meaning::Other(format!("the event `{other}`"))),
    }
}
