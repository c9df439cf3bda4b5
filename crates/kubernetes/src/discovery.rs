//! Asking a cluster what it serves.

use futures::StreamExt;
use serde_json::Value;
use trueup_model::ports::PortError;

use crate::catalog::Catalog;
use crate::status::{Answer, Asked, explain};
use crate::wire::{Ask, JSON, Wire};

/// Aggregated discovery where it is spoken (Kubernetes 1.30 and newer), plain otherwise.
const ACCEPT: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

const AT_ONCE: usize = 16;

/// What the cluster serves.
pub async fn discover(wire: &Wire) -> Result<Catalog, PortError> {
    let (version, core, groups) =
        tokio::join!(read(wire, "/version"), read(wire, "/api"), read(wire, "/apis"));
    let (version, core, groups) = (version?, core?, groups?);
    let mut catalog = Catalog::of_version(text(&version, "/gitVersion"));
    let mut plain = Vec::new();
    if is_aggregated(&core) {
        catalog.add_aggregated(&core);
    } else {
        plain.push((String::new(), "v1".to_owned()));
    }
    if is_aggregated(&groups) {
        catalog.add_aggregated(&groups);
    } else {
        plain.extend(group_versions(&groups));
    }
    add_plain(wire, &mut catalog, plain).await;
    Ok(catalog)
}

async fn add_plain(wire: &Wire, catalog: &mut Catalog, plain: Vec<(String, String)>) {
    let lists = futures::stream::iter(plain).map(|(group, version)| async move {
        let path = match group.as_str() {
            "" => format!("/api/{version}"),
            group => format!("/apis/{group}/{version}"),
        };
        let list = read(wire, &path).await;
        (group, version, list)
    });
    let lists: Vec<_> = lists.buffered(AT_ONCE).collect().await;
    for (group, version, list) in lists {
        match list {
            Ok(list) => catalog.add_plain(&group, &version, &list),
            Err(_) => catalog.add_unanswered(&group),
        }
    }
}

fn is_aggregated(answer: &Value) -> bool {
    text(answer, "/kind") == "APIGroupDiscoveryList"
}

/// The groups of a plain `APIGroupList`, each version, the preferred one first.
fn group_versions(list: &Value) -> Vec<(String, String)> {
    let groups = list.pointer("/groups").and_then(Value::as_array).into_iter().flatten();
    let mut all = Vec::new();
    for group in groups {
        let name = text(group, "/name");
        let preferred = text(group, "/preferredVersion/version");
        all.push((name.to_owned(), preferred.to_owned()));
        let versions = group.pointer("/versions").and_then(Value::as_array);
        for version in versions.into_iter().flatten() {
            let version = text(version, "/version");
            if version != preferred {
                all.push((name.to_owned(), version.to_owned()));
            }
        }
    }
    all
}

/// Reads a path of discovery.
async fn read(wire: &Wire, path: &str) -> Result<Value, PortError> {
    let asked = Asked { verb: "get", group: "", plural: "", namespace: "", secret: false };
    let accept = if matches!(path, "/api" | "/apis") { ACCEPT } else { JSON };
    ask(wire, path, accept, asked).await
}

/// Reads a path that has to be there.
pub async fn read_as(wire: &Wire, path: &str, asked: Asked<'_>) -> Result<Value, PortError> {
    ask(wire, path, JSON, asked).await
}

async fn ask(
    wire: &Wire,
    path: &str,
    accept: &'static str,
    asked: Asked<'_>,
) -> Result<Value, PortError> {
    let answer: Answer = wire
        .ask(&Ask::get(path.to_owned()).accepting(accept))
        .await
        .map_err(|error| PortError::passing(error.to_string()))?;
    if answer.succeeded() {
        return Ok(answer.body);
    }
    let message = format!("{path}: {}", explain(&answer, asked));
    Err(PortError { message, permanent: matches!(answer.code, 401 | 403) })
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
