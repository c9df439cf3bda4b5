//! The OpenAPI document of the HTTP API, made from the types of this crate: what is served and what
//! is documented cannot differ.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::{Failure, HistoryList, PlanReport, StatusList, VERSION};

/// What can be asked, as `(path, summary, description, answer)`.
struct Operation {
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    parameters: &'static [&'static str],
    answer: fn(&mut SchemaGenerator) -> Value,
}

/// Everything that is served below `/api/v1`, apart from this document itself.
const OPERATIONS: &[Operation] = &[
    Operation {
        path: "/api/v1/apps",
        id: "listApps",
        summary: "How all apps stand",
        parameters: &[],
        answer: schema::<StatusList>,
    },
    Operation {
        path: "/api/v1/apps/{app}",
        id: "getApp",
        summary: "How an app stands: a list with one entry",
        parameters: &["app"],
        answer: schema::<StatusList>,
    },
    Operation {
        path: "/api/v1/apps/{app}/plan",
        id: "planApp",
        summary: "What would be done to an app now, field by field; nothing is done",
        parameters: &["app", "revision"],
        answer: schema::<PlanReport>,
    },
    Operation {
        path: "/api/v1/apps/{app}/history",
        id: "getAppHistory",
        summary: "What happened to an app, the newest first",
        parameters: &["app", "limit"],
        answer: schema::<HistoryList>,
    },
    Operation {
        path: "/api/v1/history",
        id: "listHistory",
        summary: "What happened to all apps, the newest first",
        parameters: &["limit"],
        answer: schema::<HistoryList>,
    },
];

/// The paths that are served, for a test that holds the router against them.
pub fn paths() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|operation| operation.path)
}

/// The document, OpenAPI 3.1.
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = SchemaGenerator::new(settings);
    let failure = schema::<Failure>(&mut generator);
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let answer = (operation.answer)(&mut generator);
        paths
            .insert(operation.path.to_owned(), json!({ "get": get(operation, &answer, &failure) }));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "TrueUp",
            "version": VERSION,
            "description": "Reads how the apps of a running controller stand. Nothing can be changed here.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": generator.take_definitions(true),
        },
    })
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

fn get(operation: &Operation, answer: &Value, failure: &Value) -> Value {
    let content = |schema: &Value| json!({ "application/json": { "schema": schema } });
    let failed = |what: &str| json!({ "description": what, "content": content(failure) });
    json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": operation.parameters.iter().map(|name| parameter(name)).collect::<Vec<_>>(),
        "responses": {
            "200": { "description": "The answer", "content": content(answer) },
            "400": failed("A parameter cannot be understood"),
            "401": failed("The token is missing or wrong"),
            "404": failed("There is no such app"),
            "429": failed("Too many plans are being made; ask again later"),
            "500": failed("It could not be answered"),
        },
    })
}

fn parameter(name: &str) -> Value {
    match name {
        "app" => json!({
            "name": "app", "in": "path", "required": true,
            "description": "Name of the app", "schema": { "type": "string" },
        }),
        "revision" => json!({
            "name": "revision", "in": "query", "required": false,
            "description": "This commit in place of what the app's reference says",
            "schema": { "type": "string" },
        }),
        _ => json!({
            "name": name, "in": "query", "required": false,
            "description": "At most so many entries",
            "schema": { "type": "integer", "minimum": 1, "maximum": 1000, "default": 50 },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All references lead somewhere, and what is answered is described.
    #[test]
    fn the_document_is_whole() {
        let document = document();
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(!references.is_empty());
        for reference in references {
            let pointer = reference.strip_prefix('#').expect("a reference within the document");
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
        for name in ["AppStatus", "Plan", "LedgerEntry", "Failure"] {
            let schema = &document["components"]["schemas"][name];
            assert!(schema["properties"].is_object(), "{name}: {schema}");
        }
    }

    fn collect(value: &Value, references: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                references.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| collect(value, references));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
            _ => {}
        }
    }
}
