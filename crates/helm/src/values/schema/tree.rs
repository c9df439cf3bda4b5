//! The words of Helm 4, whose library reports a tree: what failed because of what.
//!
//! The validator reports each failure with the path that it took through the schema. The tree is
//! found again by following these paths together: a schema with several failures becomes a node of
//! its own, and so do `allOf`, `anyOf`, `oneOf` and a `$ref` that leads to more than one failure.

use std::collections::BTreeMap;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use super::{duplicates, segments};

/// What failed, where in the values, and because of what.
struct Violation {
    at: Vec<String>,
    text: String,
    causes: Vec<Violation>,
}

/// A failure that the validator reports.
struct Failure {
    /// The keywords that led to it.
    path: Vec<String>,
    /// Where in the values it is.
    at: Vec<String>,
    kind: Kind,
    instance: Value,
}

/// The failures as Helm 4 prints them, a line each.
pub(super) fn describe(errors: Vec<ValidationError<'_>>) -> String {
    let mut text = String::new();
    for violation in build(errors.into_iter().map(Failure::new).collect(), 0, 0) {
        violation.write(&mut text, 0);
    }
    text
}

impl Violation {
    fn leaf(at: &[String], text: String) -> Self {
        Self { at: at.to_vec(), text, causes: Vec::new() }
    }

    fn write(&self, text: &mut String, depth: usize) {
        text.push_str(&"  ".repeat(depth));
        let at: String = self
            .at
            .iter()
            .map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1")))
            .collect();
        text.push_str(&format!("- at {}: {}\n", quoted(&at), self.text));
        for cause in &self.causes {
            cause.write(text, depth + 1);
        }
    }
}

impl Failure {
    fn new(error: ValidationError<'_>) -> Self {
        let parts = error.into_parts();
        Self {
            path: segments(parts.evaluation_path.as_str()),
            at: segments(parts.instance_path.as_str()),
            kind: parts.kind,
            instance: parts.instance.into_owned(),
        }
    }

    fn keyword(&self, taken: usize) -> &str {
        self.path.get(taken).map_or("", String::as_str)
    }

    /// Whether it is a failure of a keyword of the schema that `taken` steps lead to.
    fn is_own(&self, taken: usize) -> bool {
        self.path.len() <= taken + 1
    }
}

/// The violations of one schema, which `taken` steps of the failures' paths lead to, on the value
/// that lies `depth` steps deep.
fn build(mut failures: Vec<Failure>, taken: usize, depth: usize) -> Vec<Violation> {
    // These keywords end the evaluation of a schema.
    for decisive in ["type", "const", "enum", "format"] {
        let is_decisive =
            |failure: &Failure| failure.is_own(taken) && failure.keyword(taken) == decisive;
        if failures.iter().any(is_decisive) {
            failures.retain(is_decisive);
            break;
        }
    }
    let mut groups: BTreeMap<(usize, usize, String), Vec<Failure>> = BTreeMap::new();
    for failure in failures {
        let keyword = failure.keyword(taken);
        let below = if steps_into_value(keyword) && !failure.is_own(taken) {
            failure.at.get(depth).cloned().unwrap_or_default()
        } else {
            String::new()
        };
        let index = below.parse().unwrap_or_default();
        groups
            .entry((rank(keyword, failure.is_own(taken)), index, below))
            .or_default()
            .push(failure);
    }
    groups.into_values().flat_map(|group| violations(group, taken, depth)).collect()
}

/// The violations of failures that share a keyword and a value.
fn violations(group: Vec<Failure>, taken: usize, depth: usize) -> Vec<Violation> {
    let Some(first) = group.first() else { return Vec::new() };
    let at = first.at.get(..depth).unwrap_or_default().to_vec();
    let keyword = first.keyword(taken).to_owned();
    if first.is_own(taken)
        || matches!(first.kind, Kind::Required { .. }) && keyword == "dependencies"
    {
        return own(group, taken, depth);
    }
    match keyword.as_str() {
        "allOf" => {
            let causes = by_branch(group, taken)
                .into_iter()
                .filter_map(|branch| collapse(build(branch, taken + 2, depth), &at))
                .collect();
            vec![Violation { at, text: "'allOf' failed".to_owned(), causes }]
        }
        "$ref" | "$dynamicRef" | "$recursiveRef" | "then" | "else" => {
            collapse(build(group, taken + 1, depth), &at).into_iter().collect()
        }
        "dependentSchemas" | "dependencies" => {
            collapse(build(group, taken + 2, depth), &at).into_iter().collect()
        }
        keyword if steps_into_value(keyword) => {
            let mut below = at;
            below.extend(first.at.get(depth).cloned());
            let names_branch =
                matches!(keyword, "properties" | "patternProperties" | "prefixItems")
                    || keyword == "items" && first.keyword(taken + 1).parse::<usize>().is_ok();
            let steps = if names_branch { 2 } else { 1 };
            collapse(build(group, taken + steps, depth + 1), &below).into_iter().collect()
        }
        _ => own(group, taken, depth),
    }
}

/// One violation stands for itself; several become the causes of a node.
fn collapse(mut violations: Vec<Violation>, at: &[String]) -> Option<Violation> {
    if violations.len() <= 1 {
        return violations.pop();
    }
    let text = "validation failed".to_owned();
    Some(Violation { at: at.to_vec(), text, causes: violations })
}

/// Failures by the number that follows the keyword: the branches of `allOf`.
fn by_branch(group: Vec<Failure>, taken: usize) -> Vec<Vec<Failure>> {
    let mut branches: BTreeMap<usize, Vec<Failure>> = BTreeMap::new();
    for failure in group {
        let index = failure.keyword(taken + 1).parse().unwrap_or_default();
        branches.entry(index).or_default().push(failure);
    }
    branches.into_values().collect()
}

/// The violations of a keyword of the schema itself.
fn own(group: Vec<Failure>, taken: usize, depth: usize) -> Vec<Violation> {
    let mut missing = Vec::new();
    let mut violations = Vec::new();
    let mut place = Vec::new();
    let mut dependency = false;
    for failure in group {
        match &failure.kind {
            Kind::Required { property } => {
                dependency = failure.keyword(taken) != "required";
                missing.push(property.as_str().unwrap_or_default().to_owned());
                place = failure.at;
            }
            Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
                violations.push(alternatives(failure, taken, depth));
            }
            _ => violations.push(Violation::leaf(&failure.at, text(&failure))),
        }
    }
    if !missing.is_empty() {
        let names = joined(&missing);
        let text = match (dependency, missing.len()) {
            (true, _) => format!("properties {names} required"),
            (false, 1) => format!("missing property {names}"),
            (false, _) => format!("missing properties {names}"),
        };
        violations.push(Violation::leaf(&place, text));
    }
    violations
}

/// `anyOf` or `oneOf`, with why no branch holds.
fn alternatives(failure: Failure, taken: usize, depth: usize) -> Violation {
    let (text, branches) = match failure.kind {
        Kind::AnyOf { context } => ("'anyOf' failed", context),
        Kind::OneOfNotValid { context } => ("'oneOf' failed, none matched", context),
        _ => ("validation failed", Vec::new()),
    };
    let causes = branches
        .into_iter()
        .filter_map(|branch| {
            let failures = branch.into_iter().map(Failure::new).collect();
            collapse(build(failures, taken + 2, depth), &failure.at)
        })
        .collect();
    Violation { at: failure.at, text: text.to_owned(), causes }
}

fn text(failure: &Failure) -> String {
    let instance = &failure.instance;
    match &failure.kind {
        Kind::Type { kind } => format!("got {}, want {}", type_name(instance), wanted(kind)),
        Kind::Constant { expected_value } => match &**expected_value {
            Value::Array(_) | Value::Object(_) => "'const' failed".to_owned(),
            value => format!("value must be {}", shown(value)),
        },
        Kind::Enum { options } => enumeration(options),
        Kind::Format { format } => format!("{} is not valid {format}", shown(instance)),
        Kind::MinProperties { limit } => count("minProperties", length(instance), *limit),
        Kind::MaxProperties { limit } => count("maxProperties", length(instance), *limit),
        Kind::MinItems { limit } => count("minItems", length(instance), *limit),
        Kind::MaxItems { limit } => count("maxItems", length(instance), *limit),
        Kind::MinLength { limit } => count("minLength", length(instance), *limit),
        Kind::MaxLength { limit } => count("maxLength", length(instance), *limit),
        Kind::Minimum { limit } => bound("minimum", instance, limit),
        Kind::Maximum { limit } => bound("maximum", instance, limit),
        Kind::ExclusiveMinimum { limit } => bound("exclusiveMinimum", instance, limit),
        Kind::ExclusiveMaximum { limit } => bound("exclusiveMaximum", instance, limit),
        Kind::MultipleOf { multiple_of } => {
            bound("multipleOf", instance, &Value::from(*multiple_of))
        }
        Kind::AdditionalItems { limit } => format!(
            "last {} additionalItem(s) not allowed",
            length(instance).saturating_sub(*limit as u64)
        ),
        Kind::AdditionalProperties { unexpected } => {
            let mut names = unexpected.clone();
            names.sort_unstable();
            format!("additional properties {} not allowed", joined(&names))
        }
        Kind::UnevaluatedProperties { .. } | Kind::UnevaluatedItems { .. } | Kind::FalseSchema => {
            "false schema".to_owned()
        }
        Kind::PropertyNames { error } => {
            format!("invalid propertyName {}", shown(error.instance()))
        }
        Kind::UniqueItems => {
            let (first, second) = duplicates(instance);
            format!("items at {first} and {second} are equal")
        }
        Kind::Contains => "no items match contains schema".to_owned(),
        Kind::Pattern { pattern } => {
            format!("{} does not match pattern {}", shown(instance), quoted(pattern))
        }
        Kind::ContentEncoding { content_encoding } => {
            format!("value is not {} encoded", quoted(content_encoding))
        }
        Kind::ContentMediaType { content_media_type } => {
            format!("value if not of mediatype {}", quoted(content_media_type))
        }
        Kind::Not { .. } => "'not' failed".to_owned(),
        Kind::OneOfMultipleValid { context } => {
            let mut valid =
                context.iter().enumerate().filter(|(_, errors)| errors.is_empty()).map(|(i, _)| i);
            let (first, second) = (valid.next().unwrap_or(0), valid.next().unwrap_or(1));
            format!("'oneOf' failed, subschemas {first}, {second} matched")
        }
        other => format!("{} failed", quoted(other.keyword())),
    }
}

/// Keywords whose schemas apply to what is in the value.
fn steps_into_value(keyword: &str) -> bool {
    matches!(
        keyword,
        "properties"
            | "patternProperties"
            | "additionalProperties"
            | "items"
            | "prefixItems"
            | "additionalItems"
            | "contains"
            | "unevaluatedProperties"
            | "unevaluatedItems"
    )
}

/// The order in which the library looks at the keywords of a schema.
fn rank(keyword: &str, is_own: bool) -> usize {
    const ORDER: &[&str] = &[
        "$ref",
        "minProperties",
        "maxProperties",
        "required",
        "dependencies",
        "properties",
        "",
        "additionalProperties",
        "propertyNames",
        "dependentSchemas",
        "dependentRequired",
        "minItems",
        "maxItems",
        "uniqueItems",
        "items",
        "additionalItems",
        "contains",
        "minLength",
        "maxLength",
        "pattern",
        "contentEncoding",
        "contentMediaType",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "$dynamicRef",
        "$recursiveRef",
        "not",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "then",
        "else",
        "unevaluatedProperties",
        "unevaluatedItems",
    ];
    let keyword = match keyword {
        "patternProperties" => "properties",
        "additionalProperties" if !is_own => "properties",
        "prefixItems" => "items",
        other => other,
    };
    ORDER.iter().position(|known| *known == keyword).unwrap_or(ORDER.len())
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "boolean",
        other => crate::decode::json_kind(other),
    }
}

fn wanted(kind: &TypeKind) -> String {
    const ORDER: [&str; 7] = ["null", "boolean", "number", "integer", "string", "array", "object"];
    let mut names: Vec<String> = match kind {
        TypeKind::Single(one) => vec![one.to_string()],
        TypeKind::Multiple(several) => several.iter().map(|one| one.to_string()).collect(),
    };
    names.sort_by_key(|name| ORDER.iter().position(|known| known == name));
    names.join(" or ")
}

fn enumeration(options: &Value) -> String {
    let options: &[Value] = options.as_array().map(Vec::as_slice).unwrap_or_default();
    if options.iter().any(|option| option.is_array() || option.is_object()) {
        return "'enum' failed".to_owned();
    }
    let shown: Vec<String> = options.iter().map(shown).collect();
    match shown.as_slice() {
        [one] => format!("value must be {one}"),
        several => format!("value must be one of {}", several.join(", ")),
    }
}

fn count(keyword: &str, got: u64, want: u64) -> String {
    format!("{keyword}: got {}, want {}", grouped(&got.to_string()), grouped(&want.to_string()))
}

fn bound(keyword: &str, got: &Value, want: &Value) -> String {
    let number = |value: &Value| grouped(&value.as_f64().unwrap_or_default().to_string());
    format!("{keyword}: got {}, want {}", number(got), number(want))
}

/// Thousands separated by commas: Helm 4's library prints numbers for English readers.
fn grouped(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", number),
    };
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{fraction}")
}

fn length(value: &Value) -> u64 {
    let length = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        _ => 0,
    };
    length as u64
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(_) | Value::Object(_) => "value".to_owned(),
        Value::Null => "<nil>".to_owned(),
        other => other.to_string(),
    }
}

fn joined(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

fn quoted(text: &str) -> String {
    let inner = format!("{text:?}").replace("\\\"", "\"").replace("\\'", "'").replace('\'', "\\'");
    let inner = inner.get(1..inner.len().saturating_sub(1)).unwrap_or_default();
    format!("'{inner}'")
}
