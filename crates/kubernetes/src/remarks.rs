//! Remarks as Events. They expire by themselves, and nobody depends on them: one that cannot be
//! written is dropped.

use http::Method;
use serde_json::{Value, json};
use trueup_model::ports::Remark;

use crate::MANAGER;
use crate::wire::{Ask, JSON, Wire, escape};

/// Writes remarks down, one after the other.
pub async fn write(wire: &Wire, remarks: &[Remark]) {
    for remark in remarks {
        let namespace = namespace(remark);
        let path = format!("/api/v1/namespaces/{}/events", escape(namespace));
        let ask = Ask::with(Method::POST, path, JSON, event(remark));
        match wire.ask(&ask).await {
            Ok(answer) if answer.succeeded() => {}
            Ok(answer) => {
                tracing::debug!(object = %remark.id, "an Event was not written: {}", answer.message());
            }
            Err(error) => tracing::debug!(object = %remark.id, %error, "an Event was not written"),
        }
    }
}

/// Events of what is in no namespace stand in `default`.
fn namespace(remark: &Remark) -> &str {
    if remark.id.namespace.is_empty() { "default" } else { &remark.id.namespace }
}

fn event(remark: &Remark) -> Value {
    let at = remark.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut involved = json!({
        "apiVersion": remark.api_version,
        "kind": remark.id.kind,
        "name": remark.id.name,
    });
    for (field, value) in [("namespace", &remark.id.namespace), ("uid", &remark.uid)] {
        if !value.is_empty() {
            involved[field] = json!(value);
        }
    }
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            // The name of an Event is of no meaning; the object's may be as long as a name can be.
            "generateName": format!("{}.", remark.id.name.chars().take(200).collect::<String>()),
            "namespace": namespace(remark),
        },
        "involvedObject": involved,
        "reason": remark.reason,
        "message": remark.message,
        "type": if remark.warning { "Warning" } else { "Normal" },
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
        "source": { "component": MANAGER },
        "reportingComponent": MANAGER,
        "reportingInstance": "",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueup_model::ResourceId;

    #[test]
    fn an_event_refers_to_its_object() {
        let remark = Remark {
            id: ResourceId::new("", "Namespace", "", "shop"),
            api_version: "v1".to_owned(),
            uid: "u".to_owned(),
            at: jiff::Timestamp::UNIX_EPOCH,
            warning: true,
            reason: "ApplyFailed",
            message: "no".to_owned(),
        };
        let event = event(&remark);
        assert_eq!(event["metadata"]["namespace"], "default");
        assert_eq!(
            event["involvedObject"],
            json!({ "apiVersion": "v1", "kind": "Namespace", "name": "shop", "uid": "u" })
        );
        assert_eq!((&event["type"], &event["reason"]), (&json!("Warning"), &json!("ApplyFailed")));
    }
}
