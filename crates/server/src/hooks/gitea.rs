//! Gitea, Forgejo and Gogs. Deliveries are signed in `X-Gitea-Signature` (`X-Forgejo-`, `X-Gogs-`).
//! <https://docs.gitea.com/usage/webhooks>

use axum::http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;

use super::signature::{body_mark, check, header};
use super::{Forge, Genuine, Meaning, Refusal, news, texts};

pub const FORGE: Forge = Forge { name: "gitea", verify, read };

fn of<'a>(headers: &'a HeaderMap, names: [&str; 3]) -> Option<&'a str> {
    names.into_iter().find_map(|name| header(headers, name))
}

fn verify(
    secret: &[u8],
    headers: &HeaderMap,
    body: &[u8],
    _: Timestamp,
) -> Result<Genuine, Refusal> {
    let missing = Refusal::Unsigned("X-Gitea-Signature is missing: give the webhook a secret");
    let names = ["x-forgejo-signature", "x-gitea-signature", "x-gogs-signature"];
    check(secret, &[body], of(headers, names).ok_or(missing)?)?;
    let id = of(headers, ["x-forgejo-delivery", "x-gitea-delivery", "x-gogs-delivery"]);
    let mut marks = vec![body_mark(body)];
    marks.extend(id.map(|id| format!("gitea {id}")));
    Ok(Genuine { marks })
}

fn read(headers: &HeaderMap, body: &Value) -> Result<Meaning, Refusal> {
    let event = of(headers, ["x-forgejo-event", "x-gitea-event", "x-gogs-event"]);
    match event.unwrap_or_default() {
        "push" | "create" | "delete" | "pull_request" | "pull_request_sync" => news(texts(
            body,
            &["/repository/clone_url", "/repository/ssh_url", "/repository/html_url"],
        )),
        other => Ok(Meaning::Other(format!("the event `{other}`"))),
    }
}
