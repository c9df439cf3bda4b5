//! How the fields of a kind merge: which lists have keys, which maps are one value.
//!
//! For built-in kinds this is told by the names of a field and of the one above it, which agree
//! across kinds but for what the table says; for others by the schema of their definition
//! (`x-kubernetes-list-type`, `x-kubernetes-list-map-keys`, `x-kubernetes-map-type`).

use serde_json::Value;

/// Marks the metadata of a custom resource in its schema: it is that of every object.
pub const METADATA: &str = "x-testkit-metadata";

/// What is known of a place in a document.
#[derive(Clone, Copy, Debug)]
pub enum Schema<'a> {
    /// In a built-in kind.
    Builtin {
        /// The field above; for an element of a list, the one above the list.
        above: &'a str,
        /// The field itself.
        name: &'a str,
    },
    /// In a custom resource: its part of the schema.
    Custom(&'a Value),
    /// Where a schema says nothing.
    Free,
}

/// How a list merges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum List<'a> {
    /// As one value.
    Atomic,
    /// By its elements.
    Set,
    /// By these keys of its elements.
    Keys(Vec<&'a str>),
}

const ATOMIC_MAPS: &[&str] = &[
    "configMapKeyRef",
    "fieldRef",
    "labelSelector",
    "namespaceSelector",
    "nodeSelector",
    "objectSelector",
    "podSelector",
    "resourceFieldRef",
    "roleRef",
    "secretKeyRef",
    "selector",
];

/// Parts of built-in kinds that are there even when nothing is in them.
const ALWAYS_THERE: &[&str] = &[
    "acceptedNames",
    "jobTemplate",
    "loadBalancer",
    "metadata",
    "names",
    "spec",
    "status",
    "strategy",
    "template",
    "updateStrategy",
];

const MAPS_OF_TEXT: &[&str] = &["annotations", "binaryData", "data", "labels", "stringData"];

impl<'a> Schema<'a> {
    /// Of the whole document of a built-in kind.
    pub const BUILTIN: Self = Self::Builtin { above: "", name: "" };

    /// Of a field.
    pub fn field(self, field: &'a str) -> Self {
        match self {
            Self::Builtin { name, .. } => Self::Builtin { above: name, name: field },
            Self::Custom(schema) => {
                let declared = schema.get("properties").and_then(|all| all.get(field));
                match declared.or_else(|| schema.get("additionalProperties")) {
                    Some(inner) if inner.get(METADATA).is_some() => {
                        Self::Builtin { above: "", name: "metadata" }
                    }
                    Some(inner) if inner.is_object() => Self::Custom(inner),
                    _ => Self::Free,
                }
            }
            Self::Free => Self::Free,
        }
    }

    /// Of the elements of a list.
    pub fn element(self) -> Self {
        match self {
            Self::Custom(schema) => schema.get("items").map_or(Self::Free, Self::Custom),
            other => other,
        }
    }

    /// Whether a field is one of a struct, rather than an entry of a map.
    pub fn names(self, field: &str) -> bool {
        match self {
            Self::Builtin { name, .. } => !MAPS_OF_TEXT.contains(&name),
            Self::Custom(schema) => {
                schema.pointer("/properties").is_some_and(|p| p.get(field).is_some())
            }
            Self::Free => false,
        }
    }

    /// Whether a field may not be there at all.
    pub fn forbids(self, field: &str) -> bool {
        let Self::Custom(schema) = self else { return false };
        let open = schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
        !open && !self.names(field) && schema.get("additionalProperties").is_none()
    }

    /// Whether a map or struct is one value.
    pub fn is_atomic_map(self) -> bool {
        match self {
            Self::Builtin { name, .. } => ATOMIC_MAPS.contains(&name),
            Self::Custom(schema) => text(schema, "x-kubernetes-map-type") == "atomic",
            Self::Free => false,
        }
    }

    /// Whether a struct is there even when nothing is in it, so that its coming is no change.
    pub fn is_always_there(self) -> bool {
        matches!(self, Self::Builtin { name, .. } if ALWAYS_THERE.contains(&name))
    }

    /// How a list merges.
    pub fn list(self) -> List<'a> {
        match self {
            Self::Builtin { above, name } => builtin_list(above, name),
            Self::Custom(schema) => match text(schema, "x-kubernetes-list-type") {
                "set" => List::Set,
                "map" => {
                    let keys = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
                    List::Keys(keys.into_iter().flatten().filter_map(Value::as_str).collect())
                }
                _ => List::Atomic,
            },
            Self::Free => List::Atomic,
        }
    }

    /// What a value must be, in the words of an API server, if it is not that.
    pub fn mistyped(self, value: &Value) -> Option<String> {
        let go = |value: &Value| format!("got &value.valueUnstructured{{Value:{value}}}");
        match self {
            Self::Builtin { above, .. } if MAPS_OF_TEXT.contains(&above) => (!value.is_string()
                && !value.is_null())
            .then(|| format!("expected string, {}", go(value))),
            Self::Custom(schema) => {
                let fits = match text(schema, "type") {
                    "integer" | "number" => value.is_number(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "array" => value.is_array(),
                    "object" => value.is_object(),
                    _ => true,
                };
                let expected = match text(schema, "type") {
                    "integer" | "number" => "numeric (int or float)",
                    "array" => "list",
                    "object" => "map",
                    other => other,
                };
                (!fits && !value.is_null())
                    .then(|| format!("expected {expected}, got {}", kind(value)))
            }
            _ => None,
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
    }
}

fn text<'a>(schema: &'a Value, name: &str) -> &'a str {
    schema.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn builtin_list(above: &str, name: &str) -> List<'static> {
    let keys: &[&'static str] = match (above, name) {
        ("metadata", "finalizers") => return List::Set,
        ("metadata", "ownerReferences") => &["uid"],
        ("spec", "ports") => &["port", "protocol"],
        ("containers" | "initContainers" | "ephemeralContainers", "ports") => {
            &["containerPort", "protocol"]
        }
        (
            _,
            "containers"
            | "initContainers"
            | "ephemeralContainers"
            | "volumes"
            | "imagePullSecrets"
            | "env"
            | "resourceClaims"
            | "webhooks",
        )
        | ("", "secrets") => &["name"],
        (_, "volumeMounts") => &["mountPath"],
        (_, "volumeDevices") => &["devicePath"],
        (_, "topologySpreadConstraints") => &["topologyKey", "whenUnsatisfiable"],
        (_, "hostAliases") | ("status", "podIPs") => &["ip"],
        ("status", "conditions") => &["type"],
        _ => return List::Atomic,
    };
    List::Keys(keys.to_vec())
}
