//! Paths as jq writes them, for fields that are left out of a comparison.
//!
//! A path leads to fields; it is no program. What could run without end (definitions, loops,
//! recursion by a filter of one's own) or read anything but the document is refused, so that a
//! repository cannot stop the planner.

use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, data, unwrap_valr};
use jaq_json::{Val, read};
use serde_json::Value;

/// Words of jq that a path must not use.
const REFUSED: [&str; 22] = [
    "def",
    "reduce",
    "foreach",
    "while",
    "until",
    "repeat",
    "recurse",
    "range",
    "limit",
    "input",
    "inputs",
    "label",
    "import",
    "include",
    "env",
    "debug",
    "combinations",
    "walk",
    "now",
    "halt",
    "halt_error",
    "stderr",
];

/// Longer paths are refused: nobody writes them by hand.
const LENGTH_MAX: usize = 2_000;

/// The document without the fields that `path` leads to. The error says what is wrong with the path.
pub fn without(document: &Value, path: &str) -> Result<Value, String> {
    if let Some(word) = refused(path) {
        return Err(format!("`{word}` has no place in a path of jq"));
    }
    let wrong = |what: &str| format!("`{path}` is no path of jq: {what}");
    let code = format!("del({path})");
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let arena = Arena::default();
    let modules = Loader::new(definitions)
        .load(&arena, File { code: code.as_str(), path: () })
        .map_err(|_| wrong("it cannot be read"))?;
    let filter = Compiler::default()
        .with_funs(functions)
        .compile(modules)
        .map_err(|_| wrong("it uses something that there is not"))?;
    let input = read::parse_single(document.to_string().as_bytes())
        .map_err(|error| wrong(&error.to_string()))?;
    let context = Ctx::<data::JustLut<Val>>::new(&filter.lut, Vars::new([]));
    let mut results = filter.id.run((context, input)).map(unwrap_valr);
    match results.next() {
        Some(Ok(result)) => {
            let mut left: Value = serde_json::from_str(&result.to_string())
                .map_err(|error| wrong(&error.to_string()))?;
            drop_added(&mut left, document);
            Ok(left)
        }
        Some(Err(error)) => Err(wrong(&error.to_string())),
        None => Err(wrong("it leads nowhere")),
    }
}

/// Deleting adds nothing, but the engine leaves a `null` where an optional path (`.a[]?.b`) begins at
/// a field that is not there.
fn drop_added(left: &mut Value, before: &Value) {
    match (left, before) {
        (Value::Object(left), Value::Object(before)) => {
            left.retain(|name, _| before.contains_key(name));
            for (name, value) in left {
                drop_added(value, &before[name.as_str()]);
            }
        }
        (Value::Array(left), Value::Array(before)) if left.len() == before.len() => {
            left.iter_mut().zip(before).for_each(|(left, before)| drop_added(left, before));
        }
        _ => {}
    }
}

/// The first word, outside of texts and names of fields, that a path must not use.
fn refused(path: &str) -> Option<&str> {
    if path.len() > LENGTH_MAX {
        return Some("so long a text");
    }
    let (mut in_text, mut escaped, mut before) = (false, false, ' ');
    let mut rest = path;
    while let Some(c) = rest.chars().next() {
        let word = match rest.find(|c: char| !(c.is_alphanumeric() || c == '_')) {
            Some(end) => &rest[..end],
            None => rest,
        };
        if in_text {
            in_text = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c == '"' {
            in_text = true;
        } else if before != '.' && REFUSED.contains(&word) {
            return Some(word);
        }
        let step = if in_text || word.is_empty() { c.len_utf8() } else { word.len() };
        before = rest[..step].chars().next_back().unwrap_or(' ');
        rest = &rest[step..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(path: &str, document: Value, expected: Value) {
        assert_eq!(without(&document, path), Ok(expected), "{path}");
    }

    #[test]
    fn paths_lead_to_fields() {
        check(
            ".spec.replicas",
            json!({"spec": {"replicas": 3, "x": 1}}),
            json!({"spec": {"x": 1}}),
        );
        check(
            r#".spec.containers[] | select(.name == "proxy") | .image"#,
            json!({"spec": {"containers": [{"name": "web", "image": "a"}, {"name": "proxy", "image": "b"}]}}),
            json!({"spec": {"containers": [{"name": "web", "image": "a"}, {"name": "proxy"}]}}),
        );
        check(".webhooks[]?.clientConfig.caBundle", json!({"kind": "X"}), json!({"kind": "X"}));
        check(
            ".limit, .spec.range",
            json!({"limit": 1, "spec": {"range": 2}}),
            json!({"spec": {}}),
        );
        check(r#".data["def"]"#, json!({"data": {"def": 1}}), json!({"data": {}}));
        check(
            ".n",
            json!({"n": 1, "big": 12_345_678_901_234_567_i64}),
            json!({"big": 12_345_678_901_234_567_i64}),
        );
    }

    #[test]
    fn programs_are_refused() {
        for bad in [
            "def f: f; f",
            "repeat(.)",
            "recurse(.)",
            "[range(1e9)]",
            "input",
            ".a | while(true; .)",
            "",
            "))",
            "nothing_of_that_name",
        ] {
            assert!(without(&json!({"a": 1}), bad).is_err(), "{bad}");
        }
    }
}
