//! What is known of the types of resources: which lists are merged by which keys, and which kinds
//! have namespaces.
//!
//! Upstream reads an OpenAPI document of 3.4 MB when the first strategic merge patch comes along,
//! and that costs it some 90 ms. Here the document of the same Kubernetes version (1.21.2, which
//! kyaml 0.21 embeds) has been reduced to a table of 100 kB, `schema/builtin.bin`, that is read in
//! place: no parsing, no allocation. `examples/builtin_schema.rs` makes the table from the
//! document; a kustomization's own `openapi:` document goes through the same compiler at run time.

mod compile;
mod table;

use table::Table;
pub use table::Type;

pub use compile::compile;

static BUILTIN: &[u8] = include_bytes!("schema/builtin.bin");

/// The types that a build knows: those of Kubernetes, or those of the `openapi:` field of the
/// outermost kustomization that has one (upstream `openapi.SetSchema`).
#[derive(Clone, Debug, Default)]
pub struct Schema {
    custom: Option<Vec<u8>>,
    beside: Option<Precedence>,
}

/// Whose description of a resource holds where both Kubernetes' types and those of an `openapi:`
/// document have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precedence {
    /// That of Kubernetes.
    BuiltIn,
    /// That of the document.
    Document,
}

/// Whether objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// They do.
    Namespaced,
    /// They do not.
    Cluster,
}

impl Schema {
    /// The types of Kubernetes 1.21.2.
    pub fn builtin() -> Self {
        Self::default()
    }

    /// The types of an OpenAPI (v2) document instead.
    pub fn of_document(document: &serde_json::Value) -> Self {
        Self { custom: Some(compile(document)), beside: None }
    }

    /// The types of an OpenAPI (v2) document beside those of Kubernetes: what a build knows that has
    /// looked at types before it came to the document.
    pub fn beside_builtin(document: &serde_json::Value, precedence: Precedence) -> Self {
        let table = compile::Beside { table: Table::new(BUILTIN), precedence };
        let custom = compile::compile_beside(document, Some(table));
        Self { custom: Some(custom), beside: Some(precedence) }
    }

    /// Whether the types come from an `openapi:` document.
    pub fn is_custom(&self) -> bool {
        self.custom.is_some()
    }

    fn table(&self) -> Table<'_> {
        Table::new(self.custom.as_deref().unwrap_or(BUILTIN))
    }

    /// The type of a resource, if it is known.
    pub fn resource(&self, api_version: &str, kind: &str) -> Option<Type<'_>> {
        let custom = || self.table().resource(api_version, kind)?.definition;
        let built_in = || Table::new(BUILTIN).resource(api_version, kind)?.definition;
        match self.beside {
            None => custom(),
            Some(Precedence::Document) => custom().or_else(built_in),
            Some(Precedence::BuiltIn) => built_in().or_else(custom),
        }
    }

    /// Whether a resource has a namespace; `None` if its type is not known. What the built-in table
    /// knows holds beside an `openapi:` document too, as upstream's precomputed list does.
    pub fn scope(&self, api_version: &str, kind: &str) -> Option<Scope> {
        let scope = |table: Table<'_>| table.resource(api_version, kind)?.scope;
        scope(Table::new(BUILTIN)).or_else(|| scope(self.table()))
    }

    /// Whether the scope of a kind is known without any document.
    pub fn is_builtin(api_version: &str, kind: &str) -> bool {
        let resource = Table::new(BUILTIN).resource(api_version, kind);
        resource.is_some_and(|resource| resource.scope.is_some())
    }

    /// Whether a resource is known to have no namespace.
    pub fn is_cluster_scoped(&self, api_version: &str, kind: &str) -> bool {
        self.scope(api_version, kind) == Some(Scope::Cluster)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys_at(api_version: &str, kind: &str, path: &[&str]) -> Option<Vec<String>> {
        let schema = Schema::builtin();
        let mut current = schema.resource(api_version, kind)?;
        for step in path {
            current = if *step == "[]" { current.items()? } else { current.field(step)? };
        }
        current.is_merged().then(|| current.merge_keys().map(str::to_owned).collect())
    }

    #[test]
    fn lists_have_upstream_s_merge_keys() {
        let pod = ["spec", "template", "spec"];
        let at = |rest: &[&str]| keys_at("apps/v1", "Deployment", &[&pod, rest].concat());
        assert_eq!(at(&["containers"]), Some(vec!["name".to_owned()]));
        assert_eq!(
            at(&["containers", "[]", "ports"]),
            Some(vec!["containerPort".to_owned(), "protocol".to_owned()])
        );
        assert_eq!(at(&["tolerations"]), None);
        assert_eq!(at(&["volumes"]), Some(vec!["name".to_owned()]));
        let finalizers = keys_at("v1", "Pod", &["metadata", "finalizers"]);
        assert_eq!(finalizers, Some(Vec::new()));
    }

    #[test]
    fn scopes_are_known_for_built_in_kinds_alone() {
        let schema = Schema::builtin();
        assert_eq!(schema.scope("v1", "Namespace"), Some(Scope::Cluster));
        assert_eq!(schema.scope("apps/v1", "Deployment"), Some(Scope::Namespaced));
        assert_eq!(schema.scope("example.com/v1", "Thing"), None);
    }

    #[test]
    fn an_openapi_document_takes_the_place_of_the_built_in_types() {
        let document = serde_json::json!({
            "definitions": {
                "v1.Thing": {
                    "properties": {
                        "parts": {
                            "type": "array",
                            "items": {"$ref": "#/definitions/v1.Part"},
                            "x-kubernetes-patch-strategy": "merge",
                            "x-kubernetes-patch-merge-key": "id",
                        }
                    },
                    "x-kubernetes-group-version-kind": [
                        {"group": "example.com", "version": "v1", "kind": "Thing"}
                    ],
                },
                "v1.Part": {"properties": {"self": {"$ref": "#/definitions/v1.Part"}}},
            },
            "paths": {
                "/apis/example.com/v1/things/{name}": {"get": {
                    "x-kubernetes-group-version-kind":
                        {"group": "example.com", "version": "v1", "kind": "Thing"}
                }}
            },
        });
        let schema = Schema::of_document(&document);
        let thing = schema.resource("example.com/v1", "Thing").expect("it is defined");
        let parts = thing.field("parts").expect("it is a field");
        assert_eq!(parts.merge_keys().collect::<Vec<_>>(), ["id"]);
        assert!(parts.items().and_then(|part| part.field("self")).is_some());
        assert_eq!(schema.scope("example.com/v1", "Thing"), Some(Scope::Cluster));
        assert!(schema.resource("apps/v1", "Deployment").is_none());
    }
}
