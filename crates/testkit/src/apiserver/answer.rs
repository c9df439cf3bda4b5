//! Answers: documents, and refusals as `Status` documents in the words of a real API server.

use serde_json::{Value, json};

use super::kinds::Kind;

/// Why something is not done.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub code: u16,
    reason: &'static str,
    message: String,
    details: Option<Value>,
}

impl Refusal {
    /// With nothing said about an object.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Some(json!({})) }
    }

    /// 500 without a reason, as an error inside the server is told.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { details: None, ..Self::new(500, "", message) }
    }

    /// 400.
    pub fn bad(message: impl Into<String>) -> Self {
        Self { details: None, ..Self::new(400, "BadRequest", message) }
    }

    /// 405.
    pub fn method() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message)
    }

    /// 404 for a kind or version that is not served.
    pub fn unknown_kind() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// 404 for an object.
    pub fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} {name:?} not found", kind.resource());
        Self::new(404, "NotFound", message).about(&kind.group, &kind.plural, name)
    }

    /// 409 for an object that is there.
    pub fn exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", kind.resource());
        Self::new(409, "AlreadyExists", message).about(&kind.group, &kind.plural, name)
    }

    /// 409 for an object that is another, or at another version, than was expected.
    pub fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} {name:?}: {why}", kind.resource());
        Self::new(409, "Conflict", message).about(&kind.group, &kind.plural, name)
    }

    /// 409 for a write at an old version.
    pub fn modified(kind: &Kind, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, why)
    }

    /// 403.
    pub fn forbidden(kind: &Kind, name: &str, why: &str) -> Self {
        let object = if name.is_empty() { String::new() } else { format!(" {name:?}") };
        let message = format!("{}{object} is forbidden: {why}", kind.resource());
        Self::new(403, "Forbidden", message).about(&kind.group, &kind.plural, name)
    }

    /// 422: each what is wrong (`FieldValueInvalid` …), its words, and the field.
    pub fn invalid(kind: &Kind, name: &str, wrong: &[Wrong]) -> Self {
        let told: Vec<String> =
            wrong.iter().map(|wrong| format!("{}: {}", wrong.field, wrong.message)).collect();
        let told = if told.len() == 1 { told.join("") } else { format!("[{}]", told.join(", ")) };
        let of = if kind.group.is_empty() {
            kind.kind.clone()
        } else {
            format!("{}.{}", kind.kind, kind.group)
        };
        let causes: Vec<(String, String, String)> = wrong
            .iter()
            .map(|wrong| (wrong.reason.to_owned(), wrong.message.clone(), wrong.field.clone()))
            .collect();
        Self::new(422, "Invalid", format!("{of} {name:?} is invalid: {told}"))
            .about(&kind.group, &kind.kind, name)
            .because(&causes)
    }

    /// Names the object.
    pub fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        let mut details = json!({"kind": kind});
        for (field, text) in [("name", name), ("group", group)] {
            if !text.is_empty() {
                details[field] = text.into();
            }
        }
        self.details = Some(details);
        self
    }

    /// Names the causes: reason, message, field.
    pub fn because(mut self, causes: &[(String, String, String)]) -> Self {
        let causes: Vec<Value> = causes
            .iter()
            .map(|(reason, message, field)| json!({"reason": reason, "message": message, "field": field}))
            .collect();
        self.details.get_or_insert_with(|| json!({}))["causes"] = causes.into();
        self
    }

    /// As the document that is answered.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }
}

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    reason: &'static str,
    message: String,
    field: String,
}

impl Wrong {
    /// A value that cannot be.
    pub fn value(field: &str, value: &Value, why: &str) -> Self {
        let message = format!("Invalid value: {value}: {why}");
        Self { reason: "FieldValueInvalid", message, field: field.to_owned() }
    }

    /// A value that is missing.
    pub fn required(field: &str) -> Self {
        let message = "Required value".to_owned();
        Self { reason: "FieldValueRequired", message, field: field.to_owned() }
    }

    /// Something that must not be done.
    pub fn forbidden(field: &str, why: &str) -> Self {
        let message = format!("Forbidden: {why}");
        Self { reason: "FieldValueForbidden", message, field: field.to_owned() }
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A document.
    Document(u16, Value),
    /// Plain text, as for a group that is not served.
    Text(u16, &'static str),
    /// Events from a version on.
    Watch(super::watch::Following),
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::Document(refusal.code, refusal.status())
    }
}
