//! Slack: an incoming webhook, or `chat.postMessage` with a bot's token.
//! <https://docs.slack.dev/messaging/formatting-message-text>

use serde_json::{Value, json};
use trueup_http::Login;

use super::message::{Mood, cut, lines, title};
use super::sink::{SendError, Wire, post};
use super::{Occasion, settings};
use crate::secret::Secret;

const API: &str = "https://slack.com/api";
/// The longest text of a section.
const TEXT_MAX: usize = 2900;

pub struct Slack {
    way: Way,
    wire: Wire,
}

enum Way {
    Hook(Secret),
    Bot { token: Secret, channel: String, api: String },
}

impl Slack {
    pub fn new(settings: &settings::Slack, wire: Wire) -> Result<Self, String> {
        let way = match (&settings.url, &settings.token, &settings.channel) {
            (Some(url), None, None) => Way::Hook(Secret::new(url)),
            (None, Some(token), Some(channel)) => Way::Bot {
                token: Secret::new(token),
                channel: channel.clone(),
                api: settings.api.clone().unwrap_or_else(|| API.to_owned()),
            },
            _ => return Err("slack needs either `url`, or `token` and `channel`".to_owned()),
        };
        Ok(Self { way, wire })
    }

    pub async fn send(&self, occasion: &Occasion) -> Result<(), SendError> {
        match &self.way {
            Way::Hook(url) => {
                let url = url.read().await?;
                self.wire.ask(post(&url, &body(occasion)), &[url]).await.map(drop)
            }
            Way::Bot { token, channel, api } => {
                let token = token.read().await?;
                let mut body = body(occasion);
                body["channel"] = json!(channel);
                let mut request = post(&format!("{api}/chat.postMessage"), &body);
                request.login = Some(Login::Bearer(token.to_string()));
                accepted(&self.wire.ask(request, &[token]).await?)
            }
        }
    }
}

/// Slack's API answers 200 to what it refuses, too.
fn accepted(body: &[u8]) -> Result<(), SendError> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    match answer.get("ok").and_then(Value::as_bool) {
        Some(true) => Ok(()),
        _ => {
            let why = answer.get("error").and_then(Value::as_str).unwrap_or("it did not say why");
            Err(SendError::permanent(format!("Slack refused the message: {why}")))
        }
    }
}

fn body(occasion: &Occasion) -> Value {
    let text = cut(&escape(&lines(occasion).join("\n")), TEXT_MAX);
    let title = escape(&title(occasion));
    json!({
        "text": title,
        "attachments": [{
            "color": format!("#{:06x}", Mood::of(occasion.trigger).colour()),
            "blocks": [
                { "type": "section", "text": { "type": "mrkdwn", "text": format!("*{title}*\n{text}") } },
            ],
        }],
    })
}

/// Nothing that a commit says may ping a channel or be taken for a link.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_cannot_ping_a_channel() {
        let mut occasion = Occasion::example(jiff::Timestamp::UNIX_EPOCH);
        occasion.message = "<!channel> & more".to_owned();
        let text = body(&occasion).to_string();
        assert!(text.contains("&lt;!channel&gt; &amp; more"), "{text}");
    }

    #[test]
    fn a_refusal_with_status_200_is_one() {
        assert_eq!(accepted(br#"{"ok":true}"#), Ok(()));
        let error = accepted(br#"{"ok":false,"error":"not_in_channel"}"#).unwrap_err();
        assert_eq!(error.message, "Slack refused the message: not_in_channel");
        assert!(error.permanent);
    }
}
