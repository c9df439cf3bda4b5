//! What forges have in common: signatures, and bodies.

use axum::http::HeaderMap;
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::Refusal;

/// A header's text.
pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Checks that `signature` is the HMAC-SHA256 of the parts, in hexadecimal.
pub fn check(secret: &[u8], parts: &[&[u8]], signature: &str) -> Result<(), Refusal> {
    let wrong = Refusal::Unsigned("the signature is not that of the configured secret");
    let Ok(given) = hex::decode(signature) else { return Err(wrong) };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return Err(wrong) };
    parts.iter().for_each(|part| mac.update(part));
    mac.verify_slice(&given).map_err(|_| wrong)
}

/// Whether a token is the secret. Their digests are compared, so that not even the length is told by
/// the time it takes.
pub fn is_token(secret: &[u8], given: &str) -> bool {
    Sha256::digest(secret).ct_eq(&Sha256::digest(given.as_bytes())).into()
}

/// The digest of a body, as a mark to know it again by.
pub fn body_mark(body: &[u8]) -> String {
    format!("body {}", hex::encode(Sha256::digest(body)))
}

/// The body as JSON. Forges can be told to send a form instead: it is asked for as JSON.
pub fn json(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        let form = header(headers, "content-type").is_some_and(|kind| kind.contains("form"));
        Refusal::Malformed(match form {
            true => "the delivery is a form: choose the content type application/json".to_owned(),
            false => format!("the body is not JSON: {error}"),
        })
    })
}
