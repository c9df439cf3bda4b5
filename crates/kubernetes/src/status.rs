//! What an answer of an API server means.

use serde_json::Value;

/// An answer: HTTP status and document.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub code: u16,
    /// The document; a text where the answer is not JSON, as for logs and a group that is not served.
    pub body: Value,
}

/// One thing that is wrong, as a `Status` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// `FieldManagerConflict`, `FieldValueInvalid` …
    pub reason: String,
    /// The path, as the server writes it.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

/// What a 404 is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The object that was asked for.
    Object,
    /// The namespace it would stand in.
    Namespace,
    /// The kind, group or version: nothing is said about the object.
    Kind,
}

impl Answer {
    /// Whether it was done.
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.code)
    }

    fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The server's reason word.
    pub fn reason(&self) -> &str {
        self.text("/reason")
    }

    /// The server's message, or the status alone.
    pub fn message(&self) -> String {
        match self.text("/message") {
            "" => format!("the API server answered {}", self.code),
            message => message.to_owned(),
        }
    }

    /// What is wrong, one by one.
    pub fn causes(&self) -> Vec<Cause> {
        let causes = self.body.pointer("/details/causes").and_then(Value::as_array);
        let text = |cause: &Value, name: &str| {
            cause.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        causes
            .into_iter()
            .flatten()
            .map(|cause| Cause {
                reason: text(cause, "reason"),
                field: text(cause, "field"),
                message: text(cause, "message"),
            })
            .collect()
    }

    /// What a 404 says is not there: an absent object is named in its details, an absent group
    /// answers in plain text, an absent kind with empty details.
    pub fn missing(&self, name: &str) -> Missing {
        match (self.text("/details/kind"), self.text("/details/name")) {
            (kind, named) if kind == "namespaces" && named != name => Missing::Namespace,
            (_, named) if named == name => Missing::Object,
            _ => Missing::Kind,
        }
    }

    /// Whether other managers hold fields that the apply would set.
    pub fn is_conflict(&self) -> bool {
        self.code == 409 && self.causes().iter().any(|c| c.reason == "FieldManagerConflict")
    }

    /// Whether the namespace is going away.
    pub fn is_terminating_namespace(&self) -> bool {
        self.code == 403 && self.causes().iter().any(|c| c.reason == "NamespaceTerminating")
    }

    /// JSON pointers of fields that cannot be changed in place; empty if that is not the problem.
    pub fn immutable(&self) -> Vec<String> {
        if self.code != 422 {
            return Vec::new();
        }
        let is = |cause: &Cause| {
            cause.message.contains("immutable")
                || cause.message.contains("may not change")
                || cause.message.contains("updates to statefulset spec for fields other than")
        };
        self.causes().iter().filter(|cause| is(cause)).map(|cause| pointer(&cause.field)).collect()
    }

    /// Whether trying again without a change is pointless.
    pub fn is_permanent(&self) -> bool {
        match self.code {
            500 => {
                let message = self.message();
                message.contains("failed to create typed patch")
                    || message.contains("request to convert CR")
            }
            403 => {
                let message = self.message();
                let passes = ["exceeded quota", "custom resource definition is terminating"];
                !self.is_terminating_namespace() && !passes.iter().any(|p| message.contains(p))
            }
            408 | 409 | 429 => false,
            // A kind or namespace that another stage makes may come.
            404 => false,
            code => (400..500).contains(&code),
        }
    }
}

/// A field as an API server names it in validation errors (`spec.template.spec`) as a JSON pointer.
fn pointer(field: &str) -> String {
    let parts = field.split(['.', '[']).map(|part| part.trim_end_matches(']'));
    parts.filter(|part| !part.is_empty()).fold(String::new(), |path, part| {
        format!("{path}/{}", part.replace('~', "~0").replace('/', "~1"))
    })
}

/// What a request was about, for its errors.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `get`, `list`, `watch`, `patch`, `create`, `delete`.
    pub verb: &'a str,
    /// API group.
    pub group: &'a str,
    /// Resource name: `deployments`.
    pub plural: &'a str,
    /// Namespace, or empty.
    pub namespace: &'a str,
    /// Whether its content is secret: then nothing that the server says of values is repeated.
    pub secret: bool,
}

/// A refusal in words for the person who must act.
pub fn explain(answer: &Answer, asked: Asked<'_>) -> String {
    if answer.is_terminating_namespace() {
        return format!(
            "namespace {} is being deleted; nothing can be made in it until it is gone",
            asked.namespace
        );
    }
    if answer.code == 401 {
        return "the API server does not accept our credentials: renew the token or certificate of this kubeconfig".to_owned();
    }
    if answer.code == 403 && answer.message().contains("cannot ") {
        return format!("{} (missing rule: {})", answer.message(), rule(asked));
    }
    if answer.code == 404
        && !asked.namespace.is_empty()
        && answer.text("/details/kind") == "namespaces"
    {
        return format!("namespace {} does not exist: declare it, or create it", asked.namespace);
    }
    let text = if asked.secret { without_values(answer) } else { answer.message() };
    match answer.code {
        500 if text.contains("failed to create typed patch") => {
            format!(
                "{text} (a list holds two elements with equal keys, or a field has another type than its schema says)"
            )
        }
        413 => format!("{text} (the request is larger than the API server takes)"),
        _ => text,
    }
}

/// The rule whose lack is the reason of a 403.
fn rule(asked: Asked<'_>) -> String {
    let scope = match asked.namespace {
        "" => "in a ClusterRole".to_owned(),
        namespace => format!("in namespace {namespace}"),
    };
    format!(
        "apiGroups [\"{}\"], resources [\"{}\"], verbs [\"{}\"], {scope}",
        asked.group, asked.plural, asked.verb
    )
}

/// A refusal by its fields alone, where messages may quote values: of validation, of admission
/// webhooks and of a document that does not fit its schema.
fn without_values(answer: &Answer) -> String {
    let message = answer.message();
    let quotes = match answer.code {
        403 => message.contains("denied the request"),
        500.. => message.contains("typed patch"),
        _ => true,
    };
    if !quotes {
        return message;
    }
    let fields = answer.causes().into_iter().map(|cause| cause.field);
    let fields: Vec<String> = fields.filter(|field| !field.is_empty()).collect();
    if fields.is_empty() {
        return format!("the API server answered {} {}", answer.code, answer.reason());
    }
    let immutable = if answer.immutable().is_empty() { "is not valid" } else { "is immutable" };
    format!("{} {immutable}", fields.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(code: u16, body: Value) -> Answer {
        Answer { code, body }
    }

    #[test]
    fn three_kinds_of_not_found() {
        let check = |details: Value, expected: Missing| {
            let body = json!({"kind": "Status", "reason": "NotFound", "details": details});
            assert_eq!(answer(404, body).missing("web"), expected);
        };
        check(json!({"name": "web", "kind": "deployments", "group": "apps"}), Missing::Object);
        check(json!({"name": "shop", "kind": "namespaces"}), Missing::Namespace);
        check(json!({}), Missing::Kind);
        assert_eq!(answer(404, Value::Null).missing("web"), Missing::Kind);
    }

    #[test]
    fn immutable_fields_are_named() {
        let body = json!({"reason": "Invalid", "details": {"causes": [
            {"reason": "FieldValueInvalid", "field": "spec.selector",
             "message": "Invalid value: {}: field is immutable"},
            {"reason": "FieldValueInvalid", "field": "spec.replicas", "message": "must be positive"},
        ]}});
        assert_eq!(answer(422, body).immutable(), ["/spec/selector"]);
    }

    #[test]
    fn a_missing_right_is_named_as_a_rule() {
        let message = "deployments.apps \"web\" is forbidden: User \"nobody\" cannot get resource";
        let refused = answer(403, json!({"reason": "Forbidden", "message": message}));
        let asked = Asked {
            verb: "get",
            group: "apps",
            plural: "deployments",
            namespace: "shop",
            secret: false,
        };
        assert_eq!(
            explain(&refused, asked),
            format!(
                "{message} (missing rule: apiGroups [\"apps\"], resources [\"deployments\"], verbs [\"get\"], in namespace shop)"
            )
        );
    }

    #[test]
    fn secret_values_are_never_repeated() {
        let body = json!({"reason": "Invalid", "message": "data[a]: Invalid value: \"hunter2\"",
            "details": {"causes": [{"field": "data[a]", "message": "Invalid value: \"hunter2\"",
                "reason": "FieldValueInvalid"}]}});
        let asked =
            Asked { verb: "patch", group: "", plural: "secrets", namespace: "x", secret: true };
        assert_eq!(explain(&answer(422, body), asked), "data[a] is not valid");
    }

    #[test]
    fn what_is_tried_again() {
        for (code, message, permanent) in [
            (500, "failed to create typed patch object", true),
            (500, "etcdserver: request timed out", false),
            (503, "", false),
            (429, "", false),
            (409, "", false),
            (422, "", true),
            (403, "User \"x\" cannot patch", true),
            (403, "exceeded quota: pods", false),
            (403, "create not allowed while custom resource definition is terminating", false),
        ] {
            let is = answer(code, json!({"message": message})).is_permanent();
            assert_eq!(is, permanent, "{code} {message}");
        }
    }
}
