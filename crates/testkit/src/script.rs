//! Scripts: requests to an API server, and what of the answers must hold. The same scripts are run
//! against the server in memory and against a real one.
//!
//! A script is a list of steps. A step says what is asked (`do: PATCH configmaps/a`; `type` of the
//! content, `as` which field manager, `query`, `body`, `accept`), and what must hold of the answer:
//!
//! - `status`: the code; `has`: values at JSON pointers; `differs`: other values there; `lacks`:
//!   pointers where there is nothing
//! - `entry`: the whole of our entry in managedFields, as `fieldsV1`; `owned` and `lost`: paths that
//!   are and are not in it; `held` and `unheld`: paths of others, by `manager` or
//!   `manager/subresource`
//! - `keep`: values to remember, by name, for `$name` in later steps (`$NS` is the namespace)
//! - `until`: asks again and again until all of this, and these values, hold
//!
//! A path that does not start with `/` is one in the namespace: `configmaps/a`,
//! `apps/v1/deployments/web/scale`.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, header};
use http_body_util::BodyExt;
use serde_json::{Map, Value};
use tower_service::Service;
use trueup_fields::managed::{self, Entry};
use trueup_fields::values::shown;
use trueup_yaml::Dialect;

use crate::apiserver::{ApiServer, Ask};

/// Whose entry `entry`, `owned` and `lost` are about.
const MANAGER: &str = "trueup";
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: u32 = 1500;

/// What answers requests.
#[async_trait]
pub trait Server: Send + Sync {
    /// Code and content. Content that is several documents, a line each, is a list of them; what
    /// is not JSON is a text.
    async fn send(&self, request: Request<Vec<u8>>) -> (u16, Value);
}

#[async_trait]
impl Server for ApiServer {
    async fn send(&self, request: Request<Vec<u8>>) -> (u16, Value) {
        let (parts, content) = request.into_parts();
        let body = http_body_util::Full::new(bytes::Bytes::from(content));
        let answer = self.clone().call(Request::from_parts(parts, body)).await;
        let answer = answer.expect("nothing is set to go wrong");
        let code = answer.status().as_u16();
        let content = answer.into_body().collect().await.expect("nothing is set to go wrong");
        (code, read(&content.to_bytes()))
    }
}

/// The content of an answer, as [`Server::send`] gives it.
pub fn read(content: &[u8]) -> Value {
    let text = String::from_utf8_lossy(content);
    if let Ok(document) = serde_json::from_str::<Value>(&text) {
        let is_event = document.get("type").is_some() && document.get("object").is_some();
        return if is_event { vec![document].into() } else { document };
    }
    let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    match lines {
        Ok(lines) => lines.into(),
        Err(_) => text.into_owned().into(),
    }
}

/// A script.
#[derive(Clone, Debug)]
pub struct Script {
    /// What it shows.
    pub name: String,
    steps: Vec<Value>,
}

/// All scripts, in order.
pub fn all() -> Vec<Script> {
    const FILES: &[&str] = &[
        include_str!("../scripts/fields.yaml"),
        include_str!("../scripts/ownership.yaml"),
        include_str!("../scripts/requests.yaml"),
    ];
    FILES.iter().flat_map(|file| scripts(file)).collect()
}

fn scripts(file: &str) -> Vec<Script> {
    let list = trueup_yaml::from_slice(file.as_bytes(), Dialect::V3).expect("scripts are YAML");
    let mut all = Vec::new();
    for script in list.as_array().into_iter().flatten() {
        all.push(Script {
            name: script["name"].as_str().unwrap_or_default().to_owned(),
            steps: script["steps"].as_array().cloned().unwrap_or_default(),
        });
    }
    all
}

impl Script {
    /// Runs it in a namespace that is there and has nothing in it. `Err`: what does not hold.
    pub async fn run(&self, server: &dyn Server, namespace: &str) -> Result<(), String> {
        let mut kept = BTreeMap::from([("NS".to_owned(), namespace.to_owned())]);
        for (n, step) in self.steps.iter().enumerate() {
            let step = Step { what: fill(step, &kept), namespace };
            let answer = step.run(server).await.map_err(|(why, answer)| {
                format!("{}, step {}: {why}\n  {answer}", self.name, n + 1)
            })?;
            let keep = step.what.get("keep").and_then(Value::as_object);
            for (name, pointer) in keep.into_iter().flatten() {
                let value = pointer.as_str().and_then(|pointer| answer.pointer(pointer));
                let text = value.map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
                kept.insert(name.clone(), text.unwrap_or_default());
            }
        }
        Ok(())
    }
}

/// Puts in what was kept.
fn fill(value: &Value, kept: &BTreeMap<String, String>) -> Value {
    let text = |text: &str| {
        kept.iter()
            .rev()
            .fold(text.to_owned(), |all, (name, value)| all.replace(&format!("${name}"), value))
    };
    match value {
        Value::String(inner) => text(inner).into(),
        Value::Array(list) => list.iter().map(|item| fill(item, kept)).collect(),
        Value::Object(map) => {
            let pair = |(name, value): (&String, &Value)| (text(name), fill(value, kept));
            Value::Object(map.iter().map(pair).collect())
        }
        other => other.clone(),
    }
}

struct Step<'a> {
    what: Value,
    namespace: &'a str,
}

impl Step<'_> {
    fn text(&self, name: &str) -> &str {
        self.what.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn map(&self, name: &str) -> Map<String, Value> {
        self.what.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    fn texts(&self, name: &str) -> Vec<String> {
        texts(self.what.get(name).unwrap_or(&Value::Null))
    }

    fn request(&self) -> Request<Vec<u8>> {
        let (method, path) = self.text("do").split_once(' ').unwrap_or_default();
        let manager = match self.text("as") {
            "" => String::new(),
            manager => format!("fieldManager={manager}"),
        };
        let query: Vec<&str> =
            [manager.as_str(), self.text("query")].into_iter().filter(|q| !q.is_empty()).collect();
        let path = match query.is_empty() {
            true => self.path(path),
            false => format!("{}?{}", self.path(path), query.join("&")),
        };
        let content = self.what.get("body").cloned();
        let agent = "script";
        let ask = Ask { method, path: &path, content_type: self.text("type"), content, agent };
        let mut request = ask.request();
        if let Ok(accept) = self.text("accept").parse()
            && !self.text("accept").is_empty()
        {
            request.headers_mut().insert(header::ACCEPT, accept);
        }
        request
    }

    fn path(&self, path: &str) -> String {
        if path.starts_with('/') {
            return path.to_owned();
        }
        let parts: Vec<&str> = path.split('/').collect();
        let namespace = self.namespace;
        match parts.as_slice() {
            [group, version, rest @ ..] if version.starts_with('v') && !rest.is_empty() => {
                format!("/apis/{group}/{version}/namespaces/{namespace}/{}", rest.join("/"))
            }
            _ => format!("/api/v1/namespaces/{namespace}/{path}"),
        }
    }

    async fn run(&self, server: &dyn Server) -> Result<Value, (String, Value)> {
        let again = self.what.get("until").is_some();
        let mut tries = if again { PATIENCE } else { 1 };
        loop {
            let (code, answer) = server.send(self.request()).await;
            tries -= 1;
            match self.check(code, &answer) {
                Ok(()) => return Ok(answer),
                Err(why) if tries == 0 => return Err((why, answer)),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn check(&self, code: u16, answer: &Value) -> Result<(), String> {
        let expected = self.what.get("status").and_then(Value::as_u64).unwrap_or(200);
        if u64::from(code) != expected {
            return Err(format!("answered {code}, not {expected}"));
        }
        for (pointer, expected) in self.map("has").into_iter().chain(self.map("until")) {
            let found = answer.pointer(&pointer).unwrap_or(&Value::Null);
            if !same(found, &expected) {
                return Err(format!("{pointer} is {found}, not {expected}"));
            }
        }
        for (pointer, other) in self.map("differs") {
            if answer.pointer(&pointer).is_none_or(|found| same(found, &other)) {
                return Err(format!("{pointer} is {other}"));
            }
        }
        if let Some(pointer) = self.texts("lacks").iter().find(|p| answer.pointer(p).is_some()) {
            return Err(format!("{pointer} is there"));
        }
        self.check_entries(&managed::entries(answer))
    }

    fn check_entries(&self, entries: &[Entry]) -> Result<(), String> {
        let ours = managed::applied(entries, MANAGER);
        if let Some(expected) = self.what.get("entry") {
            let found = ours.map(|entry| entry.set.to_json()).unwrap_or_default();
            if found != *expected {
                return Err(format!("our entry is {found}, not {expected}"));
            }
        }
        let owns = |entry: Option<&Entry>, path: &String| {
            entry.is_some_and(|entry| entry.set.paths().iter().any(|p| shown(p) == *path))
        };
        if let Some(path) = self.texts("owned").iter().find(|path| !owns(ours, path)) {
            return Err(format!("we do not own {path}"));
        }
        if let Some(path) = self.texts("lost").iter().find(|path| owns(ours, path)) {
            return Err(format!("we own {path}"));
        }
        for (name, held) in [("held", true), ("unheld", false)] {
            for (whose, paths) in self.map(name) {
                let (manager, subresource) = whose.split_once('/').unwrap_or((&whose, ""));
                let entry =
                    entries.iter().find(|e| e.manager == manager && e.subresource == subresource);
                let wrong = texts(&paths).into_iter().find(|path| owns(entry, path) != held);
                if let Some(path) = wrong {
                    return Err(format!("{path} is not {name} by {whose}"));
                }
            }
        }
        Ok(())
    }
}

/// Whether a value is the expected one; what was kept of a number is its text.
fn same(found: &Value, expected: &Value) -> bool {
    found == expected || expected.as_str() == Some(found.to_string().as_str())
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}
