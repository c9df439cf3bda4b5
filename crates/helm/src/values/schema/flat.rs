//! The words of Helm 3, whose library reports a list: a field, and what it is not.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use super::{duplicates, segments};

/// The failures of a schema as Helm 3 prints them, a line each: from the outside in.
pub(super) fn describe(errors: &[ValidationError<'_>], schema: &Value) -> String {
    let mut lines = Vec::new();
    for error in errors.iter().filter(|error| !is_hidden(error, errors)) {
        add(error, schema, &mut lines);
    }
    lines.sort_by_key(|line| (line.depth, !line.is_required));
    lines.into_iter().map(|line| line.text).collect()
}

/// A value of a wrong type is looked at no further by the same schema.
fn is_hidden(error: &ValidationError<'_>, all: &[ValidationError<'_>]) -> bool {
    let place = |error: &ValidationError<'_>| {
        let path = error.evaluation_path().as_str();
        let schema = path.rsplit_once('/').map_or("", |(schema, _)| schema).to_owned();
        (schema, error.instance_path().as_str().to_owned())
    };
    let is_type = |error: &ValidationError<'_>| matches!(error.kind(), Kind::Type { .. });
    !is_type(error) && all.iter().any(|other| is_type(other) && place(other) == place(error))
}

struct Line {
    depth: usize,
    is_required: bool,
    text: String,
}

fn add(error: &ValidationError<'_>, schema: &Value, lines: &mut Vec<Line>) {
    let at = segments(error.instance_path().as_str());
    let field = if at.is_empty() { "(root)".to_owned() } else { at.join(".") };
    let is_required = matches!(error.kind(), Kind::Required { .. });
    for text in texts(error, &field, schema) {
        lines.push(Line { depth: at.len(), is_required, text: format!("- {field}: {text}\n") });
    }
    // Beside the alternative itself, the failures of the branch that comes closest are listed.
    if let Kind::AnyOf { context } | Kind::OneOfNotValid { context } = error.kind() {
        let distance = |branch: &&Vec<ValidationError<'_>>| {
            let is_of_type = !branch.iter().any(|error| matches!(error.kind(), Kind::Type { .. }));
            (!is_of_type, branch.len())
        };
        for cause in context.iter().min_by_key(distance).into_iter().flatten() {
            add(cause, schema, lines);
        }
    }
}

fn texts(error: &ValidationError<'_>, field: &str, schema: &Value) -> Vec<String> {
    if let Kind::AdditionalProperties { unexpected } = error.kind() {
        let mut names = unexpected.clone();
        names.sort_unstable();
        return names
            .iter()
            .map(|name| format!("Additional property {name} is not allowed"))
            .collect();
    }
    vec![text(error, field, schema)]
}

fn text(error: &ValidationError<'_>, field: &str, schema: &Value) -> String {
    match error.kind() {
        Kind::Required { property } => {
            format!("{} is required", property.as_str().unwrap_or_default())
        }
        Kind::Type { kind } => {
            let as_written = schema.pointer(error.schema_path().as_str());
            let wanted = wanted(kind, as_written.and_then(Value::as_array));
            format!("Invalid type. Expected: {wanted}, given: {}", given(error.instance()))
        }
        Kind::AnyOf { .. } => "Must validate at least one schema (anyOf)".to_owned(),
        Kind::OneOfNotValid { .. } | Kind::OneOfMultipleValid { .. } => {
            "Must validate one and only one schema (oneOf)".to_owned()
        }
        Kind::Not { .. } => "Must not validate the schema (not)".to_owned(),
        Kind::Enum { options } => {
            let allowed: Vec<String> =
                options.as_array().into_iter().flatten().map(Value::to_string).collect();
            format!("{field} must be one of the following: {}", allowed.join(", "))
        }
        Kind::Constant { expected_value } => format!("{field} does not match: {expected_value}"),
        Kind::AdditionalItems { .. } => "No additional items allowed on array".to_owned(),
        Kind::MinItems { limit } => format!("Array must have at least {limit} items"),
        Kind::MaxItems { limit } => format!("Array must have at most {limit} items"),
        Kind::UniqueItems => {
            let (first, second) = duplicates(error.instance());
            format!("array items[{first},{second}] must be unique")
        }
        Kind::Contains => "At least one of the items must match".to_owned(),
        Kind::MinProperties { limit } => format!("Must have at least {limit} properties"),
        Kind::MaxProperties { limit } => format!("Must have at most {limit} properties"),
        Kind::PropertyNames { error } => format!(
            "Property name of \"{}\" does not match",
            error.instance().as_str().unwrap_or_default()
        ),
        Kind::MinLength { limit } => {
            format!("String length must be greater than or equal to {limit}")
        }
        Kind::MaxLength { limit } => format!("String length must be less than or equal to {limit}"),
        Kind::Pattern { pattern } => format!("Does not match pattern '{pattern}'"),
        Kind::Format { format } => format!("Does not match format '{format}'"),
        Kind::MultipleOf { multiple_of } => format!("Must be a multiple of {multiple_of}"),
        Kind::Minimum { limit } => format!("Must be greater than or equal to {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("Must be greater than {limit}"),
        Kind::Maximum { limit } => format!("Must be less than or equal to {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("Must be less than {limit}"),
        Kind::FalseSchema => "False always fails validation".to_owned(),
        other => format!("Does not satisfy {}", other.keyword()),
    }
}

fn wanted(kind: &TypeKind, as_written: Option<&Vec<Value>>) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(several) => {
            let mut names: Vec<String> = several.iter().map(|one| one.to_string()).collect();
            let place = |name: &String| {
                as_written.and_then(|types| types.iter().position(|of| of == name.as_str()))
            };
            names.sort_by_key(place);
            format!("[{}]", names.join(","))
        }
    }
}

fn given(value: &Value) -> &'static str {
    match value {
        Value::Number(number) if !number.is_f64() => "integer",
        Value::Bool(_) => "boolean",
        other => crate::decode::json_kind(other),
    }
}
