//! Admission: documents become resources, or diagnostics. Nothing that a target is known to refuse
//! gets through, and what every target ignores or rewrites is taken out, so that two documents that
//! mean the same have the same digest.

mod host;
mod kubernetes;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use trueup_model::app::Duration;
use trueup_model::tree::Tree;
use trueup_model::{Diagnostic, Origin, Resource, ResourceId, hook, kinds};

use crate::decode::locate;
use crate::{Document, Rendered, Request, apps};

/// Admits the documents into `rendered`.
pub fn admit(
    request: &Request<'_>,
    tree: &dyn Tree,
    documents: Vec<Document>,
    rendered: &mut Rendered,
) {
    let mut resources: Vec<Resource> = Vec::new();
    let mut seen: BTreeMap<ResourceId, trueup_model::Location> = BTreeMap::new();
    let documents = expand_lists(documents, &mut rendered.diagnostics);
    let scopes = kubernetes::Scopes::of(request.capabilities, &documents);
    for document in documents.into_iter().filter(|document| !apps::is_app(document)) {
        match one(request, tree, &scopes, document, &mut rendered.diagnostics) {
            Ok(resource) => match seen.get(&resource.id) {
                Some(other) => rendered.diagnostics.push(
                    Diagnostic::error("it is declared twice")
                        .at(resource.origin.at.clone())
                        .about(resource.id.to_string())
                        .hint(format!("the other one stands at {other}")),
                ),
                None => {
                    seen.insert(resource.id.clone(), resource.origin.at.clone());
                    resources.push(resource);
                }
            },
            Err(diagnostic) => rendered.diagnostics.push(diagnostic),
        }
    }
    rendered.diagnostics.extend(trueup_model::host::bind_uses(&mut resources));
    rendered.resources = resources.into_iter().map(Arc::new).collect();
}

fn one(
    request: &Request<'_>,
    tree: &dyn Tree,
    scopes: &kubernetes::Scopes,
    document: Document,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Resource, Diagnostic> {
    let api_version = text(&document, "apiVersion")?;
    let kind = text(&document, "kind")?;
    let group = api_version.split_once('/').map_or("", |(group, _)| group).to_owned();
    let host = request.capabilities.target.kind == "host";
    if host != (group == kinds::HOST_GROUP) {
        return Err(wrong_target(&document, &api_version, &kind, host));
    }
    let mut document = without_noise(document);
    check_annotations(&document, diagnostics);
    let random = std::mem::take(&mut document.random);
    let mut resource = if host {
        host::admit(request, tree, document, &kind)?
    } else {
        kubernetes::admit(request, scopes, document, &group, &kind, diagnostics)?
    };
    resource.random = random;
    Ok(resource)
}

fn wrong_target(document: &Document, api_version: &str, kind: &str, host: bool) -> Diagnostic {
    let (where_, hint) = if host {
        (
            "on a host",
            format!(
                "a host runs the kinds {} of {}; use `--target kubernetes` for the others",
                trueup_model::host::KINDS.join(", "),
                trueup_model::host::API_VERSION
            ),
        )
    } else {
        ("on Kubernetes", "run it with `--target host`".to_owned())
    };
    let message = format!("{api_version} {kind} cannot be applied {where_}");
    Diagnostic::error(message).at(document.at.clone()).hint(hint)
}

fn text(document: &Document, field: &str) -> Result<String, Diagnostic> {
    let missing = |what: &str| {
        Diagnostic::error(format!("this document {what} `{field}`"))
                .at(document.at.clone())
                .hint("every document needs apiVersion, kind and metadata.name; list files that are no manifests in .trueupignore")
    };
    match document.body.get(field) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        None => Err(missing("has no")),
        Some(_) => Err(missing("has an unusable")),
    }
}

/// `metadata.name`, which must be a text.
fn name(document: &Document) -> Result<String, Diagnostic> {
    match document.body.pointer("/metadata/name") {
        Some(Value::String(name)) if !name.is_empty() => Ok(name.clone()),
        Some(_) => Err(Diagnostic::error(
            "metadata.name must be a text (quote it if it looks like a number)",
        )
        .at(locate(document, "/metadata/name"))
        .field("/metadata/name")),
        None => {
            Err(Diagnostic::error("this document has no metadata.name").at(document.at.clone()))
        }
    }
}

/// `List`s, and kinds that end so and hold `items`, are their items.
fn expand_lists(documents: Vec<Document>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Document> {
    let mut expanded = Vec::with_capacity(documents.len());
    for document in documents {
        let kind = document.body.get("kind").and_then(Value::as_str).unwrap_or_default();
        match document.body.get("items") {
            Some(Value::Array(items)) if kind.ends_with("List") => {
                for (n, item) in items.iter().enumerate() {
                    let pointer = format!("/items/{n}");
                    let at = locate(&document, &pointer);
                    let node = item_node(&document, n);
                    let files = document.files.clone();
                    let below = |random: &String| random.strip_prefix(&pointer).map(str::to_owned);
                    let random = document.random.iter().filter_map(below).collect();
                    expanded.push(Document { body: item.clone(), at, node, files, random });
                }
            }
            _ if !document.body.is_object() => diagnostics
                .push(Diagnostic::error("this document is not a mapping").at(document.at.clone())),
            _ => expanded.push(document),
        }
    }
    expanded
}

fn item_node(document: &Document, n: usize) -> Option<trueup_yaml::Node> {
    document.node.as_ref()?.get("items")?.items()?.get(n).cloned()
}

/// Takes out what every API server ignores or sets itself: nulls, empty `status`,
/// `metadata.creationTimestamp`, `metadata.managedFields`.
fn without_noise(mut document: Document) -> Document {
    drop_nulls(&mut document.body);
    if let Value::Object(body) = &mut document.body {
        body.remove("status");
        if let Some(Value::Object(metadata)) = body.get_mut("metadata") {
            for field in [
                "creationTimestamp",
                "managedFields",
                "resourceVersion",
                "uid",
                "generation",
                "selfLink",
            ] {
                metadata.remove(field);
            }
        }
    }
    document
}

/// Depth is bounded by the reader's limits.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// TrueUp's own annotations with a value that means nothing.
fn check_annotations(document: &Document, diagnostics: &mut Vec<Diagnostic>) {
    let Some(Value::Object(annotations)) = document.body.pointer("/metadata/annotations") else {
        return;
    };
    for (name, value) in annotations {
        let Some(wanted) = wanted(name, value.as_str()) else { continue };
        let pointer = format!("/metadata/annotations/{}", name.replace('/', "~1"));
        diagnostics.push(
            Diagnostic::error(format!("annotation {name} must be {wanted}"))
                .at(locate(document, &pointer))
                .field(pointer),
        );
    }
}

/// What an annotation must be, where it is not.
fn wanted(name: &str, value: Option<&str>) -> Option<String> {
    let Some(value) = value else { return Some("a text (quote it)".to_owned()) };
    let value = value.trim();
    let number = |value: &str| value.parse::<i32>().is_ok();
    let list = |of: &[&str]| value.split(',').all(|word| of.contains(&word.trim()));
    let (fits, wanted) = match name {
        "trueup.dev/wave" | hook::WEIGHT => {
            (number(value), "a number in quotes, such as \"-5\"".to_owned())
        }
        hook::HOOK => (list(&hook::OCCASIONS), some_of(&hook::OCCASIONS)),
        hook::DELETE => (list(&hook::DELETIONS), some_of(&hook::DELETIONS)),
        hook::TIMEOUT => {
            (Duration::parse(value).is_ok(), "a duration, such as 90s or 5m".to_owned())
        }
        "trueup.dev/prune" | "trueup.dev/rollback" => (value == "never", "never".to_owned()),
        "trueup.dev/replace" => (value == "allowed", "allowed".to_owned()),
        _ => (true, String::new()),
    };
    (!fits).then_some(wanted)
}

fn some_of(words: &[&str]) -> String {
    format!("one or more of {}, separated by commas", words.join(", "))
}

fn resource(document: Document, id: ResourceId, api_version: String) -> Resource {
    Resource::new(id, api_version, document.body, Origin { at: document.at })
}
