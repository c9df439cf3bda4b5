//! Anything that can sign. The body is `{"repository": "URL"}` or `{"repositories": ["URL", …]}`; it is
//! signed together with the time it was sent at:
//!
//! ```text
//! X-TrueUp-Timestamp: 1790000000
//! X-TrueUp-Signature: sha256=HEX     HMAC-SHA256 of TIMESTAMP, a full stop, and the body
//! ```

use axum::http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::signature::{check, header};
use super::{Forge, Genuine, Meaning, Refusal, news, texts};

pub const FORGE: Forge = Forge { name: "generic", verify, read };

/// How far the sender's time may be from ours.
const AROUND: SignedDuration = SignedDuration::from_mins(5);

fn verify(
    secret: &[u8],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Genuine, Refusal> {
    let time = header(headers, "x-trueup-timestamp");
    let time = time.ok_or(Refusal::Unsigned("X-TrueUp-Timestamp is missing"))?;
    let missing = Refusal::Unsigned("X-TrueUp-Signature is missing");
    let signature = header(headers, "x-trueup-signature").and_then(|s| s.strip_prefix("sha256="));
    let signature = signature.ok_or(missing)?;
    check(secret, &[time.as_bytes(), b".", body], signature)?;
    let sent = time.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    match sent {
        Some(sent) if now.duration_since(sent).abs() <= AROUND => {
            Ok(Genuine { marks: vec![format!("generic {}", signature.to_ascii_lowercase())] })
        }
        _ => Err(Refusal::Old),
    }
}

fn read(_: &HeaderMap, body: &Value) -> Result<Meaning, Refusal> {
    let mut urls = texts(body, &["/repository"]);
    let list = body.get("repositories").and_then(Value::as_array).into_iter().flatten();
    urls.extend(list.filter_map(|url| url.as_str().map(str::to_owned)));
    news(urls)
}
