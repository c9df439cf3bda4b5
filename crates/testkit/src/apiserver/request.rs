//! A request, read: which kind, which object, what of it.

use std::collections::BTreeMap;

use http::{Method, Request, header};
use serde_json::Value;

use super::answer::Refusal;

/// A request.
#[derive(Clone, Debug)]
pub struct Call {
    /// HTTP method.
    pub method: Method,
    /// What the path says.
    pub at: Path,
    /// The query.
    pub query: BTreeMap<String, String>,
    /// What the content is.
    pub content_type: String,
    /// The content; `Null` if there is none.
    pub content: Value,
    /// What the client accepts.
    pub accept: String,
    /// Whoever asks, by name.
    pub user: String,
    agent: String,
}

/// What a path names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// `version`, `api`, `apis` and the like; empty for paths of objects.
    pub root: String,
    /// API group.
    pub group: String,
    /// Version; empty where the path ends before it.
    pub version: String,
    /// Namespace; empty for all, and for cluster-scoped objects.
    pub namespace: String,
    /// Name in paths; empty where the path ends before it.
    pub plural: String,
    /// Name; empty for a collection.
    pub name: String,
    /// `status`, `scale`.
    pub subresource: String,
}

impl Path {
    fn parse(path: &str) -> Self {
        let parts: Vec<String> =
            path.split('/').filter(|part| !part.is_empty()).map(unescape).collect();
        let part = |n: usize| parts.get(n).cloned().unwrap_or_default();
        let (group, rest) = match part(0).as_str() {
            "api" if parts.len() > 1 => (String::new(), 1),
            "apis" if parts.len() > 1 => (part(1), 2),
            root => return Self { root: root.to_owned(), ..Self::default() },
        };
        let mut at = Self { group, version: part(rest), ..Self::default() };
        let mut rest = rest + 1;
        let below = parts.len().saturating_sub(rest);
        let of_namespace = matches!(part(rest + 2).as_str(), "status" | "finalize");
        if part(rest) == "namespaces" && below > 2 && !of_namespace {
            at.namespace = part(rest + 1);
            rest += 2;
        }
        (at.plural, at.name, at.subresource) = (part(rest), part(rest + 1), part(rest + 2));
        at
    }
}

impl Call {
    /// Reads a request.
    pub fn read(request: &Request<Vec<u8>>) -> Result<Self, Refusal> {
        let header = |name: header::HeaderName| {
            let value = request.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let user = request.headers().get("impersonate-user").and_then(|user| user.to_str().ok());
        let content = match request.body().as_slice() {
            [] => Value::Null,
            bytes => serde_json::from_slice(bytes)
                .map_err(|error| Refusal::bad(format!("error decoding the body: {error}")))?,
        };
        Ok(Self {
            method: request.method().clone(),
            at: Path::parse(request.uri().path()),
            query: query(request.uri().query().unwrap_or_default()),
            content_type: header(header::CONTENT_TYPE),
            content,
            accept: header(header::ACCEPT),
            user: user.unwrap_or("admin").to_owned(),
            agent: header(header::USER_AGENT),
        })
    }

    /// A part of the query; empty if it is not there.
    pub fn ask(&self, name: &str) -> &str {
        self.query.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Whether a part of the query is true.
    pub fn asks(&self, name: &str) -> bool {
        matches!(self.ask(name), "true" | "1")
    }

    /// The field manager: as told, else the name of the client.
    pub fn manager(&self) -> &str {
        match self.ask("fieldManager") {
            "" => match self.agent.split('/').next() {
                None | Some("") => "unknown",
                Some(agent) => agent,
            },
            manager => manager,
        }
    }

    /// Whether nothing is to be written.
    pub fn is_dry(&self) -> bool {
        self.ask("dryRun") == "All" || self.content.pointer("/dryRun/0") == Some(&"All".into())
    }

    /// The verb, as rights name it.
    pub fn verb(&self) -> &'static str {
        match (self.method.as_str(), self.at.name.is_empty()) {
            ("GET", true) if self.asks("watch") => "watch",
            ("GET", true) => "list",
            ("GET", false) => "get",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", true) => "deletecollection",
            _ => "delete",
        }
    }
}

fn query(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescape(name), unescape(value))
    };
    pairs.map(pair).collect()
}

/// Percent-encoding, taken back.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match (first, code.and_then(|code| u8::from_str_radix(code, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Label selectors: `a=b`, `a==b`, `a!=b`, `a`, `!a`, `a in (b,c)`, `a notin (b,c)`, all of them.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    labels: Vec<(String, Test)>,
    /// `metadata.name=x`.
    name: Option<String>,
}

#[derive(Clone, Debug)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
}

impl Selector {
    /// Reads the selectors of a request.
    pub fn of(call: &Call) -> Self {
        let name = call.ask("fieldSelector").strip_prefix("metadata.name=").map(str::to_owned);
        Self { labels: requirements(call.ask("labelSelector")), name }
    }

    /// Whether an object is selected.
    pub fn takes(&self, object: &Value) -> bool {
        let label = |name: &str| object.pointer("/metadata/labels")?.get(name)?.as_str();
        let named = self.name.as_deref().is_none_or(|name| {
            object.pointer("/metadata/name").and_then(Value::as_str) == Some(name)
        });
        named
            && self.labels.iter().all(|(name, test)| match (label(name), test) {
                (Some(value), Test::In(values)) => values.iter().any(|other| other == value),
                (Some(value), Test::NotIn(values)) => values.iter().all(|other| other != value),
                (None, Test::NotIn(_) | Test::Absent) | (Some(_), Test::Exists) => true,
                _ => false,
            })
    }
}

fn requirements(text: &str) -> Vec<(String, Test)> {
    let mut all = Vec::new();
    let mut depth = 0;
    let parts = text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    for part in parts.map(str::trim).filter(|part| !part.is_empty()) {
        all.push(requirement(part));
    }
    all
}

fn requirement(part: &str) -> (String, Test) {
    let list = |text: &str| {
        let inner = text.trim().trim_start_matches('(').trim_end_matches(')');
        inner.split(',').map(|value| value.trim().to_owned()).collect()
    };
    let one = |text: &str| vec![text.trim_start_matches('=').trim().to_owned()];
    if let Some((name, values)) = part.split_once(" notin ") {
        (name.trim().to_owned(), Test::NotIn(list(values)))
    } else if let Some((name, values)) = part.split_once(" in ") {
        (name.trim().to_owned(), Test::In(list(values)))
    } else if let Some((name, value)) = part.split_once("!=") {
        (name.trim().to_owned(), Test::NotIn(one(value)))
    } else if let Some((name, value)) = part.split_once('=') {
        (name.trim().to_owned(), Test::In(one(value)))
    } else if let Some(name) = part.strip_prefix('!') {
        (name.trim().to_owned(), Test::Absent)
    } else {
        (part.to_owned(), Test::Exists)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_are_read() {
        let at =
            |group: &str, version: &str, namespace: &str, plural: &str, name: &str, sub: &str| {
                let own = str::to_owned;
                Path {
                    root: String::new(),
                    group: own(group),
                    version: own(version),
                    namespace: own(namespace),
                    plural: own(plural),
                    name: own(name),
                    subresource: own(sub),
                }
            };
        for (path, expected) in [
            ("/api/v1/namespaces/x", at("", "v1", "", "namespaces", "x", "")),
            ("/api/v1/namespaces/x/status", at("", "v1", "", "namespaces", "x", "status")),
            ("/api/v1/namespaces/x/configmaps", at("", "v1", "x", "configmaps", "", "")),
            ("/apis/apps/v1/deployments", at("apps", "v1", "", "deployments", "", "")),
            (
                "/apis/apps/v1/namespaces/x/deployments/a%3Ab/scale",
                at("apps", "v1", "x", "deployments", "a:b", "scale"),
            ),
            ("/apis/apps/v1", at("apps", "v1", "", "", "", "")),
        ] {
            assert_eq!(Path::parse(path), expected, "{path}");
        }
    }

    #[test]
    fn selectors_select() {
        let object = json!({"metadata": {"labels": {"a": "b", "c": "d"}}});
        for (selector, expected) in [
            ("a=b", true),
            ("a==b,c", true),
            ("a!=b", false),
            ("a in (x,b),!z", true),
            ("a notin (b)", false),
            ("z", false),
        ] {
            let selector = Selector { labels: requirements(selector), name: None };
            assert_eq!(selector.takes(&object), expected, "{selector:?}");
        }
    }
}
