//! GitHub, and GitHub Enterprise Server. Deliveries are signed in `X-Hub-Signature-256`.
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads>

use axum::http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;

use super::signature::{body_mark, check, header};
use super::{Forge, Genuine, Meaning, Refusal, news, texts};

pub const FORGE: Forge = Forge { name: "github", verify, read };

/// The delivery's id is not signed: so the signed body is a mark, too. GitHub's own redelivery has the
/// same body.
fn verify(
    secret: &[u8],
    headers: &HeaderMap,
    body: &[u8],
    _: Timestamp,
) -> Result<Genuine, Refusal> {
    let missing = Refusal::Unsigned("X-Hub-Signature-256 is missing: give the webhook a secret");
    let signature = header(headers, "x-hub-signature-256").and_then(|s| s.strip_prefix("sha256="));
    check(secret, &[body], signature.ok_or(missing)?)?;
    let mut marks = vec![body_mark(body)];
    marks.extend(header(headers, "x-github-delivery").map(|id| format!("github {id}")));
    Ok(Genuine { marks })
}

fn read(headers: &HeaderMap, body: &Value) -> Result<Meaning, Refusal> {
    match header(headers, "x-github-event").unwrap_or_default() {
        "ping" => Ok(Meaning::Ping),
        "push" | "create" | "delete" | "pull_request" => news(texts(
            body,
            &[
                "/repository/clone_url",
                "/repository/ssh_url",
                "/repository/html_url",
                "/repository/git_url",
            ],
        )),
        other => Ok(Meaning::Other(format!("the event `{other}`"))),
    }
}
