//! What of a rendered document was drawn at random: what another key gives otherwise.

use serde_json::Value;

/// JSON pointers of what differs between two renderings of one document. The depth of documents is
/// bounded by their parser.
pub fn differences(one: &Value, other: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(one, other, &mut String::new(), &mut found);
    found
}

fn compare(one: &Value, other: &Value, at: &mut String, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            for ((key, one), other) in one.iter().zip(other.values()) {
                below(key, one, other, at, found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                below(&index.to_string(), one, other, at, found);
            }
        }
        (one, other) if one == other => {}
        _ => found.push(at.clone()),
    }
}

fn below(step: &str, one: &Value, other: &Value, at: &mut String, found: &mut Vec<String>) {
    let length = at.len();
    at.push('/');
    at.push_str(&step.replace('~', "~0").replace('/', "~1"));
    compare(one, other, at, found);
    at.truncate(length);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_named_as_deep_as_it_can_be() {
        let one = json!({"a": {"b/c": [1, 2], "d": "x"}, "e": [1]});
        let other = json!({"a": {"b/c": [1, 3], "d": "x"}, "e": [1, 2]});
        assert_eq!(differences(&one, &other), ["/a/b~1c/1", "/e"]);
        assert!(differences(&one, &one).is_empty());
    }
}
