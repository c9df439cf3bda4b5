//! Discord: a channel's webhook. <https://discord.com/developers/docs/resources/webhook>

use serde_json::{Value, json};

use super::message::{Mood, cut, lines, title};
use super::sink::{SendError, Wire, post};
use super::{Occasion, settings};
use crate::secret::Secret;

/// Longest title and description of an embed.
const TITLE_MAX: usize = 256;
const TEXT_MAX: usize = 4096;

pub struct Discord {
    url: Secret,
    wire: Wire,
}

impl Discord {
    pub fn new(settings: &settings::Hook, wire: Wire) -> Self {
        Self { url: Secret::new(&settings.url), wire }
    }

    pub async fn send(&self, occasion: &Occasion) -> Result<(), SendError> {
        let url = self.url.read().await?;
        self.wire.ask(post(&url, &body(occasion)), &[url]).await.map(drop)
    }
}

/// Without any mention: a commit's words must not ping anybody.
fn body(occasion: &Occasion) -> Value {
    json!({
        "allowed_mentions": { "parse": [] },
        "embeds": [{
            "title": cut(&title(occasion), TITLE_MAX),
            "description": cut(&lines(occasion).join("\n"), TEXT_MAX),
            "color": Mood::of(occasion.trigger).colour(),
            "timestamp": occasion.at.to_string(),
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_and_ping_nobody() {
        let mut occasion = Occasion::example(jiff::Timestamp::UNIX_EPOCH);
        occasion.message = "@everyone ".repeat(1000);
        let body = body(&occasion);
        let text = body.pointer("/embeds/0/description").and_then(Value::as_str).unwrap();
        assert_eq!(text.chars().count(), TEXT_MAX);
        assert_eq!(body["allowed_mentions"]["parse"], json!([]));
    }
}
