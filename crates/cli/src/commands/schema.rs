//! `trueup schema`.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};
use trueup_model::{app, app_set, host};

use super::Exit;
use crate::error::CliError;
use crate::output::Output;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Of which kind: App, Config, File, Directory, Process, Task, Timer [default: list them]
    kind: Option<String>,
    /// App as a CustomResourceDefinition
    #[arg(long)]
    crd: bool,
}

/// Carries it out.
pub fn run(args: Args, output: &Output) -> Result<Exit, CliError> {
    let Some(kind) = args.kind else {
        let kinds: Vec<&str> =
            ["App", "AppSet", "Config"].iter().chain(&host::KINDS).copied().collect();
        return output.print(&kinds, || kinds.join("\n") + "\n").map(|()| Exit::Done);
    };
    let schema = match (kind.as_str(), args.crd) {
        ("App", true) => definition(),
        ("App", false) => schema_of::<app::App>(),
        ("AppSet", false) => schema_of::<app_set::AppSet>(),
        ("Config", false) => schema_of::<crate::config::Config>(),
        ("File", false) => resource::<host::FileSpec>("File"),
        ("Directory", false) => resource::<host::DirectorySpec>("Directory"),
        ("Process", false) => resource::<host::ProcessSpec>("Process"),
        ("Task", false) => resource::<host::TaskSpec>("Task"),
        ("Timer", false) => resource::<host::TimerSpec>("Timer"),
        (_, true) => return Err(CliError::new("only App has a CustomResourceDefinition")),
        _ => {
            return Err(CliError::new(format!("there is no kind `{kind}`"))
                .hint("trueup schema lists the kinds; they are written with a capital"));
        }
    };
    output
        .document(&schema, || serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n")?;
    Ok(Exit::Done)
}

/// Without references, as a CustomResourceDefinition wants it and a reader likes it.
fn schema_of<T: JsonSchema>() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    SchemaGenerator::new(settings).into_root_schema_for::<T>().to_value()
}

/// A host resource: the spec in its envelope.
fn resource<T: JsonSchema>(kind: &str) -> Value {
    let mut spec = schema_of::<T>();
    let dialect = spec.as_object_mut().and_then(|spec| spec.remove("$schema"));
    json!({
        "$schema": dialect,
        "title": kind,
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "properties": {
            "apiVersion": { "const": host::API_VERSION },
            "kind": { "const": kind },
            "metadata": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": { "type": "string" },
                    "labels": { "type": "object", "additionalProperties": { "type": "string" } },
                    "annotations": { "type": "object", "additionalProperties": { "type": "string" } },
                },
            },
            "spec": spec,
        },
    })
}

/// App as a CustomResourceDefinition.
pub fn definition() -> Value {
    let mut spec = schema_of::<app::AppSpec>();
    structural(&mut spec);
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": "apps.trueup.dev" },
        "spec": {
            "group": "trueup.dev",
            "scope": "Namespaced",
            "names": { "kind": "App", "listKind": "AppList", "plural": "apps", "singular": "app" },
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "subresources": { "status": {} },
                "additionalPrinterColumns": [
                    { "name": "State", "type": "string", "jsonPath": ".status.state" },
                    { "name": "Runs", "type": "string", "jsonPath": ".status.runs.commit" },
                    { "name": "Why", "type": "string", "jsonPath": ".status.why" },
                ],
                "schema": { "openAPIV3Schema": {
                    "type": "object",
                    "properties": {
                        "spec": spec,
                        "status": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                    },
                }},
            }],
        },
    })
}

/// Kubernetes' structural schemas know no dialect, no `const`, no null type, no closed objects, and of
/// alternatives only "a number or a text".
fn structural(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            for key in ["$schema", "title", "default", "additionalProperties"] {
                if key != "additionalProperties" || map.get(key) == Some(&json!(false)) {
                    map.remove(key);
                }
            }
            if map.get("additionalProperties") == Some(&json!(true)) {
                map.remove("additionalProperties");
                map.insert("x-kubernetes-preserve-unknown-fields".to_owned(), json!(true));
            }
            without_null(map);
            if let Some(format) = map.get("format").and_then(Value::as_str)
                && format.starts_with("uint")
            {
                map.remove("format");
            }
            map.values_mut().for_each(structural);
        }
        Value::Array(items) => items.iter_mut().for_each(structural),
        _ => {}
    }
}

fn without_null(map: &mut serde_json::Map<String, Value>) {
    if let Some(Value::Array(types)) = map.get("type") {
        let kept: Vec<&Value> = types.iter().filter(|kind| **kind != json!("null")).collect();
        if let [only] = kept.as_slice() {
            let only = (*only).clone();
            map.insert("type".to_owned(), only);
        }
    }
    for key in ["anyOf", "oneOf"] {
        let Some(Value::Array(ways)) = map.get(key) else { continue };
        let kept: Vec<Value> =
            ways.iter().filter(|way| way.get("type") != Some(&json!("null"))).cloned().collect();
        let constants: Option<Vec<Value>> =
            kept.iter().map(|way| way.get("const").cloned()).collect();
        if let Some(constants) = constants {
            map.remove(key);
            map.insert("type".to_owned(), json!("string"));
            map.insert("enum".to_owned(), Value::Array(constants));
        } else if let [Value::Object(only)] = kept.as_slice() {
            let only = only.clone();
            map.remove(key);
            map.extend(only);
        } else {
            let is = |way: &Value, kind: &str| way.get("type") == Some(&json!(kind));
            let either = kept.iter().all(|way| is(way, "integer") || is(way, "string"));
            map.remove(key);
            let what = if either { "int-or-string" } else { "preserve-unknown-fields" };
            map.insert(format!("x-kubernetes-{what}"), json!(true));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an API server would refuse: types within alternatives, and anything else that is not
    /// structural (`apiextensions.k8s.io/v1`, "Specifying a structural schema").
    #[test]
    fn the_definition_is_structural() {
        fn check(value: &Value, at: &str) {
            match value {
                Value::Object(map) => {
                    for key in ["anyOf", "oneOf", "$ref", "const", "$schema"] {
                        assert!(
                            !map.contains_key(key) || at.ends_with("/properties"),
                            "{at}/{key}"
                        );
                    }
                    let kind = map.get("type").filter(|_| !at.ends_with("/properties"));
                    assert!(kind.is_none_or(Value::is_string), "{at}/type: {kind:?}");
                    map.iter().for_each(|(key, value)| check(value, &format!("{at}/{key}")));
                }
                Value::Array(items) => items.iter().for_each(|item| check(item, at)),
                _ => {}
            }
        }
        let schema = definition()["spec"]["versions"][0]["schema"].clone();
        check(&schema, "");
        let budget =
            "/openAPIV3Schema/properties/spec/properties/policy/properties/prune/properties/budget";
        assert_eq!(schema.pointer(budget).unwrap()["x-kubernetes-int-or-string"], true);
    }
}
