//! Controllers that share apps, by Leases: one of each member, and one of the leader, which also holds
//! the view. All carry one label, so that a list shows them as of one moment.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use trueup_model::membership::{Member, Membership, Roll, View};
use trueup_model::ports::PortError;

use crate::connect::Connection;
use crate::document;
use crate::status::Answer;
use crate::wire::{Ask, JSON, Wire, escape};

/// Label that says which controllers belong together.
const GROUP: &str = "trueup.dev/controllers";
/// Label that says whether a Lease is a `member`'s or the `leader`'s.
const ROLE: &str = "trueup.dev/role";
/// Annotations: the view a member has settled in; the leader's view.
const SETTLED: &str = "trueup.dev/settled";
const VIEW: &str = "trueup.dev/view";
const MEMBERS: &str = "trueup.dev/members";
const MERGE: &str = "application/merge-patch+json";
/// A request that takes longer is of no use: the lease would lapse meanwhile.
const WITHIN: Duration = Duration::from_secs(2);

/// A member by its Lease.
pub struct LeaseMembership {
    wire: Wire,
    namespace: String,
    group: String,
    identity: String,
    there: AtomicBool,
}

impl LeaseMembership {
    /// One of the controllers that are called `group`, in this namespace. `identity` must be new: it
    /// names this start of this process.
    pub fn new(connection: Connection, namespace: &str, group: &str, identity: &str) -> Self {
        Self {
            wire: Wire::new(connection),
            namespace: namespace.to_owned(),
            group: group.to_owned(),
            identity: dns(identity),
            there: AtomicBool::new(false),
        }
    }

    fn leases(&self) -> String {
        format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", escape(&self.namespace))
    }

    fn lease(&self, name: &str) -> String {
        format!("{}/{}", self.leases(), escape(name))
    }

    fn name_of(&self, identity: &str) -> String {
        format!("{}-{identity}", self.group)
    }

    fn leader(&self) -> String {
        format!("{}-leader", self.group)
    }

    async fn ask(&self, ask: Ask) -> Result<Answer, PortError> {
        let answer = tokio::time::timeout(WITHIN, self.wire.ask(&ask)).await;
        let late = || PortError::passing("the API server did not answer about a Lease in time");
        let answer = answer.map_err(|_| late())?;
        answer.map_err(|error| PortError::passing(error.to_string()))
    }

    fn document(&self, name: &str, role: &str) -> Value {
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "labels": { GROUP: self.group, ROLE: role },
            },
        })
    }
}

#[async_trait]
impl Membership for LeaseMembership {
    fn identity(&self) -> &str {
        &self.identity
    }

    async fn renew(&self, settled: u64, lasts: Duration) -> Result<Roll, PortError> {
        let name = self.name_of(&self.identity);
        let mut lease = json!({
            "metadata": { "annotations": { SETTLED: settled.to_string() } },
            "spec": spec(&self.identity, lasts),
        });
        let ask = if self.there.load(Ordering::Relaxed) {
            Ask::with(Method::PATCH, self.lease(&name), MERGE, lease)
        } else {
            let whole = self.document(&name, "member");
            merge(&mut lease, &whole);
            Ask::with(Method::POST, self.leases(), JSON, lease)
        };
        let answer = self.ask(ask).await?;
        if answer.code == 404 && self.there.load(Ordering::Relaxed) {
            return Err(PortError::permanent("our Lease was removed: others take us for gone"));
        }
        done(&answer)?;
        self.there.store(true, Ordering::Relaxed);
        let list = format!("{}?labelSelector={GROUP}%3D{}", self.leases(), escape(&self.group));
        let answer = self.ask(Ask::get(list)).await?;
        done(&answer)?;
        Ok(roll(&answer.body))
    }

    async fn lead(&self, version: &str, view: &View, lasts: Duration) -> Result<bool, PortError> {
        let members: Vec<&str> = view.members.iter().map(String::as_str).collect();
        let mut lease = json!({
            "metadata": { "annotations": {
                VIEW: view.number.to_string(),
                MEMBERS: members.join(","),
            }},
            "spec": spec(&self.identity, lasts),
        });
        let ask = if version.is_empty() {
            merge(&mut lease, &self.document(&self.leader(), "leader"));
            Ask::with(Method::POST, self.leases(), JSON, lease)
        } else {
            merge(&mut lease, &json!({ "metadata": { "resourceVersion": version } }));
            Ask::with(Method::PATCH, self.lease(&self.leader()), MERGE, lease)
        };
        let answer = self.ask(ask).await?;
        if matches!(answer.code, 404 | 409) {
            return Ok(false);
        }
        done(&answer).map(|()| true)
    }

    async fn remove(&self, identity: &str) -> Result<(), PortError> {
        let path = self.lease(&self.name_of(identity));
        let ask = Ask { method: Method::DELETE, ..Ask::get(path) };
        let answer = self.ask(ask).await?;
        if answer.code != 404 {
            done(&answer)?;
        }
        if identity == self.identity { self.stop_leading().await } else { Ok(()) }
    }
}

impl LeaseMembership {
    /// Lets the leader's lease go, if it is ours; the view stays in it.
    async fn stop_leading(&self) -> Result<(), PortError> {
        let path = self.lease(&self.leader());
        let lease = self.ask(Ask::get(path.clone())).await?.body;
        if holder(&lease) != Some(self.identity.as_str()) {
            return Ok(());
        }
        let patch = json!({
            "metadata": { "resourceVersion": document::metadata(&lease, "resourceVersion") },
            "spec": { "holderIdentity": null },
        });
        let answer = self.ask(Ask::with(Method::PATCH, path, MERGE, patch)).await?;
        if answer.code == 409 { Ok(()) } else { done(&answer) }
    }
}

fn done(answer: &Answer) -> Result<(), PortError> {
    match answer.succeeded() {
        true => Ok(()),
        false => Err(PortError::passing(format!("a Lease: {}", answer.message()))),
    }
}

/// What a Lease says besides its name. The time is for people: it is never read here.
fn spec(identity: &str, lasts: Duration) -> Value {
    json!({
        "holderIdentity": identity,
        "leaseDurationSeconds": lasts.as_secs(),
        "renewTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
    })
}

fn holder(lease: &Value) -> Option<&str> {
    let holder = lease.pointer("/spec/holderIdentity")?.as_str()?;
    (!holder.is_empty()).then_some(holder)
}

/// What a list of Leases says.
fn roll(list: &Value) -> Roll {
    let mut roll = Roll::default();
    for lease in list.get("items").and_then(Value::as_array).into_iter().flatten() {
        let annotation = |name: &str| {
            let annotations = lease.get("metadata")?.get("annotations")?;
            annotations.get(name)?.as_str().map(str::to_owned)
        };
        let number = |name: &str| annotation(name).and_then(|n| n.parse().ok()).unwrap_or(0);
        let version = document::metadata(lease, "resourceVersion").to_owned();
        match document::label(lease, ROLE) {
            Some("leader") => {
                let members = annotation(MEMBERS).unwrap_or_default();
                let members: BTreeSet<String> =
                    members.split(',').filter(|m| !m.is_empty()).map(str::to_owned).collect();
                roll.view = View { number: number(VIEW), members };
                roll.leader = holder(lease).map(|holder| (holder.to_owned(), version.clone()));
                roll.version = version;
            }
            Some("member") => {
                if let Some(identity) = holder(lease) {
                    roll.members.push(Member {
                        identity: identity.to_owned(),
                        renewal: version,
                        settled: number(SETTLED),
                    });
                }
            }
            _ => {}
        }
    }
    roll
}

/// Adds what the other object has and this one has not.
fn merge(into: &mut Value, other: &Value) {
    let (Value::Object(into), Value::Object(other)) = (into, other) else { return };
    for (key, value) in other {
        match into.get_mut(key) {
            Some(there) => merge(there, value),
            None => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// As a part of an object's name: lower-case letters, digits and dashes.
fn dns(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = text.chars().map(plain).collect();
    name.trim_matches('-').chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_of_one_moment() {
        let lease = |name: &str, role: &str, annotations: Value, holder: Option<&str>| {
            json!({
                "metadata": {
                    "name": name, "resourceVersion": "7",
                    "labels": { ROLE: role }, "annotations": annotations,
                },
                "spec": { "holderIdentity": holder },
            })
        };
        let list = json!({ "items": [
            lease("t-leader", "leader", json!({ VIEW: "3", MEMBERS: "a,b" }), Some("a")),
            lease("t-a", "member", json!({ SETTLED: "3" }), Some("a")),
            lease("t-b", "member", json!({}), Some("b")),
            lease("t-c", "member", json!({}), None),
        ]});
        let roll = roll(&list);
        assert_eq!(roll.leader, Some(("a".to_owned(), "7".to_owned())));
        assert_eq!((roll.view.number, roll.view.members.len()), (3, 2));
        let settled: Vec<(&str, u64)> =
            roll.members.iter().map(|m| (m.identity.as_str(), m.settled)).collect();
        assert_eq!(settled, [("a", 3), ("b", 0)]);
    }

    #[test]
    fn identities_are_names() {
        assert_eq!(dns("Pod_1.example-"), "pod-1-example");
    }
}
