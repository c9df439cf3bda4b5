//! Microsoft Teams: a workflow's webhook, which takes an Adaptive Card.
//! <https://learn.microsoft.com/adaptive-cards/>

use serde_json::{Value, json};

use super::message::{Mood, cut, lines, title};
use super::sink::{SendError, Wire, post};
use super::{Occasion, settings};
use crate::secret::Secret;

/// A card may have 28 KB.
const TEXT_MAX: usize = 4000;

pub struct Teams {
    url: Secret,
    wire: Wire,
}

impl Teams {
    pub fn new(settings: &settings::Hook, wire: Wire) -> Self {
        Self { url: Secret::new(&settings.url), wire }
    }

    pub async fn send(&self, occasion: &Occasion) -> Result<(), SendError> {
        let url = self.url.read().await?;
        self.wire.ask(post(&url, &body(occasion)), &[url]).await.map(drop)
    }
}

fn body(occasion: &Occasion) -> Value {
    let colour = match Mood::of(occasion.trigger) {
        Mood::Good => "Good",
        Mood::Attention => "Warning",
        Mood::Bad => "Attention",
    };
    let block = |text: String| json!({ "type": "TextBlock", "text": plain(&text), "wrap": true });
    let mut blocks = vec![json!({
        "type": "TextBlock", "text": title(occasion), "weight": "Bolder", "size": "Medium",
        "color": colour, "wrap": true,
    })];
    blocks.extend(lines(occasion).into_iter().map(|line| block(cut(&line, TEXT_MAX))));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": blocks,
            },
        }],
    })
}

/// A text block knows links and emphasis; a commit's words are neither.
fn plain(text: &str) -> String {
    text.replace('[', "\\[").replace('*', "\\*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_has_a_line_for_each_thing_to_say() {
        let occasion = Occasion::example(jiff::Timestamp::UNIX_EPOCH);
        let body = body(&occasion);
        let blocks = body.pointer("/attachments/0/content/body").and_then(Value::as_array).unwrap();
        assert_eq!(blocks.len(), 3);
        assert_eq!(blocks[0]["color"], "Attention");
    }
}
