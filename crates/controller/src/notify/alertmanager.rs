//! Alertmanager: an alert begins with a bad occasion and ends when the app is healthy.
//! <https://prometheus.io/docs/alerting/latest/alerts_api/>

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use trueup_http::Login;

use super::sink::{SendError, Wire, post, read};
use super::{Occasion, Trigger, settings};
use crate::secret::Secret;

/// An alert that nobody ends is over after this time: Alertmanager would otherwise end it after its
/// own few minutes, and whether an app is healthy again is known here.
const LASTS: SignedDuration = SignedDuration::from_hours(24);

/// The triggers that are alerts, and what they are called.
const ALERTS: [(Trigger, &str); 5] = [
    (Trigger::Failed, "TrueUpFailed"),
    (Trigger::Degraded, "TrueUpDegraded"),
    (Trigger::Drifted, "TrueUpDrifted"),
    (Trigger::RolledBack, "TrueUpRolledBack"),
    (Trigger::WaitingForApproval, "TrueUpWaitingForApproval"),
];

pub struct Alertmanager {
    url: String,
    token: Option<Secret>,
    labels: BTreeMap<String, String>,
    wire: Wire,
}

impl Alertmanager {
    pub fn new(settings: &settings::Alertmanager, wire: Wire) -> Self {
        Self {
            url: format!("{}/api/v2/alerts", settings.url.trim_end_matches('/')),
            token: settings.token.as_ref().map(Secret::new),
            labels: settings.labels.clone(),
            wire,
        }
    }

    pub async fn send(&self, occasion: &Occasion) -> Result<(), SendError> {
        let alerts = alerts(occasion, &self.labels);
        if alerts.is_empty() {
            return Ok(());
        }
        let token = read(self.token.as_ref()).await?;
        let mut request = post(&self.url, &Value::Array(alerts));
        request.login = token.as_ref().map(|token| Login::Bearer(token.to_string()));
        self.wire.ask(request, token.as_slice()).await.map(drop)
    }
}

/// A bad occasion is an alert that begins; a healthy app ends all that it may have.
fn alerts(occasion: &Occasion, more: &BTreeMap<String, String>) -> Vec<Value> {
    let healthy = occasion.trigger == Trigger::Healthy;
    let ends = if healthy { Some(occasion.at) } else { occasion.at.checked_add(LASTS).ok() };
    ALERTS
        .iter()
        .filter(|(trigger, _)| healthy || *trigger == occasion.trigger)
        .map(|(_, name)| alert(name, occasion, more, ends))
        .collect()
}

fn alert(
    name: &str,
    occasion: &Occasion,
    more: &BTreeMap<String, String>,
    ends: Option<Timestamp>,
) -> Value {
    let mut labels = more.clone();
    labels.insert("alertname".to_owned(), name.to_owned());
    labels.insert("app".to_owned(), occasion.app.to_string());
    json!({
        "labels": labels,
        "annotations": {
            "summary": super::message::title(occasion),
            "description": occasion.message,
        },
        "startsAt": occasion.at,
        "endsAt": ends,
        "generatorURL": occasion.link.clone().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_begin_and_end_under_the_same_labels() {
        let mut occasion = Occasion::example(Timestamp::UNIX_EPOCH);
        let more = BTreeMap::from([("team".to_owned(), "web".to_owned())]);
        let begun = alerts(&occasion, &more);
        assert_eq!(begun.len(), 1);
        assert_eq!(begun[0]["endsAt"], "1970-01-02T00:00:00Z");
        occasion.trigger = Trigger::Healthy;
        let ended = alerts(&occasion, &more);
        let same = ended.iter().find(|alert| alert["labels"] == begun[0]["labels"]);
        assert_eq!(same.unwrap()["endsAt"], "1970-01-01T00:00:00Z");
        occasion.trigger = Trigger::Applied;
        assert!(alerts(&occasion, &more).is_empty());
    }
}
