//! Anything that takes an HTTP request: a URL, headers, and a body from a template.

use std::sync::Arc;

use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use trueup_http::{Login, Method, Request};

use super::sink::{SendError, Wire, read};
use super::template::Template;
use super::{Occasion, settings};
use crate::secret::Secret;

pub struct Webhook {
    url: Secret,
    method: Method,
    headers: Vec<(String, String)>,
    token: Option<Secret>,
    sign: Option<Secret>,
    body: Option<Template>,
    wire: Wire,
}

impl Webhook {
    pub fn new(settings: &settings::WebhookSettings, wire: Wire) -> Result<Self, String> {
        let method = match settings.method.as_deref().unwrap_or("POST") {
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            other => return Err(format!("the method `{other}` is neither POST nor PUT")),
        };
        let kind = settings.content_type.clone().unwrap_or_else(|| "application/json".to_owned());
        let mut headers = vec![("content-type".to_owned(), kind)];
        headers.extend(settings.headers.clone());
        let body = settings.body.as_deref().map(Template::new).transpose();
        Ok(Self {
            url: Secret::new(&settings.url),
            method,
            headers,
            token: settings.token.as_ref().map(Secret::new),
            sign: settings.sign.as_ref().map(Secret::new),
            body: body.map_err(|error| format!("the body's template: {error}"))?,
            wire,
        })
    }

    pub async fn send(&self, occasion: &Occasion) -> Result<(), SendError> {
        let url = self.url.read().await?;
        let token = read(self.token.as_ref()).await?;
        let key = read(self.sign.as_ref()).await?;
        let body = self.body(occasion).map_err(SendError::permanent)?;
        let mut headers = self.headers.clone();
        if let Some(key) = &key {
            headers.extend(signature(key, Timestamp::now(), &body));
        }
        let request = Request {
            method: self.method.clone(),
            url: url.to_string(),
            headers,
            body,
            login: token.as_ref().map(|token| Login::Bearer(token.to_string())),
        };
        let secrets: Vec<Arc<str>> = [Some(url), token, key].into_iter().flatten().collect();
        self.wire.ask(request, &secrets).await.map(drop)
    }

    fn body(&self, occasion: &Occasion) -> Result<Vec<u8>, String> {
        match &self.body {
            Some(template) => template.render(occasion),
            None => serde_json::to_vec(occasion).map_err(|error| error.to_string()),
        }
    }
}

/// As `POST /hooks/generic` of a controller checks it: over the time, a full stop, and the body.
fn signature(key: &str, now: Timestamp, body: &[u8]) -> Vec<(String, String)> {
    let time = now.as_second().to_string();
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    for part in [time.as_bytes(), b".", body] {
        mac.update(part);
    }
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    vec![("x-trueup-timestamp".to_owned(), time), ("x-trueup-signature".to_owned(), signature)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signature was made by `printf '0.{}' | openssl dgst -sha256 -hmac key`.
    #[test]
    fn the_signature_is_over_time_and_body() {
        let headers = signature("key", Timestamp::UNIX_EPOCH, b"{}");
        assert_eq!(headers[0].1, "0");
        assert_eq!(
            headers[1].1,
            "sha256=7314351dd949aa7ec06f50fc2c96e618291447672c9b7f10b49d1ce46dad00b3"
        );
    }
}
