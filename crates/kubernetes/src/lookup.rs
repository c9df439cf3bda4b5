//! What templates ask the cluster for with `lookup`: one object, or all of a kind.

use serde_json::{Value, json};
use trueup_model::ResourceId;
use trueup_model::need::Lookup;
use trueup_model::ports::{PortError, Reader};

use crate::catalog::{NotServed, Served};
use crate::observe::service_account;
use crate::status::{Asked, Missing, explain};
use crate::target::Shared;
use crate::wire::Ask;

/// How many objects a list is asked for at once.
const PAGE: usize = 500;
/// How many objects a list may have: a template that asks for more asks too much of everyone.
const MOST: usize = 20_000;

/// Asks as the App's service account, so that a chart reads no more than the App may.
pub async fn lookup(
    shared: &Shared,
    reader: &Reader<'_>,
    lookup: &Lookup,
) -> Result<Value, PortError> {
    let (group, _) = lookup.api_version.rsplit_once('/').unwrap_or(("", &lookup.api_version));
    let id = ResourceId::new(group, &lookup.kind, &lookup.namespace, &lookup.name);
    let catalog = shared.catalog().await?;
    let served = match catalog.find(&id, &lookup.api_version) {
        Ok(served) => served,
        Err(NotServed::Unanswered(why)) => return Err(PortError::passing(why)),
        // As Helm has it: what the cluster does not know is not there.
        Err(NotServed::Kind(_) | NotServed::Version(_)) => return Ok(Value::Null),
    };
    let user = reader.service_account.map(|name| service_account(name, reader.namespace));
    let question = Question { shared, lookup, served, user };
    if lookup.name.is_empty() { question.list().await } else { question.get(&id).await }
}

struct Question<'a> {
    shared: &'a Shared,
    lookup: &'a Lookup,
    served: &'a Served,
    user: Option<String>,
}

impl Question<'_> {
    async fn get(&self, id: &ResourceId) -> Result<Value, PortError> {
        let answer = self.ask(self.served.path(id), "get").await?;
        Ok(answer.unwrap_or_default())
    }

    async fn list(&self) -> Result<Value, PortError> {
        let collection = self.served.collection(Some(&self.lookup.namespace));
        let mut items = Vec::new();
        let mut rest = String::new();
        loop {
            let path = format!("{collection}?limit={PAGE}{rest}");
            let Some(mut page) = self.ask(path, "list").await? else { return Ok(Value::Null) };
            if let Some(more) = page.get_mut("items").and_then(Value::as_array_mut) {
                items.append(more);
            }
            if items.len() > MOST {
                let lookup = self.lookup;
                return Err(PortError::permanent(format!("{lookup}: there are over {MOST}")));
            }
            match page.pointer("/metadata/continue").and_then(Value::as_str) {
                Some(token) if !token.is_empty() => {
                    rest = format!("&continue={}", crate::wire::escape(token));
                }
                _ => {
                    let kind = format!("{}List", self.lookup.kind);
                    return Ok(json!({
                        "apiVersion": self.lookup.api_version,
                        "kind": kind,
                        "metadata": page.get("metadata").cloned().unwrap_or_default(),
                        "items": items,
                    }));
                }
            }
        }
    }

    /// `None` if there is no such object.
    async fn ask(&self, path: String, verb: &str) -> Result<Option<Value>, PortError> {
        let lookup = self.lookup;
        let ask = Ask::get(path).acting_as(self.user.clone());
        let answer = self
            .shared
            .wire
            .ask(&ask)
            .await
            .map_err(|error| PortError::passing(format!("{lookup}: {error}")))?;
        if answer.succeeded() {
            return Ok(Some(answer.body));
        }
        let is_absent =
            matches!(answer.missing(&lookup.name), Missing::Object | Missing::Namespace);
        if answer.code == 404 && is_absent {
            return Ok(None);
        }
        let asked = Asked {
            verb,
            group: &self.served.group,
            plural: &self.served.plural,
            namespace: &lookup.namespace,
            secret: lookup.kind == "Secret",
        };
        let message = format!("{lookup}: {}", explain(&answer, asked));
        Err(PortError { message, permanent: matches!(answer.code, 401 | 403) })
    }
}
